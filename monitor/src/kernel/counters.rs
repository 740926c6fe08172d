//! The programs' counters, in memory shared with the kernel: reading them costs no system call and needs no privilege.

use std::{
    io,
    os::fd::AsFd,
    ptr::NonNull,
    sync::atomic::{AtomicU64, Ordering},
};

use monitor_common::{
    SourceId,
    counter::{COUNTERS, Counter, CpuCounters},
};
use rustix::mm::{MapFlags, ProtFlags, mmap, munmap};

use crate::{accounting::KernelCounts, ledger::CountsBefore};

/// The counters of every CPU.
pub struct Counters {
    values: NonNull<AtomicU64>,
    bytes: usize,
    cpus: usize,
    /// What was counted before these counters were there.
    before: CountsBefore,
}

// SAFETY: the memory is only read, through atomics, and unmapped only on drop.
unsafe impl Send for Counters {}
// SAFETY: as for `Send`.
unsafe impl Sync for Counters {}

impl Counters {
    /// Maps the array, which has one [`CpuCounters`] for each CPU.
    pub(super) fn map(map: impl AsFd, cpus: usize) -> io::Result<Self> {
        let bytes = (cpus * size_of::<CpuCounters>()).next_multiple_of(rustix::param::page_size());
        // SAFETY: a new mapping at an address that the kernel chooses.
        let memory =
            unsafe { mmap(std::ptr::null_mut(), bytes, ProtFlags::READ, MapFlags::SHARED, map.as_fd(), 0) }?;
        let values = NonNull::new(memory.cast()).ok_or(io::ErrorKind::InvalidData)?;
        Ok(Self { values, bytes, cpus, before: CountsBefore::default() })
    }

    /// The same, after this was counted.
    pub(super) fn after(mut self, before: &CountsBefore) -> Self {
        self.before = *before;
        self
    }

    /// Everything that is counted of one source, whose programs the kernel skipped so often.
    #[must_use]
    pub fn by_source(&self, source: SourceId, recursion_misses: u64) -> KernelCounts {
        let counts = KernelCounts {
            seen: self.get(source, Counter::Seen),
            ring_full: self.get(source, Counter::RingFull),
            share: self.get(source, Counter::Share),
            unreadable: self.get(source, Counter::Unreadable),
            no_buffer: self.get(source, Counter::NoBuffer),
            unfolded: self.get(source, Counter::NoSlot),
            recursion_misses,
            cut: self.get(source, Counter::Cut),
            read_faults: self.get(source, Counter::ReadFault),
        };
        counts.plus(&self.before[source as usize])
    }

    /// One counter of one source, all CPUs together.
    #[must_use]
    pub fn get(&self, source: SourceId, counter: Counter) -> u64 {
        const ROW: usize = size_of::<CpuCounters>() / size_of::<u64>();
        let index = source as usize * COUNTERS + counter as usize;
        (0..self.cpus)
            .map(|cpu| {
                // SAFETY: within the mapping, which has `cpus` rows.
                let value = unsafe { self.values.add(cpu * ROW + index) };
                // SAFETY: the kernel only ever changes it with atomic additions.
                unsafe { value.as_ref() }.load(Ordering::Relaxed)
            })
            .fold(0, u64::wrapping_add)
    }
}

impl Drop for Counters {
    fn drop(&mut self) {
        // SAFETY: mapped in `map` with this length; nothing refers to it any more.
        if let Err(error) = unsafe { munmap(self.values.as_ptr().cast(), self.bytes) } {
            tracing::warn!(%error, "cannot unmap the counters");
        }
    }
}
