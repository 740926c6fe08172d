//! The posture: what enforcement is in force, as `getenforce`, `sestatus`, `aa-status` and `auditctl -s` would say
//! it, read from the kernel's own files.
//!
//! What it takes is opened once ([`Watch::open`]), while denyd still has its privileges. The kernel checks them when such
//! a file is opened and not when it is read, so that the posture can be followed after the privileges are gone.
//! Where that can't be, the fact is absent, and [`Posture::missing`] says why.

mod apparmor;
mod audit;
mod held;
mod kernel_log;
mod selinux;

use std::{fmt::Display, fs, io};

use serde::{Deserialize, Serialize};

use self::held::Held;
pub use self::{
    apparmor::{Apparmor, Profiles},
    audit::Audit,
    selinux::{Avc, Booleans, Selinux},
};
use crate::kernel::active_modules;

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
    /// does. `None` if that can't be told.
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

/// What the posture is read from.
#[derive(Debug)]
pub struct Watch {
    modules: Result<Vec<String>, String>,
    selinux: Option<selinux::Watch>,
    apparmor: Option<apparmor::Watch>,
    audit: audit::Watch,
    lockdown: Option<Held>,
    ptrace_scope: Option<Held>,
}

impl Watch {
    /// Opens what there is.
    #[must_use]
    pub fn open() -> Self {
        let modules = active_modules().map_err(|error| error.to_string());
        let active = |name: &str| modules.as_ref().is_ok_and(|modules| modules.iter().any(|it| it == name));
        Self {
            selinux: (active("selinux") || fs::exists(selinux::ENFORCE).unwrap_or(false))
                .then(selinux::Watch::open),
            apparmor: active("apparmor").then(apparmor::Watch::open),
            audit: audit::Watch::open(),
            lockdown: active("lockdown").then(|| Held::open("/sys/kernel/security/lockdown")),
            ptrace_scope: active("yama").then(|| Held::open("/proc/sys/kernel/yama/ptrace_scope")),
            modules,
        }
    }

    /// Reads it all.
    pub fn read(&mut self) -> Posture {
        let mut missing = Facts::default();
        Posture {
            modules: missing.unless("modules", self.modules.clone()),
            selinux: self.selinux.as_mut().map(|selinux| selinux.read(&mut missing)),
            apparmor: self.apparmor.as_mut().map(|apparmor| apparmor.read(&mut missing)),
            audit: self.audit.read(&mut missing),
            lockdown: self.lockdown.as_mut().and_then(|file| {
                missing.unless("lockdown", file.parse(|text| chosen(text).map(str::to_owned)))
            }),
            yama_ptrace_scope: self
                .ptrace_scope
                .as_mut()
                .and_then(|file| missing.unless("yama_ptrace_scope", file.parse(|text| text.parse().ok()))),
            missing: missing.0,
        }
    }
}

/// The one in brackets: `none [integrity] confidentiality`.
fn chosen(choices: &str) -> Option<&str> {
    choices.split_whitespace().find_map(|choice| choice.strip_prefix('[')?.strip_suffix(']'))
}

/// Collects what can't be had.
#[derive(Debug, Default)]
struct Facts(Vec<Missing>);

impl Facts {
    /// The fact, or none and why.
    fn unless<T, E: Display>(&mut self, fact: &str, known: Result<T, E>) -> Option<T> {
        known.map_err(|reason| self.miss(fact, reason)).ok()
    }

    fn miss(&mut self, fact: &str, reason: impl Display) {
        self.0.push(Missing { fact: fact.to_owned(), reason: reason.to_string() });
    }
}

/// Why a file of the kernel's gave no fact.
#[derive(Debug, thiserror::Error)]
enum FileError {
    /// It can't be opened or read.
    #[error("{path}: {error}")]
    Read { path: String, error: io::Error },
    /// What it says is not understood.
    #[error("{path} has an unknown form")]
    Form { path: String },
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_choice_in_brackets_is_in_force() {
        assert_eq!(chosen("none [integrity] confidentiality\n"), Some("integrity"));
        assert_eq!(chosen("none integrity"), None);
    }

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

    #[test]
    fn this_machine_has_a_posture_and_what_is_missing_has_a_reason() {
        let posture = Watch::open().read();
        assert!(posture.missing.iter().all(|missing| !missing.reason.is_empty()), "{posture:?}");
        let known = posture.audit.is_some();
        assert_eq!(known, !posture.missing.iter().any(|missing| missing.fact == "audit"), "{posture:?}");
    }
}
