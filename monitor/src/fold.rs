//! Folding: the first of many like denials is an event at once; the repeats are counted in the kernel, and become one event
//! when the window ends.

use std::{
    collections::{HashSet, VecDeque},
    mem::offset_of,
    time::Duration,
};

use monitor_common::{Head, SourceId};
use tokio::time::Instant;

/// How denials are folded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FoldOptions {
    /// How long repeats are counted from the first denial on, before they are reported.
    pub window: Duration,
    /// Whether those of each process are counted for themselves.
    pub by_process: bool,
    /// Denials whose repeats can be counted at the same time: a power of two.
    pub slots: u32,
}

/// How long a window lasts longer if it can't be ended yet.
const AGAIN: Duration = Duration::from_millis(10);

/// What was counted of one denial's repeats.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Repeats {
    /// How many there were, the first denial not among them.
    pub count: u64,
    /// When the first of them was: nanoseconds since boot.
    pub first: u64,
    /// When the last was.
    pub last: u64,
    /// Processes of the first of them.
    pub pids: Vec<u32>,
}

impl Repeats {
    /// Whether these are the repeats that `other` are: one of a slot's times may have been written late.
    fn are(&self, other: &Self) -> bool {
        self.count == other.count && (self.first == other.first || self.last == other.last)
    }
}

/// What became of the counting of a denial's repeats.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Closing {
    /// It has ended, and this was counted, if anything was.
    Ended(Option<Repeats>),
    /// A program is about to begin or to end it: it is to be ended a little later.
    Later,
}

/// Where repeats are counted: the kernel's slots, or a test.
pub trait Slots {
    /// Whether the denial of this key has a slot.
    fn has(&self, key: u64) -> bool;

    /// Ends the counting of this key. Where something was counted, it is there until the slot is freed, whoever else looks:
    /// this process may be killed before it has noted it.
    fn close(&mut self, key: u64) -> Closing;

    /// What was counted of this key, if the counting has ended and the slot is not freed.
    fn closed(&self, key: u64) -> Option<Repeats>;

    /// Frees the slot of this key, if the counting has ended.
    fn free(&mut self, key: u64);

    /// The keys that have a slot now. Slots that a process had half freed when it was killed are freed.
    fn keys(&mut self) -> Vec<u64>;
}

/// The denials whose repeats are counted now.
pub(crate) struct Folding {
    slots: Box<dyn Slots + Send>,
    window: Duration,
    /// The one whose window ends first, first.
    open: VecDeque<Open>,
    keys: HashSet<u64>,
}

/// A denial whose repeats are counted.
struct Open {
    key: u64,
    until: Instant,
    number: u64,
    record: Box<[u8]>,
}

/// A denial that was repeated.
pub(crate) struct Repeated {
    /// The number of its record.
    pub number: u64,
    /// Its record.
    pub record: Box<[u8]>,
    /// What was counted.
    pub repeats: Repeats,
}

impl Folding {
    pub(crate) fn new(slots: impl Slots + Send + 'static, window: Duration) -> Self {
        Self { slots: Box::new(slots), window, open: VecDeque::new(), keys: HashSet::new() }
    }

    /// Keeps a record whose repeats are counted, of this number. There are as many as slots at most.
    pub(crate) fn take(&mut self, record: &[u8], number: u64, now: Instant) {
        let key = key(record);
        if key != 0 && self.slots.has(key) && self.keys.insert(key) {
            self.open.push_back(Open { key, until: now + self.window, number, record: record.into() });
        }
    }

    /// The number of the oldest record whose repeats are counted.
    pub(crate) fn oldest(&self) -> Option<u64> {
        self.open.front().map(|open| open.number)
    }

    /// The keys that have a slot now.
    pub(crate) fn slots(&mut self) -> Vec<u64> {
        self.slots.keys()
    }

    /// Frees the slot of a denial whose repeats are noted.
    pub(crate) fn noted(&mut self, repeated: &Repeated) {
        self.slots.free(key(&repeated.record));
    }

    /// As [`free_noted`].
    pub(crate) fn free_noted(&mut self, noted: &[(u64, Repeats)]) {
        free_noted(&mut *self.slots, noted);
    }

    /// Frees those of these slots whose records nobody has, and gives what was counted in each, with its source.
    pub(crate) fn free(&mut self, keys: Vec<u64>) -> Vec<(Option<SourceId>, u64)> {
        let unknown = keys.into_iter().filter(|key| !self.keys.contains(key));
        let counts = unknown.filter_map(|key| {
            let Closing::Ended(Some(repeats)) = self.slots.close(key) else { return None };
            self.slots.free(key);
            Some((monitor_common::fold::source(key), repeats.count))
        });
        counts.collect()
    }

    /// When the next window ends.
    pub(crate) fn until(&self) -> Option<Instant> {
        self.open.front().map(|open| open.until)
    }

    /// The next denial whose window ended by this time and that was repeated.
    pub(crate) fn next_repeated(&mut self, now: Instant) -> Option<Repeated> {
        while let Some(open) = self.open.pop_front_if(|open| open.until <= now) {
            match self.slots.close(open.key) {
                Closing::Ended(repeats) => {
                    self.keys.remove(&open.key);
                    if let Some(repeats) = repeats {
                        return Some(Repeated { number: open.number, record: open.record, repeats });
                    }
                }
                Closing::Later => {
                    self.open.push_front(Open { until: now + AGAIN, ..open });
                    break;
                }
            }
        }
        None
    }

    /// As [`Self::next_repeated`], whenever the window would end. No program is at work any more.
    pub(crate) fn last_repeated(&mut self) -> Option<Repeated> {
        while let Some(Open { key, number, record, .. }) = self.open.pop_front() {
            self.keys.remove(&key);
            if let Closing::Ended(Some(repeats)) = self.slots.close(key) {
                return Some(Repeated { number, record, repeats });
            }
        }
        None
    }
}

/// Frees the slots whose repeats another process has noted, and had not freed when it was killed.
pub(crate) fn free_noted(slots: &mut (impl Slots + ?Sized), noted: &[(u64, Repeats)]) {
    for (key, repeats) in noted {
        if slots.closed(*key).is_some_and(|closed| closed.are(repeats)) {
            slots.free(*key);
        }
    }
}

/// What a record has in common with its repeats; 0 if they are not folded.
pub(crate) fn key(record: &[u8]) -> u64 {
    let bytes = record.get(offset_of!(Head, fold)..).and_then(|rest| rest.first_chunk());
    bytes.map_or(0, |bytes| u64::from_ne_bytes(*bytes))
}
