//! All cases.

mod apparmor;
mod bpf;
mod capability;
pub mod ipe;
mod landlock;
mod lockdown;
mod seccomp;
mod selinux;
mod tomoyo;
mod yama;

use crate::{
    case::{Case, Module},
    confinement::Confinement,
};

/// Every case.
#[must_use]
pub fn all() -> Vec<Case> {
    Module::ALL.into_iter().flat_map(of).collect()
}

/// A module's cases.
#[must_use]
pub fn of(module: Module) -> Vec<Case> {
    match module {
        Module::Selinux => selinux::cases(),
        Module::Apparmor => apparmor::cases(),
        Module::Landlock => landlock::cases(),
        Module::Capability => capability::cases(),
        Module::Seccomp => seccomp::cases(),
        Module::Yama => yama::cases(),
        Module::Lockdown => lockdown::cases(),
        Module::Tomoyo => tomoyo::cases(),
        Module::Bpf => bpf::cases(),
        Module::Ipe => ipe::cases(),
    }
}

/// The case of this name.
#[must_use]
pub fn by_name(name: &str) -> Option<Case> {
    all().into_iter().find(|case| case.name == name)
}

/// What confines a process that is to be refused what [`crate::scene`] labels as secret.
#[must_use]
pub fn default_confinement(module: Module) -> Confinement {
    match module {
        Module::Selinux => selinux::APP,
        Module::Apparmor => apparmor::APP,
        Module::Landlock => Confinement::Landlock(vec![landlock::open_only()]),
        Module::Capability
        | Module::Seccomp
        | Module::Yama
        | Module::Lockdown
        | Module::Tomoyo
        | Module::Bpf
        | Module::Ipe => Confinement::None,
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;
    use crate::case::Outcome;

    #[test]
    fn names_are_unique_and_say_their_module() {
        let mut names = HashSet::new();
        for case in all() {
            assert!(case.name.starts_with(case.module.name()), "{}", case.name);
            assert!(names.insert(case.name), "{} is there twice", case.name);
        }
    }

    #[test]
    fn each_case_expects_an_event_or_that_nothing_is_refused() {
        for case in all() {
            assert!(!case.events.is_empty() || case.outcome == Outcome::Done, "{}", case.name);
        }
    }
}
