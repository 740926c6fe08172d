//! The ring buffer's end in user space.

use std::{
    io,
    os::fd::{AsFd, BorrowedFd},
    sync::atomic::{AtomicUsize, Ordering},
};

use aya::maps::{MapData, MapError, RingBuf};
use tokio::io::unix::AsyncFd;

use crate::shared::{Access, Shared};

/// Takes records out of the ring buffer, waiting for them without a timer.
pub struct RingReader {
    ring: AsyncFd<RingBuf<MapData>>,
    consumer: Consumer,
}

/// How far the ring buffer was read: its first page (`ringbuf_map_mmap_user`, kernel/bpf/ringbuf.c).
pub(super) struct Consumer(Shared<AtomicUsize>);

impl Consumer {
    pub(super) fn map(ring: BorrowedFd<'_>) -> io::Result<Self> {
        Shared::map(ring, 1, Access::Read).map(Self)
    }

    pub(super) fn position(&self) -> u64 {
        self.0[0].load(Ordering::Acquire) as u64
    }
}

impl RingReader {
    /// Takes over the map. Must be called within a tokio runtime.
    pub(super) fn new(map: aya::maps::Map) -> Result<Self, RingError> {
        let ring = RingBuf::try_from(map)?;
        let consumer = Consumer::map(ring.as_fd())?;
        // SAFETY: the ring buffer owns its descriptor for as long as it lives.
        let ring = unsafe { AsyncFd::register(ring) }.map_err(io::Error::from)?;
        Ok(Self { ring, consumer })
    }

    /// Waits until there may be records. Cancelling it loses nothing.
    ///
    /// # Errors
    ///
    /// If the kernel refuses to wait on the ring buffer.
    pub async fn readable(&mut self) -> io::Result<()> {
        // Cleared before the records are taken: what comes in between wakes us again.
        self.ring.readable_mut().await?.clear_ready();
        Ok(())
    }

    /// Where the next record stands, in bytes that only grow.
    #[must_use]
    pub fn position(&self) -> u64 {
        self.consumer.position()
    }

    /// The next record, if there is one. It lies in the ring buffer's memory, which is freed when it is dropped.
    #[expect(clippy::should_implement_trait, reason = "an iterator's items could not borrow from it")]
    pub fn next(&mut self) -> Option<impl std::ops::Deref<Target = [u8]> + '_> {
        self.ring.get_mut().next()
    }
}

/// The ring buffer could not be opened.
#[derive(Debug, thiserror::Error)]
pub enum RingError {
    /// It could not be mapped.
    #[error("cannot map the ring buffer: {0}")]
    Map(#[from] MapError),
    /// It could not be waited on.
    #[error("cannot wait on the ring buffer: {0}")]
    Wait(#[from] io::Error),
}
