//! What was asked for access to.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

#[cfg(doc)]
use super::Subject;
use super::Text;

/// What was asked for.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct Object<'a> {
    /// What it is.
    pub kind: ObjectKind,
    /// Its label: an SELinux context or the peer's AppArmor label.
    #[serde(default, borrow, skip_serializing_if = "Option::is_none")]
    pub label: Option<Text<'a>>,
    /// As [`Subject::unknown_label`], of the object.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub unknown_label: Option<Text<'a>>,
    /// The path of a file or of a unix socket; of what has a name and no path, the name that `/proc` shows.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub path: Option<Text<'a>>,
    /// Where [`Self::path`] starts.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub path_root: Option<PathRoot>,
    /// True if other paths are as right (hard links, several mounts).
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub path_ambiguous: bool,
    /// True if the path's start did not fit.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub path_cut: bool,
    /// True if the file had been unlinked.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub deleted: bool,
    /// The name of the entry in the directory that is the object.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub entry: Option<Text<'a>>,
    /// The file whose execution would make the process that is the object.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub executable: Option<Executable<'a>>,
    /// AppArmor's or TOMOYO's name of the object, if it is not the path.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<Text<'a>>,
    /// The second name: the new path of a link or rename, the profile that an exec asked for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub target: Option<Text<'a>>,
    /// The file system's name as audit prints it: `sda1`, `tmpfs`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub device: Option<Text<'a>>,
    /// The file system's device number, `major:minor`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub device_number: Option<Text<'a>>,
    /// Inode number.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub inode: Option<u64>,
    /// File type and permissions, octal as in `stat -c %f` of the kernel: `0100644`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mode: Option<Text<'a>>,
    /// The file's owner.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub owner: Option<u32>,
    /// Address family, by name: `inet`, `inet6`, `unix`, `netlink`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub family: Option<Text<'a>>,
    /// Socket type, by name: `stream`, `dgram`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub socket_type: Option<Text<'a>>,
    /// Protocol, by name (`tcp`) or number.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub protocol: Option<Text<'a>>,
    /// The address and port that the request names as source.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub source: Option<Endpoint<'a>>,
    /// The address and port that the request names as destination.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub destination: Option<Endpoint<'a>>,
    /// The address and port that the socket is bound to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub local: Option<Endpoint<'a>>,
    /// The address and port that the socket is connected to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub remote: Option<Endpoint<'a>>,
    /// The name of an abstract unix socket, with `@` for the leading NUL.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub abstract_name: Option<Text<'a>>,
    /// The network interface.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub interface: Option<Text<'a>>,
    /// The target process.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub process: Option<TargetProcess<'a>>,
    /// The capability, by name: `net_admin`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub capability: Option<Text<'a>>,
    /// Inode number of the user namespace that the capability was wanted in.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub user_namespace: Option<u32>,
    /// What a locked-down kernel refuses, by the kernel's name of it: `dev_mem`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub lockdown_reason: Option<Text<'a>>,
    /// The key of the System V IPC object.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ipc_key: Option<i32>,
    /// The serial number of the key.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub key_serial: Option<i32>,
    /// The description of the key.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub key_description: Option<Text<'a>>,
    /// The kernel module.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub kernel_module: Option<Text<'a>>,
    /// The class of the anonymous inode: `[userfaultfd]`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub anon_class: Option<Text<'a>>,
    /// The netlink message type.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub netlink_message: Option<u16>,
    /// The source of a mount.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mount_source: Option<Text<'a>>,
    /// The file system type of a mount.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mount_type: Option<Text<'a>>,
    /// What was asked for over D-Bus.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub dbus: Option<Dbus<'a>>,
}

/// A file that is to be executed.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct Executable<'a> {
    /// Its path.
    #[serde(default, borrow, skip_serializing_if = "Option::is_none")]
    pub path: Option<Text<'a>>,
    /// Where [`Self::path`] starts.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub path_root: Option<PathRoot>,
    /// The file system's name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub device: Option<Text<'a>>,
    /// The file system's device number, `major:minor`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub device_number: Option<Text<'a>>,
    /// Inode number.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub inode: Option<u64>,
    /// File type and permissions, octal.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mode: Option<Text<'a>>,
    /// The file's owner.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub owner: Option<u32>,
}

/// A message of D-Bus, or a name on the bus.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct Dbus<'a> {
    /// The bus: `system`.
    #[serde(default, borrow, skip_serializing_if = "Option::is_none")]
    pub bus: Option<Text<'a>>,
    /// What kind of message it is: `method_call`, `signal`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub message_type: Option<Text<'a>>,
    /// The path of the object that it is for, or from.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub path: Option<Text<'a>>,
    /// The interface that the member belongs to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub interface: Option<Text<'a>>,
    /// The method or signal.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub member: Option<Text<'a>>,
    /// The name of the error that the message shows.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error_name: Option<Text<'a>>,
    /// The other side's name on the bus, or the name that was to be owned.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<Text<'a>>,
}

/// What kind of thing an object is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum ObjectKind {
    /// The module gave no object.
    #[default]
    None,
    /// A file of any type.
    File,
    /// A socket, or a packet.
    Socket,
    /// A process.
    Process,
    /// A capability.
    Capability,
    /// A System V IPC object.
    Ipc,
    /// A key.
    Key,
    /// A kernel module.
    KernelModule,
    /// An anonymous inode.
    AnonInode,
    /// A resource limit.
    Rlimit,
    /// The running kernel itself.
    Kernel,
    /// A message of D-Bus, or a name on the bus.
    Dbus,
    /// A unit of systemd; its path is that of the unit file.
    Unit,
    /// Something else, of which [`Object`] has what the kernel gave.
    Other,
}

/// Where a path starts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum PathRoot {
    /// At the root of the process's mount namespace: an absolute path there.
    MountNamespace,
    /// At the root of another mount namespace, which the file's mount is in and the process is not.
    OtherMountNamespace,
    /// At the root of a tree of mounts that is in no mount namespace (any more, or not yet).
    DetachedMount,
    /// At the root of its file system, because only the inode is known and no mount of it is visible to the process.
    FileSystem,
    /// On one of the kernel's own mounts, which are in no mount namespace: a pipe, a socket, a memfd.
    KernelMount,
}

/// An address and port, or the one of them that is known.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct Endpoint<'a> {
    /// The IP address; absent if the kernel gave none.
    #[serde(default, borrow, skip_serializing_if = "Option::is_none")]
    pub address: Option<Text<'a>>,
    /// The port; absent if 0.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub port: Option<u16>,
}

/// The process that is the object.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct TargetProcess<'a> {
    /// Process id, in the initial namespace.
    pub pid: u32,
    /// Thread id, in the initial namespace.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tid: Option<u32>,
    /// The thread's name.
    #[serde(default, borrow, skip_serializing_if = "Option::is_none")]
    pub comm: Option<Text<'a>>,
    /// Path of its executable.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub exe: Option<Text<'a>>,
    /// When it started.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub start_time: Option<Timestamp>,
}
