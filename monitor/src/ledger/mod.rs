//! The ledger: what outlives the daemon, so that the next one goes on where a killed one stood.
//!
//! The ring buffer gives a record away when it is taken. So each record that is taken is copied here first, and stays
//! until what became of it is certain: until the outputs that can be asked for it (files, the history) have written it, and
//! its repeats. With a **commit** the ledger says how far that is, and what was counted by then; what comes after it is
//! done again after a crash, and the outputs pass over what they have already written.
//!
//! It lies in a map that is pinned beside the programs, or, where nothing is pinned, nowhere: then there is no ledger.

mod output;
mod region;

use std::{collections::VecDeque, io, os::fd::AsFd, sync::Arc};

use monitor_common::{ABI, SourceId, fold::PIDS};
use zerocopy::{FromBytes, Immutable, IntoBytes};

pub use self::output::{Handed, Marks, OutputMark};
use self::region::Region;
use crate::{
    accounting::{Counted, KernelCounts},
    clock::Clock,
    fold::{self, Repeats},
};

/// What programs counted that are no longer there, by source.
pub(crate) type CountsBefore = [KernelCounts; SourceId::ALL.len()];

/// Outputs that can say what they have written.
pub(crate) const OUTPUTS: usize = 8;
/// The ledger's own version: of its words' places.
const VERSION: u64 = 1;
/// How it begins: `denydLGR`.
const MAGIC: u64 = u64::from_be_bytes(*b"denydLGR");

/// The places of the words at its start.
mod word {
    use super::{Commit, CountsBefore, OUTPUTS, output};

    pub(super) const MAGIC: usize = 0;
    pub(super) const VERSION: usize = 1;
    pub(super) const ABI: usize = 2;
    /// Until when somebody listened: nanoseconds since boot.
    pub(super) const LISTENED: usize = 3;
    /// The process that did.
    pub(super) const PID: usize = 4;
    /// Where the next record stands in the ring buffer.
    pub(super) const RING: usize = 5;
    /// Records taken.
    pub(super) const TAKEN: usize = 6;
    /// Where the next record comes in the log, in words that only grow.
    pub(super) const HEAD: usize = 7;
    /// Where the first one stands.
    pub(super) const TAIL: usize = 8;
    /// Which of the two commits is the last.
    pub(super) const ACTIVE: usize = 9;
    pub(super) const COMMITS: usize = 16;
    pub(super) const COMMIT_LEN: usize = size_of::<Commit>() / size_of::<u64>();
    pub(super) const MARKS: usize = COMMITS + 2 * COMMIT_LEN;
    pub(super) const BEFORE: usize = MARKS + OUTPUTS * output::WORDS;
    pub(super) const BEFORE_LEN: usize = size_of::<CountsBefore>() / size_of::<u64>();
    pub(super) const REPEATS: usize = (BEFORE + BEFORE_LEN).next_multiple_of(512);
    pub(super) const LOG: usize = REPEATS + super::REPEATS * super::REPEAT_WORDS;
}

/// Counts of repeats that can wait to be reported for good.
const REPEATS: usize = 8192;
/// Words of each.
const REPEAT_WORDS: usize = 8 + PIDS.div_ceil(2);
/// Words of records that can wait: 4 MiB.
const LOG: usize = 512 * 1024;
/// Words before each record: its length, its number, and where the one after it stood in the ring buffer.
const ENTRY: usize = 3;
/// Instead of a length: the rest of the log is not used.
const PAD: u64 = u64::MAX;

/// Words of a ledger.
pub const WORDS: usize = word::LOG + LOG;

/// What is certain, all at one moment.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, FromBytes, IntoBytes, Immutable)]
#[repr(C)]
pub(crate) struct Commit {
    /// Records that became events, or were counted as something else.
    pub settled: u64,
    /// Counts of repeats that did.
    pub repeated: u64,
    /// Lines that each output was handed by then, and has written or counted as lost.
    pub handed: Handed,
    /// What the pipeline had counted.
    pub counted: Counted,
}

/// Repeats that were counted, and that are to be reported.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Repeated {
    /// How many counts of repeats there were before.
    pub number: u64,
    /// How many records were settled when they were reported.
    pub after: u64,
    /// The record of the first denial: its number.
    pub first: u64,
    /// What was counted.
    pub repeats: Repeats,
}

/// What a ledger holds when it is opened.
#[derive(Debug, Default)]
pub struct Left {
    /// The last commit.
    pub(crate) commit: Commit,
    /// The records that are still there, each with its number.
    pub(crate) records: Vec<(u64, Box<[u8]>)>,
    /// Repeats that were not reported for good.
    pub(crate) repeats: VecDeque<Repeated>,
    /// Records taken in all.
    pub(crate) taken: u64,
    /// Where the next record stands in the ring buffer.
    pub(crate) ring: u64,
    /// Until when somebody listened: nanoseconds since boot; 0: nobody ever.
    pub(crate) listened: u64,
    /// The process that did.
    pub(crate) pid: u32,
}

