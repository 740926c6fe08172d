//! AppArmor's classes, masks and flags, as its audit records write them (security/apparmor/).

use std::{borrow::Cow, fmt::Write as _};

use crate::{event::Text, names};

/// `AA_CLASS_*`: what a denial is about. The kernel itself says so from 6.7 on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Class {
    /// Files, exec and changes of profile.
    File,
    /// Capabilities.
    Capability,
    /// Sockets.
    Net,
    /// Resource limits.
    Rlimits,
    /// Mounts.
    Mount,
    /// ptrace.
    Ptrace,
    /// Signals.
    Signal,
    /// `io_uring`.
    IoUring,
    /// User namespaces.
    Namespace,
    /// Another, of this number; 0 where it is not known.
    Other(u16),
}

/// The names of the classes that have no masks of their own here (`aa_class_names`, security/apparmor/audit.c).
const OTHER_CLASSES: [(u16, &str); 8] = [
    (6, "domain"),
    (11, "xmatch"),
    (16, "label"),
    (17, "posix_mqueue"),
    (19, "module"),
    (20, "lsm"),
    (31, "X"),
    (32, "dbus"),
];

impl Class {
    /// The class of a number (security/apparmor/include/apparmor.h).
    #[must_use]
    pub fn from_number(number: u16) -> Self {
        match number {
            2 => Self::File,
            3 => Self::Capability,
            4 | 14 | 15 => Self::Net,
            5 => Self::Rlimits,
            7 => Self::Mount,
            9 => Self::Ptrace,
            10 => Self::Signal,
            18 => Self::IoUring,
            21 => Self::Namespace,
            number => Self::Other(number),
        }
    }

    /// The class of an operation (`OP_*`, security/apparmor/include/audit.h), for kernels that don't give its number.
    #[must_use]
    pub fn from_operation(operation: &[u8]) -> Self {
        match operation {
            b"capable" => Self::Capability,
            b"create" | b"post_create" | b"bind" | b"connect" | b"listen" | b"accept" | b"sendmsg"
            | b"recvmsg" | b"getsockname" | b"getpeername" | b"getsockopt" | b"setsockopt"
            | b"socket_shutdown" => Self::Net,
            b"setrlimit" => Self::Rlimits,
            b"mount" | b"umount" | b"pivotroot" => Self::Mount,
            b"ptrace" => Self::Ptrace,
            b"signal" => Self::Signal,
            b"uring_override" | b"uring_sqpoll" => Self::IoUring,
            b"userns_create" => Self::Namespace,
            b"" | b"setprocattr" | b"profile_replace" | b"profile_load" | b"profile_remove" => Self::Other(0),
            _ => Self::File,
        }
    }

    /// Its name in the audit record; `None` where it isn't known.
    #[must_use]
    pub fn name(self) -> Option<Text<'static>> {
        let name = match self {
            Self::File => "file",
            Self::Capability => "cap",
            Self::Net => "net",
            Self::Rlimits => "rlimits",
            Self::Mount => "mount",
            Self::Ptrace => "ptrace",
            Self::Signal => "signal",
            Self::IoUring => "io_uring",
            Self::Namespace => "namespace",
            Self::Other(0) => return None,
            Self::Other(number) => {
                let known = OTHER_CLASSES.iter().find(|&&(class, _)| class == number);
                return Some(
                    known.map_or_else(|| format!("class_{number}").into(), |&(_, name)| name.into()),
                );
            }
        };
        Some(Cow::Borrowed(name))
    }

    /// The names of a mask's permissions.
    #[must_use]
    pub fn permissions(self, mask: u32) -> Vec<Text<'static>> {
        let table: &'static [&str] = match self {
            Self::File => &FILE_PERMISSIONS,
            Self::Net => &NET_PERMISSIONS,
            Self::Ptrace => &PTRACE_PERMISSIONS,
            Self::Signal => &["", "send", "receive"],
            Self::IoUring => &["", "", "", "override_creds", "sqpoll"],
            Self::Namespace => &["", "", "", "userns_create"],
            Self::Capability | Self::Rlimits | Self::Mount => return Vec::new(),
            Self::Other(_) => &[],
        };
        names::names_of_bits(mask.into(), |bit| {
            table.get(bit as usize).copied().filter(|name| !name.is_empty())
        })
    }

    /// A mask as the audit record writes it; `None` where the record has none.
    #[must_use]
    pub fn mask(self, mask: u32) -> Option<Text<'static>> {
        let text: Text<'static> = match self {
            Self::File if mask & FILE_MASK != 0 => file_letters(mask).into(),
            Self::Net if mask & NET_MASK != 0 => self.permissions(mask & NET_MASK).join(" ").into(),
            // The record names a single permission only.
            Self::Ptrace if mask & PTRACE_MASK != 0 => match self.permissions(mask).as_slice() {
                [name] => name.clone(),
                _ => Cow::Borrowed(""),
            },
            Self::Signal if mask & RECEIVE != 0 => "receive".into(),
            Self::Signal if mask & SEND != 0 => "send".into(),
            Self::IoUring if mask & SQPOLL != 0 => "sqpoll".into(),
            Self::IoUring if mask & OVERRIDE_CRED != 0 => "override_creds".into(),
            Self::Namespace if mask & USERNS_CREATE != 0 => "userns_create".into(),
            _ => return None,
        };
        Some(text)
    }
}

