//! The event: the typed, enriched form of a denial, and what every output prints.
//!
//! Serialised, it is one JSON object a line. Field names are stable. What is unknown is absent, and
//! [`Event::missing`] says why. Strings that came from the kernel or a process are [`Text`]: UTF-8, in which a byte
//! that isn't part of valid UTF-8 stands as `\xNN` and a backslash as `\\`, so that no byte is lost.
//!
//! An event borrows from the record it was decoded from: the ring buffer's memory goes to the output in one pass.

mod advice;
#[cfg(test)]
mod schema;
mod stack;

use std::{borrow::Cow, num::NonZeroU64};

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

pub use self::{
    advice::Advice,
    stack::{Frame, Stack},
};
pub use crate::fingerprint::Fingerprint;

/// Schema version. Incremented when a field changes its name or meaning, not when one is added.
pub const SCHEMA_VERSION: u32 = 2;

/// A string from outside, escaped without loss; see the module's documentation.
pub type Text<'a> = Cow<'a, str>;

/// One denial, or one change of a module's policy. docs/events.md explains every field.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct Event<'a> {
    /// Schema version.
    #[cfg_attr(test, schemars(extend("const" = SCHEMA_VERSION)))]
    pub schema: u32,
    /// When the module decided.
    pub time: Timestamp,
    /// This machine's host name.
    #[serde(borrow)]
    pub host: Text<'a>,
    /// What is told.
    pub kind: Kind,
    /// The module that refused, or whose policy changed.
    pub module: Module,
    /// Whether it was refused; absent if nothing was asked for ([`Kind::Policy`]).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub verdict: Option<Verdict>,
    /// True if the policy asked for no log, so that audit never shows it.
    pub silent: bool,
    /// What makes it the same as others, whenever and on whatever host they happen: see [`crate::fingerprint`]. Absent
    /// for [`Kind::Policy`].
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fingerprint: Option<Fingerprint>,
    /// How many denials this event stands for: repeats of one that was reported before, whose process, object and all the
    /// rest it shows. Absent for a denial itself.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub count: Option<NonZeroU64>,
    /// When the first of these repeats was.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub first: Option<Timestamp>,
    /// When the last of them was, as [`Self::time`].
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last: Option<Timestamp>,
    /// Process ids of the first of them.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub pids: Vec<u32>,
    /// What was asked for, in the module's own terms.
    pub action: Action<'a>,
    /// What changed in the module's policy, for [`Kind::Policy`].
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub changes: Vec<Change<'a>>,
    /// Who asked.
    pub subject: Subject<'a>,
    /// What it was asked for.
    pub object: Object<'a>,
    /// The process that asked; absent if nothing is known of it.
    #[serde(default, skip_serializing_if = "Process::is_unknown")]
    pub process: Process<'a>,
    /// The object manager that refused: a program that asks the module before it does something for others, such as
    /// dbus-daemon or systemd. Absent where the kernel itself refused.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub manager: Option<Box<Process<'a>>>,
    /// The systemd unit that the process belongs to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub unit: Option<Unit<'a>>,
    /// The container that the process is in, or, where [`Container::found_by`] says so, the subject.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub container: Option<Container<'a>>,
    /// Where the process was, in the kernel and in its program, if that was asked for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stack: Option<Stack<'a>>,
    /// The audit record of the same denial.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub audit: Option<Audit>,
    /// What to do about it, if that was asked for (`denyd tail --advice`).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub advice: Option<Box<Advice<'a>>>,
    /// Fields that should be here and could not be had.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub missing: Vec<Missing<'a>>,
}

impl Event<'_> {
    /// How many denials, or changes of a policy, it stands for.
    #[must_use]
    pub fn denials(&self) -> u64 {
        self.count.map_or(1, NonZeroU64::get)
    }
}

/// What an event reports.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "lowercase")]
pub enum Kind {
    /// A module refused, or would have.
    Denial,
    /// A module's policy or mode was changed; [`Event::process`] did it.
    Policy,
}

