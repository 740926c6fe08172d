//! From the ring buffer to the outputs: read, decode, enrich, hand on. Nothing here waits for an output, and while
//! events wait for names, the ring buffer is read on.

mod handler;

use std::{io, ops::Deref, pin::Pin, sync::Arc, time::Duration};

use jiff::Timestamp;
use tokio::time::{Instant, sleep_until};

use self::handler::Handler;
use crate::{
    accounting::Tallies,
    enrich::{self, Enricher},
    event::Event,
    fault::Steps,
    fold::{Folding, Slots},
    guard::Guard,
    output::Hub,
    source::Tables,
    subjects::Subjects,
};

/// Records handled before another task gets its turn, so that a flood of denials can't keep a signal waiting.
const BATCH: usize = 256;

/// How long records may come together before they are handled: within this time after the last wake-up. It bounds both the
/// wake-ups, to 20 a second, and what a denial waits, which is nothing where there was none just before.
const PACE: Duration = Duration::from_millis(50);

/// The same while so many come that the ring buffer could be full by then: when a wake-up brought [`FAST`] of them.
const FAST_PACE: Duration = Duration::from_millis(10);

/// Records of one wake-up from which on they come fast: ten times as many a second are still far from filling the ring
/// buffer within [`PACE`].
const FAST: usize = 64;

/// Batches that are handled when a pipeline ends, at most.
const LAST_BATCHES: usize = 4096;

/// Where records come from: the ring buffer, or a test.
pub trait Records {
    /// Waits until there may be a record.
    fn readable(&mut self) -> impl Future<Output = io::Result<()>>;

    /// The next record's bytes, if there is one; those before it are given back to the ring buffer.
    fn next(&mut self) -> Option<impl Deref<Target = [u8]>>;

    /// Where the next record stands in the ring buffer, in bytes that only grow; 0 where that is not known, and no pipeline
    /// goes on from another.
    fn position(&self) -> u64 {
        0
    }

    /// Whether the record that was handed out last still stands there and is the newest: until the next is asked for,
    /// [`Self::readable`] would not become ready for others that come.
    fn is_last_taken(&self) -> bool {
        false
    }
}

impl<R: Records> Records for &mut R {
    fn readable(&mut self) -> impl Future<Output = io::Result<()>> {
        R::readable(self)
    }

    fn next(&mut self) -> Option<impl Deref<Target = [u8]>> {
        R::next(self)
    }

    fn position(&self) -> u64 {
        R::position(self)
    }

    fn is_last_taken(&self) -> bool {
        R::is_last_taken(self)
    }
}

/// What counts events by their properties: the metrics.
pub trait Observe {
    /// Counts an event that was handed to the outputs at this time.
    fn observe(&mut self, event: &Event<'_>, now: Timestamp);

    /// Takes how many events wait for a name.
    fn held(&self, events: usize);
}

/// Why [`Pipeline::run`] ended.
#[derive(Debug)]
pub enum End<T> {
    /// What it was to stop at is ready.
    Stopped(T),
    /// The records can't be waited for.
    Failed(io::Error),
}

/// What was done at once.
struct Batch {
    /// Records that were handled.
    records: usize,
    /// Whether there is more to do at once.
    more: bool,
    /// Whether the newest record was left in the ring buffer, so that nothing wakes the pipeline: others followed upon each
    /// other, and it looks for the next by itself.
    goes_on: bool,
}

/// Decodes records, enriches the events and hands them on, and counts them.
pub struct Pipeline<R> {
    records: R,
    handler: Handler,
}

/// What a pipeline leaves when it is done.
#[derive(Debug)]
pub struct Done {
    /// What was counted, by source.
    pub tallies: Arc<Tallies>,
    /// What became of the questions for names, by what they were about.
    pub names: Vec<(&'static str, enrich::Counts)>,
    /// What is still to be committed, when the outputs have written what they were handed.
    pub guard: Option<Box<Guard>>,
}

impl<R: Records> Pipeline<R> {
    /// A pipeline from these records to these outputs.
    pub fn new(records: R, tables: Tables, enricher: Enricher, hub: Hub) -> Self {
        let handler = Handler::new(tables, enricher, hub);
        Self { records, handler }
    }

    /// The same, whose events are also counted by their properties.
    #[must_use]
    pub fn observed_by(mut self, observer: impl Observe + 'static) -> Self {
        self.handler.observer = Some(Box::new(observer));
        self
    }

    /// The same, for which the wall clock is set forward and back.
    #[must_use]
    pub(crate) fn with_clock_steps(mut self, steps: Steps) -> Self {
        self.handler.clock_step = steps;
        self
    }

    /// The same, by whose events the subjects are known that lose denials.
    #[must_use]
    pub fn of_subjects(mut self, subjects: Arc<Subjects>) -> Self {
        self.handler.subjects = Some(subjects);
        self
    }

    /// The same, whose records' repeats are counted in these slots, and reported when this time has passed since the first.
    #[must_use]
    pub fn folding(mut self, slots: impl Slots + Send + 'static, window: Duration) -> Self {
        self.handler.folding = Some(Folding::new(slots, window));
        self
    }

