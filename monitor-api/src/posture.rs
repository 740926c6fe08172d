//! The posture: what enforcement is in force on a machine, as `getenforce`, `sestatus`, `aa-status` and `auditctl -s`
//! would say it.

use serde::{Deserialize, Serialize};

/// What enforcement is in force.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Posture {
    /// The active security modules, in the kernel's order.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub modules: Option<Vec<String>>,
    /// SELinux, if it is active.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub selinux: Option<Selinux>,
    /// AppArmor, if it is active.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub apparmor: Option<Apparmor>,
    /// The kernel's audit.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub audit: Option<Audit>,
    /// The level of the kernel's lockdown: `none`, `integrity` or `confidentiality`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub lockdown: Option<String>,
    /// Yama's restriction of ptrace, 0 to 3.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub yama_ptrace_scope: Option<u32>,
    /// Facts that should be here and can't be had.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub missing: Vec<Missing>,
}

/// A fact that can't be had.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Missing {
    /// The fact, by its path in the JSON: `selinux.permissive_domains`.
    pub fact: String,
    /// Why.
    pub reason: String,
}

impl Posture {
    /// Whether a module that confines processes by a policy enforces it: SELinux enforces, or AppArmor has a profile that
    /// does. `None` if that is unknown.
    #[must_use]
    pub fn enforces(&self) -> Option<bool> {
        let selinux = self.selinux.as_ref().map(|selinux| selinux.enforcing);
        let apparmor = self.apparmor.as_ref().map(|apparmor| {
            let profiles = apparmor.profiles.as_ref()?;
            Some(profiles.enforce + profiles.kill > 0)
        });
        match (selinux, apparmor) {
            (Some(Some(true)), _) | (_, Some(Some(true))) => Some(true),
            (Some(None), _) | (_, Some(None)) => None,
            (None, None) if self.modules.is_none() => None,
            _ => Some(false),
        }
    }
}

impl Posture {
    /// Takes from another what is missing here: a running denyd opened its files with more privilege than the user has
    /// who asks for the status.
    pub fn complete(&mut self, other: &Self) {
        if let (Some(here), Some(there)) = (&mut self.selinux, &other.selinux) {
            here.permissive_domains = here.permissive_domains.or(there.permissive_domains);
        }
        if let (Some(here), Some(there)) = (&mut self.apparmor, &other.apparmor) {
            here.profiles = here.profiles.or(there.profiles);
            here.policy_revision = here.policy_revision.or(there.policy_revision);
        }
        if self.audit.is_none() {
            self.audit.clone_from(&other.audit);
        }
        self.lockdown = self.lockdown.take().or_else(|| other.lockdown.clone());
        let still_missing = |missing: &Missing| other.missing.iter().any(|there| there.fact == missing.fact);
        self.missing.retain(still_missing);
    }
}

/// SELinux's state.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Selinux {
    /// Whether it enforces; false if it is permissive.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub enforcing: Option<bool>,
    /// The generation of the policy: it grows when a policy is loaded or booleans are set.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub policy_loads: Option<u32>,
    /// The newest version of the policy's format that the kernel knows.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub policy_version: Option<u32>,
    /// Whether what the policy doesn't know is refused.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub deny_unknown: Option<bool>,
    /// Types that the loaded policy makes permissive.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub permissive_domains: Option<u64>,
    /// The booleans.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub booleans: Option<Booleans>,
    /// The cache of decisions.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub avc: Option<Avc>,
}

/// The booleans. The kernel doesn't know what they were in the policy as it was built, so it can't be determined which are not
/// at their default; what is told is which have changed since they were read first.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Booleans {
    /// Those that are on.
    pub on: u64,
    /// Those that are off.
    pub off: u64,
    /// Those that are not as they were when denyd started, or are new.
    pub changed: u64,
}

/// What SELinux's cache of decisions counts, all CPUs together.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Avc {
    /// Lookups.
    pub lookups: u64,
    /// Lookups without an answer.
    pub misses: u64,
    /// Entries put in.
    pub allocations: u64,
    /// Entries thrown out for room.
    pub reclaims: u64,
    /// Entries whose memory was given back.
    pub frees: u64,
    /// Entries in it now.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub entries: Option<u64>,
}

