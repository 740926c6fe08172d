//! Programs that run at a function's entry and at its exit, without being preempted (`kprobe.session`).

use aya_ebpf::{
    EbpfContext as _,
    programs::{ProbeContext, RetProbeContext},
};
use monitor_common::kfunc::{SESSION_COOKIE, SESSION_IS_RETURN};

use crate::memory::Address;

/// Whether the kernel runs the program at the function's exit, too: what it returns at the entry.
#[repr(u32)]
pub enum AtExit {
    /// It does.
    Run = 0,
    /// It doesn't. What [`both`] hands on is kept only for exits that were asked for.
    Skip = 1,
}

/// Makes a function of a context a program of `kprobe.session`, with its name, at one of the kernel's functions. aya's
/// `#[kprobe]` is not for them: it returns 0 to the kernel, whatever the function returns, so that each exit is run, and
/// is handed what an earlier entry kept.
macro_rules! session {
    ($name:ident $(at $function:literal)?) => {
        const _: () = {
            #[unsafe(no_mangle)]
            #[unsafe(link_section = concat!("kprobe" $(, "/", $function)?))]
            extern "C" fn $name(context: *mut core::ffi::c_void) -> u32 {
                let at_exit: $crate::probe::AtExit =
                    self::$name(::aya_ebpf::programs::ProbeContext::new(context));
                at_exit as u32
            }
        };
    };
}
pub(crate) use session;

/// At the entry keeps the function's first argument; at the exit hands it on.
#[inline(always)]
pub fn at_exit(context: &ProbeContext, exit: impl FnOnce(Address)) -> AtExit {
    both(context, |context| context.arg::<u64>(0), |_context, data| exit(data))
}

/// At the entry keeps a word, if there is one; at the exit hands it on.
#[inline(always)]
pub fn both(
    context: &ProbeContext,
    entry: impl FnOnce(&ProbeContext) -> Option<u64>,
    exit: impl FnOnce(&ProbeContext, u64),
) -> AtExit {
    let kept = cookie(context);
    if is_return(context) {
        // SAFETY: the kernel keeps this word for the two runs.
        exit(context, unsafe { *kept });
        return AtExit::Run;
    }
    let Some(word) = entry(context) else { return AtExit::Skip };
    // SAFETY: as above.
    unsafe { *kept = word };
    AtExit::Run
}

/// What the function returns, at the exit.
#[inline(always)]
pub fn returned(context: &ProbeContext) -> i32 {
    RetProbeContext::new(context.as_ptr()).ret()
}

/// Bits of an address: each of the kernel's begins with a byte of ones, also where there are five levels of page tables.
const ADDRESS: u64 = u64::MAX >> 8;

/// One of the kernel's addresses and a byte, as the word that [`both`] keeps.
#[inline(always)]
pub fn pack(address: Address, byte: u8) -> u64 {
    address & ADDRESS | u64::from(byte) << 56
}

/// What [`pack`] made one word of.
#[inline(always)]
pub fn unpack(word: u64) -> (Address, u8) {
    (word | !ADDRESS, (word >> 56) as u8)
}

/// Whether this is the exit: `bool bpf_session_is_return([void *ctx])` (`kernel/trace/bpf_trace.c`).
#[inline(always)]
fn is_return(context: &ProbeContext) -> bool {
    let result: u64;
    // SAFETY: user space makes this a call of the kernel's function, which takes the context or nothing.
    unsafe {
        core::arch::asm!("call {}", const SESSION_IS_RETURN, lateout("r0") result,
            inlateout("r1") context.as_ptr() => _, lateout("r2") _, lateout("r3") _, lateout("r4") _, lateout("r5") _);
    }
    result & 1 != 0
}

/// The word that the exit sees as the entry left it: `__u64 *bpf_session_cookie([void *ctx])`
/// (`kernel/trace/bpf_trace.c`).
#[inline(always)]
fn cookie(context: &ProbeContext) -> *mut u64 {
    let word: *mut u64;
    // SAFETY: as above.
    unsafe {
        core::arch::asm!("call {}", const SESSION_COOKIE, lateout("r0") word,
            inlateout("r1") context.as_ptr() => _, lateout("r2") _, lateout("r3") _, lateout("r4") _, lateout("r5") _);
    }
    word
}