    /// The same, which goes on where another was killed, and keeps what lets yet another go on. Must be called after
    /// [`Self::folding`].
    #[must_use]
    pub fn guarded_by(mut self, guard: Guard) -> Self {
        self.handler.tallies.go_on_from(guard.counted());
        self.handler.tallies.lost_by_restart(None, guard.gone());
        if let Some(folding) = &mut self.handler.folding {
            folding.free_noted(guard.noted());
            self.handler.left_slots = folding.slots();
        }
        self.handler.guard = Some(Box::new(guard));
        self
    }

    /// What lets another go on.
    pub(crate) fn guard(&self) -> Option<&Guard> {
        self.handler.guard.as_deref()
    }

    /// What is counted, by source, while it runs.
    #[must_use]
    pub fn tallies(&self) -> Arc<Tallies> {
        Arc::clone(&self.handler.tallies)
    }

    /// Handles records as they come, until `stop` is ready.
    pub async fn run<S: Future>(&mut self, stop: S) -> End<S::Output> {
        let mut stop = std::pin::pin!(stop);
        let mut woken: Option<Instant> = None;
        loop {
            let mut batch = self.batch();
            let pace = if batch.records < FAST { PACE } else { FAST_PACE };
            while batch.more {
                if let Some(stopped) = yield_to_others(stop.as_mut()).await {
                    return End::Stopped(stopped);
                }
                batch = self.batch();
            }
            if batch.goes_on {
                let due = woken.unwrap_or_else(Instant::now) + pace;
                let stopped = if Instant::now() < due {
                    self.let_come(due, stop.as_mut()).await
                } else {
                    yield_to_others(stop.as_mut()).await
                };
                if let Some(stopped) = stopped {
                    return End::Stopped(stopped);
                }
                woken = Some(Instant::now());
                continue;
            }
            let until = self.handler.until();
            tokio::select! {
                biased;
                stopped = &mut stop => return End::Stopped(stopped),
                () = self.handler.enricher.progress(until) => {}
                readable = self.records.readable() => {
                    if let Err(error) = readable {
                        return End::Failed(error);
                    }
                    let due = woken.map_or_else(Instant::now, |woken| woken + pace);
                    if let Some(stopped) = self.let_come(due, stop.as_mut()).await {
                        return End::Stopped(stopped);
                    }
                    woken = Some(Instant::now());
                }
            }
        }
    }

    /// Waits until records are due, or `stop` is ready. Events that wait for their names go on meanwhile.
    async fn let_come<S: Future>(&mut self, due: Instant, mut stop: Pin<&mut S>) -> Option<S::Output> {
        while Instant::now() < due {
            let until = self.handler.until();
            tokio::select! {
                biased;
                stopped = &mut stop => return Some(stopped),
                () = self.handler.enricher.progress(until) => {
                    self.handler.go_on();
                    self.handler.report_ended(Instant::now());
                    self.handler.hand_on();
                }
                () = sleep_until(due) => {}
            }
        }
        None
    }

    /// The outputs, to change them between two runs.
    pub fn hub(&mut self) -> &mut Hub {
        &mut self.handler.hub
    }

    /// Handles the records that are there, when no more can come; lets events wait for their names as long as they may,
    /// closes the outputs' queues, and gives what was counted.
    pub async fn finish(mut self) -> Done {
        // Where the programs stay attached, more may come for ever.
        let mut batches = 0;
        while self.batch().records > 0 && batches < LAST_BATCHES {
            batches += 1;
        }
        let mut handler = self.handler;
        loop {
            handler.release(Instant::now());
            handler.hub.flush();
            if handler.hold.is_empty() {
                break;
            }
            let until = handler.hold.until(&handler.enricher);
            handler.enricher.progress(until).await;
        }
        handler.end_windows();
        handler.hand_on();
        Done { tallies: handler.tallies, names: handler.enricher.counts().collect(), guard: handler.guard }
    }

    /// Lets events go on whose names have come or are late, handles up to [`BATCH`] records, then reports repeats.
    fn batch(&mut self) -> Batch {
        let now = Instant::now();
        let Self { records, handler } = self;
        handler.tables.clock.follow(handler.clock_step.next());
        handler.go_on();
        let mut count = 0;
        while count < BATCH && handler.take_left(now) {
            count += 1;
        }
        let mut goes_on = false;
        while count < BATCH && !goes_on {
            let at = records.position();
            let Some(record) = records.next() else {
                handler.free_left_slots();
                break;
            };
            handler.take_new(&record, at, now);
            drop(record);
            count += 1;
            goes_on = count > 1 && records.is_last_taken();
        }
        if count == BATCH {
            handler.note_flood(now);
        }
        // What is new does not wait for the repeats.
        handler.hub.flush();
        let more = handler.report_ended(now);
        handler.hand_on();
        if let Some(observer) = &handler.observer {
            observer.held(handler.hold.len());
        }
        Batch { records: count, more: more || count == BATCH, goes_on }
    }
}

/// Gives other tasks their turn, unless `stop` is ready.
async fn yield_to_others<S: Future>(stop: Pin<&mut S>) -> Option<S::Output> {
    tokio::select! {
        biased;
        stopped = stop => Some(stopped),
        () = tokio::task::yield_now() => None,
    }
}
