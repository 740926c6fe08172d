//! The programs' counters, in memory shared with the kernel: reading them costs no system call and needs no privilege.

use std::{
    io,
    os::fd::AsFd,
    sync::atomic::{AtomicU64, Ordering},
};

use monitor_common::{
    SourceId,
    counter::{COUNTERS, Counter, CpuCounters},
};

use crate::{
    accounting::KernelCounts,
    ledger::CountsBefore,
    shared::{Access, Shared},
};

/// Counters of one CPU.
const ROW: usize = size_of::<CpuCounters>() / size_of::<u64>();

/// The counters of every CPU, which the kernel only ever changes with atomic additions.
pub struct Counters {
    values: Shared<AtomicU64>,
    /// What was counted before these counters were there.
    before: CountsBefore,
}

impl Counters {
    /// Maps the array, which has one [`CpuCounters`] for each CPU.
    pub(super) fn map(map: impl AsFd, cpus: usize) -> io::Result<Self> {
        Ok(Self { values: Shared::map(map, cpus * ROW, Access::Read)?, before: CountsBefore::default() })
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
        let index = source as usize * COUNTERS + counter as usize;
        let rows = self.values.chunks_exact(ROW);
        rows.map(|row| row[index].load(Ordering::Relaxed)).fold(0, u64::wrapping_add)
    }
}
