//! Where sources are attached: on a kernel whose probes can't be preempted, nowhere else; and as its types foretell.

use std::sync::Arc;

use libtest_mimic::Trial;
use serde_json::Value;
use xtask::vm;

use crate::{
    group::run_in_guest,
    plan::{Booted, Plan},
};

/// A kernel that has such probes.
const KERNEL: &str = "7";
/// What such a probe's hook starts with; and the programs that are none.
const PROBES: [&str; 5] =
    ["kprobe.multi/", "kprobe.session/", "fexit/aa_capable", "fexit/aa_check_perms", "fexit/aa_audit"];

/// A guest for each module.
pub(crate) fn plan(plan: &mut Plan) {
    for (module, name) in [(vm::Module::Selinux, "selinux"), (vm::Module::Apparmor, "apparmor")] {
        let guest = Booted::new(format!("{KERNEL}-{name}-attached"), move || {
            let prepare = "actor refuse file_open 7001 && denyd check --json && \
                denyd check --json --btf /sys/kernel/btf/vmlinux";
            run_in_guest(KERNEL, module, "", prepare)
        });
        let trial = |title: &str, judge: fn(&Value, &Value) -> Result<(), String>| {
            let checked = Arc::clone(&guest);
            Trial::test(format!("{KERNEL}/{name}/attached/{title}"), move || {
                let [real, foreseen] = reports(checked.outcome()?)?;
                Ok(judge(&real, &foreseen)?)
            })
        };
        let trials = vec![
            trial("no_program_can_be_preempted", |real, _| unpreempted(real)),
            trial("what_is_watched_is_what_btf_foretells", as_foreseen),
        ];
        plan.add_guest(&guest, trials);
    }
}

/// What was checked on the kernel, and what was foreseen of it.
fn reports(output: &str) -> Result<[Value; 2], String> {
    let start = output.find("{\n").ok_or(output)?;
    let reports = serde_json::Deserializer::from_str(&output[start..]).into_iter();
    let reports: Vec<Value> =
        reports.collect::<Result<_, _>>().map_err(|error| format!("{error}: {output}"))?;
    reports.try_into().map_err(|_| output.to_owned())
}

/// The sources of a report whose modules are active.
fn active(report: &Value) -> Result<Vec<&Value>, String> {
    let sources = report["sources"].as_array().ok_or_else(|| report.to_string())?;
    Ok(sources.iter().filter(|source| source["state"] != "inactive").collect())
}

fn unpreempted(real: &Value) -> Result<(), String> {
    for source in active(real)? {
        let hooks = source["hooks"].as_array().ok_or_else(|| source.to_string())?;
        let is_probe = |hook: &Value| {
            hook.as_str().is_some_and(|hook| PROBES.iter().any(|start| hook.starts_with(start)))
        };
        if !hooks.iter().all(is_probe) || source.get("failed").is_some() {
            return Err(source.to_string());
        }
    }
    Ok(())
}

fn as_foreseen(real: &Value, foreseen: &Value) -> Result<(), String> {
    let foreseen = active(foreseen)?;
    for source in active(real)? {
        let named = foreseen.iter().find(|foreseen| foreseen["name"] == source["name"]);
        let named = named.ok_or_else(|| format!("{} was not foreseen", source["name"]))?;
        // Which hook has a BPF LSM program, types don't tell.
        let same =
            if source["name"] == "bpf-lsm" { source["state"] == named["state"] } else { source == *named };
        if !same {
            return Err(format!("{source}\nforeseen: {named}"));
        }
    }
    Ok(())
}
