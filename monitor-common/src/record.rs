//! The fixed part of a record: the head that all have, and the body of each source.

use bitflags::bitflags;
use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout, TryFromBytes};

use crate::Object;

/// The version of this contract, in [`Head::abi`]: it is incremented when a record of the version before would be read
/// wrongly.
pub const ABI: u8 = 2;

/// Facts about a record, in [`Head::flags`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, FromBytes, IntoBytes, Immutable, KnownLayout)]
#[repr(transparent)]
pub struct Flags(u16);

bitflags! {
    impl Flags: u16 {
        /// The module would have refused, but permissive or complain mode let it pass.
        const PERMITTED = 1;
        /// The policy asked for no log.
        const SILENT = 1 << 1;
        /// The record was full: chunks that should follow are not there.
        const FULL = 1 << 2;
        /// The process has no user memory (a kernel thread), so no executable and no command line.
        const KERNEL_THREAD = 1 << 3;
        /// The running task is not the subject: the kernel was working on another's behalf (interrupt,
        /// `override_creds`).
        const NOT_SUBJECT = 1 << 4;
        /// Something could not be read: what should be there is missing.
        const FAULT = 1 << 5;
        /// A path or string did not fit whole.
        const CUT = 1 << 6;
        /// The running task was interrupted: the kernel was serving a software interrupt, for whoever caused it.
        const IN_INTERRUPT = 1 << 7;
    }
}

impl Flags {
    /// These flags if `condition` is 1, none if it is 0: without a branch, of which the verifier would follow both ways.
    #[must_use]
    pub const fn when(self, condition: u64) -> Self {
        Self(self.0 * (condition & 1) as u16)
    }
}

