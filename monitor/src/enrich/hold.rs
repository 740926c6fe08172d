//! Events that wait for names, in the order in which they came.
//!
//! An event borrows from its record in the ring buffer, which can't wait: the kernel needs the room. So the record's
//! bytes are copied, and decoded anew when the event goes on. That happens only while a name is not known yet.

use std::collections::VecDeque;

use tokio::time::Instant;

use super::{Enricher, Wanted};

/// Events that may wait. A record has 5 KiB at most.
pub const LIMIT: usize = 1024;

/// The events that wait.
#[derive(Debug, Default)]
pub struct Hold {
    events: VecDeque<Held>,
}

#[derive(Debug)]
struct Held {
    record: Box<[u8]>,
    wanted: Vec<Wanted>,
}

impl Hold {
    /// How many wait.
    #[must_use]
    pub fn len(&self) -> usize {
        self.events.len()
    }

    /// Whether none waits.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.events.is_empty()
    }

    /// Whether no other may wait.
    #[must_use]
    pub fn is_full(&self) -> bool {
        self.events.len() >= LIMIT
    }

    /// Adds an event that waits for these names, if for any, and for those before it.
    pub fn push(&mut self, record: &[u8], wanted: Vec<Wanted>) {
        self.events.push_back(Held { record: record.into(), wanted });
    }

    /// The record of the first event, if it need not wait any more.
    pub fn pop_ready(&mut self, enricher: &Enricher, now: Instant) -> Option<Box<[u8]>> {
        let ready = |held: &mut Held| held.wanted.iter().all(|wanted| enricher.is_settled(wanted, now));
        self.events.pop_front_if(ready).map(|held| held.record)
    }

    /// The record of the first event.
    pub fn pop(&mut self) -> Option<Box<[u8]>> {
        self.events.pop_front().map(|held| held.record)
    }

    /// When the first event need not wait any more, whatever comes.
    #[must_use]
    pub fn until(&self, enricher: &Enricher) -> Option<Instant> {
        self.events.front()?.wanted.iter().filter_map(|wanted| enricher.waits_until(wanted)).max()
    }
}
