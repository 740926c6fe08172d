//! seccomp's records.

use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout};

/// What a filter returns for a system call: `SECCOMP_RET_*` (include/uapi/linux/seccomp.h).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u32)]
pub enum SeccompAction {
    /// The thread is killed.
    KillThread = 0,
    /// The process is killed.
    KillProcess = 0x8000_0000,
    /// The thread gets SIGSYS.
    Trap = 0x0003_0000,
    /// The call fails with an errno of the filter's choice.
    Errno = 0x0005_0000,
    /// Another process decides.
    UserNotif = 0x7fc0_0000,
    /// The tracer decides.
    Trace = 0x7ff0_0000,
    /// The call passes, and is logged.
    Log = 0x7ffc_0000,
}

impl SeccompAction {
    /// Every action.
    pub const ALL: [Self; 7] = [
        Self::KillThread,
        Self::KillProcess,
        Self::Trap,
        Self::Errno,
        Self::UserNotif,
        Self::Trace,
        Self::Log,
    ];
}

/// A system call.
#[derive(Clone, Copy, Debug, FromBytes, IntoBytes, Immutable, KnownLayout)]
#[repr(C)]
pub struct SeccompCall {
    /// Where in the program the call was made: `pt_regs.ip`.
    pub instruction_pointer: u64,
    /// What the program will find as the call's result, as far as that was decided: `pt_regs.ax`.
    pub result: i64,
    /// `thread_info.flags`, which tell a 32-bit call on some architectures.
    pub thread_flags: u64,
    /// `thread_info.status`, which tells a 32-bit call on x86.
    pub thread_status: u32,
    /// The system call's number.
    pub number: i32,
    /// 1 if the registers could be read.
    pub has_registers: u32,
    /// Unused, zero.
    pub reserved: u32,
}

/// The body of the record of a call that the kernel logs.
#[derive(Clone, Copy, Debug, FromBytes, IntoBytes, Immutable, KnownLayout)]
#[repr(C)]
pub struct Seccomp {
    /// The call. It stands first in both bodies.
    pub call: SeccompCall,
    /// A [`SeccompAction`].
    pub action: u32,
    /// The signal that the thread gets; 0 if none, or if the kernel doesn't say.
    pub signal: u32,
}

/// The body of the record of a call that the kernel does not log.
#[derive(Clone, Copy, Debug, FromBytes, IntoBytes, Immutable, KnownLayout)]
#[repr(C)]
pub struct SeccompUnlogged {
    /// The call. It stands first in both bodies.
    pub call: SeccompCall,
    /// A [`SeccompWay`].
    pub way: u32,
    /// 1 if one of the thread's filters has a supervisor, which may be what decided.
    pub supervised: u32,
    /// 1 if the thread has a tracer that wants to decide.
    pub traced: u32,
    /// Unused, zero.
    pub reserved: u32,
}

/// What the kernel did in an unlogged call's place. Which action of the filter that was, it doesn't tell.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u32)]
pub enum SeccompWay {
    /// The call was skipped.
    Skipped = 0,
    /// The thread got SIGSYS, which it may handle.
    Trapped = 1,
    /// The thread got SIGSYS, which it can't handle.
    Killed = 2,
}
