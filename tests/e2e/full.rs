//! Trials in full guests: Debian with systemd, its real policy and profiles, and the administrator's tools.
//!
//! One guest boots for each module in force, runs the scripts of the steps that are asked for in order while denyd
//! watches, and is asked by each step's trial. A step does something that an administrator does and says what must have come of it:
//!
//! ```ignore
//! pub const STEPS: [Step; 1] = [Step {
//!     name: "setenforce_is_a_policy_event",
//!     module: Module::Selinux,
//!     script: "known setter setenforce 0; setenforce 1",
//!     files: &[],
//!     check: |seen| {
//!         seen.all_agree("setter", 1, &Expectation::default().field("process.comm", "setenforce"))
//!     },
//! }];
//! ```
//!
//! To add one:
//!
//! 1. Put it into the `STEPS` of a file in `tests/e2e/full/`; a new file goes into [`steps`].
//! 2. The script runs as root in `/bin/sh`. `known NAME COMMAND...` runs a command whose process id the check must
//!    know; `fact NAME VALUE` tells it anything else. What the script prints is shown if the check fails, and a
//!    script that fails is a fault by itself. Its common indentation is taken off. It must leave the guest as the later steps need it.
//! 3. A package that it needs goes into `PACKAGES` in `xtask/src/vm/full.rs`.
//! 4. Run it: `cargo xtask test --only e2e -- full-selinux/setenforce`.
//!
//! What takes long runs on request, in guests of its own: [`broken`].

mod apparmor_explain;
mod apparmor_policy;
mod broken;
mod distribution;
mod installed;
mod posture;
mod selinux_policy;
mod services;
mod userspace;

use std::{borrow::Cow, fs, sync::Arc, time::Duration};

use libtest_mimic::Trial;
use serde_json::Value;
use tests::{actor::step::StepReport, expectation::Expectation};
use xtask::{
    cache::Cache,
    setup,
    vm::{Module, Userland},
};

use crate::{
    group::{Session, boot, guest},
    plan::{Booted, Plan},
    verdict,
};

/// The kernel that full guests boot.
const KERNEL: &str = "7";
/// What starts denyd, and the profile that it enters; by their names in `/share`.
const WATCH: [(&str, &str); 2] =
    [("watch", include_str!("full/watch")), ("apparmor.denyd", include_str!("../../systemd/apparmor/denyd"))];

/// How long steps may take; a busy machine may need minutes.
const LIMITS: Limits = Limits { script: Duration::from_mins(6), guest: Duration::from_mins(20) };

/// How long what is done in a guest may take.
#[derive(Clone, Copy)]
struct Limits {
    /// One script.
    script: Duration,
    /// The guest, from its boot to its end.
    guest: Duration,
}

/// What a guest does.
struct Work {
    /// Scripts, by their names and those of their reports. The indentation that all lines of one share is taken off.
    scripts: Vec<(&'static str, &'static str)>,
    /// Files for them, by their names in `/share`.
    files: Vec<(&'static str, Cow<'static, str>)>,
}

impl Work {
    fn of(steps: &[Step]) -> Self {
        let files = steps.iter().flat_map(|step| step.files);
        Self {
            scripts: steps.iter().map(|step| (step.name, step.script)).collect(),
            files: files.map(|&(name, text)| (name, text.into())).collect(),
        }
    }
}

