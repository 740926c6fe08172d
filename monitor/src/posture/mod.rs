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

use monitor_api::posture::{Missing, Posture};

use self::held::Held;
use crate::kernel::active_modules;

/// What the posture is read from.
#[derive(Debug)]
pub(crate) struct Watch {
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
    pub(crate) fn open() -> Self {
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
    pub(crate) fn read(&mut self) -> Posture {
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
    fn this_machine_has_a_posture_and_what_is_missing_has_a_reason() {
        let posture = Watch::open().read();
        assert!(posture.missing.iter().all(|missing| !missing.reason.is_empty()), "{posture:?}");
        let known = posture.audit.is_some();
        assert_eq!(known, !posture.missing.iter().any(|missing| missing.fact == "audit"), "{posture:?}");
    }
}
