//! The one-shot program with which user space reads kernel variables at start: SELinux's table of class and permission
//! names, and where the modules keep their part of the credentials. It is never attached, and unloaded before the
//! sources are.

use aya_ebpf::{
    EbpfContext as _,
    helpers::generated,
    macros::{map, raw_tracepoint},
    maps::Array,
    programs::RawTracePointContext,
};

use crate::memory::{Address, word};

/// Bytes that are read at once.
const PEEK_SIZE: usize = 4096;

/// What was read.
#[map]
static PEEKED: Array<[u8; PEEK_SIZE]> = Array::with_max_entries(1, 0);

/// Reads [`PEEK_SIZE`] bytes at the address in the first argument into [`PEEKED`]. Returns 0, or 1 if it can't.
#[raw_tracepoint]
pub fn peek(context: RawTracePointContext) -> u32 {
    // The first argument is the first word of the context.
    let address = word(context.as_ptr() as Address);
    let Some(out) = PEEKED.get_ptr_mut(0) else { return 1 };
    // SAFETY: `out` has `PEEK_SIZE` bytes, and the helper checks the address.
    let error =
        unsafe { generated::bpf_probe_read_kernel(out.cast(), PEEK_SIZE as u32, address as *const _) };
    u32::from(error != 0)
}
