//! The memory that starting needs and that nothing needs afterwards: the kernel's types, the eBPF objects.

/// Keeps the kernel from making huge pages of the heap: of one, the kernel gives back all or nothing, and reading the kernel's
/// types leaves some that hold next to nothing.
pub(crate) fn use_small_pages() {
    if let Err(error) = nix::sys::prctl::set_thp_disable(true) {
        tracing::debug!(%error, "the heap may have huge pages");
    }
}

/// Bytes from which on a piece of memory is a mapping of its own: what the C library begins with.
#[cfg(target_env = "gnu")]
const LARGE: std::ffi::c_int = 128 << 10;

/// Has large pieces always be mappings of their own, which grow without being copied and are gone when they are freed. Else the
/// first that is freed has the C library take the next ones from the heap (`mallopt(3)`, "dynamic mmap threshold"), where the
/// kernel's types, which grow as they are read, leave holes of twice their size.
pub(crate) fn map_large_pieces() {
    #[cfg(target_env = "gnu")]
    // SAFETY: the function has no preconditions. No other thread runs yet.
    unsafe {
        libc::mallopt(libc::M_MMAP_THRESHOLD, LARGE);
    }
}

/// Gives what is free back to the kernel.
pub(crate) fn give_back() {
    #[cfg(target_env = "gnu")]
    // SAFETY: the function has no preconditions.
    unsafe {
        libc::malloc_trim(0);
    }
}
