//! The ring buffer's end in user space.

use std::{
    io,
    os::fd::{AsFd, BorrowedFd},
    ptr::NonNull,
    sync::atomic::{AtomicUsize, Ordering},
};

use aya::maps::{MapData, MapError, RingBuf};
use rustix::mm::{MapFlags, ProtFlags, mmap, munmap};
use tokio::io::unix::AsyncFd;

/// Takes records out of the ring buffer, waiting for them without a timer.
pub struct RingReader {
    ring: AsyncFd<RingBuf<MapData>>,
    consumer: Consumer,
}

/// How far the ring buffer was read: its first page (`ringbuf_map_mmap_user`, kernel/bpf/ringbuf.c).
pub(super) struct Consumer {
    position: NonNull<AtomicUsize>,
}

// SAFETY: the memory is only read, through an atomic, and unmapped only on drop.
unsafe impl Send for Consumer {}

impl Consumer {
    pub(super) fn map(ring: BorrowedFd<'_>) -> io::Result<Self> {
        let bytes = rustix::param::page_size();
        // SAFETY: a new mapping at an address that the kernel chooses.
        let page = unsafe { mmap(std::ptr::null_mut(), bytes, ProtFlags::READ, MapFlags::SHARED, ring, 0) }?;
        Ok(Self { position: NonNull::new(page.cast()).ok_or(io::ErrorKind::InvalidData)? })
    }

    pub(super) fn position(&self) -> u64 {
        // SAFETY: mapped, and only ever changed by atomic stores.
        unsafe { self.position.as_ref() }.load(Ordering::Acquire) as u64
    }
}

impl Drop for Consumer {
    fn drop(&mut self) {
        // SAFETY: mapped in `map` with this length; nothing refers to it any more.
        if let Err(error) = unsafe { munmap(self.position.as_ptr().cast(), rustix::param::page_size()) } {
            tracing::warn!(%error, "cannot unmap a page of the ring buffer");
        }
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
