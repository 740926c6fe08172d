//! Loops that the verifier can follow.
//!
//! It follows a loop of the language through every iteration, along every way that one can take, which for a path of
//! forty components is a hundred thousand instructions. The helper `bpf_loop` (Linux 5.17) is followed once. Programs
//! for older kernels are compiled with the feature `bounded-loops`.

use crate::memory::word;

/// The first value of what a loop both changes and tests.
///
/// A zero that the verifier doesn't know: before 6.8 it follows the body of `bpf_loop` only with the state that the loop
/// starts with, and takes out as dead what that doesn't reach (mended by ab5cfac139ab, "bpf: verify callbacks as if they
/// are called unknown number of times").
#[inline(always)]
pub fn zero() -> u64 {
    if cfg!(feature = "bounded-loops") { 0 } else { word(0) }
}

/// Whether a loop goes on.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Next {
    /// Go on with the next iteration.
    Continue,
    /// Leave the loop.
    Stop,
}

/// The state and body of a loop.
pub trait Step {
    /// Does one iteration.
    fn step(&mut self) -> Next;
}

/// Repeats `state`'s step until it stops, at most `limit` times.
#[cfg(not(feature = "bounded-loops"))]
#[inline(always)]
pub fn repeat<S: Step>(limit: u32, state: &mut S) {
    use core::ffi::c_void;

    use aya_ebpf::helpers::generated::bpf_loop;

    /// # Safety
    ///
    /// `state` points to an `S` that nothing else refers to.
    unsafe extern "C" fn callback<S: Step>(_index: u64, state: *mut c_void) -> i64 {
        // SAFETY: as the caller promises.
        let state = unsafe { &mut *state.cast::<S>() };
        i64::from(state.step() == Next::Stop)
    }

    let callback: unsafe extern "C" fn(u64, *mut c_void) -> i64 = callback::<S>;
    // SAFETY: the helper calls the callback with the pointer to `state`, before it returns.
    unsafe { bpf_loop(limit, callback as *mut c_void, (&raw mut *state).cast(), 0) };
}

/// Repeats `state`'s step until it stops, at most `limit` times.
#[cfg(feature = "bounded-loops")]
#[inline(always)]
pub fn repeat<S: Step>(limit: u32, state: &mut S) {
    for _ in 0..limit {
        if state.step() == Next::Stop {
            break;
        }
    }
}
