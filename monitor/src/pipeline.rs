//! From the ring buffer to the outputs: read, decode, enrich, hand on. Nothing here waits for an output.

use std::{io, ops::Deref};

use crate::{
    accounting::Tallies,
    enrich,
    output::Hub,
    record,
    source::{self, Tables},
};

/// Records handled before another task gets its turn, so that a flood of denials can't keep a signal waiting.
const BATCH: usize = 256;

/// Where records come from: the ring buffer, or a test.
pub trait Records {
    /// Waits until there may be a record.
    fn readable(&mut self) -> impl Future<Output = io::Result<()>>;

    /// The next record's bytes, if there is one; they are given back to the ring buffer when dropped.
    fn next(&mut self) -> Option<impl Deref<Target = [u8]>>;
}

/// Why [`Pipeline::run`] ended.
#[derive(Debug)]
pub enum End<T> {
    /// What it was to stop at is ready.
    Stopped(T),
    /// The records can't be waited for.
    Failed(io::Error),
}

/// Decodes records and hands the events on, and counts both.
#[derive(Debug)]
pub struct Pipeline<R> {
    records: R,
    tables: Tables,
    hub: Hub,
    tallies: Tallies,
}

impl<R: Records> Pipeline<R> {
    /// A pipeline from these records to these outputs.
    pub fn new(records: R, tables: Tables, hub: Hub) -> Self {
        Self { records, tables, hub, tallies: Tallies::default() }
    }

    /// Handles records as they come, until `stop` is ready.
    pub async fn run<S: Future>(&mut self, stop: S) -> End<S::Output> {
        let mut stop = std::pin::pin!(stop);
        loop {
            tokio::select! {
                biased;
                stopped = &mut stop => return End::Stopped(stopped),
                readable = self.records.readable() => {
                    if let Err(error) = readable {
                        return End::Failed(error);
                    }
                }
            }
            while self.batch() == BATCH {
                tokio::select! {
                    biased;
                    stopped = &mut stop => return End::Stopped(stopped),
                    () = tokio::task::yield_now() => {}
                }
            }
        }
    }

    /// Handles the records that are there, when no more can come; closes the outputs' queues, and gives what was
    /// counted.
    pub fn finish(mut self) -> Tallies {
        while self.batch() > 0 {}
        self.tallies
    }

    /// Handles up to [`BATCH`] records, and says how many.
    fn batch(&mut self) -> usize {
        self.tables.clock.follow();
        for count in 0..BATCH {
            let Some(record) = self.records.next() else { return count };
            let source = record::source_of(&record);
            match (source, source::decode(&record, &self.tables)) {
                (Some(source), Ok(event)) => {
                    enrich::located(event, |event| self.hub.send(event));
                    self.tallies.emitted(source);
                }
                (source, Err(error)) => {
                    tracing::debug!(?source, %error, "a record could not be decoded");
                    self.tallies.undecodable(source);
                }
                // A record that decodes has a source.
                (None, Ok(_)) => self.tallies.undecodable(None),
            }
        }
        BATCH
    }
}