/// One change of a module's policy.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct Change<'a> {
    /// What changed.
    pub what: ChangeKind,
    /// The boolean's or profile's name.
    #[serde(default, borrow, skip_serializing_if = "Option::is_none")]
    pub name: Option<Text<'a>>,
    /// The namespace of an AppArmor profile, absent for the root namespace.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub namespace: Option<Text<'a>>,
    /// What it was: a mode (`enforcing`, `complain`), a boolean's value (`on`), a policy's sequence number; absent if it
    /// was not there.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub before: Option<Text<'a>>,
    /// What it is now, in the form of [`Self::before`]; absent if it is gone.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub after: Option<Text<'a>>,
}

impl Change<'_> {
    /// A change of this kind of which nothing else is known.
    #[must_use]
    pub fn new(what: ChangeKind) -> Self {
        Self { what, name: None, namespace: None, before: None, after: None }
    }
}

/// What of a module's policy changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum ChangeKind {
    /// SELinux was switched between enforcing and permissive; or the mode that all of AppArmor's profiles have was set
    /// (`/sys/module/apparmor/parameters/mode`).
    Mode,
    /// What all of AppArmor's profiles log was set (`/sys/module/apparmor/parameters/audit`).
    AuditMode,
    /// SELinux's whole policy was loaded.
    Policy,
    /// An SELinux boolean was set.
    Boolean,
    /// An AppArmor profile was loaded, replaced or removed.
    Profile,
}

/// A security module.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "lowercase")]
pub enum Module {
    /// SELinux.
    Selinux,
    /// AppArmor.
    Apparmor,
    /// Landlock.
    Landlock,
    /// POSIX capabilities.
    Capability,
    /// seccomp.
    Seccomp,
    /// Yama.
    Yama,
    /// Lockdown.
    Lockdown,
    /// TOMOYO.
    Tomoyo,
    /// A BPF LSM program.
    Bpf,
    /// IPE (Integrity Policy Enforcement).
    Ipe,
}

impl Module {
    /// Every module, in the order of their numbers.
    pub const ALL: [Self; 10] = [
        Self::Selinux,
        Self::Apparmor,
        Self::Landlock,
        Self::Capability,
        Self::Seccomp,
        Self::Yama,
        Self::Lockdown,
        Self::Tomoyo,
        Self::Bpf,
        Self::Ipe,
    ];

    /// Its name, as everywhere.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Selinux => "selinux",
            Self::Apparmor => "apparmor",
            Self::Landlock => "landlock",
            Self::Capability => "capability",
            Self::Seccomp => "seccomp",
            Self::Yama => "yama",
            Self::Lockdown => "lockdown",
            Self::Tomoyo => "tomoyo",
            Self::Bpf => "bpf",
            Self::Ipe => "ipe",
        }
    }
}

/// What the module decided.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "lowercase")]
pub enum Verdict {
    /// It refused.
    Denied,
    /// It would have refused, but its mode (permissive, complain) let it pass, or whom it asked (seccomp).
    Permitted,
}

