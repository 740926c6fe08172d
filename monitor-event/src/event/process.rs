//! The process that asked.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::Text;

/// The process that asked, as it was at the moment of the denial.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct Process<'a> {
    /// Process id, in the initial namespace.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pid: Option<u32>,
    /// Thread id, in the initial namespace.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tid: Option<u32>,
    /// Process id in the process's own pid namespace, if it is another.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ns_pid: Option<u32>,
    /// The thread's name.
    #[serde(default, borrow, skip_serializing_if = "Option::is_none")]
    pub comm: Option<Text<'a>>,
    /// Path of the executable.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub exe: Option<Text<'a>>,
    /// True if the executable had been unlinked (as after an upgrade).
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub exe_deleted: bool,
    /// The command line, as much of it as fits.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub cmdline: Vec<Text<'a>>,
    /// True if the end of the command line did not fit.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub cmdline_cut: bool,
    /// The working directory.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cwd: Option<Text<'a>>,
    /// The root directory, if it is not that of the mount namespace: the process is in a chroot.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub root: Option<Text<'a>>,
    /// True if this process was merely interrupted: the kernel was serving a software interrupt, for whoever caused it.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub in_interrupt: bool,
    /// When the process started.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub start_time: Option<Timestamp>,
    /// The parent's process id.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ppid: Option<u32>,
    /// User and group ids, in the initial namespace.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub uid: Option<u32>,
    /// Effective user id.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub euid: Option<u32>,
    /// File-system user id.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fsuid: Option<u32>,
    /// Group id.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub gid: Option<u32>,
    /// Effective group id.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub egid: Option<u32>,
    /// The user who logged in; absent if nobody did.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub loginuid: Option<u32>,
    /// The name that this machine has for [`Self::uid`]; absent if it has none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub user: Option<Text<'a>>,
    /// As [`Self::user`], for [`Self::euid`].
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub euser: Option<Text<'a>>,
    /// As [`Self::user`], for [`Self::gid`].
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub group: Option<Text<'a>>,
    /// As [`Self::user`], for [`Self::egid`].
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub egroup: Option<Text<'a>>,
    /// As [`Self::user`], for [`Self::loginuid`].
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub loginuser: Option<Text<'a>>,
    /// The audit session; absent if there is none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub session: Option<u32>,
    /// Effective capabilities, as in `/proc/PID/status`: 16 hexadecimal digits.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cap_effective: Option<Text<'a>>,
    /// Inode numbers of the namespaces.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub namespaces: Option<Namespaces>,
    /// The cgroup.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cgroup: Option<Cgroup<'a>>,
    /// The process's own label; with SELinux and AppArmor only if it is not the subject's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub label: Option<Text<'a>>,
    /// The parent, its parent, and so on, as many as the probe could read.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub ancestors: Vec<Ancestor<'a>>,
}

impl Process<'_> {
    /// Whether nothing is known of it.
    #[must_use]
    pub fn is_unknown(&self) -> bool {
        *self == Self::default()
    }
}

/// Inode numbers of namespaces, as in `/proc/PID/ns`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct Namespaces {
    /// The pid namespace.
    pub pid: u32,
    /// The mount namespace.
    pub mnt: u32,
    /// The network namespace.
    pub net: u32,
    /// The user namespace.
    pub user: u32,
}

/// A cgroup.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct Cgroup<'a> {
    /// Its id: the inode number of its directory.
    pub id: u64,
    /// Its path in its hierarchy.
    #[serde(default, borrow, skip_serializing_if = "Option::is_none")]
    pub path: Option<Text<'a>>,
}

/// An ancestor of the process.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct Ancestor<'a> {
    /// Process id, in the initial namespace.
    pub pid: u32,
    /// Its name.
    #[serde(borrow)]
    pub comm: Text<'a>,
    /// Path of its executable.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub exe: Option<Text<'a>>,
    /// Its user id.
    pub uid: u32,
    /// When it started.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub start_time: Option<Timestamp>,
}
