//! Whether programs may read any of the kernel's memory by instructions of their own, where what can't be read is 0. With a
//! helper for each word, a denial costs twice as much.
//!
//! From Linux 6.17 on they may, with `bpf_rdonly_cast` to `void` (`check_special_kfunc`, `kernel/bpf/verifier.c`).

use super::{
    object::{SET_0, kernel_call},
    probes,
};

/// Whether the verifier takes a program that does so. The function's number in the kernel's BTF is given.
pub(super) fn are_allowed(cast: Option<i32>) -> bool {
    cast.is_some_and(|cast| probes::is_accepted(&program(cast)))
}

/// Reads the word at 0, and returns 0.
fn program(cast: i32) -> [u64; 6] {
    /// Bits before the number of the register that an instruction sets.
    const REGISTER: u32 = 8;
    [
        SET_0 | 1 << REGISTER,
        SET_0 | 2 << REGISTER,
        kernel_call(cast),
        // `r0 = *(u64 *)(r0 + 0)`
        0x79,
        SET_0,
        // `exit`
        0x95,
    ]
}
