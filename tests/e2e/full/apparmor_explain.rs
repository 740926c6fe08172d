//! What `denyd explain` advises about AppArmor's denials, done: after it nothing is refused any more.

use xtask::vm::Module;

use super::Step;

/// What a profile refuses, said, done and tried again.
const EXPLAINED: &str = include_str!("explained");

/// For each kind of denial, the rule that must have come of it.
const RULES: [(&str, &str); 13] = [
    ("file", "owner /srv/a r,"),
    ("glob with a tunable", "owner @{PROC}/@{pid}/oom_score r,"),
    ("abstraction", "include <abstractions/mysql>"),
    ("exec", "/srv/tool ix,"),
    ("capability", "capability chown,"),
    ("network", "network packet dgram,"),
    ("signal", "signal (send) set=(cont) peer=unconfined,"),
    ("ptrace", "ptrace (read) peer=unconfined,"),
    ("unix", "unix (create) type=dgram"),
    ("mount", "mount fstype=tmpfs none -> /mnt/,"),
    ("link", "owner link /srv/b -> /srv/a,"),
    ("change of profile", "change_profile -> other,"),
    ("explicit deny", "owner /srv/shut r,"),
];

pub(super) const STEPS: [Step; 1] = [Step {
    name: "what_explain_advises_ends_what_apparmor_refuses",
    module: Module::Apparmor,
    script: ". /share/explained",
    files: &[("explained", EXPLAINED)],
    check: |seen| {
        let rules = seen.fact("rules")?;
        let lacking: Vec<_> = RULES.iter().filter(|(_, rule)| !rules.contains(rule)).collect();
        if !lacking.is_empty() {
            return Err(format!("the profile lacks {lacking:?}: {rules}"));
        }
        if rules.contains("audit deny") {
            return Err(format!("the rule that denies is still there: {rules}"));
        }
        // Of the last round, nothing; of the first, all of which is allowed by now.
        if seen.number("refused")? != 0 {
            return Err("something is still refused".to_owned());
        }
        let causes = seen.fact("causes")?;
        if causes == "allowed" { Ok(()) } else { Err(format!("what was done is advised again: {causes}")) }
    },
}];
