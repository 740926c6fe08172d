//! Services that are refused what they need, and put right by `denyd fix`: by their profiles, and by their units' settings.

use serde_json::Value;
use xtask::vm::Module;

use super::{Seen, Step, userspace::CALLER};

/// What both scripts use.
const WATCHED: (&str, &str) = ("watched", include_str!("fixed/watched"));

/// For each service, a rule that must be among those of the remedy that comes first.
const PROFILES: [(&str, &str); 14] = [
    ("file", "owner /srv/data r,"),
    ("tunable", "owner @{PROC}/@{pid}/oom_score r,"),
    ("glob", "owner /srv/spool/job-[0-9]* r,"),
    ("abstraction", "include <abstractions/mysql>"),
    ("exec", "/srv/tool ix,"),
    ("capability", "capability chown,"),
    ("network", "network inet dgram,"),
    ("signal", "signal (send) set=(cont) peer=unconfined,"),
    ("ptrace", "ptrace (read) peer=unconfined,"),
    ("unix", "unix (create) type=dgram,"),
    ("mount", "mount fstype=tmpfs none -> /mnt/,"),
    ("link", "link /srv/linked -> /srv/data,"),
    ("transition", "change_profile -> sentinel,"),
    ("deny", "owner /srv/shut r,"),
];

/// For each service, the line that must be among those that the remedy which comes first puts beside the unit.
const UNITS: [(&str, &str); 7] = [
    ("filter", "SystemCallFilter=fchownat"),
    ("namespaces", "RestrictNamespaces=no"),
    ("realtime", "RestrictRealtime=no"),
    ("bounding", "CapabilityBoundingSet=CAP_CHOWN"),
    ("ambient", "AmbientCapabilities=CAP_SYS_NICE"),
    ("devices", "PrivateDevices=no"),
    ("debug", "SystemCallFilter=ptrace"),
];

pub(super) const STEPS: [Step; 2] = [
    Step {
        name: "services_that_their_profiles_break_are_put_right",
        module: Module::Apparmor,
        script: ". /share/profiles",
        files: &[WATCHED, ("profiles", include_str!("fixed/profiles")), ("caller.py", CALLER)],
        check: |seen| {
            for (name, rule) in PROFILES {
                let finding = seen.finding("before", &format!("broken-{name} "))?;
                let rules = finding["remedies"][0]["rules"].as_array();
                if !rules.is_some_and(|rules| rules.contains(&rule.into())) {
                    return Err(format!("no `{rule}` in {finding}"));
                }
            }
            let deny = seen.finding("before", "broken-deny ")?;
            if deny["cause"] != "deny" || seen.number("left_out")? != 1 {
                return Err(format!("a deny rule is to be asked about: {deny}"));
            }
            let unloaded = seen.finding("before", "broken-dbus ")?;
            if unloaded["remedies"][0]["kind"] != "reload" {
                return Err(format!("dbus-daemon: {unloaded}"));
            }
            let others = PROFILES.iter().map(|(name, _)| *name).filter(|name| *name != "deny");
            seen.put_right("broken", &others.chain(["dbus"]).collect::<Vec<_>>())
        },
    },
    Step {
        name: "services_that_their_units_break_are_put_right",
        module: Module::Apparmor,
        script: ". /share/units",
        files: &[WATCHED, ("units", include_str!("fixed/units"))],
        check: |seen| {
            for (name, line) in UNITS {
                let finding = seen.finding("before", &format!("limited-{name}.service"))?;
                let lines = finding["remedies"][0]["edit"]["add"].as_array();
                if !lines.is_some_and(|lines| lines.contains(&line.into())) {
                    return Err(format!("no `{line}` in {finding}"));
                }
            }
            // Who may trace may read and change other processes: that is to be asked.
            let names = UNITS.iter().map(|(name, _)| *name).filter(|name| *name != "debug");
            seen.put_right("limited", &names.collect::<Vec<_>>())
        },
    },
];

impl Seen<'_> {
    fn findings(&self, fact: &str) -> Result<Vec<Value>, String> {
        let report: Value = serde_json::from_str(self.fact(fact)?).map_err(|error| error.to_string())?;
        report["findings"].as_array().cloned().ok_or_else(|| format!("{fact}: {report}"))
    }

    /// The finding that names this anywhere.
    fn finding(&self, fact: &str, name: &str) -> Result<Value, String> {
        let findings = self.findings(fact)?;
        let found = findings.iter().find(|finding| finding.to_string().contains(name));
        found.cloned().ok_or_else(|| format!("{fact}: nothing about {name}: {findings:#?}"))
    }

    /// Whether of the services at first none worked, after the change these, for the reason that the change was made, and when it
    /// was taken back none again.
    fn put_right(&self, prefix: &str, names: &[&str]) -> Result<(), String> {
        let worked: Vec<&str> = self.fact("worked")?.split_whitespace().collect();
        let mut wanted = names.to_vec();
        wanted.sort_unstable();
        let mut sorted = worked.clone();
        sorted.sort_unstable();
        if sorted != wanted {
            return Err(format!("these work: {sorted:?}, and not {wanted:?}"));
        }
        for name in names {
            let finding = self.finding("after", &format!("{prefix}-{name}"))?;
            if finding["cause"] != "allowed" {
                return Err(format!("what was done is advised again: {finding}"));
            }
        }
        for fact in ["worked_at_first", "worked_at_last"] {
            if !self.fact(fact)?.trim().is_empty() {
                return Err(format!("{fact}: {}", self.fact(fact)?));
            }
        }
        match self.fact("as_before")? {
            "0" => Ok(()),
            left => Err(format!("files that are not as before: {left}")),
        }
    }
}
