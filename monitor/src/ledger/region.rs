//! Memory that this process shares with a file or a map, as words.

use std::{
    io,
    os::fd::AsFd,
    sync::atomic::{AtomicU64, Ordering},
};

use crate::shared::{Access, Shared};

/// Shared memory. What is written to it is there even if this process is killed at any instruction, in the order of the
/// stores.
#[derive(Debug)]
pub(super) struct Region(Shared<AtomicU64>);

impl Region {
    /// Maps the first words of a file or map.
    pub(super) fn map(file: impl AsFd, words: usize) -> io::Result<Self> {
        Shared::map(file, words, Access::ReadWrite).map(Self)
    }

    pub(super) fn get(&self, index: usize) -> u64 {
        self.0[index].load(Ordering::Acquire)
    }

    /// Stores a word after all that was stored before.
    pub(super) fn set(&self, index: usize, word: u64) {
        self.0[index].store(word, Ordering::Release);
    }

    /// Stores bytes from this word on, the last word filled up with zeros.
    pub(super) fn set_bytes(&self, index: usize, bytes: &[u8]) {
        let words = &self.0[index..index + bytes.len().div_ceil(size_of::<u64>())];
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
        let words = &self.0[index..index + len.div_ceil(size_of::<u64>())];
        let mut bytes: Vec<u8> =
            words.iter().flat_map(|word| word.load(Ordering::Relaxed).to_ne_bytes()).collect();
        bytes.truncate(len);
        bytes.into_boxed_slice()
    }
}