impl Left {
    /// The repeats that were not reported for good, each with what its record has in common with them
    /// ([`crate::fold::key`]), as far as records are still there.
    pub(crate) fn noted(&self) -> impl Iterator<Item = (u64, Repeats)> {
        self.repeats.iter().filter_map(|noted| {
            let first = self.records.binary_search_by_key(&noted.first, |(number, _)| *number).ok()?;
            Some((fold::key(&self.records[first].1), noted.repeats.clone()))
        })
    }

    /// Lines that outputs were handed, as far as that is certain.
    #[must_use]
    pub fn handed(&self) -> Handed {
        // Before the first commit, nothing is.
        if self.commit == Commit::default() { Handed::nothing() } else { self.commit.handed }
    }
}

/// The ledger, which one process has.
#[derive(Debug)]
pub struct Ledger {
    region: Arc<Region>,
    head: u64,
    tail: u64,
    /// The records in the log: each one's number, and where it stands.
    records: VecDeque<(u64, u64)>,
}

/// Says that this process listens.
#[derive(Clone, Debug)]
pub(crate) struct Listener(Arc<Region>);

impl Listener {
    /// It does, now.
    pub(crate) fn listen(&self) {
        self.0.set(word::LISTENED, Clock::since_boot());
    }
}

/// It is no ledger that this version can read.
#[derive(Debug, thiserror::Error)]
pub enum LedgerError {
    /// It can't be mapped.
    #[error("cannot map the ledger: {0}")]
    Map(#[from] io::Error),
    /// Another version of denyd wrote it.
    #[error("its records are of another version of denyd")]
    Version,
}

impl Ledger {
    /// Begins a ledger in a map or file of [`WORDS`] words that are zero.
    ///
    /// # Errors
    ///
    /// If it can't be mapped.
    pub fn create(file: impl AsFd) -> Result<Self, LedgerError> {
        let region = Region::map(file, WORDS)?;
        region.set(word::VERSION, VERSION);
        region.set(word::ABI, ABI.into());
        region.set(word::MAGIC, MAGIC);
        Ok(Self { region: Arc::new(region), head: 0, tail: 0, records: VecDeque::new() })
    }

    /// Opens one that another process has left.
    ///
    /// # Errors
    ///
    /// If it can't be mapped, or another version of denyd has written it.
    pub fn open(file: impl AsFd) -> Result<(Self, Left), LedgerError> {
        let region = Region::map(file, WORDS)?;
        let is = |place, word| region.get(place) == word;
        if !(is(word::MAGIC, MAGIC) && is(word::VERSION, VERSION) && is(word::ABI, ABI.into())) {
            return Err(LedgerError::Version);
        }
        let (head, tail) = (region.get(word::HEAD), region.get(word::TAIL));
        if head > u64::MAX / 2 {
            return Err(LedgerError::Version);
        }
        let mut ledger =
            Self { region: Arc::new(region), head, tail: tail.min(head), records: VecDeque::new() };
        let left = ledger.read();
        Ok((ledger, left))
    }

    /// Goes on from what another ledger held, which another kernel side has counted.
    pub(crate) fn go_on_from(&mut self, left: &Left, before: &CountsBefore) {
        self.region.set_bytes(word::BEFORE, before.as_bytes());
        self.region.set_bytes(word::COMMITS, left.commit.as_bytes());
        for (number, record) in &left.records {
            self.keep(*number, record, 0);
        }
        self.region.set(word::TAKEN, left.taken);
        left.repeats.iter().for_each(|repeated| self.note(repeated));
        self.region.set(word::LISTENED, left.listened);
    }

    /// What programs counted before those whose ledger this is.
    pub(crate) fn counts_before(&self) -> CountsBefore {
        let bytes = self.region.bytes(word::BEFORE, size_of::<CountsBefore>());
        CountsBefore::read_from_bytes(&bytes).unwrap_or_default()
    }

    fn read(&mut self) -> Left {
        let get = |place| self.region.get(place);
        let commit = word::COMMITS + usize::from(get(word::ACTIVE) == 1) * word::COMMIT_LEN;
        let commit = self.region.bytes(commit, size_of::<Commit>());
        let commit = Commit::read_from_bytes(&commit).unwrap_or_default();
        let mut left = Left {
            commit,
            taken: get(word::TAKEN),
            ring: get(word::RING),
            listened: get(word::LISTENED),
            pid: u32::try_from(get(word::PID)).unwrap_or(0),
            repeats: self.repeats(commit.repeated),
            ..Left::default()
        };
        let mut at = self.tail;
        while at < self.head
            && let Some((number, ring, record)) = self.entry(&mut at)
        {
            // It was taken, and the kill came before that was noted.
            if number >= left.taken {
                (left.taken, left.ring) = (number.wrapping_add(1), ring);
            }
            left.records.push((number, record));
        }
        left
    }

