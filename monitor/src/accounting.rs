//! Where every denial went.
//!
//! For each source, at any time: `seen = emitted + folded + own + lost{reason}`. `seen` is counted in the kernel before anything can
//! fail, the losses where they happen, and `emitted` when an event goes to the outputs; so an [`Account`] that doesn't
//! balance shows a loss that nobody counted. While records are under way it doesn't either: the difference is what the
//! ring buffer holds.

use std::{
    fmt,
    sync::atomic::{AtomicU64, Ordering::Relaxed},
};

use monitor_common::SourceId;
use zerocopy::{FromBytes, Immutable, IntoBytes};

use crate::source;

/// What the kernel counted for one source.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, FromBytes, IntoBytes, Immutable)]
#[repr(C)]
pub struct KernelCounts {
    /// Denials that reached the programs.
    pub seen: u64,
    /// Denials lost because the ring buffer had no room.
    pub ring_full: u64,
    /// Denials lost because their subjects had their shares of the ring buffer.
    pub share: u64,
    /// Denials lost because what distinguishes a denial from a grant could not be read.
    pub unreadable: u64,
    /// Denials lost because too many programs were at work on the CPU.
    pub no_buffer: u64,
    /// Records, not lost, of denials whose repeats could not be folded.
    pub unfolded: u64,
    /// Runs that the kernel skipped because the same program was already running on that CPU.
    pub recursion_misses: u64,
    /// Records, not lost, in which a string or path did not fit whole.
    pub cut: u64,
    /// Records, not lost, of which a part could not be read.
    pub read_faults: u64,
}

impl KernelCounts {
    /// Both together.
    #[must_use]
    pub(crate) fn plus(&self, other: &Self) -> Self {
        Self {
            seen: self.seen.wrapping_add(other.seen),
            ring_full: self.ring_full.wrapping_add(other.ring_full),
            share: self.share.wrapping_add(other.share),
            unreadable: self.unreadable.wrapping_add(other.unreadable),
            no_buffer: self.no_buffer.wrapping_add(other.no_buffer),
            unfolded: self.unfolded.wrapping_add(other.unfolded),
            recursion_misses: self.recursion_misses.wrapping_add(other.recursion_misses),
            cut: self.cut.wrapping_add(other.cut),
            read_faults: self.read_faults.wrapping_add(other.read_faults),
        }
    }
}

/// What user space counted for one source.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Tally {
    /// Events handed to the outputs.
    pub emitted: u64,
    /// Repeats, of which events handed to the outputs have the count.
    pub folded: u64,
    /// Records that could not be decoded.
    pub undecodable: u64,
    /// Denials of denyd's own, which are not handed on: an output that is refused something would feed itself.
    pub own: u64,
    /// Denials that a killed denyd had taken and that are no longer there.
    pub restart: u64,
}

/// What user space counts of a source's denials.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Count {
    Emitted = 0,
    Folded = 1,
    Undecodable = 2,
    Own = 3,
    Restart = 4,
}

/// How many there are.
const COUNTS: usize = 5;

/// What user space counts for all sources: the pipeline counts, anyone may read.
#[derive(Debug, Default)]
pub struct Tallies {
    counts: [[AtomicU64; SourceId::ALL.len()]; COUNTS],
    unattributed: AtomicU64,
}

/// All tallies, at one moment.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, FromBytes, IntoBytes, Immutable)]
#[repr(C)]
pub struct Counted {
    counts: [[u64; SourceId::ALL.len()]; COUNTS],
    unattributed: u64,
}

impl Tallies {
    /// What was counted for one source.
    #[must_use]
    pub fn by_source(&self, source: SourceId) -> Tally {
        let read = |count: Count| self.counts[count as usize][source as usize].load(Relaxed);
        Tally {
            emitted: read(Count::Emitted),
            folded: read(Count::Folded),
            undecodable: read(Count::Undecodable),
            own: read(Count::Own),
            restart: read(Count::Restart),
        }
    }

    /// Records too damaged to determine their source.
    #[must_use]
    pub fn unattributed(&self) -> u64 {
        self.unattributed.load(Relaxed)
    }

    /// All of it, now.
    pub(crate) fn counted(&self) -> Counted {
        let read =
            |counts: &[AtomicU64; SourceId::ALL.len()]| counts.each_ref().map(|count| count.load(Relaxed));
        Counted { counts: self.counts.each_ref().map(read), unattributed: self.unattributed() }
    }

