//! Capabilities (include/uapi/linux/capability.h).

use std::borrow::Cow;

use crate::event::Text;

/// By number.
const NAMES: [&str; 41] = [
    "chown",
    "dac_override",
    "dac_read_search",
    "fowner",
    "fsetid",
    "kill",
    "setgid",
    "setuid",
    "setpcap",
    "linux_immutable",
    "net_bind_service",
    "net_broadcast",
    "net_admin",
    "net_raw",
    "ipc_lock",
    "ipc_owner",
    "sys_module",
    "sys_rawio",
    "sys_chroot",
    "sys_ptrace",
    "sys_pacct",
    "sys_admin",
    "sys_boot",
    "sys_nice",
    "sys_resource",
    "sys_time",
    "sys_tty_config",
    "mknod",
    "lease",
    "audit_write",
    "audit_control",
    "setfcap",
    "mac_override",
    "mac_admin",
    "syslog",
    "wake_alarm",
    "block_suspend",
    "audit_read",
    "perfmon",
    "bpf",
    "checkpoint_restore",
];

/// A capability's name, `net_admin`, or `cap_NN` where it has none.
#[must_use]
pub fn name(number: u32) -> Text<'static> {
    known(number).map_or_else(|| Cow::Owned(format!("cap_{number}")), Cow::Borrowed)
}

/// A capability's name, if it has one.
#[must_use]
pub fn known(number: u32) -> Option<&'static str> {
    NAMES.get(number as usize).copied()
}