    /// The record that stands here or, if that is the unused rest of the log, after it; goes on to the next.
    fn entry(&mut self, at: &mut u64) -> Option<(u64, u64, Box<[u8]>)> {
        if self.region.get(place(*at)) == PAD {
            *at = at.next_multiple_of(LOG as u64);
        }
        let start = place(*at);
        let len = usize::try_from(self.region.get(start)).ok()?;
        let words = ENTRY + len.div_ceil(size_of::<u64>());
        // What is damaged ends the log.
        if start + words > WORDS || *at + words as u64 > self.head {
            return None;
        }
        let number = self.region.get(start + 1);
        self.records.push_back((number, *at));
        *at += words as u64;
        Some((number, self.region.get(start + 2), self.region.bytes(start + ENTRY, len)))
    }

    /// Keeps a record that is about to be given back to the ring buffer, where the next one stands at `ring`.
    ///
    /// Where there is no more room, the oldest records go: they are lost if the daemon is killed.
    pub(crate) fn keep(&mut self, number: u64, record: &[u8], ring: u64) {
        let words = (ENTRY + record.len().div_ceil(size_of::<u64>())) as u64;
        let rest = LOG as u64 - self.head % LOG as u64;
        if words > LOG as u64 {
            return;
        }
        let at = if words > rest { self.head + rest } else { self.head };
        while at + words - self.tail > LOG as u64 {
            self.records.pop_front();
            self.free();
        }
        if at > self.head {
            self.region.set(place(self.head), PAD);
        }
        let start = place(at);
        self.region.set(start, record.len() as u64);
        self.region.set(start + 1, number);
        self.region.set(start + 2, ring);
        self.region.set_bytes(start + ENTRY, record);
        self.records.push_back((number, at));
        self.head = at + words;
        self.region.set(word::HEAD, self.head);
        self.region.set(word::RING, ring);
        self.region.set(word::TAKEN, number + 1);
    }

    /// Frees what is before the first record in the log.
    fn free(&mut self) {
        self.tail = match self.records.front() {
            Some(&(_, at)) => at,
            None => self.head,
        };
        self.region.set(word::TAIL, self.tail);
    }

    /// Notes repeats, before they are reported.
    pub(crate) fn note(&self, repeated: &Repeated) {
        let start = place_of_repeats(repeated.number);
        let Repeats { count, first, last, pids } = &repeated.repeats;
        self.region.set(start, 0);
        let words = [repeated.after, repeated.first, *count, *first, *last, pids.len().min(PIDS) as u64];
        for (index, word) in words.into_iter().enumerate() {
            self.region.set(start + 1 + index, word);
        }
        self.region.set_bytes(start + 8, pids[..pids.len().min(PIDS)].as_bytes());
        self.region.set(start, repeated.number + 1);
    }

    /// The repeats from this number on.
    fn repeats(&self, first: u64) -> VecDeque<Repeated> {
        (0..REPEATS as u64).map_while(|index| self.repeated(first.wrapping_add(index))).collect()
    }

    /// The repeats of this number, if they are still there.
    fn repeated(&self, number: u64) -> Option<Repeated> {
        let start = place_of_repeats(number);
        let get = |index| self.region.get(start + index);
        if get(0) != number.wrapping_add(1) {
            return None;
        }
        let len = usize::try_from(get(6)).unwrap_or(usize::MAX).min(PIDS);
        let pids = self.region.bytes(start + 8, len * size_of::<u32>());
        let pids = pids.as_chunks().0.iter().map(|pid| u32::from_ne_bytes(*pid)).collect();
        let repeats = Repeats { count: get(3), first: get(4), last: get(5), pids };
        Some(Repeated { number, after: get(1), first: get(2), repeats })
    }

    /// Says what is certain, and frees the records before this number.
    pub(crate) fn commit(&mut self, commit: &Commit, needed: u64) {
        let next = usize::from(self.region.get(word::ACTIVE) != 1);
        self.region.set_bytes(word::COMMITS + next * word::COMMIT_LEN, commit.as_bytes());
        self.region.set(word::ACTIVE, next as u64);
        while self.records.pop_front_if(|(number, _)| *number < needed).is_some() {}
        if self.records.is_empty() {
            // From the start again, which is in the caches.
            self.head = self.head.next_multiple_of(LOG as u64);
            self.free();
            self.region.set(word::HEAD, self.head);
        } else {
            self.free();
        }
    }

    /// What says that this process listens.
    pub(crate) fn listener(&self) -> Listener {
        Listener(Arc::clone(&self.region))
    }

    /// Says which process listens.
    pub(crate) fn listen_as(&self, pid: u32) {
        self.region.set(word::PID, pid.into());
    }

    /// What the outputs mark.
    #[must_use]
    pub fn marks(&self) -> Marks {
        Marks::new(Arc::clone(&self.region))
    }
}

/// The word of a place in the log.
fn place(at: u64) -> usize {
    // The remainder is less than a `usize`.
    word::LOG + usize::try_from(at % LOG as u64).unwrap_or(0)
}

/// The word at which the repeats of this number start.
fn place_of_repeats(number: u64) -> usize {
    word::REPEATS + usize::try_from(number % REPEATS as u64).unwrap_or(0) * REPEAT_WORDS
}

#[cfg(test)]
mod tests;
