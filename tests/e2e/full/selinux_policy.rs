//! Changes of SELinux's policy, made by the administrator's tools.

use tests::{expectation::Expectation, report::Facts};
use xtask::vm::Module;

use super::Step;
use crate::verdict;

pub(super) const STEPS: [Step; 3] = [
    Step {
        name: "setenforce_is_a_policy_event",
        module: Module::Selinux,
        files: &[],
        script: "
            known off setenforce 0
            known on setenforce 1
        ",
        check: |seen| {
            let setenforce = |before, after| {
                Expectation::changed("mode", before, after).field("process.exe", "/usr/sbin/setenforce")
            };
            seen.all_agree("off", 1, &setenforce("enforcing", "permissive"))?;
            seen.all_agree("on", 1, &setenforce("permissive", "enforcing"))
        },
    },
    Step {
        name: "setsebool_is_a_policy_event",
        module: Module::Selinux,
        files: &[],
        script: "
            setsebool httpd_enable_cgi off
            known setter setsebool httpd_enable_cgi on
            known again setsebool httpd_enable_cgi on
        ",
        check: |seen| {
            let on = Expectation::changed("boolean", "off", "on").field("changes.0.name", "httpd_enable_cgi");
            seen.all_agree("setter", 1, &on.field("process.exe", "/usr/sbin/setsebool"))?;
            // It is on.
            seen.all_agree("again", 0, &Expectation::default())
        },
    },
    Step {
        name: "semodule_is_a_policy_event",
        module: Module::Selinux,
        files: &[],
        script: "
            echo '(allow httpd_t self (process (getsched)))' >/run/getsched.cil
            known installer semodule --install /run/getsched.cil
        ",
        check: |seen| {
            let load = Expectation::policy_changed().field("changes.0.what", "policy").absent("changes.1");
            let events = seen.changes_below("installer")?;
            let [event] = events[..] else { return Err(format!("{} events: {events:?}", events.len())) };
            let mut faults = load.mismatches(event, &Facts::new());
            let sequence = |key: &str| event["changes"][0][key].as_str()?.parse::<u32>().ok();
            if sequence("before").and_then(|before| before.checked_add(1)) != sequence("after") {
                faults.push("the sequence number did not grow by one".to_owned());
            }
            let pid = event["process"]["pid"].as_u64().and_then(|pid| u32::try_from(pid).ok());
            faults.extend(verdict::disagreements_with_audit(seen.session, pid.unwrap_or(0), &events));
            if faults.is_empty() { Ok(()) } else { Err(format!("{}\nevent: {event}", faults.join("\n"))) }
        },
    },
];