/// Something that is done in a full guest, and what must come of it.
#[derive(Clone, Copy)]
pub(crate) struct Step {
    /// The trial's name, as what a user sees.
    pub name: &'static str,
    /// The module in force in the guest.
    pub module: Module,
    /// A shell script.
    pub script: &'static str,
    /// Files for the script, by their names in `/share`.
    pub files: &'static [(&'static str, &'static str)],
    /// Whether that came of it which must.
    pub check: fn(&Seen<'_>) -> Result<(), String>,
}

/// All steps, in the order in which they run.
fn steps() -> impl Iterator<Item = Step> {
    let denials = distribution::STEPS.into_iter().chain(userspace::STEPS).chain(services::STEPS);
    denials
        .chain(posture::steps())
        .chain(selinux_policy::STEPS)
        .chain(apparmor_policy::STEPS)
        .chain(apparmor_explain::STEPS)
        .chain(installed::STEPS)
}

/// The steps that are asked for, in a guest for each module; and on request, in guests of their own, those that take long and
/// those of the package on another Debian release.
pub(crate) fn plan(plan: &mut Plan) {
    for module in [Module::Selinux, Module::Apparmor] {
        let of_module = |step: &Step| step.module == module;
        let long = || installed::LONG_STEPS.into_iter().filter(of_module);
        let installed = installed::STEPS.into_iter().filter(of_module).chain(long());
        let place = |name: String, codename| Place { name, module, codename };
        add(plan, place(format!("full-{module}"), None), false, steps().filter(of_module).collect());
        add(plan, place(format!("full-{module}-long"), None), true, long().collect());
        add(plan, place(format!("debian-13-{module}"), Some("trixie")), true, installed.collect());
    }
    broken::plan(plan);
}

/// A full guest.
#[derive(Clone)]
struct Place {
    /// The second part of its trials' names.
    name: String,
    /// The module in force.
    module: Module,
    /// Its Debian release, if it is not the machine's own.
    codename: Option<&'static str>,
}

/// Adds the trials of steps in a guest: they run always, or only on request.
fn add(plan: &mut Plan, place: Place, is_on_request: bool, steps: Vec<Step>) {
    let prefix = format!("{KERNEL}/{}", place.name);
    let name = |step: &Step| format!("{prefix}/{}", step.name);
    let steps: Vec<_> = steps.into_iter().filter(|step| plan.is_asked(&name(step), is_on_request)).collect();
    let guest = Booted::new(prefix.replace('/', "-"), {
        let work = Work::of(&steps);
        move || run(&place, LIMITS, &work)
    });
    let trial = |step: Step| {
        let guest = Arc::clone(&guest);
        Trial::test(name(&step), move || Ok(check(&step, guest.outcome()?)?)).with_ignored_flag(is_on_request)
    };
    let trials = steps.into_iter().map(trial).collect();
    plan.add_guest(&guest, trials);
}

fn check(step: &Step, session: &Session) -> Result<(), String> {
    let seen = Seen::of(step.name, session)?;
    seen.is_done().and_then(|()| (step.check)(&seen)).map_err(|fault| seen.explain(&fault))
}

/// Boots a guest and has it run the scripts, one after another, while denyd watches.
fn run(place: &Place, limits: Limits, work: &Work) -> Result<Session, String> {
    let fault = |error: &dyn std::error::Error| error.to_string();
    let share = tempfile::tempdir().map_err(|error| fault(&error))?;
    let write =
        |name: &str, text: &str| fs::write(share.path().join(name), text).map_err(|error| fault(&error));
    work.files.iter().try_for_each(|(name, text)| write(name, text))?;
    work.scripts.iter().try_for_each(|(name, text)| write(name, &unindented(text)))?;
    WATCH.iter().try_for_each(|(name, text)| write(name, text))?;
    if share.path().join("install").exists() {
        installed::make_packages(share.path())?;
    }
    let cache = Cache::open().map_err(|error| fault(&error))?;
    let image = setup::full_image(&cache, place.codename).map_err(|error| fault(&error))?;
    let guest = guest(KERNEL, place.module)?.userland(Userland::Full(image)).share(share.path());
    let guest = guest.timeout(limits.guest);
    let paths: Vec<_> = work.scripts.iter().map(|(name, _)| format!("/share/{name}")).collect();
    let (limit, paths) = (limits.script.as_secs(), paths.join(" "));
    let output = boot(&guest, &format!("actor steps --limit {limit} --watch 'sh /share/watch' {paths}"))?;
    Session::read(&output, &format!("{KERNEL}-{}", place.name))
}

/// A script without the indentation that all its lines share, so that here-documents end where they should.
fn unindented(script: &str) -> String {
    let lines = || script.lines().filter(|line| !line.trim().is_empty());
    let shared = lines().map(|line| line.len() - line.trim_start().len()).min().unwrap_or_default();
    lines().flat_map(|line| [&line[shared..], "\n"]).collect()
}

/// What a step's check looks at.
pub(crate) struct Seen<'a> {
    /// The step, as it went.
    pub report: &'a StepReport,
    /// Everything that came out of the guest: events and records of all steps.
    pub session: &'a Session,
}

