//! What lets a pipeline go on where one before it was killed: it keeps the ledger.
//!
//! Records are **settled** in the order in which they were taken: handed to the outputs, or counted as something else.
//! Counts of repeats come between them, and the ledger notes after how many records. So what a killed pipeline did after
//! the last commit is done again in the same order, and an output is spared as many lines as it has already written.

use std::collections::{HashMap, HashSet, VecDeque};

use crate::{
    accounting::Counted,
    fold::Repeats,
    ledger::{Commit, Handed, Ledger, Left, Listener, Marks, Repeated},
};

/// Commits that may wait for the outputs.
const WAITING: usize = 64;

/// Keeps the ledger of one pipeline.
#[derive(Debug)]
pub struct Guard {
    ledger: Ledger,
    listener: Listener,
    marks: Marks,
    /// Records taken.
    taken: u64,
    /// Where the next one stands in the ring buffer.
    ring: u64,
    /// Records settled.
    settled: u64,
    /// Records whose settling is certain, by what another pipeline has committed.
    certain: u64,
    /// Records taken by another pipeline that are neither settled nor kept. They count as settled.
    gone: u64,
    /// Counts of repeats reported.
    repeated: u64,
    /// What another pipeline had counted, as far as that is certain.
    counted: Counted,
    /// What the last commit to be said stands for: records, repeats, and the first record that is still needed.
    marked: (u64, u64, u64),
    /// What is certain as soon as the outputs have written as much.
    waiting: VecDeque<Waiting>,
    /// What another pipeline has left.
    left: VecDeque<(u64, Box<[u8]>)>,
    /// Repeats that it had counted.
    due: VecDeque<Repeated>,
    /// The first records of these.
    firsts: HashMap<u64, Box<[u8]>>,
    /// These, each with what its record has in common with them.
    noted: Vec<(u64, Repeats)>,
}

#[derive(Debug)]
struct Waiting {
    commit: Commit,
    needed: u64,
}

/// A record that another pipeline has taken.
#[derive(Debug)]
pub(crate) struct Again {
    /// Its number.
    pub number: u64,
    /// The record.
    pub record: Box<[u8]>,
    /// Whether what became of it is certain: then it is only the first of others.
    pub settled: bool,
}

impl Guard {
    /// Keeps a ledger that another process has left, or a new one, which holds nothing.
    #[must_use]
    pub fn new(ledger: Ledger, left: Left) -> Self {
        let noted = left.noted().collect();
        let Left { commit, records, repeats, taken, ring, .. } = left;
        let mut unsettled =
            records.iter().map(|(number, _)| *number).filter(|number| *number >= commit.settled);
        let gone = unsettled.next().unwrap_or(taken).saturating_sub(commit.settled);
        let wanted: HashSet<_> = repeats.iter().map(|due| due.first).collect();
        let firsts = records.iter().filter(|(number, _)| wanted.contains(number)).cloned().collect();
        ledger.listen_as(std::process::id());
        Self {
            listener: ledger.listener(),
            marks: ledger.marks(),
            ledger,
            taken,
            ring,
            settled: commit.settled + gone,
            certain: commit.settled,
            gone,
            repeated: commit.repeated,
            counted: commit.counted,
            marked: (commit.settled, commit.repeated, u64::MAX),
            waiting: VecDeque::new(),
            left: records.into(),
            due: repeats,
            firsts,
            noted,
        }
    }

    /// The repeats that another pipeline had counted and noted, each with what its record has in common with them
    /// ([`crate::fold::key`]).
    pub(crate) fn noted(&self) -> &[(u64, Repeats)] {
        &self.noted
    }

    /// What another pipeline had counted, as far as that is certain.
    pub(crate) fn counted(&self) -> &Counted {
        &self.counted
    }

    /// Records that another pipeline has taken, that did not become certain, and that are not kept any more.
    pub(crate) fn gone(&self) -> u64 {
        self.gone
    }

    /// The next record that is to be taken again.
    pub(crate) fn next_left(&mut self) -> Option<Again> {
        let (number, record) = self.left.pop_front()?;
        let settled = number < self.certain;
        Some(Again { number, record, settled })
    }

    /// Whether the record at this place in the ring buffer was taken before.
    pub(crate) fn has_taken(&self, ring: u64) -> bool {
        ring < self.ring
    }

    /// Keeps a record, behind which the next one stands at `ring`. Gives its number.
    pub(crate) fn take(&mut self, record: &[u8], ring: u64) -> u64 {
        let number = self.taken;
        self.ledger.keep(number, record, ring);
        self.taken += 1;
        self.ring = ring;
        number
    }

    /// Says that the next record is settled.
    pub(crate) fn settle(&mut self) {
        self.settled += 1;
    }

    /// Notes repeats that are about to be reported, of the record of this number.
    pub(crate) fn note(&mut self, first: u64, repeats: &Repeats) {
        let repeats = repeats.clone();
        self.ledger.note(&Repeated { number: self.repeated, after: self.settled, first, repeats });
    }

    /// Says that these repeats were reported, or counted as something else.
    pub(crate) fn settle_repeats(&mut self) {
        self.repeated += 1;
    }

    /// The next repeats that another pipeline had counted, if they are to be reported now; with the first record, if that
    /// is still there.
    pub(crate) fn next_due(&mut self) -> Option<(Option<Box<[u8]>>, Repeats)> {
        let settled = self.settled;
        let due = self.due.pop_front_if(|due| due.after <= settled)?;
        let first = self.firsts.get(&due.first).cloned();
        if self.due.is_empty() {
            self.firsts.clear();
        }
        Some((first, due.repeats))
    }

    /// Whether repeats that another pipeline had counted are still to be reported: then no others may be.
    pub(crate) fn is_due(&self) -> bool {
        !self.due.is_empty()
    }

    /// Says that what was done by now is certain as soon as the outputs have written what they were handed. The records from
    /// `open` on are still needed then.
    pub(crate) fn mark(&mut self, handed: Handed, counted: &Counted, open: Option<u64>) {
        let needed = open.unwrap_or(self.settled).min(self.settled);
        let marked = (self.settled, self.repeated, needed);
        // What is left of another pipeline is needed as long as it was not looked at.
        if self.marked == marked || !self.left.is_empty() || self.is_due() {
            return;
        }
        self.marked = marked;
        if self.waiting.len() >= WAITING {
            self.waiting.pop_back();
        }
        let commit = Commit { settled: self.settled, repeated: self.repeated, handed, counted: *counted };
        self.waiting.push_back(Waiting { commit, needed });
    }

    /// Commits what has become certain.
    pub fn commit(&mut self) {
        let mut certain = None;
        while let Some(next) = self.waiting.pop_front_if(|next| self.marks.have_written(&next.commit.handed))
        {
            certain = Some(next);
        }
        if let Some(Waiting { commit, needed }) = certain {
            self.ledger.commit(&commit, needed);
        }
    }

    /// Whether something waits to be certain.
    pub(crate) fn is_waiting(&self) -> bool {
        !self.waiting.is_empty()
    }

    /// What says that this process listens.
    pub(crate) fn listener(&self) -> &Listener {
        &self.listener
    }
}
