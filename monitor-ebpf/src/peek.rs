//! The one-shot program with which user space reads kernel variables at start: SELinux's table of class and permission
//! names, and where the modules keep their part of the credentials. An object of its own, so that this doesn't take a
//! second load of all programs and maps. It is never attached, and unloaded before the sources are.

#![no_std]
#![no_main]
#![expect(unreachable_pub, reason = "`pub` here is what other files use; the kernel reaches the programs")]
#![expect(clippy::needless_pass_by_value, reason = "aya's attributes pass the context by value")]
#![expect(missing_docs, reason = "aya's attribute makes a public function without them")]

mod license;

use aya_ebpf::{
    EbpfContext as _,
    bindings::BPF_F_MMAPABLE,
    helpers::generated,
    macros::{map, raw_tracepoint},
    maps::Array,
    programs::RawTracePointContext,
};

/// Bytes that are read at once.
const PEEK_SIZE: u32 = 4096;

/// What was read. User space maps it: while it asks for an element by a system call, no probe runs on that CPU
/// (`bpf_disable_instrumentation`, include/linux/bpf.h), and a denial there would be lost.
#[map]
static PEEKED: Array<[u8; PEEK_SIZE as usize]> = Array::with_max_entries(1, BPF_F_MMAPABLE);

/// Reads [`PEEK_SIZE`] bytes at the address in the first argument into [`PEEKED`]. Returns 0, or 1 if it can't.
#[raw_tracepoint]
pub fn peek(context: RawTracePointContext) -> u32 {
    let mut address = 0_u64;
    // SAFETY: the helper checks the address, which is the context's first word, and writes eight bytes.
    let no_address = unsafe {
        generated::bpf_probe_read_kernel((&raw mut address).cast(), 8, context.as_ptr().cast_const().cast())
    };
    let Some(out) = PEEKED.get_ptr_mut(0) else { return 1 };
    // SAFETY: `out` has `PEEK_SIZE` bytes, and the helper checks the address.
    let error = unsafe { generated::bpf_probe_read_kernel(out.cast(), PEEK_SIZE, address as *const _) };
    u32::from(no_address != 0 || error != 0)
}
