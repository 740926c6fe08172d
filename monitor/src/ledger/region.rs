//! Memory that this process shares with a file or a map, as words.

use std::{
    io,
    os::fd::AsFd,
    ptr::NonNull,
    sync::atomic::{AtomicU64, Ordering},
};

use rustix::mm::{MapFlags, ProtFlags, mmap, munmap};

/// Shared memory. What is written to it is there even if this process is killed at any instruction, in the order of the
/// stores.
#[derive(Debug)]
pub(super) struct Region {
    words: NonNull<[AtomicU64]>,
}

// SAFETY: the memory is only used through atomics, and unmapped only on drop.
unsafe impl Send for Region {}
// SAFETY: as for `Send`.
unsafe impl Sync for Region {}

impl Region {
    /// Maps the first words of a file or map.
    pub(super) fn map(file: impl AsFd, words: usize) -> io::Result<Self> {
        let protection = ProtFlags::READ | ProtFlags::WRITE;
        let bytes = words * size_of::<u64>();
        // SAFETY: a new mapping at an address that the kernel chooses.
        let memory =
            unsafe { mmap(std::ptr::null_mut(), bytes, protection, MapFlags::SHARED, file.as_fd(), 0) }?;
        let first = NonNull::new(memory.cast()).ok_or(io::ErrorKind::InvalidData)?;
        Ok(Self { words: NonNull::slice_from_raw_parts(first, words) })
    }

    fn all(&self) -> &[AtomicU64] {
        // SAFETY: the mapping has as many words, and lives as long as this.
        unsafe { self.words.as_ref() }
    }

    pub(super) fn get(&self, index: usize) -> u64 {
        self.all()[index].load(Ordering::Acquire)
    }

    /// Stores a word after all that was stored before.
    pub(super) fn set(&self, index: usize, word: u64) {
        self.all()[index].store(word, Ordering::Release);
    }

    /// Stores bytes from this word on, the last word filled up with zeros.
    pub(super) fn set_bytes(&self, index: usize, bytes: &[u8]) {
        let words = &self.all()[index..index + bytes.len().div_ceil(size_of::<u64>())];
        let (chunks, rest) = bytes.as_chunks();
        for (word, chunk) in words.iter().zip(chunks) {
            word.store(u64::from_ne_bytes(*chunk), Ordering::Relaxed);
        }
        if !rest.is_empty() {
            let mut last = [0; size_of::<u64>()];
            last[..rest.len()].copy_from_slice(rest);
            words[chunks.len()].store(u64::from_ne_bytes(last), Ordering::Relaxed);
        }
    }

    /// So many bytes, from this word on.
    pub(super) fn bytes(&self, index: usize, len: usize) -> Box<[u8]> {
        let words = &self.all()[index..index + len.div_ceil(size_of::<u64>())];
        let mut bytes: Vec<u8> =
            words.iter().flat_map(|word| word.load(Ordering::Relaxed).to_ne_bytes()).collect();
        bytes.truncate(len);
        bytes.into_boxed_slice()
    }
}

impl Drop for Region {
    fn drop(&mut self) {
        // SAFETY: mapped in `map` with this length; nothing refers to it any more.
        if let Err(error) = unsafe { munmap(self.words.as_ptr().cast(), self.words.len() * size_of::<u64>()) }
        {
            tracing::warn!(%error, "cannot unmap the ledger");
        }
    }
}
