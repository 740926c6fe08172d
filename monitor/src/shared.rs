//! Memory that this process shares with the kernel's programs or with a file.

use std::{
    io,
    ops::Deref,
    os::fd::AsFd,
    ptr::NonNull,
    sync::atomic::{AtomicU64, AtomicUsize},
};

use rustix::mm::{MapFlags, ProtFlags, mmap, munmap};

/// What others may change at any time.
///
/// # Safety
///
/// It consists of atomics alone, without padding, so that any bytes are a value of it.
pub(crate) unsafe trait Atomics: Sync {}

// SAFETY: an atomic.
unsafe impl Atomics for AtomicU64 {}
// SAFETY: as above.
unsafe impl Atomics for AtomicUsize {}

/// What this process does with the memory.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Access {
    /// It only reads it: a store would end the process.
    Read,
    /// It changes it, too.
    ReadWrite,
}

/// Shared memory. What is stored is there even if this process is killed at any instruction.
#[derive(Debug)]
pub(crate) struct Shared<T> {
    items: NonNull<[T]>,
}

// SAFETY: the memory is only used through atomics, and unmapped only on drop.
unsafe impl<T: Atomics> Send for Shared<T> {}
// SAFETY: as for `Send`.
unsafe impl<T: Atomics> Sync for Shared<T> {}

impl<T: Atomics> Shared<T> {
    /// Maps the first `len` items of a map or file, which must have as many.
    ///
    /// # Errors
    ///
    /// If the kernel refuses.
    pub(crate) fn map(file: impl AsFd, len: usize, access: Access) -> io::Result<Self> {
        Self::map_from(file, 0, len, access)
    }

    /// As [`Self::map`], from this byte on, where a page begins.
    ///
    /// # Errors
    ///
    /// If the kernel refuses.
    pub(crate) fn map_from(file: impl AsFd, start: u64, len: usize, access: Access) -> io::Result<Self> {
        let protection = match access {
            Access::Read => ProtFlags::READ,
            Access::ReadWrite => ProtFlags::READ | ProtFlags::WRITE,
        };
        let bytes = len * size_of::<T>();
        // SAFETY: a new mapping at an address that the kernel chooses.
        let memory =
            unsafe { mmap(std::ptr::null_mut(), bytes, protection, MapFlags::SHARED, file.as_fd(), start) }?;
        let first = NonNull::new(memory.cast()).ok_or(io::ErrorKind::InvalidData)?;
        Ok(Self { items: NonNull::slice_from_raw_parts(first, len) })
    }
}

impl<T> Deref for Shared<T> {
    type Target = [T];

    fn deref(&self) -> &[T] {
        // SAFETY: the mapping has as many items, of which any bytes are one, and lives as long as this.
        unsafe { self.items.as_ref() }
    }
}

impl<T> Drop for Shared<T> {
    fn drop(&mut self) {
        let bytes = self.items.len() * size_of::<T>();
        // SAFETY: mapped in `map` with this length; nothing refers to it any more.
        if let Err(error) = unsafe { munmap(self.items.as_ptr().cast(), bytes) } {
            tracing::warn!(%error, "cannot unmap shared memory");
        }
    }
}