const SEND: u32 = 2;
const RECEIVE: u32 = 4;
const USERNS_CREATE: u32 = 8;
const OVERRIDE_CRED: u32 = 8;
const SQPOLL: u32 = 0x10;
const PTRACE_MASK: u32 = 0x1e;
/// `NET_PERMS_MASK`: send, receive, create, shutdown, connect, set and get attributes, accept, bind, listen, set and
/// get options.
const NET_MASK: u32 = 0x0370_0376;
/// `AA_AUDIT_FILE_MASK`.
const FILE_MASK: u32 = 0x0005_b33f;

const SETATTR: u32 = 0x100;
const GETATTR: u32 = 0x200;
const CHMOD: u32 = 0x1000;
const CHOWN: u32 = 0x2000;

/// The letters of a file mask, by bit (`aa_file_perm_chrs`).
const FILE_LETTERS: [(u32, char); 9] = [
    (0x1, 'x'),
    (0x2, 'w'),
    (0x4, 'r'),
    (0x8, 'a'),
    (0x10, 'c'),
    (0x20, 'd'),
    (0x8000, 'k'),
    (0x1_0000, 'm'),
    (0x4_0000, 'l'),
];

/// `audit_file_mask` (security/apparmor/file.c).
fn file_letters(mut mask: u32) -> String {
    if mask & GETATTR != 0 {
        mask |= RECEIVE;
    }
    if mask & (SETATTR | CHMOD | CHOWN) != 0 {
        mask |= SEND;
    }
    FILE_LETTERS.iter().filter(|(bit, _)| mask & bit != 0).map(|&(_, letter)| letter).collect()
}

/// `aa_file_perm_names` (security/apparmor/lib.c).
const FILE_PERMISSIONS: [&str; 32] = [
    "exec",
    "write",
    "read",
    "append",
    "create",
    "delete",
    "open",
    "rename",
    "setattr",
    "getattr",
    "setcred",
    "getcred",
    "chmod",
    "chown",
    "chgrp",
    "lock",
    "mmap",
    "mprot",
    "link",
    "snapshot",
    "",
    "",
    "",
    "",
    "",
    "",
    "",
    "",
    "stack",
    "change_onexec",
    "change_profile",
    "change_hat",
];

/// `net_mask_names` (security/apparmor/net.c).
const NET_PERMISSIONS: [&str; 26] = [
    "", "send", "receive", "", "create", "shutdown", "connect", "", "setattr", "getattr", "setcred",
    "getcred", "chmod", "chown", "chgrp", "lock", "mmap", "mprot", "", "", "accept", "bind", "listen", "",
    "setopt", "getopt",
];

/// `audit_ptrace_mask` (security/apparmor/task.c).
const PTRACE_PERMISSIONS: [&str; 5] = ["", "trace", "read", "tracedby", "readby"];

