//! Giving up every privilege, for good, as soon as the programs are attached.
//!
//! Loading takes capabilities; reading what the programs write takes none, for the memory is mapped. So [`give_up`]
//! empties all capability sets, forbids to gain new ones, and leaves only the system calls that denyd makes
//! (`calls`). That holds for threads that are started later, so it comes before any is. Whether it worked is read from
//! the kernel's own account of it, `/proc/self/status`.
//!
//! What is left are the rights of the user that denyd runs as: what it opens later (a file after its rotation, a socket)
//! it opens as that user, without the power to override permissions.

mod calls;
mod status;

use std::io;

use rustix::{
    io::Errno,
    thread::{
        CapabilitySet, CapabilitySets, capabilities, clear_ambient_capability_set,
        remove_capability_from_bounding_set, set_capabilities, set_no_new_privs,
    },
};

pub use self::status::{Status, StatusError};

/// The privileges that loading programs takes are still there.
#[derive(Debug)]
pub struct Privileged(());

impl Privileged {
    /// Those of this process, whatever they are.
    pub(crate) fn unexamined() -> Self {
        Self(())
    }
}

/// There are no privileges any more, as was read from the kernel. Only [`give_up`] makes it.
#[derive(Debug)]
pub struct Unprivileged {
    /// What the kernel says of them.
    pub status: Status,
}

/// Privileges could not be given up.
#[derive(Debug, thiserror::Error)]
pub enum PrivilegeError {
    /// Threads that are there keep theirs.
    #[error("cannot give up privileges: {0} threads run already")]
    Threads(u32),
    /// The kernel refused to.
    #[error("cannot give up privileges: {what}: {error}")]
    Refused {
        /// What it refused.
        what: &'static str,
        /// Why.
        error: io::Error,
    },
    /// The filter of system calls could not be made or installed.
    #[error("cannot restrict system calls: {0}")]
    Filter(String),
    /// The kernel's account of this process can't be read.
    #[error(transparent)]
    Status(#[from] StatusError),
    /// They were given up and are still there.
    #[error("privileges were given up and are still there: {0}")]
    StillThere(Status),
}

/// Gives up all privileges of this process, which must have no other thread.
///
/// # Errors
///
/// If that fails or the kernel says that it did not work.
pub fn give_up(_those: Privileged) -> Result<Unprivileged, PrivilegeError> {
    let refused = |what| move |error: Errno| PrivilegeError::Refused { what, error: error.into() };
    let before = Status::read()?;
    if before.threads != 1 {
        return Err(PrivilegeError::Threads(before.threads));
    }
    empty_bounding_set().map_err(refused("the bounding set"))?;
    clear_ambient_capability_set().map_err(refused("the ambient set"))?;
    let none = CapabilitySet::empty();
    set_capabilities(None, CapabilitySets { effective: none, permitted: none, inheritable: none })
        .map_err(refused("the capability sets"))?;
    set_no_new_privs(true).map_err(refused("no_new_privs"))?;
    calls::restrict()?;
    let status = Status::read()?;
    if !status.is_unprivileged() {
        return Err(PrivilegeError::StillThere(status));
    }
    Ok(Unprivileged { status })
}

/// Empties the bounding set, which takes `CAP_SETPCAP`. Without that, what is in it can't be gained all the same once
/// `no_new_privs` is set.
fn empty_bounding_set() -> rustix::io::Result<()> {
    if !capabilities(None)?.effective.contains(CapabilitySet::SETPCAP) {
        return Ok(());
    }
    for number in 0..u64::BITS {
        match remove_capability_from_bounding_set(CapabilitySet::from_bits_retain(1 << number)) {
            Ok(()) => {}
            // The kernel knows no more.
            Err(Errno::INVAL) => break,
            Err(error) => return Err(error),
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn privileges_of_a_process_with_threads_are_not_given_up() {
        let (end, wait) = std::sync::mpsc::channel::<()>();
        let other = std::thread::spawn(move || wait.recv());
        let error = give_up(Privileged::unexamined()).unwrap_err();
        assert!(matches!(error, PrivilegeError::Threads(2..)), "{error}");
        drop(end);
        assert!(other.join().unwrap().is_err());
    }
}
