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
/// What such a probe's hook starts with.
const PROBES: [&str; 2] = ["kprobe.multi/", "kprobe.session/"];

/// A guest for each module.
pub(crate) fn plan(plan: &mut Plan) {
    for (module, name) in [(vm::Module::Selinux, "selinux"), (vm::Module::Apparmor, "apparmor")] {
        let guest = Booted::new(format!("{KERNEL}-{name}-attached"), move || {
            let prepare = "actor refuse file_open 7001 && denyd check --json && \
                denyd check --json --btf /sys/kernel/btf/vmlinux && \
                mkdir -p /tmp/bare/proc /tmp/bare/sys && cp /usr/local/bin/denyd /tmp/bare && \
                mount --rbind /proc /tmp/bare/proc && mount --rbind /sys /tmp/bare/sys && \
                chroot /tmp/bare /denyd check --json";
            run_in_guest(KERNEL, module, "", prepare)
        });
        let trial = |title: &str, judge: fn(&Reports) -> Result<(), String>| {
            let checked = Arc::clone(&guest);
            Trial::test(format!("{KERNEL}/{name}/attached/{title}"), move || {
                let reports = reports(checked.outcome()?)?;
                Ok(judge(&reports)?)
            })
        };
        let trials = vec![
            trial("no_program_can_be_preempted", |reports| unpreempted(&reports.here)),
            trial("what_is_watched_is_what_btf_foretells", |reports| {
                as_foreseen(&reports.here, &reports.foreseen)
            }),
            trial("where_there_is_no_c_library_it_watches_the_same", |reports| {
                if reports.bare == reports.here { Ok(()) } else { Err(reports.bare.to_string()) }
            }),
        ];
        plan.add_guest(&guest, trials);
    }
}

/// What `denyd check` said.
struct Reports {
    /// In the guest.
    here: Value,
    /// Of the kernel's BTF.
    foreseen: Value,
    /// In the guest, where nothing is but the program.
    bare: Value,
}

fn reports(output: &str) -> Result<Reports, String> {
    let start = output.find("{\n").ok_or(output)?;
    let reports = serde_json::Deserializer::from_str(&output[start..]).into_iter();
    let reports: Vec<Value> =
        reports.collect::<Result<_, _>>().map_err(|error| format!("{error}: {output}"))?;
    let [here, foreseen, bare] = reports.try_into().map_err(|_| output.to_owned())?;
    Ok(Reports { here, foreseen, bare })
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
