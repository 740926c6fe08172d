//! The memory that starting needs and that nothing needs afterwards: the kernel's types, the eBPF objects.

/// Keeps the kernel from making huge pages of the heap: of one, the kernel gives back all or nothing, and reading the kernel's
/// types leaves some that hold next to nothing.
pub(crate) fn use_small_pages() {
    if let Err(error) = nix::sys::prctl::set_thp_disable(true) {
        tracing::debug!(%error, "the heap may have huge pages");
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
