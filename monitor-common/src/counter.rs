//! The counters that programs keep for each source, one row a CPU.
//!
//! User space maps them and adds the rows up. The accounting identity: for each source,
//! `Seen = Submitted + Folded + RingFull + Share + Unreadable + NoBuffer`; what happens after submission is user space's to count.

use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout};

use crate::SourceId;

/// What is counted for each source.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(usize)]
pub enum Counter {
    /// Denials that reached the source, counted before anything can fail.
    Seen = 0,
    /// Records handed to the ring buffer.
    Submitted = 1,
    /// Lost: the ring buffer had no room.
    RingFull = 2,
    /// Records, not lost, in which a string or path did not fit whole.
    Cut = 3,
    /// Records, not lost, of which a part could not be read; they say which.
    ReadFault = 4,
    /// Not a denial: the source's function ran for something else (a grant, a status message) and was passed over.
    Skipped = 5,
    /// Lost: what distinguishes a denial from a grant could not be read.
    Unreadable = 6,
    /// Lost: all of the CPU's [`crate::BUFFERS`] were in use.
    NoBuffer = 7,
    /// Repeats of a denial, counted in its [`crate::fold::Slot`].
    Folded = 8,
    /// Records, not lost, of denials whose repeats could not be folded: no slot was free.
    NoSlot = 9,
    /// Lost: the subject had its [share](crate::share) of the ring buffer.
    Share = 10,
}

/// How many counters a source has, rounded up so that a row is a whole number of cache lines.
pub const COUNTERS: usize = 16;

/// Rows of a table of counters: one for each source, rounded up so that a mask bounds an index.
pub const ROWS: usize = SourceId::ALL.len().next_power_of_two();

/// One CPU's counters, by source and [`Counter`].
#[derive(Clone, Copy, Debug, FromBytes, IntoBytes, Immutable, KnownLayout)]
#[repr(C, align(64))]
pub struct CpuCounters {
    /// Indexed by `SourceId as usize`, then `Counter as usize`.
    pub values: [[u64; COUNTERS]; ROWS],
}

impl CpuCounters {
    /// All zero.
    pub const ZERO: Self = Self { values: [[0; COUNTERS]; ROWS] };
}