    /// Goes on from what another process had counted.
    pub(crate) fn go_on_from(&self, counted: &Counted) {
        for (counts, before) in self.counts.iter().zip(&counted.counts) {
            for (count, before) in counts.iter().zip(before) {
                count.store(*before, Relaxed);
            }
        }
        self.unattributed.store(counted.unattributed, Relaxed);
    }

    pub(crate) fn emitted(&self, source: SourceId) {
        self.add(Count::Emitted, source, 1);
    }

    pub(crate) fn folded(&self, source: SourceId, count: u64) {
        self.add(Count::Folded, source, count);
    }

    pub(crate) fn own(&self, source: SourceId, count: u64) {
        self.add(Count::Own, source, count);
    }

    pub(crate) fn undecodable(&self, source: Option<SourceId>, count: u64) {
        self.add_if_known(Count::Undecodable, source, count);
    }

    /// Counts denials that a killed denyd had taken and that nobody has any more.
    pub(crate) fn lost_by_restart(&self, source: Option<SourceId>, count: u64) {
        self.add_if_known(Count::Restart, source, count);
    }

    fn add_if_known(&self, what: Count, source: Option<SourceId>, count: u64) {
        match source {
            Some(source) => self.add(what, source, count),
            None => _ = self.unattributed.fetch_add(count, Relaxed),
        }
    }

    fn add(&self, what: Count, source: SourceId, count: u64) {
        self.counts[what as usize][source as usize].fetch_add(count, Relaxed);
    }
}

/// Why a denial became no event.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Loss {
    /// The ring buffer had no room.
    RingFull,
    /// The subject had its share of the ring buffer, and what was left was for others.
    Share,
    /// What distinguishes a denial from a grant could not be read in the kernel.
    Unreadable,
    /// Too many programs were at work on the CPU at the same time.
    NoBuffer,
    /// The kernel skipped the program's run: it was already running on that CPU.
    Recursion,
    /// The record could not be decoded.
    Undecodable,
    /// A denyd that was killed had taken the record, and it is no longer there.
    Restart,
}

impl Loss {
    /// Every one.
    pub const ALL: [Self; 7] = [
        Self::RingFull,
        Self::Share,
        Self::Unreadable,
        Self::NoBuffer,
        Self::Recursion,
        Self::Undecodable,
        Self::Restart,
    ];

    /// Its name, as summaries and metrics write it.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::RingFull => "ring_full",
            Self::Share => "share",
            Self::Unreadable => "unreadable",
            Self::NoBuffer => "no_buffer",
            Self::Recursion => "recursion",
            Self::Undecodable => "undecodable",
            Self::Restart => "restart",
        }
    }
}

/// One source's balance.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Account {
    /// Whose.
    pub source: SourceId,
    /// Denials that reached the source.
    pub seen: u64,
    /// Events handed to the outputs.
    pub emitted: u64,
    /// Repeats of denials, of which events have the count.
    pub folded: u64,
    /// Denials of denyd's own, which are not handed on.
    pub own: u64,
    /// Denials that became no event, by reason.
    pub lost: [(Loss, u64); Loss::ALL.len()],
    /// Runs that the kernel skipped of a source whose programs run for grants too: what was decided in them, mostly to
    /// grant, is not known, so they are neither seen nor lost.
    pub unexamined: u64,
    /// Denials, not lost, whose repeats could not be folded: no slot was free.
    pub unfolded: u64,
    /// Events in which a string or path is not whole.
    pub cut: u64,
    /// Events of which a part could not be read.
    pub read_faults: u64,
    /// Whether programs go on, so that what is neither is on its way.
    pub goes_on: bool,
}

impl Account {
    /// Draws it up.
    #[must_use]
    pub fn new(source: SourceId, kernel: &KernelCounts, user: &Tally) -> Self {
        let only_denials = source::by_id(source).cost.is_none();
        let (missed, unexamined) =
            if only_denials { (kernel.recursion_misses, 0) } else { (0, kernel.recursion_misses) };
        Self {
            source,
            // A run that the kernel skipped did not get as far as to count itself.
            seen: kernel.seen + missed,
            emitted: user.emitted,
            folded: user.folded,
            own: user.own,
            lost: [
                (Loss::RingFull, kernel.ring_full),
                (Loss::Share, kernel.share),
                (Loss::Unreadable, kernel.unreadable),
                (Loss::NoBuffer, kernel.no_buffer),
                (Loss::Recursion, missed),
                (Loss::Undecodable, user.undecodable),
                (Loss::Restart, user.restart),
            ],
            unexamined,
            unfolded: kernel.unfolded,
            cut: kernel.cut,
            read_faults: kernel.read_faults,
            goes_on: false,
        }
    }

