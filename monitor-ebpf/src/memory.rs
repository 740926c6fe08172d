//! Reading kernel memory.

use core::ffi::c_void;

use aya_ebpf::{
    EbpfContext,
    helpers::{self, generated},
    programs::{FEntryContext, FExitContext, ProbeContext},
};
use monitor_common::{kfunc::RDONLY_CAST, layout::ABSENT};

use crate::layout::setting;

/// An address in the kernel, as a plain number: the verifier then doesn't restrict what is computed from it, and every
/// access is checked: by `bpf_probe_read_kernel`, or as [`word`] says.
pub type Address = u64;

/// Memory that could not be read, or a member that this kernel doesn't have.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Fault;

/// Reads a `T` at an address.
#[inline(always)]
pub fn read<T: Copy>(address: Address) -> Result<T, Fault> {
    // SAFETY: the helper checks the address; every bit pattern is valid for the integers and byte arrays read here.
    unsafe { helpers::bpf_probe_read_kernel(address as *const T) }.map_err(|_errno| Fault)
}

/// Reads the word at an address; 0 if it can't be read, which `bpf_probe_read_kernel` itself sees to.
///
/// For loops, which the verifier follows step by step: each way that a step can end costs it the rest of the loop.
#[inline(always)]
pub fn word(address: Address) -> u64 {
    if setting!(own_reads) != 0 {
        return word_of_own(address);
    }
    let mut word = 0_u64;
    // SAFETY: the helper checks the address, and writes eight bytes.
    unsafe { generated::bpf_probe_read_kernel((&raw mut word).cast(), 8, address as *const c_void) };
    word
}

/// As [`word`], by an instruction of the program's own: without the helper's calls, a denial takes half as long. What can't be
/// read is 0 here, too: the kernel's handler of the fault sees to it (`ex_handler_bpf`, `arch/x86/net/bpf_jit_comp.c`).
#[inline(always)]
fn word_of_own(address: Address) -> u64 {
    let word: u64;
    // SAFETY: user space makes this a call of `void *bpf_rdonly_cast(const void *obj__ign, u32 btf_id__k)`
    // (`kernel/bpf/helpers.c`), which gives the address as one that the verifier lets be read, whatever it is. The type 0 is
    // `void`.
    unsafe {
        core::arch::asm!("call {}", "r0 = *(u64 *)(r0 + 0)", const RDONLY_CAST, lateout("r0") word,
            inlateout("r1") address => _, inlateout("r2") 0_u64 => _, lateout("r3") _, lateout("r4") _, lateout("r5") _);
    }
    word
}

/// The word at a member of a kernel object: a pointer that is to be followed. 0 if it can't be read, as [`word`] says, or
/// if this kernel doesn't have the member.
#[inline(always)]
pub fn follow(base: Address, offset: u32) -> u64 {
    // Known before load, so that the verifier sees one way only.
    if offset == ABSENT { 0 } else { word(base.wrapping_add(u64::from(offset))) }
}

/// Reads the member at `offset` of the object at `base`.
#[inline(always)]
pub fn member<T: Copy>(base: Address, offset: u32) -> Result<T, Fault> {
    if offset == ABSENT || base == 0 {
        return Err(Fault);
    }
    read(base.wrapping_add(u64::from(offset)))
}

/// The `index`th word of a tracing program's context: the arguments in order, then, for an fexit, the return value.
///
/// Read as memory and not as the typed pointer that the verifier knows, so that it is a plain number.
#[inline(always)]
pub fn argument(context: &impl EbpfContext, index: u32) -> Result<u64, Fault> {
    let words: *mut c_void = context.as_ptr();
    // SAFETY: the context of a tracing program is an array of u64, and the helper checks the address.
    unsafe { helpers::bpf_probe_read_kernel(words.cast::<u64>().cast_const().wrapping_add(index as usize)) }
        .map_err(|_errno| Fault)
}

/// As [`argument`]; 0 if it can't be read, without a branch.
#[inline(always)]
pub fn argument_word(context: &impl EbpfContext, index: u32) -> u64 {
    let words: *mut u64 = context.as_ptr().cast();
    word(words.wrapping_add(index as usize) as Address)
}

/// The arguments of the function that a program is attached to.
pub trait Arguments {
    /// The `index`th, counted from 0. Of one that is narrower than a word, the rest is undefined.
    fn get(&self, index: u32) -> Result<u64, Fault>;

    /// As [`Self::get`]; 0 if it can't be read.
    #[inline(always)]
    fn word(&self, index: u32) -> u64 {
        self.get(index).unwrap_or(0)
    }
}

macro_rules! by_trampoline {
    ($($context:ty),+) => {
        $(impl Arguments for $context {
            #[inline(always)]
            fn get(&self, index: u32) -> Result<u64, Fault> {
                argument(self, index)
            }

            #[inline(always)]
            fn word(&self, index: u32) -> u64 {
                argument_word(self, index)
            }
        })+
    };
}

by_trampoline!(FEntryContext, FExitContext);

/// By the machine's calling convention ([`convention`]): the first in registers, the others on the stack.
impl Arguments for ProbeContext {
    #[inline(always)]
    fn get(&self, index: u32) -> Result<u64, Fault> {
        match convention::register(index) {
            Ok(word) => argument(self, word),
            Err(slot) => read(argument(self, convention::STACK_POINTER)? + u64::from(slot) * 8),
        }
    }

    #[inline(always)]
    fn word(&self, index: u32) -> u64 {
        match convention::register(index) {
            Ok(register) => argument_word(self, register),
            Err(slot) => {
                word(argument_word(self, convention::STACK_POINTER).wrapping_add(u64::from(slot) * 8))
            }
        }
    }
}

/// Where a function's arguments are when it is entered: words of `struct pt_regs`, and of the stack.
#[cfg(bpf_target_arch = "x86_64")]
mod convention {
    // arch/x86/include/asm/ptrace.h: from di they go down to cx, and from r8 to r9.
    const DI: u32 = 14;
    const R8: u32 = 9;
    pub(super) const STACK_POINTER: u32 = 19;

    /// The register that holds an argument, else the word above the stack pointer (System V ABI, 3.2.3): six are in
    /// registers, and the return address is below the others.
    #[inline(always)]
    pub(super) fn register(index: u32) -> Result<u32, u32> {
        match index {
            0..4 => Ok(DI - index),
            4..6 => Ok(R8 + 4 - index),
            _ => Err(index - 5),
        }
    }
}

/// Where a function's arguments are when it is entered: words of `struct user_pt_regs`, with which `struct pt_regs`
/// begins, and of the stack.
#[cfg(bpf_target_arch = "aarch64")]
mod convention {
    // arch/arm64/include/uapi/asm/ptrace.h: 31 registers come before it.
    pub(super) const STACK_POINTER: u32 = 31;

    /// The register that holds an argument, else the word above the stack pointer (AAPCS64, 6.8.2): eight are in
    /// registers. The return address is in one, too.
    #[inline(always)]
    pub(super) fn register(index: u32) -> Result<u32, u32> {
        if index < 8 { Ok(index) } else { Err(index - 8) }
    }
}