/// What was asked for, in the module's own terms.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct Action<'a> {
    /// The object class: SELinux `file`, `tcp_socket`; AppArmor `file`, `net`, `cap`; Landlock `fs`, `net`, `scope`,
    /// `ptrace`; `capability`; seccomp `syscall`; Yama `ptrace`;
    /// `lockdown`; TOMOYO `file`, `network`, `misc`;
    /// `bpf_lsm`; `ipe`.
    #[serde(default, borrow, skip_serializing_if = "Option::is_none")]
    pub class: Option<Text<'a>>,
    /// AppArmor's operation (`open`, `exec`, `connect`); Yama's (`attach`, `traceme`); the LSM hook on
    /// which a BPF program is (`file_open`); the hook of IPE, as audit names it (`BPRM_CHECK`).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub operation: Option<Text<'a>>,
    /// The permissions that were refused, by name.
    pub permissions: Vec<Text<'a>>,
    /// All permissions that were asked for, where the module says so and it is more than was refused.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub requested: Vec<Text<'a>>,
    /// AppArmor's `denied_mask`, as audit writes it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub denied_mask: Option<Text<'a>>,
    /// AppArmor's `requested_mask`, as audit writes it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub requested_mask: Option<Text<'a>>,
    /// seccomp: the system call, by name; `syscall_NN` if it has none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub syscall: Option<Text<'a>>,
    /// seccomp: the system call's number.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub syscall_number: Option<i32>,
    /// seccomp: the architecture by whose rules the number is a system call's: `x86_64`, `i386`, `x32`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub syscall_arch: Option<Text<'a>>,
    /// seccomp: what the filter decided, as `kernel.seccomp.actions_avail` names it: `errno`, `kill_process`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub seccomp_action: Option<Text<'a>>,
    /// seccomp: where in the program the call was made, in hexadecimal.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub instruction_pointer: Option<Text<'a>>,
    /// The ioctl command.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ioctl_command: Option<u32>,
    /// The signal, by name (`kill`, `term`, `rtmin+1`).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub signal: Option<Text<'a>>,
    /// The resource limit, by name (`nofile`).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rlimit: Option<Text<'a>>,
    /// The limit's value that was asked for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rlimit_value: Option<u64>,
    /// Mount flags, by name, and further options.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mount_options: Option<Text<'a>>,
    /// The error that the caller got, a positive errno.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub errno: Option<u32>,
    /// The BPF LSM programs that were on the hook when denyd started: one of them refused.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub bpf_programs: Vec<BpfProgram<'a>>,
    /// What an object manager told audit, whole.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub message: Option<Text<'a>>,
    /// Yama: `kernel.yama.ptrace_scope` at that time.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ptrace_scope: Option<u32>,
    /// AppArmor's further information (`Failed name lookup - disconnected path`); lockdown's reason as the kernel logs
    /// it (`/dev/mem,kmem,port`); the request as TOMOYO's policy would allow it (`file write /srv/ledger`); IPE's rule
    /// that refused (`DEFAULT op=EXECUTE action=DENY`).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub info: Option<Text<'a>>,
}

/// A BPF program.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct BpfProgram<'a> {
    /// Its id, as `bpftool prog` shows it; another each time that it is loaded.
    pub id: u32,
    /// Its name, up to 15 bytes; absent if it has none.
    #[serde(default, borrow, skip_serializing_if = "Option::is_none")]
    pub name: Option<Text<'a>>,
    /// Its tag, a hash of its instructions, in hexadecimal.
    pub tag: Text<'a>,
}

/// Who asked, in the module's own terms.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct Subject<'a> {
    /// The label: an SELinux context, an AppArmor profile or a TOMOYO domain.
    #[serde(default, borrow, skip_serializing_if = "Option::is_none")]
    pub label: Option<Text<'a>>,
    /// The SELinux context that it carries and the policy doesn't know (any more), so that it is taken for unlabeled,
    /// which [`Self::label`] says.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub unknown_label: Option<Text<'a>>,
    /// The namespace of the AppArmor profile, absent for the root namespace.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub namespace: Option<Text<'a>>,
    /// The number of the TOMOYO domain's profile.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub profile: Option<u8>,
    /// The mode in which TOMOYO's profile has the operation: `enforcing`, `permissive`, `learning`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mode: Option<Text<'a>>,
    /// The Landlock domain, in hexadecimal as audit prints it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub domain: Option<Text<'a>>,
    /// The parents of the Landlock domain, the nearest first.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub domain_parents: Vec<Text<'a>>,
    /// False if [`Self::domain`] is the subject's innermost domain, and one of its parents may be what refused.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub domain_is_exact: Option<bool>,
    /// Landlock: whether the process still runs the program that restricted itself.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub same_exec: Option<bool>,
    /// User id that was judged, where it is not the process's own: the kernel acts with borrowed credentials at times
    /// (overlayfs, access(2)). So are those that follow.
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
    /// Effective capabilities, as [`Process::cap_effective`].
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cap_effective: Option<Text<'a>>,
    /// True if what was judged is not the running task's: the kernel was working for another, so that [`Event::process`]
    /// may not be who asked, or the module judged the other side.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub not_process: bool,
}

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