macro_rules! task_fields {
    ($($(#[$doc:meta])* $field:ident,)+) => {
        /// Members of [`Task`] that may be unreadable, one bit each in [`Head::missing`].
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        #[repr(u8)]
        pub enum TaskField {
            $($(#[$doc])* $field,)+
        }

        impl TaskField {
            /// All of them.
            pub const ALL: &[Self] = &[$(Self::$field,)+];
        }
    };
}

task_fields! {
    /// [`Task::start_time`].
    StartTime,
    /// [`Task::cgroup_id`].
    CgroupId,
    /// [`Task::cap_effective`].
    CapEffective,
    /// [`Task::ppid`].
    Ppid,
    /// [`Task::ns_pid`].
    NsPid,
    /// All user and group ids.
    Ids,
    /// [`Task::loginuid`].
    Loginuid,
    /// [`Task::session`].
    Session,
    /// [`Task::namespaces`].
    Namespaces,
    /// [`Task::comm`].
    Comm,
}

impl TaskField {
    /// Its bit in [`Head::missing`].
    #[must_use]
    pub const fn bit(self) -> u64 {
        1 << self as u8
    }
}

/// What every record starts with.
#[derive(Clone, Copy, Debug, FromBytes, IntoBytes, Immutable, KnownLayout)]
#[repr(C)]
pub struct Head {
    /// Bytes of the record that count, this head included.
    pub size: u16,
    /// The [`crate::SourceId`] that wrote it.
    pub source: u8,
    /// The [`ABI`] that it is written by.
    pub abi: u8,
    /// What is to be known of it.
    pub flags: Flags,
    /// The CPU that the program ran on.
    pub cpu: u16,
    /// When: nanoseconds since boot, suspend included (`CLOCK_BOOTTIME`).
    pub time: u64,
    /// Members of `task` that could not be read: [`TaskField::bit`]s.
    pub missing: u64,
    /// What the denial has in common with its repeats ([`crate::fold`]); 0 if they are not folded.
    pub fold: u64,
    /// The running task.
    pub task: Task,
}

/// The running task, from `struct task_struct` and `struct cred` at the moment of the denial.
#[derive(Clone, Copy, Debug, FromBytes, IntoBytes, Immutable, KnownLayout)]
#[repr(C)]
pub struct Task {
    /// When the process (its thread-group leader) started: nanoseconds since boot.
    pub start_time: u64,
    /// The cgroup's id: kernfs node id, which is the inode number of its directory.
    pub cgroup_id: u64,
    /// Effective capabilities, one bit each.
    pub cap_effective: u64,
    /// `audit_context.serial`, when the system call already has an audit record; else 0.
    pub audit_serial: u64,
    /// Process id, in the initial namespace.
    pub pid: u32,
    /// Thread id, in the initial namespace.
    pub tid: u32,
    /// The parent's process id, in the initial namespace.
    pub ppid: u32,
    /// Process id in the process's own namespace.
    pub ns_pid: u32,
    /// User ids, in the initial namespace.
    pub uid: u32,
    /// Effective user id.
    pub euid: u32,
    /// File-system user id.
    pub fsuid: u32,
    /// Group id.
    pub gid: u32,
    /// Effective group id.
    pub egid: u32,
    /// File-system group id.
    pub fsgid: u32,
    /// The user who logged in, `u32::MAX` for none.
    pub loginuid: u32,
    /// The audit session, `u32::MAX` for none.
    pub session: u32,
    /// Arguments that the program was started with; 0 where not readable.
    pub argument_count: u32,
    /// Unused, zero.
    pub reserved: u32,
    /// Inode numbers of the namespaces: pid, mount, network, user; 0 where not readable.
    pub namespaces: [u32; 4],
    /// The name of the thread (`task->comm`), NUL-padded.
    pub comm: [u8; 16],
}

/// Credentials that the running task acts with and are not its own (`task->cred`, where `task->real_cred` is another), in
/// a chunk of [`crate::chunk::ChunkKind::Credentials`]. Ids are those of the initial namespace.
#[derive(Clone, Copy, Debug, FromBytes, IntoBytes, Immutable, KnownLayout)]
#[repr(C)]
pub struct Credentials {
    /// Effective capabilities, one bit each.
    pub cap_effective: u64,
    /// User id.
    pub uid: u32,
    /// Effective user id.
    pub euid: u32,
    /// File-system user id.
    pub fsuid: u32,
    /// Group id.
    pub gid: u32,
    /// Effective group id.
    pub egid: u32,
    /// File-system group id.
    pub fsgid: u32,
}

/// One ancestor of the process, in a chunk of [`crate::chunk::ChunkKind::Ancestor`].
#[derive(Clone, Copy, Debug, FromBytes, IntoBytes, Immutable, KnownLayout)]
#[repr(C)]
pub struct Ancestor {
    /// When it started: nanoseconds since boot.
    pub start_time: u64,
    /// Its process id, in the initial namespace.
    pub pid: u32,
    /// Its user id, in the initial namespace.
    pub uid: u32,
    /// Its name, NUL-padded: 16 bytes, as two words, which the program copies.
    pub comm: [u64; 2],
}

/// The body of SELinux's record, from `struct selinux_audit_data` (security/selinux/include/avc.h).
#[derive(Clone, Copy, Debug, FromBytes, IntoBytes, Immutable, KnownLayout)]
#[repr(C)]
pub struct Selinux {
    /// The subject's SID.
    pub ssid: u32,
    /// The object's SID.
    pub tsid: u32,
    /// The object class, in the kernel's own numbering.
    pub tclass: u32,
    /// The permissions asked for, in the kernel's own numbering.
    pub requested: u32,
    /// The permissions that audit would print; 0 if the policy asks for no log.
    pub audited: u32,
    /// The permissions refused.
    pub denied: u32,
    /// 0 in permissive mode, else a negative errno.
    pub result: i32,
    /// The ioctl command or the netlink message type, plus 1, where the object doesn't have it; 0 for none.
    pub extended_plus_one: u32,
    /// What was asked for.
    pub object: Object,
}

/// What of SELinux's policy changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Immutable, KnownLayout, TryFromBytes)]
#[repr(u32)]
pub enum PolicyChange {
    /// It was switched between enforcing (1) and permissive (0).
    Mode = 1,
    /// A policy was loaded: its sequence number; 0 for none.
    Load = 2,
    /// Booleans were set; sequence numbers, too.
    Booleans = 3,
}

/// Booleans that a record has, at most. A power of two.
pub const BOOLEANS: usize = 64;

/// The body of a record of a change of SELinux's policy.
#[derive(Clone, Copy, Debug, FromBytes, IntoBytes, Immutable, KnownLayout)]
#[repr(C)]
pub struct SelinuxPolicy {
    /// A [`PolicyChange`].
    pub change: u32,
    /// What it was, as the change says.
    pub before: u32,
    /// What it is.
    pub after: u32,
    /// How many booleans changed; as many chunks [`crate::chunk::ChunkKind::Boolean`] as there is room for say which.
    pub booleans: u32,
    /// The SID of the task.
    pub ssid: u32,
    /// Unused, zero.
    pub reserved: u32,
}

/// The body of AppArmor's record, from `struct apparmor_audit_data` (security/apparmor/include/audit.h).
#[derive(Clone, Copy, Debug, FromBytes, IntoBytes, Immutable, KnownLayout)]
#[repr(C)]
pub struct Apparmor {
    /// `enum audit_type`: 1 ALLOWED, 2 DENIED, 6 KILLED.
    pub audit_type: u32,
    /// A negative errno.
    pub error: i32,
    /// The permissions asked for, in AppArmor's numbering for the class.
    pub requested: u32,
    /// The permissions refused.
    pub denied: u32,
    /// `AA_CLASS_*`; 0 where the kernel doesn't say (before 6.7).
    pub class: u16,
    /// The number of the running system call, plus 1; 0 where it is unknown or not that of a 64-bit program.
    pub call_plus_one: u16,
    /// Unused, zero.
    pub reserved: [u16; 2],
    /// The union at the end of `apparmor_audit_data`, from `fs` on, as it is in memory.
    pub details: [u8; 64],
    /// What was asked for.
    pub object: Object,
}

/// The body of a record of a change of AppArmor's policy.
#[derive(Clone, Copy, Debug, FromBytes, IntoBytes, Immutable, KnownLayout)]
#[repr(C)]
pub struct ApparmorPolicy {
    /// Profiles that changed; there is a chunk for each, as far as they find room.
    pub changes: u32,
    /// A [`ParameterId`]; 0 if none changed.
    pub parameter: u32,
    /// What the parameter was.
    pub before: u32,
    /// What it is.
    pub after: u32,
    /// The number of `AUDIT_ALL`, the last of `enum audit_mode`, which shows the numbers of the others.
    pub audit_all: u32,
    /// Unused, zero.
    pub reserved: u32,
}

impl ApparmorPolicy {
    /// Stands for the mode of a profile that is not there.
    pub const NONE: u8 = u8::MAX;
}

/// A parameter that holds for all of AppArmor's profiles (`/sys/module/apparmor/parameters`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u32)]
pub enum ParameterId {
    /// `mode`: enforce, complain, ...
    Mode = 1,
    /// `audit`: what is logged.
    Audit = 2,
}

/// Which check Landlock made (`enum landlock_request_type`, security/landlock/audit.h).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u32)]
pub enum LandlockRequest {
    /// ptrace.
    Ptrace = 1,
    /// A change of the file-system topology (mount, umount, `pivot_root`).
    ChangeTopology = 2,
    /// A file-system access.
    FsAccess = 3,
    /// A network access.
    NetAccess = 4,
    /// Connecting to an abstract unix socket out of the domain's scope.
    ScopeAbstractUnixSocket = 5,
    /// A signal out of the domain's scope.
    ScopeSignal = 6,
}

/// The body of Landlock's record.
#[derive(Clone, Copy, Debug, FromBytes, IntoBytes, Immutable, KnownLayout)]
#[repr(C)]
pub struct Landlock {
    /// The denying domain's id, as audit prints it (there in hexadecimal).
    pub domain: u64,
    /// The accesses that the domain blocks, one bit each, in the numbering of the request's kind.
    pub blocked: u64,
    /// A [`LandlockRequest`].
    pub request: u32,
    /// 1 if Landlock logs it, 0 if the domain's flags ask for no log, `u32::MAX` where the kernel doesn't say.
    pub logged: u32,
    /// 1 if the process still runs the program that restricted itself, 0 if not, `u32::MAX` where the kernel doesn't
    /// say.
    pub same_exec: u32,
    /// 1 if [`Self::domain`] is known to be the denying domain, 0 if it is the subject's innermost one.
    pub domain_is_exact: u32,
    /// What was asked for.
    pub object: Object,
}

/// The body of a failed capability check's record.
#[derive(Clone, Copy, Debug, FromBytes, IntoBytes, Immutable, KnownLayout)]
#[repr(C)]
pub struct Capability {
    /// The capability's number.
    pub capability: u32,
    /// `CAP_OPT_*`, or `u32::MAX` where the attachment doesn't show them.
    pub options: u32,
    /// Inode number of the user namespace that the capability was wanted in; 0 where not readable.
    pub user_namespace: u32,
    /// The check's negative errno.
    pub error: i32,
}