/// AppArmor's own numbers of signals (`security/apparmor/include/sig_names.h`).
const SIGNALS: [&str; 36] = [
    "unknown", "hup", "int", "quit", "ill", "trap", "abrt", "bus", "fpe", "kill", "usr1", "segv", "usr2",
    "pipe", "alrm", "term", "stkflt", "chld", "cont", "stop", "stp", "ttin", "ttou", "urg", "xcpu", "xfsz",
    "vtalrm", "prof", "winch", "io", "pwr", "sys", "emt", "lost", "unused", "exists",
];
const SIGRT_BASE: u32 = 128;

/// A signal, by AppArmor's number of it and the number that the caller gave.
#[must_use]
pub fn signal(mapped: u32, given: i32) -> Text<'static> {
    match SIGNALS.get(mapped as usize) {
        Some(_) if mapped == 0 => format!("unknown({given})").into(),
        Some(&name) => Cow::Borrowed(name),
        None => format!("rtmin+{}", i64::from(mapped) - i64::from(SIGRT_BASE)).into(),
    }
}

/// `RLIMIT_*`, by number (include/uapi/asm-generic/resource.h).
const RLIMITS: [&str; 16] = [
    "cpu",
    "fsize",
    "data",
    "stack",
    "core",
    "rss",
    "nproc",
    "nofile",
    "memlock",
    "as",
    "locks",
    "sigpending",
    "msgqueue",
    "nice",
    "rtprio",
    "rttime",
];

/// A resource limit's name, or `rlimit_NN`.
#[must_use]
pub fn rlimit(number: u32) -> Text<'static> {
    match RLIMITS.get(number as usize) {
        Some(name) => Cow::Borrowed(name),
        None => Cow::Owned(format!("rlimit_{number}")),
    }
}

/// `aa_profile_mode_names` (security/apparmor/policy.c).
const PROFILE_MODES: [&str; 5] = ["enforce", "complain", "kill", "unconfined", "user"];

/// The mode of a profile, or of all, by its number (`enum profile_mode`).
#[must_use]
pub fn profile_mode(number: u32) -> Text<'static> {
    mode(&PROFILE_MODES, number)
}

/// The audit modes of all profiles, as the running kernel numbers them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AuditModes(&'static [&'static str]);

impl AuditModes {
    /// By the number of the last, `AUDIT_ALL`: before 7.3 there was one less.
    #[must_use]
    pub fn from_last(number: u32) -> Self {
        // `audit_mode_names` (security/apparmor/audit.c).
        Self(match number {
            4 => &["normal", "quiet_denied", "quiet", "noquiet", "all"],
            5 => &["normal", "quiet_denied", "quiet_allowed", "quiet", "noquiet", "all"],
            _ => &[],
        })
    }

    /// The name of a number.
    #[must_use]
    pub fn name(self, number: u32) -> Text<'static> {
        mode(self.0, number)
    }
}