/// A systemd unit, as the path of its cgroup shows it.
///
/// Names are those that `systemctl` takes: what systemd escapes in a unit's name (`\x2d`) stays escaped.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct Unit<'a> {
    /// The unit of the system's manager: `httpd.service`, `session-2.scope`, `user@1000.service`. Absent if only a slice
    /// is known.
    #[serde(default, borrow, skip_serializing_if = "Option::is_none")]
    pub name: Option<Text<'a>>,
    /// The innermost slice that it is in.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub slice: Option<Text<'a>>,
    /// The unit of a user's manager, where [`Self::name`] is that manager: `dbus.service`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub user_unit: Option<Text<'a>>,
    /// The innermost slice of the user's manager that it is in.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub user_slice: Option<Text<'a>>,
    /// The user whose manager, session or slice it is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub owner: Option<u32>,
    /// The login session, as logind numbers it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub session: Option<Text<'a>>,
}

/// A container.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct Container<'a> {
    /// Its id: 64 hexadecimal digits, or the name where the runtime has only names. Absent if only the pod is known.
    #[serde(default, borrow, skip_serializing_if = "Option::is_none")]
    pub id: Option<Text<'a>>,
    /// Its name, as its runtime told it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<Text<'a>>,
    /// The image that it was started from, as its runtime told it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub image: Option<Text<'a>>,
    /// What runs it, where the path shows.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub runtime: Option<Runtime>,
    /// The pod that it is in.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pod: Option<Pod<'a>>,
    /// The containers that it is nested in, the nearest first.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub parents: Vec<OuterContainer<'a>>,
    /// How it was found.
    pub found_by: FoundBy,
}

/// A container in which there is another.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct OuterContainer<'a> {
    /// Its id.
    #[serde(borrow)]
    pub id: Text<'a>,
    /// What runs it, where the path shows.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub runtime: Option<Runtime>,
}

/// What runs a container.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "kebab-case")]
pub enum Runtime {
    /// Docker.
    Docker,
    /// containerd, by Kubernetes or nerdctl.
    Containerd,
    /// CRI-O.
    CriO,
    /// Podman.
    Podman,
    /// systemd-nspawn.
    SystemdNspawn,
    /// LXC, LXD and Incus.
    Lxc,
    /// crun, by itself.
    Crun,
    /// runc, by itself.
    Runc,
}

/// A pod.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct Pod<'a> {
    /// Its UID in Kubernetes, its id in Podman; absent if the path doesn't tell it.
    #[serde(default, borrow, skip_serializing_if = "Option::is_none")]
    pub uid: Option<Text<'a>>,
    /// Its name in Kubernetes, as the container's runtime told it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<Text<'a>>,
    /// Its namespace in Kubernetes, as the container's runtime told it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub namespace: Option<Text<'a>>,
    /// Its quality of service; Kubernetes's alone.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub qos: Option<QosClass>,
}

/// Quality of service of a Kubernetes pod.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "lowercase")]
pub enum QosClass {
    /// Every container has limits that are its requests.
    Guaranteed,
    /// Some container has a request or limit.
    Burstable,
    /// None has.
    Besteffort,
}

/// How a container was found.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum FoundBy {
    /// The path of the process's cgroup says so.
    Cgroup,
    /// Inferred: a process of the subject's SELinux level was in it earlier.
    SelinuxLevel,
}

/// The audit record of the same denial.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct Audit {
    /// Its serial number, for `ausearch --event`.
    pub serial: u64,
}

/// A field that should be here and could not be had.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct Missing<'a> {
    /// The field, by its path in the JSON: `process.exe`.
    #[serde(borrow)]
    pub field: Text<'a>,
    /// Why.
    pub reason: Text<'a>,
}
