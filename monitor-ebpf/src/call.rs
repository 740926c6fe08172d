//! The running system call: its number and arguments, of 64-bit programs on x86-64.
//!
//! Other machines' registers have other names in BTF, so that nothing is read there.

use crate::{
    layout::{known, layout},
    memory::{Address, follow},
    task,
};

/// The bit of `TS_COMPAT` in `thread_info.status` (`arch/x86/include/asm/thread_info.h`): a call of a 32-bit program, whose
/// numbers are others.
const TS_COMPAT_BIT: u32 = 1;

/// Where the registers of the running system call are; 0 if what they mean is unknown.
#[inline(always)]
pub fn registers() -> Address {
    if !known!(registers_call, registers_argument0, registers_argument1, thread_info_status) {
        return 0;
    }
    let status = follow(task::current(), layout!(thread_info_status));
    if status >> TS_COMPAT_BIT & 1 != 0 { 0 } else { task::registers() }
}

/// Its number.
#[inline(always)]
pub fn number(registers: Address) -> u64 {
    follow(registers, layout!(registers_call))
}

/// Its first two arguments.
#[inline(always)]
pub fn arguments(registers: Address) -> [u64; 2] {
    [layout!(registers_argument0), layout!(registers_argument1)].map(|offset| follow(registers, offset))
}
