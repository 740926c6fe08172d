//! Denials on real kernels: each trial is one case on one kernel, named `KERNEL/MODULE/CASE`.
//!
//! One guest runs all cases of a group; a filter boots only the guests that it needs (see [`plan`]).

mod accounted;
mod arm64;
mod attached;
mod command_line;
mod confined;
mod container;
mod flood;
mod formats;
mod full;
mod group;
mod identity;
mod layout;
mod plan;
mod privileges;
mod restart;
mod rpm;
mod schema;
mod selftest;
mod service;
mod signed;
mod stage;
mod userlands;
mod verdict;

use std::{process::ExitCode, sync::Arc};

use libtest_mimic::{Arguments, Failed, Trial};
use tests::{
    actor::session::AuditMode,
    case::{Case, Version},
    cases,
    machine::Machine,
};
use xtask::vm;

use crate::{
    group::{Group, Setting},
    plan::Plan,
    stage::{STAGES, Stage},
};

/// The kernels, by xtask's names, and what is known of their versions before they are booted.
const KERNELS: [(&str, Version); 3] = [
    ("6.1", Version { major: 6, minor: 1 }),
    ("6.12", Version { major: 6, minor: 12 }),
    ("7", Version { major: 7, minor: 3 }),
];

/// The processes of a storm.
const STORM: u32 = 1000;
/// The processes that have one process id, one after another.
const HEIRS: u32 = 12;

fn main() -> ExitCode {
    let mut plan = Plan::new(Arguments::from_args());
    if Machine::tested() == Machine::Aarch64 {
        on_arm64(&mut plan);
        return plan.run();
    }
    command_line::plan(&mut plan);
    let finds = || Ok(accounted::finds_inventions()?);
    plan.add([Trial::test("accounted/a_value_that_nothing_accounts_for_is_found", finds)]);
    plan.add(layout::trials());
    plan.add(rpm::trials());
    attached::plan(&mut plan);
    flood::plan(&mut plan);
    service::plan(&mut plan);
    privileges::plan(&mut plan);
    restart::plan(&mut plan);
    selftest::plan(&mut plan, &KERNELS);
    for (kernel, version) in KERNELS {
        for stage in &STAGES {
            on_stage(&mut plan, kernel, version, stage);
        }
    }
    arm64::plan(&mut plan);
    with_silent(&mut plan);
    without_audit(&mut plan);
    container::plan(&mut plan);
    userlands::plan(&mut plan);
    full::plan(&mut plan);
    formats::plan(&mut plan);
    plan.run()
}

/// On arm64: the cases of the modules that most machines have, silent ones too, on kernels whose trampolines take them.
fn on_arm64(plan: &mut Plan) {
    const STAGE_NAMES: [&str; 5] = ["selinux", "apparmor", "landlock", "capability", "others"];
    let kernels: Vec<_> = KERNELS.into_iter().filter(|(kernel, _)| *kernel != "6.1").collect();
    selftest::plan(plan, &kernels);
    for (kernel, version) in kernels {
        for stage in STAGES.iter().filter(|stage| STAGE_NAMES.contains(&stage.name)) {
            on_stage(plan, kernel, version, stage);
            silent_on_stage(plan, kernel, version, stage);
        }
    }
}

/// The cases of a stage's modules on a kernel, and what is asked of them together.
fn on_stage(plan: &mut Plan, kernel: &'static str, version: Version, stage: &'static Stage) {
    let cases = on(version, stage);
    if cases.is_empty() {
        return;
    }
    let setting = Setting { kernel, stage, audit: AuditMode::Record, silent: false, append: "" };
    let group = Arc::new(Group::new(setting, cases.iter().map(|case| case.name).collect()));
    let prefix = format!("{kernel}/{}", stage.module_names());
    let trial = |case: Case| case_trial(&format!("{kernel}/{}", case.module), &group, case);
    let mut trials: Vec<_> = cases.into_iter().map(trial).collect();
    trials.extend(of_all_events(&prefix, &group));
    let mut whole = |name: &str, check: fn(&Group) -> Result<(), Failed>| {
        let group = Arc::clone(&group);
        trials.push(Trial::test(format!("{prefix}/{name}"), move || check(&group)));
    };
    if stage.is_quiet() {
        whole("a_thousand_processes_that_exit_at_once_are_a_thousand_events", |group| {
            Ok(verdict::storm(group, STORM)?)
        });
        whole("a_process_id_that_is_used_again_brings_nothing_of_whom_it_was", |group| {
            Ok(verdict::reuse(group, HEIRS)?)
        });
        whole("a_process_in_namespaces_of_its_own_is_known_from_outside", |group| {
            Ok(verdict::nested(group)?)
        });
        whole("no_program_runs_when_access_is_allowed", |group| Ok(verdict::quiet(group, None)?));
    }
    if stage.is_quiet() && stage.in_force != vm::Module::None {
        whole("no_length_hides_who_was_refused_what", |group| Ok(verdict::lengths(group)?));
        whole("an_object_manager_is_believed_if_audit_believes_it", |group| Ok(verdict::manager(group)?));
    }
    plan.add_guest(group.guest(), trials);
}

