//! The memory that starting needs and that nothing needs afterwards: the kernel's types, the eBPF objects.

/// Keeps the kernel from making huge pages of the heap: of one, the kernel gives back all or nothing, and reading the kernel's
/// types leaves some that hold next to nothing.
pub(crate) fn use_small_pages() {
    if let Err(error) = nix::sys::prctl::set_thp_disable(true) {
        tracing::debug!(%error, "the heap may have huge pages");
    }
}

/// Has large pieces be mappings of their own while denyd starts, which grow without being copied and are gone when they are
/// freed. Else the first that is freed has the C library take the next ones from the heap (`mallopt(3)`, "dynamic mmap
/// threshold"), where the kernel's types, which grow as they are read, leave holes of twice their size.
pub(crate) fn map_large_pieces() {
    set_limits(128 << 10, 128 << 10);
}

/// Has the heap keep what is freed, for the next piece of that size: what is written comes and goes in large pieces. Else the C
/// library would give it back each time, and ask `/proc/sys/vm/overcommit_memory` how.
pub(crate) fn keep_large_pieces() {
    set_limits(8 << 20, 16 << 20);
}

/// Sets the bytes from which on a piece is a mapping of its own, and those that may be free at the heap's end.
fn set_limits(large: std::ffi::c_int, free: std::ffi::c_int) {
    #[cfg(target_env = "gnu")]
    for (limit, bytes) in [(libc::M_MMAP_THRESHOLD, large), (libc::M_TRIM_THRESHOLD, free)] {
        // SAFETY: the function has no preconditions.
        unsafe {
            libc::mallopt(limit, bytes);
        }
    }
    #[cfg(not(target_env = "gnu"))]
    let _unused = (large, free);
}

/// Gives what is free back to the kernel.
pub(crate) fn give_back() {
    #[cfg(target_env = "gnu")]
    // SAFETY: the function has no preconditions.
    unsafe {
        libc::malloc_trim(0);
    }
}
