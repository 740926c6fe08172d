//! How a process gives up its freedom.

use std::io;

use crate::{landlock::Layer, operation::file, seccomp::Filter, tomoyo};

/// What confines a process.
#[derive(Clone, Debug)]
pub enum Confinement {
    /// Nothing but its user's lack of privileges.
    None,
    /// The `SELinux` domain of this context, entered by a dynamic transition.
    Selinux(&'static str),
    /// The `SELinux` domain of this context, entered by executing a program.
    SelinuxExec(&'static str),
    /// This `AppArmor` profile, entered by `change_profile`.
    Apparmor(&'static str),
    /// This `AppArmor` profile, entered by executing a program.
    ApparmorExec(&'static str),
    /// These Landlock domains, the outermost first.
    Landlock(Vec<Layer>),
    /// This profile of TOMOYO's, which all processes get that came to be as this one did.
    Tomoyo(tomoyo::Profile),
    /// This seccomp filter.
    Seccomp(Filter),
    /// These Landlock domains, of which the process is still part after it executed a program.
    LandlockExec(Vec<Layer>),
}

impl Confinement {
    /// Whether the process must execute a program for [`Self::enter`] to take effect.
    #[must_use]
    pub const fn needs_exec(&self) -> bool {
        matches!(self, Self::SelinuxExec(_) | Self::ApparmorExec(_) | Self::LandlockExec(_))
    }

    /// Confines the calling thread.
    ///
    /// # Errors
    /// Fails if the kernel doesn't allow it: the policy doesn't know the domain, the module isn't in force.
    pub fn enter(&self) -> io::Result<()> {
        match self {
            Self::None => Ok(()),
            Self::Selinux(context) => file::overwrite("/proc/thread-self/attr/current", context),
            Self::SelinuxExec(context) => file::overwrite("/proc/thread-self/attr/exec", context),
            Self::Apparmor(profile) => apparmor("current", &format!("changeprofile {profile}")),
            Self::ApparmorExec(profile) => apparmor("exec", &format!("exec {profile}")),
            Self::Tomoyo(profile) => tomoyo::enter(*profile),
            Self::Seccomp(filter) => filter.install(),
            Self::Landlock(layers) | Self::LandlockExec(layers) => layers.iter().try_for_each(Layer::enforce),
        }
    }
}

/// Gives `AppArmor` a command about the calling thread.
///
/// # Errors
/// Fails as the command does.
pub fn apparmor(attribute: &str, command: &str) -> io::Result<()> {
    file::overwrite(format!("/proc/thread-self/attr/apparmor/{attribute}"), command)
}