/// What must be true of all events of a group together.
fn of_all_events(prefix: &str, group: &Arc<Group>) -> [Trial; 5] {
    let whole = |name: &str, check: fn(&Group) -> Result<(), String>| {
        let group = Arc::clone(group);
        Trial::test(format!("{prefix}/{name}"), move || Ok(check(&group)?))
    };
    [
        whole("every_event_and_every_record_belongs_to_a_case", verdict::nothing_else),
        whole("every_event_follows_the_schema", schema::every_event),
        whole("denyd_accounts_for_every_denial", verdict::accounts),
        whole("denyd_itself_is_refused_nothing", verdict::refused_nothing),
        whole("a_process_has_one_start_time_in_all_events", verdict::one_start_each),
    ]
}

/// Where a part of the cases is enough, one in so many runs.
const EVERY: usize = 6;

/// The silent denials, on all kernels.
fn with_silent(plan: &mut Plan) {
    for (kernel, version) in KERNELS {
        for stage in &STAGES {
            silent_on_stage(plan, kernel, version, stage);
        }
    }
}

/// The silent denials, which no output has otherwise; and every sixth other case, which must not be reported twice.
fn silent_on_stage(plan: &mut Plan, kernel: &'static str, version: Version, stage: &'static Stage) {
    let (silent, others): (Vec<_>, Vec<_>) =
        on(version, stage).into_iter().partition(|case| case.is_silent() || case.with_silent);
    if silent.is_empty() {
        return;
    }
    let cases: Vec<_> = silent.into_iter().chain(others.into_iter().step_by(EVERY)).collect();
    let setting = Setting { kernel, stage, audit: AuditMode::Record, silent: true, append: "" };
    let group = Arc::new(Group::new(setting, cases.iter().map(|case| case.name).collect()));
    let prefix = format!("{kernel}/{}/silent", stage.module_names());
    let mut trials: Vec<_> = cases.into_iter().map(|case| case_trial(&prefix, &group, case)).collect();
    trials.extend(of_all_events(&prefix, &group));
    let guest = Arc::clone(group.guest());
    if stage.in_force == vm::Module::Selinux {
        // What a task remembers of directories is seen where permissions of inodes are asked for.
        let except = (version >= Version { major: 6, minor: 17 }).then_some("selinux_silent");
        trials.push(Trial::test(
            format!("{prefix}/no_program_runs_when_access_is_allowed_or_only_that_of_inodes"),
            move || Ok(verdict::quiet(&group, except)?),
        ));
    }
    plan.add_guest(&guest, trials);
}

/// Every sixth case again where audit is off, or where a rule drops its records: each on two kernels, the newest among
/// them.
fn without_audit(plan: &mut Plan) {
    for (kernel, version) in KERNELS {
        for stage in STAGES.iter().filter(|stage| stage.in_force != vm::Module::None) {
            let sample: Vec<_> = on(version, stage)
                .into_iter()
                .filter(|case| !case.is_silent() && !case.by_audit)
                .step_by(EVERY)
                .collect();
            let off = Setting { kernel, stage, audit: AuditMode::Leave, silent: false, append: "audit=0" };
            let excluded = Setting { kernel, stage, audit: AuditMode::Exclude, silent: false, append: "" };
            for (setting, name, why, kernels) in [
                (off, "audit=0", "audit is off", ["6.1", "7"]),
                (excluded, "audit-excludes", "a rule of audit excludes it", ["6.12", "7"]),
            ] {
                if !kernels.contains(&kernel) {
                    continue;
                }
                let group = Arc::new(Group::new(setting, sample.iter().map(|case| case.name).collect()));
                let prefix = format!("{kernel}/{}/{name}", stage.module_names());
                let cases = sample.iter().cloned().map(|case| case.without_record(why));
                let trials = cases.map(|case| case_trial(&prefix, &group, case)).collect();
                plan.add_guest(group.guest(), trials);
            }
        }
    }
}

fn on(version: Version, stage: &Stage) -> Vec<Case> {
    let cases = stage.modules.iter().flat_map(|&module| cases::of(module));
    cases.filter(|case| case.runs_on(version)).collect()
}

fn case_trial(prefix: &str, group: &Arc<Group>, case: Case) -> Trial {
    let group = Arc::clone(group);
    Trial::test(format!("{prefix}/{}", case.name), move || Ok(verdict::case(&case, &group)?))
}