/// AppArmor's state.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Apparmor {
    /// The loaded profiles.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub profiles: Option<Profiles>,
    /// The generation of the policy: it grows when profiles are loaded, replaced or removed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub policy_revision: Option<u64>,
}

/// Loaded profiles by mode.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Profiles {
    /// They refuse.
    pub enforce: u64,
    /// They let pass what they would refuse.
    pub complain: u64,
    /// They kill whoever does what they refuse.
    pub kill: u64,
    /// They confine nothing.
    pub unconfined: u64,
    /// They ask.
    pub prompt: u64,
    /// In a mode that this denyd doesn't know.
    pub other: u64,
}

impl Profiles {
    /// Those in this mode.
    #[must_use]
    pub fn in_mode(&self, mode: &str) -> u64 {
        match mode {
            "enforce" => self.enforce,
            "complain" => self.complain,
            "kill" => self.kill,
            "unconfined" => self.unconfined,
            "prompt" => self.prompt,
            _ => self.other,
        }
    }

    /// All.
    #[must_use]
    pub fn total(&self) -> u64 {
        self.enforce + self.complain + self.kill + self.unconfined + self.prompt + self.other
    }
}

/// The state of the kernel's audit. What is absent can't be asked for without `CAP_AUDIT_CONTROL`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Audit {
    /// 0 off, 1 on, 2 on and locked until the next boot.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub enabled: Option<u32>,
    /// What happens when a record is lost: 0 nothing, 1 a line in the kernel's log, 2 a panic.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub failure: Option<u32>,
    /// The process that gets the records, usually auditd; 0 if none does.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub auditd_pid: Option<u32>,
    /// Records a second that may be written; 0 is no limit.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rate_limit: Option<u32>,
    /// Records that may wait.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub backlog_limit: Option<u32>,
    /// Records that wait.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub backlog: Option<u32>,
    /// Records that were lost since boot, as far as the kernel has said.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub lost: Option<u32>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn enforcing_is_told_only_if_it_is_known() {
        let selinux = |enforcing| Some(Selinux { enforcing, ..Selinux::default() });
        let apparmor = |profiles| Some(Apparmor { profiles, ..Apparmor::default() });
        let of = |selinux, apparmor| Posture {
            selinux,
            apparmor,
            modules: Some(Vec::new()),
            ..Posture::default()
        };
        assert_eq!(of(selinux(Some(true)), None).enforces(), Some(true));
        assert_eq!(of(selinux(Some(false)), None).enforces(), Some(false));
        assert_eq!(of(selinux(None), None).enforces(), None);
        let profiles = Profiles { enforce: 1, ..Profiles::default() };
        assert_eq!(of(None, apparmor(Some(profiles))).enforces(), Some(true));
        let complaining = Profiles { complain: 3, ..Profiles::default() };
        assert_eq!(of(None, apparmor(Some(complaining))).enforces(), Some(false));
        assert_eq!(of(None, apparmor(None)).enforces(), None);
        assert_eq!(of(None, None).enforces(), Some(false), "no module that has a policy");
        assert_eq!(Posture::default().enforces(), None);
    }

    #[test]
    fn what_a_user_may_not_read_the_running_denyd_knows() {
        let missing = |fact: &str| Missing { fact: fact.to_owned(), reason: "not allowed".to_owned() };
        let mut mine = Posture {
            apparmor: Some(Apparmor::default()),
            missing: vec![missing("apparmor.profiles"), missing("audit")],
            ..Posture::default()
        };
        let profiles = Some(Profiles { enforce: 2, ..Profiles::default() });
        let denyds = Posture {
            apparmor: Some(Apparmor { profiles, policy_revision: None }),
            missing: vec![missing("audit")],
            ..Posture::default()
        };
        mine.complete(&denyds);
        assert_eq!(mine.enforces(), Some(true));
        assert_eq!(mine.missing, [missing("audit")]);
    }
}