fn mode(names: &[&'static str], number: u32) -> Text<'static> {
    names.get(number as usize).map_or_else(|| format!("mode_{number}").into(), |&name| name.into())
}

/// `MS_*` (include/uapi/linux/mount.h), in the order in which `audit_mnt_flags` writes them, each with its name and
/// that with `MS_REC`.
const MOUNT_FLAGS: [(u64, &str, &str); 22] = [
    (1 << 1, "nosuid", "nosuid"),
    (1 << 2, "nodev", "nodev"),
    (1 << 3, "noexec", "noexec"),
    (1 << 4, "sync", "sync"),
    (1 << 5, "remount", "remount"),
    (1 << 6, "mand", "mand"),
    (1 << 7, "dirsync", "dirsync"),
    (1 << 8, "nosymfollow", "nosymfollow"),
    (1 << 10, "noatime", "noatime"),
    (1 << 11, "nodiratime", "nodiratime"),
    (1 << 12, "bind", "rbind"),
    (1 << 13, "move", "move"),
    (1 << 15, "silent", "silent"),
    (1 << 16, "acl", "acl"),
    (1 << 17, "unbindable", "runbindable"),
    (1 << 18, "private", "rprivate"),
    (1 << 19, "slave", "rslave"),
    (1 << 20, "shared", "rshared"),
    (1 << 21, "relatime", "relatime"),
    (1 << 23, "iversion", "iversion"),
    (1 << 24, "strictatime", "strictatime"),
    (1 << 31, "nouser", "nouser"),
];
const MS_RDONLY: u64 = 1;
const MS_REC: u64 = 1 << 14;

/// Mount flags, `rw, nosuid`; `None` if there are none, for then the record doesn't speak of them.
#[must_use]
pub fn mount_flags(flags: u64) -> Option<String> {
    if flags == 0 {
        return None;
    }
    let mut text = String::from(if flags & MS_RDONLY != 0 { "ro" } else { "rw" });
    for (bit, name, recursive) in MOUNT_FLAGS {
        if flags & bit != 0 {
            // Writing to a String can't fail.
            let _infallible = write!(text, ", {}", if flags & MS_REC != 0 { recursive } else { name });
        }
    }
    Some(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn file_masks_are_letters_in_the_kernels_order() {
        assert_eq!(Class::File.mask(0x2 | 0x10).as_deref(), Some("wc"));
        assert_eq!(Class::File.mask(0x7_ffff).as_deref(), Some("xwracdkml"));
        assert_eq!(Class::File.mask(GETATTR).as_deref(), Some("r"));
        assert_eq!(Class::File.mask(CHOWN).as_deref(), Some("w"));
        assert_eq!(Class::File.mask(0x4000_0000), None, "change_profile has no letter");
        assert_eq!(Class::File.permissions(0x4000_0004), ["read", "change_profile"]);
    }

    #[test]
    fn net_masks_are_names() {
        assert_eq!(Class::Net.mask(0x6).as_deref(), Some("send receive"));
        assert_eq!(Class::Net.mask(0x40 | 0x10_0000).as_deref(), Some("connect accept"));
        assert_eq!(Class::Net.mask(0x8000), None, "lock is not one that the record writes");
    }

    #[test]
    fn the_masks_of_processes_are_names() {
        for (mask, name) in [(2, "trace"), (4, "read"), (8, "tracedby"), (16, "readby")] {
            assert_eq!(Class::Ptrace.mask(mask).as_deref(), Some(name));
        }
        assert_eq!(Class::Signal.mask(2).as_deref(), Some("send"));
        assert_eq!(Class::Signal.mask(4).as_deref(), Some("receive"));
    }

    #[test]
    fn signals_have_apparmors_names() {
        assert_eq!(signal(20, 20), "stp");
        assert_eq!(signal(35, 0), "exists");
        assert_eq!(signal(130, 36), "rtmin+2");
        assert_eq!(signal(0, 99), "unknown(99)");
    }

    #[test]
    fn mount_flags_are_named_as_in_the_record() {
        assert_eq!(mount_flags(0), None);
        assert_eq!(mount_flags(1 | 2 | 4).as_deref(), Some("ro, nosuid, nodev"));
        assert_eq!(mount_flags(1 << 12 | 1 << 14).as_deref(), Some("rw, rbind"));
    }

    #[test]
    fn modes_have_the_kernels_names_and_unknown_ones_their_numbers() {
        assert_eq!((&*profile_mode(1), &*profile_mode(9)), ("complain", "mode_9"));
        let name = |last, number| AuditModes::from_last(last).name(number).into_owned();
        assert_eq!([name(4, 2), name(5, 2), name(5, 3)], ["quiet", "quiet_allowed", "quiet"]);
        assert_eq!(name(7, 2), "mode_2", "which kernel is this?");
    }

    #[test]
    fn an_unknown_bit_is_not_hidden() {
        assert_eq!(Class::Other(17).permissions(0x5), ["perm_0x1", "perm_0x4"]);
        assert_eq!(Class::Other(17).name().as_deref(), Some("posix_mqueue"));
        assert_eq!(Class::Other(99).name().as_deref(), Some("class_99"));
    }

    #[test]
    fn a_class_is_known_by_its_operation_where_the_kernel_gives_no_number() {
        assert_eq!(Class::from_operation(b"file_mmap"), Class::File);
        assert_eq!(Class::from_operation(b"getsockopt"), Class::Net);
        assert_eq!(Class::from_operation(b""), Class::Other(0));
    }
}
