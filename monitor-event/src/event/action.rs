//! What was asked for.

use serde::{Deserialize, Serialize};

use super::Text;

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