impl<'a> Seen<'a> {
    /// What came of the step or script of this name.
    fn of(name: &str, session: &'a Session) -> Result<Self, String> {
        let report = session.steps.iter().find(|report| report.step == name);
        Ok(Self { report: report.ok_or_else(|| format!("{name} was not run"))?, session })
    }

    /// Whether the script came to its end.
    fn is_done(&self) -> Result<(), String> {
        if self.report.status == "exit status: 0" { Ok(()) } else { Err(self.report.status.clone()) }
    }

    /// A fact that the script told.
    pub(crate) fn fact(&self, name: &str) -> Result<&'a str, String> {
        let fact = self.report.facts.get(name);
        fact.map(String::as_str).ok_or_else(|| format!("the script did not tell `{name}`"))
    }

    /// A fact that is a number, such as the process id of what `known` ran.
    pub(crate) fn number(&self, name: &str) -> Result<u64, String> {
        let fact = self.fact(name)?;
        fact.parse().map_err(|error| format!("`{name}` is `{fact}`: {error}"))
    }

    /// The events of a process that `known` ran, in order.
    pub(crate) fn events_of(&self, known: &str) -> Result<Vec<&'a Value>, String> {
        let pid = self.number(known)?;
        Ok(self.session.events.iter().filter(|event| event["process"]["pid"] == pid).collect())
    }

    /// Whether a process that `known` ran has so many events, which all say what they must, and the same as audit's
    /// records of its denials.
    pub(crate) fn all_agree(
        &self,
        known: &str,
        count: usize,
        expectation: &Expectation,
    ) -> Result<(), String> {
        let events = self.events_of(known)?;
        let mut faults = Vec::new();
        if events.len() != count {
            faults.push(format!("{} events of `{known}` instead of {count}", events.len()));
        }
        let facts = self.report.facts.iter().map(|(name, value)| (name.clone(), Value::from(value.as_str())));
        let facts = facts.collect();
        for event in &events {
            faults.extend(expectation.mismatches(event, &facts));
        }
        let pid = self.number(known)?;
        let pid = u32::try_from(pid).map_err(|error| error.to_string())?;
        faults.extend(verdict::disagreements_with_audit(self.session, pid, &events));
        if faults.is_empty() {
            return Ok(());
        }
        faults.extend(events.iter().map(|event| format!("event: {event}")));
        Err(faults.join("\n"))
    }

    /// The changes of a policy by what `known` ran, and by what that ran.
    pub(crate) fn changes_below(&self, known: &str) -> Result<Vec<&'a Value>, String> {
        let pid = Value::from(self.number(known)?);
        let below = |event: &&Value| {
            let ancestors = event["process"]["ancestors"].as_array().into_iter().flatten();
            ancestors.chain([&event["process"]]).any(|process| process["pid"] == pid)
        };
        Ok(self.session.events.iter().filter(|event| event["kind"] == "policy").filter(below).collect())
    }

    fn explain(&self, fault: &str) -> String {
        format!(
            "{fault}\nfacts: {:?}\nthe script printed:\n{}\ndenyd said:\n{}",
            self.report.facts,
            self.report.output,
            self.session.messages.join("\n")
        )
    }
}
