//! Where sources are attached: on a kernel whose probes can't be preempted, nowhere else.

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
            let prepare = "actor refuse file_open 7001 && denyd check --json";
            run_in_guest(KERNEL, module, "", prepare)
        });
        let checked = Arc::clone(&guest);
        let trial = Trial::test(format!("{KERNEL}/{name}/attached/no_program_can_be_preempted"), move || {
            Ok(judge(checked.outcome()?)?)
        });
        plan.add_guest(&guest, vec![trial]);
    }
}

fn judge(output: &str) -> Result<(), String> {
    let start = output.find("{\n").ok_or(output)?;
    let report: Value =
        serde_json::from_str(&output[start..]).map_err(|error| format!("{error}: {output}"))?;
    let sources = report["sources"].as_array().ok_or(output)?;
    let attached = sources.iter().filter(|source| source["state"] != "inactive");
    for source in attached {
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
