//! The running system call: its number and arguments, of 64-bit programs.

use crate::{
    layout::{known, layout},
    memory::{Address, follow},
    task,
};

/// Where the registers of the running system call are; 0 if what they mean is unknown.
#[inline(always)]
pub fn registers() -> Address {
    if !known!(registers_call, registers_argument0, registers_argument1) || is_compat(task::current()) {
        return 0;
    }
    task::registers()
}

/// Whether a call is that of a 32-bit program, whose numbers are others, or whether that is unknown.
#[cfg(bpf_target_arch = "x86_64")]
#[inline(always)]
fn is_compat(task: Address) -> bool {
    /// The bit of `TS_COMPAT` in `thread_info.status` (`arch/x86/include/asm/thread_info.h`).
    const TS_COMPAT_BIT: u32 = 1;
    !known!(thread_info_status) || follow(task, layout!(thread_info_status)) >> TS_COMPAT_BIT & 1 != 0
}

/// Whether a call is that of a 32-bit program, whose numbers are others, or whether that is unknown.
#[cfg(bpf_target_arch = "aarch64")]
#[inline(always)]
fn is_compat(task: Address) -> bool {
    /// `TIF_32BIT` in `thread_info.flags` (`arch/arm64/include/asm/thread_info.h`).
    const TIF_32BIT: u32 = 22;
    !known!(thread_info_flags) || follow(task, layout!(thread_info_flags)) >> TIF_32BIT & 1 != 0
}

/// Its number.
#[inline(always)]
pub fn number(registers: Address) -> u64 {
    // Of four bytes on arm64; on x86-64 the upper ones are the sign.
    follow(registers, layout!(registers_call)) & 0xffff_ffff
}

/// Its first two arguments.
#[inline(always)]
pub fn arguments(registers: Address) -> [u64; 2] {
    let first = follow(registers, layout!(registers_argument0));
    [first, follow(registers.wrapping_add(SECOND), layout!(registers_argument1))]
}

/// Bytes from the member that [`arguments`] reads to the second argument: on arm64 it is in an array of registers.
const SECOND: u64 = if cfg!(bpf_target_arch = "aarch64") { 8 } else { 0 };