    /// The same, of programs that go on.
    #[must_use]
    pub fn that_goes_on(self) -> Self {
        Self { goes_on: true, ..self }
    }

    /// All losses.
    #[must_use]
    pub fn lost_in_all(&self) -> u64 {
        self.lost.iter().map(|(_, count)| count).sum()
    }

    /// `seen - emitted - folded - own - lost`: 0 once nothing is under way.
    #[must_use]
    pub fn difference(&self) -> i128 {
        i128::from(self.seen)
            - i128::from(self.emitted)
            - i128::from(self.folded)
            - i128::from(self.own)
            - i128::from(self.lost_in_all())
    }
}

impl fmt::Display for Account {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = source::by_id(self.source).name;
        write!(f, "{name}: seen {}, emitted {}, ", self.seen, self.emitted)?;
        if self.folded != 0 {
            write!(f, "folded {}, ", self.folded)?;
        }
        write_lost(f, self.lost.iter().map(|&(loss, count)| (loss.name(), count)))?;
        for (name, count) in [
            ("denyd's own", self.own.into()),
            (if self.goes_on { "waiting" } else { "unaccounted for" }, self.difference()),
            ("not examined", self.unexamined.into()),
            ("not folded", self.unfolded.into()),
            ("cut", self.cut.into()),
            ("read faults", self.read_faults.into()),
        ] {
            if count != 0 {
                write!(f, ", {name} {count}")?;
            }
        }
        Ok(())
    }
}

/// Writes `lost 3 (ring_full 2, recursion 1)`, and `lost 0` alone.
pub(crate) fn write_lost<N: fmt::Display>(
    f: &mut fmt::Formatter<'_>,
    lost: impl Iterator<Item = (N, u64)> + Clone,
) -> fmt::Result {
    write!(f, "lost {}", lost.clone().map(|(_, count)| count).sum::<u64>())?;
    let mut opened = false;
    for (name, count) in lost.filter(|&(_, count)| count != 0) {
        write!(f, "{}{name} {count}", if opened { ", " } else { " (" })?;
        opened = true;
    }
    if opened { f.write_str(")") } else { Ok(()) }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn kernel(seen: u64, ring_full: u64, unreadable: u64, recursion_misses: u64) -> KernelCounts {
        KernelCounts { seen, ring_full, unreadable, recursion_misses, ..KernelCounts::default() }
    }

    #[test]
    fn every_loss_is_named_with_its_reason() {
        let account = Account::new(
            SourceId::Selinux,
            &kernel(10, 2, 0, 1),
            &Tally { emitted: 7, undecodable: 1, ..Tally::default() },
        );
        assert_eq!(
            account.to_string(),
            "selinux: seen 11, emitted 7, lost 4 (ring_full 2, recursion 1, undecodable 1)",
        );
    }

    #[test]
    fn a_skipped_run_of_a_source_that_runs_for_grants_is_no_denial() {
        let account = Account::new(
            SourceId::Capability,
            &kernel(12, 0, 0, 2),
            &Tally { emitted: 12, ..Tally::default() },
        );
        assert_eq!(account.to_string(), "capability: seen 12, emitted 12, lost 0, not examined 2");
    }

    #[test]
    fn a_loss_that_nobody_counted_shows() {
        let account = Account::new(
            SourceId::Landlock,
            &kernel(10, 0, 0, 0),
            &Tally { emitted: 8, own: 1, ..Tally::default() },
        );
        assert_eq!(
            account.to_string(),
            "landlock: seen 10, emitted 8, lost 0, denyd's own 1, unaccounted for 1"
        );
    }

    proptest! {
        #[test]
        fn seen_is_emitted_and_lost(
            emitted in 0..u64::from(u32::MAX),
            ring_full in 0..u64::from(u32::MAX),
            unreadable in 0..u64::from(u32::MAX),
            recursion in 0..u64::from(u32::MAX),
            undecodable in 0..u64::from(u32::MAX),
            own in 0..u64::from(u32::MAX),
            folded in 0..u64::from(u32::MAX),
            restart in 0..u64::from(u32::MAX),
            share in 0..u64::from(u32::MAX),
        ) {
            let seen = emitted + folded + ring_full + unreadable + undecodable + own + restart + share;
            let kernel = KernelCounts { share, ..kernel(seen, ring_full, unreadable, recursion) };
            let account = Account::new(SourceId::Apparmor, &kernel, &Tally { emitted, folded, undecodable, own, restart });
            prop_assert_eq!(account.difference(), 0);
            prop_assert_eq!(account.seen, account.emitted + account.folded + account.own + account.lost_in_all());
        }
    }
}
