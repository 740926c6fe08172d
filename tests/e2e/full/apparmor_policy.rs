//! Changes of AppArmor's policy, made by the administrator's tools.

use serde_json::{Value, json};
use tests::{expectation::Expectation, report::Facts};
use xtask::vm::Module;

use super::{Seen, Step};
use crate::verdict;

pub(super) const STEPS: [Step; 1] = [Step {
    name: "apparmor_parser_and_aa_complain_are_policy_events",
    module: Module::Apparmor,
    files: &[],
    script: "
        cat >/etc/apparmor.d/denyd-demo <<'end'
        abi <abi/3.0>,
        include <tunables/global>
        profile denyd-demo /usr/bin/denyd-demo {
            include <abstractions/base>
        }
        end
        ln -s /bin/true /usr/bin/denyd-demo
        known loader apparmor_parser -r /etc/apparmor.d/denyd-demo
        known complainer aa-complain /etc/apparmor.d/denyd-demo
        known enforcer aa-enforce /etc/apparmor.d/denyd-demo
        known remover apparmor_parser -R /etc/apparmor.d/denyd-demo
        rm /etc/apparmor.d/denyd-demo /usr/bin/denyd-demo
    ",
    check: |seen| {
        one_change(seen, "loader", "profile_load", &json!({"after": "enforce"}))?;
        one_change(
            seen,
            "complainer",
            "profile_replace",
            &json!({"before": "enforce", "after": "complain"}),
        )?;
        one_change(seen, "enforcer", "profile_replace", &json!({"before": "complain", "after": "enforce"}))?;
        one_change(seen, "remover", "profile_remove", &json!({"before": "enforce"}))
    },
}];

/// Whether what `known` ran changed the profile so, which is one event of the parser, and what audit says, too.
fn one_change(seen: &Seen<'_>, known: &str, operation: &str, modes: &Value) -> Result<(), String> {
    let events = seen.changes_below(known)?;
    let [event] = events[..] else { return Err(format!("{} events of `{known}`: {events:?}", events.len())) };
    let mut change = json!({"what": "profile", "name": "denyd-demo"});
    for mode in ["before", "after"].into_iter().filter(|mode| modes.get(mode).is_some()) {
        change[mode] = modes[mode].clone();
    }
    let wanted = Expectation::policy_changed()
        .field("action.operation", operation.to_owned())
        .field("process.comm", "apparmor_parser")
        .field("changes", json!([change]));
    let mut faults = wanted.mismatches(event, &Facts::new());
    let pid = event["process"]["pid"].as_u64().and_then(|pid| u32::try_from(pid).ok());
    faults.extend(verdict::compare_changes_with_audit(seen.session, pid.unwrap_or(0), &events));
    if faults.is_empty() { Ok(()) } else { Err(format!("{}\nevent: {event}", faults.join("\n"))) }
}
