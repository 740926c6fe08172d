//! Atomic instructions on words of a map's values. `AtomicU64` has no methods for them on this target.

/// Adds to a word. The kernel has the instruction from the start.
///
/// # Safety
///
/// `word` points into a map's value.
#[inline(always)]
pub unsafe fn add(word: *mut u64, number: i64) {
    // SAFETY: the caller's.
    unsafe { core::arch::asm!("lock *(u64 *)({0} + 0) += {1}", in(reg) word, in(reg) number) };
}

/// Adds to a word, and gives what it was. Linux 5.12.
///
/// # Safety
///
/// As for [`add`].
#[inline(always)]
pub unsafe fn fetch_add(word: *mut u64, number: i64) -> u64 {
    let mut number = number;
    // SAFETY: the caller's.
    unsafe {
        core::arch::asm!("{1} = atomic_fetch_add((u64 *)({0} + 0), {1})", in(reg) word, inout(reg) number);
    }
    number.cast_unsigned()
}

/// Sets a word, and gives what it was. Linux 5.12.
///
/// # Safety
///
/// As for [`add`].
#[inline(always)]
pub unsafe fn swap(word: *mut u64, number: u64) -> u64 {
    let mut number = number;
    // SAFETY: the caller's.
    unsafe {
        core::arch::asm!("{1} = xchg_64({0} + 0, {1})", in(reg) word, inout(reg) number);
    }
    number
}

/// Sets a word if it is `from`, and gives what it was. Linux 5.12.
///
/// # Safety
///
/// As for [`add`].
#[inline(always)]
pub unsafe fn set_if(word: *mut u64, from: u64, to: u64) -> u64 {
    let before: u64;
    // SAFETY: the caller's.
    unsafe {
        core::arch::asm!("r0 = cmpxchg_64({0} + 0, r0, {1})", in(reg) word, in(reg) to, inout("r0") from => before);
    }
    before
}
