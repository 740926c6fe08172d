//! Landlock's system calls, in full: the tests need rights and flags that are newer than the `landlock` crate.

use std::{
    io,
    os::fd::{AsFd as _, AsRawFd as _, FromRawFd as _, OwnedFd},
};

use rustix::fs::{Mode, OFlags};

/// Rights to files (`LANDLOCK_ACCESS_FS_*`).
pub mod fs {
    #![expect(missing_docs, reason = "the names are the kernel's and say it all")]
    pub const EXECUTE: u64 = 1 << 0;
    pub const WRITE_FILE: u64 = 1 << 1;
    pub const READ_FILE: u64 = 1 << 2;
    pub const READ_DIR: u64 = 1 << 3;
    pub const REMOVE_DIR: u64 = 1 << 4;
    pub const REMOVE_FILE: u64 = 1 << 5;
    pub const MAKE_CHAR: u64 = 1 << 6;
    pub const MAKE_DIR: u64 = 1 << 7;
    pub const MAKE_REG: u64 = 1 << 8;
    pub const MAKE_SOCK: u64 = 1 << 9;
    pub const MAKE_FIFO: u64 = 1 << 10;
    pub const MAKE_BLOCK: u64 = 1 << 11;
    pub const MAKE_SYM: u64 = 1 << 12;
    pub const REFER: u64 = 1 << 13;
    pub const TRUNCATE: u64 = 1 << 14;
    pub const IOCTL_DEV: u64 = 1 << 15;
    pub const RESOLVE_UNIX: u64 = 1 << 16;
}

/// Rights to the network (`LANDLOCK_ACCESS_NET_*`).
pub mod net {
    #![expect(missing_docs, reason = "the names are the kernel's and say it all")]
    pub const BIND_TCP: u64 = 1 << 0;
    pub const CONNECT_TCP: u64 = 1 << 1;
    pub const BIND_UDP: u64 = 1 << 2;
    pub const CONNECT_SEND_UDP: u64 = 1 << 3;
}

/// Scopes (`LANDLOCK_SCOPE_*`).
pub mod scope {
    #![expect(missing_docs, reason = "the names are the kernel's and say it all")]
    pub const ABSTRACT_UNIX_SOCKET: u64 = 1 << 0;
    pub const SIGNAL: u64 = 1 << 1;
}

/// What is logged (`LANDLOCK_RESTRICT_SELF_LOG_*`).
pub mod log {
    #![expect(missing_docs, reason = "the names are the kernel's and say it all")]
    pub const SAME_EXEC_OFF: u32 = 1 << 0;
    pub const NEW_EXEC_ON: u32 = 1 << 1;
    pub const SUBDOMAINS_OFF: u32 = 1 << 2;
}

/// One Landlock domain to be: what it handles, and what it allows nevertheless.
#[derive(Clone, Debug, Default)]
pub struct Layer {
    attributes: RulesetAttributes,
    beneath: Vec<(&'static str, u64)>,
    ports: Vec<(u16, u64)>,
    flags: u32,
}

/// `struct landlock_ruleset_attr` up to `scoped`, which Linux 6.12 and newer know.
#[derive(Clone, Copy, Debug, Default)]
#[repr(C)]
struct RulesetAttributes {
    handled_access_fs: u64,
    handled_access_net: u64,
    scoped: u64,
}

/// `struct landlock_path_beneath_attr`.
#[repr(C, packed)]
struct PathBeneathAttributes {
    allowed_access: u64,
    parent_fd: i32,
}

/// `struct landlock_net_port_attr`.
#[repr(C)]
struct NetPortAttributes {
    allowed_access: u64,
    port: u64,
}

const RULE_PATH_BENEATH: libc::c_int = 1;
const RULE_NET_PORT: libc::c_int = 2;

impl Layer {
    /// A domain that handles nothing yet, and so forbids nothing.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Forbids these of [`fs`]'s rights.
    #[must_use]
    pub const fn forbid_fs(mut self, rights: u64) -> Self {
        self.attributes.handled_access_fs |= rights;
        self
    }

