//! The ring buffer's end in user space.

use std::{
    io,
    mem::ManuallyDrop,
    ops::Deref,
    os::fd::{AsFd, BorrowedFd},
    sync::atomic::{AtomicUsize, Ordering},
};

use aya::maps::{MapData, MapError, RingBuf, ring_buf::RingBufItem};
use tokio::io::unix::AsyncFd;

use crate::{
    record,
    shared::{Access, Shared},
};

/// Takes records out of the ring buffer, waiting for them without a timer.
pub struct RingReader {
    ring: AsyncFd<RingBuf<MapData>>,
    consumer: Position,
    producer: Position,
    /// Bytes of the record that was handed out last and not given back; 0 if there is none.
    taken: u64,
}

/// A record where it lies in the ring buffer. It is given back when the reader is asked for the next one.
struct Taken<'a>(ManuallyDrop<RingBufItem<'a>>);

impl Deref for Taken<'_> {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        &self.0
    }
}

/// How far the ring buffer was read, or written, in bytes that only grow: its first and its second page
/// (`ringbuf_map_mmap_user`, kernel/bpf/ringbuf.c).
pub(super) struct Position(Shared<AtomicUsize>);

impl Position {
    /// Maps how far it was read.
    pub(super) fn of_consumer(ring: BorrowedFd<'_>) -> io::Result<Self> {
        Shared::map(ring, 1, Access::Read).map(Self)
    }

    /// Maps how far it was written.
    fn of_producer(ring: BorrowedFd<'_>) -> io::Result<Self> {
        Shared::map_from(ring, rustix::param::page_size() as u64, 1, Access::Read).map(Self)
    }

    pub(super) fn get(&self) -> u64 {
        self.0[0].load(Ordering::Acquire) as u64
    }
}

impl RingReader {
    /// Takes over the map. Must be called within a tokio runtime.
    pub(super) fn new(map: aya::maps::Map) -> Result<Self, RingError> {
        let ring = RingBuf::try_from(map)?;
        let consumer = Position::of_consumer(ring.as_fd())?;
        let producer = Position::of_producer(ring.as_fd())?;
        // SAFETY: the ring buffer owns its descriptor for as long as it lives.
        let ring = unsafe { AsyncFd::register(ring) }.map_err(io::Error::from)?;
        Ok(Self { ring, consumer, producer, taken: 0 })
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
        self.consumer.get() + self.taken
    }

    /// The next record, if there is one; the one before it is given back. It lies in the ring buffer's memory.
    #[expect(clippy::should_implement_trait, reason = "an iterator's items could not borrow from it")]
    pub fn next(&mut self) -> Option<impl Deref<Target = [u8]> + '_> {
        let ring = self.ring.get_mut();
        if self.taken > 0 {
            drop(ring.next());
            self.taken = 0;
        }
        let record = ring.next()?;
        self.taken = record::ring_len(&record);
        Some(Taken(ManuallyDrop::new(record)))
    }

    /// Whether a record was handed out that was not given back, and none came after it. While that is so, the kernel wakes
    /// nobody for those that come: it does if all before them were given back (`bpf_ringbuf_commit`, kernel/bpf/ringbuf.c).
    #[must_use]
    pub fn is_last_taken(&self) -> bool {
        self.taken > 0 && self.position() == self.producer.get()
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