    /// Forbids these of [`net`]'s rights.
    #[must_use]
    pub const fn forbid_net(mut self, rights: u64) -> Self {
        self.attributes.handled_access_net |= rights;
        self
    }

    /// Closes these of [`scope`]'s scopes.
    #[must_use]
    pub const fn close(mut self, scopes: u64) -> Self {
        self.attributes.scoped |= scopes;
        self
    }

    /// Allows rights beneath a directory, or to a file.
    #[must_use]
    pub fn allow_beneath(mut self, path: &'static str, rights: u64) -> Self {
        self.beneath.push((path, rights));
        self
    }

    /// Allows rights to a port.
    #[must_use]
    pub fn allow_port(mut self, port: u16, rights: u64) -> Self {
        self.ports.push((port, rights));
        self
    }

    /// Changes what is logged.
    #[must_use]
    pub const fn log(mut self, flags: u32) -> Self {
        self.flags |= flags;
        self
    }

    /// Puts the calling thread into the domain.
    ///
    /// # Errors
    /// Fails if the kernel has no Landlock, or not what the domain needs.
    pub fn enforce(&self) -> io::Result<()> {
        rustix::thread::set_no_new_privs(true)?;
        // Without anything handled the kernel refuses a ruleset; a domain that only sets log flags has none.
        if self.attributes.handled_access_fs | self.attributes.handled_access_net | self.attributes.scoped
            == 0
        {
            return restrict_self(-1, self.flags);
        }
        let ruleset = create_ruleset(&self.attributes)?;
        for &(path, allowed_access) in &self.beneath {
            let parent = rustix::fs::open(path, OFlags::PATH | OFlags::CLOEXEC, Mode::empty())?;
            let rule = PathBeneathAttributes { allowed_access, parent_fd: parent.as_fd().as_raw_fd() };
            add_rule(&ruleset, RULE_PATH_BENEATH, (&raw const rule).cast())?;
        }
        for &(port, allowed_access) in &self.ports {
            let rule = NetPortAttributes { allowed_access, port: port.into() };
            add_rule(&ruleset, RULE_NET_PORT, (&raw const rule).cast())?;
        }
        restrict_self(ruleset.as_raw_fd(), self.flags)
    }
}

fn create_ruleset(attributes: &RulesetAttributes) -> io::Result<OwnedFd> {
    // SAFETY: the kernel reads as many bytes of `attributes` as it is told, and they are all there.
    let descriptor = unsafe {
        libc::syscall(
            libc::SYS_landlock_create_ruleset,
            std::ptr::from_ref(attributes),
            size_of::<RulesetAttributes>(),
            0,
        )
    };
    let descriptor =
        i32::try_from(descriptor).ok().filter(|&fd| fd >= 0).ok_or_else(io::Error::last_os_error)?;
    // SAFETY: the kernel has just made this descriptor, for nobody else.
    Ok(unsafe { OwnedFd::from_raw_fd(descriptor) })
}

fn add_rule(ruleset: &OwnedFd, kind: libc::c_int, rule: *const libc::c_void) -> io::Result<()> {
    // SAFETY: `rule` points to a structure of this kind, which outlives the call.
    let result = unsafe { libc::syscall(libc::SYS_landlock_add_rule, ruleset.as_raw_fd(), kind, rule, 0) };
    if result == 0 { Ok(()) } else { Err(io::Error::last_os_error()) }
}

fn restrict_self(ruleset: i32, flags: u32) -> io::Result<()> {
    // SAFETY: the call takes numbers only.
    let result = unsafe { libc::syscall(libc::SYS_landlock_restrict_self, ruleset, flags) };
    if result == 0 { Ok(()) } else { Err(io::Error::last_os_error()) }
}
