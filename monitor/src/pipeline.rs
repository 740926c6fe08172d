//! From the ring buffer to the outputs: read, decode, enrich, hand on. Nothing here waits for an output, and while
//! events wait for names, the ring buffer is read on.

use std::{io, num::NonZeroU64, ops::Deref, pin::Pin, sync::Arc, time::Duration};

use jiff::Timestamp;
use tokio::time::{Instant, sleep_until};

use crate::{
    accounting::Tallies,
    clock::Clock,
    enrich::{self, Enricher, hold::Hold},
    event::{Event, Module},
    fold::{Folding, Repeats, Slots},
    format,
    output::Hub,
    record,
    source::{self, Tables},
};

/// Records handled before another task gets its turn, so that a flood of denials can't keep a signal waiting.
const BATCH: usize = 256;

/// How long records may come together before they are handled, when they come fast: within this time after the last wake-up.
/// It bounds both the wake-ups, to 100 a second, and what a denial waits, which is nothing where they are few.
const PACE: Duration = Duration::from_millis(10);

/// Where records come from: the ring buffer, or a test.
pub trait Records {
    /// Waits until there may be a record.
    fn readable(&mut self) -> impl Future<Output = io::Result<()>>;

    /// The next record's bytes, if there is one; they are given back to the ring buffer when dropped.
    fn next(&mut self) -> Option<impl Deref<Target = [u8]>>;
}

impl<R: Records> Records for &mut R {
    fn readable(&mut self) -> impl Future<Output = io::Result<()>> {
        R::readable(self)
    }

    fn next(&mut self) -> Option<impl Deref<Target = [u8]>> {
        R::next(self)
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

/// Decodes records, enriches the events and hands them on, and counts them.
pub struct Pipeline<R> {
    records: R,
    handler: Handler,
}

/// Where a record becomes an event that is handed on.
struct Handler {
    tables: Tables,
    enricher: Enricher,
    hold: Hold,
    folding: Option<Folding>,
    hub: Hub,
    observer: Option<Box<dyn Observe>>,
    tallies: Arc<Tallies>,
    own: Own,
}

/// Knows denyd's own denials. They are reported once and not passed on: an output that is refused something, a file say,
/// would have denyd write an event about it, and be refused again, without end.
#[derive(Debug)]
struct Own {
    pid: u32,
    told: bool,
}

impl Own {
    /// Whether it is one.
    fn is(&mut self, event: &Event<'_>) -> bool {
        let own = event.process.pid == Some(self.pid);
        if own && !self.told && is_failure(event) {
            self.told = true;
            let what = format::message(event).to_string();
            tracing::warn!(
                what,
                "denyd itself is refused something; such denials are counted and not reported"
            );
        }
        own
    }
}

/// Whether something fails by what denyd is refused. A failed check of a capability is no failure: the kernel and libraries
/// probe for them, and do without.
fn is_failure(event: &Event<'_>) -> bool {
    event.module != Module::Capability
}

/// What a pipeline leaves when it is done.
#[derive(Debug)]
pub struct Done {
    /// What was counted, by source.
    pub tallies: Arc<Tallies>,
    /// What became of the questions for names, by what they were about.
    pub names: Vec<(&'static str, enrich::Counts)>,
}

impl<R: Records> Pipeline<R> {
    /// A pipeline from these records to these outputs.
    pub fn new(records: R, tables: Tables, enricher: Enricher, hub: Hub) -> Self {
        let handler = Handler {
            tables,
            enricher,
            hold: Hold::default(),
            folding: None,
            hub,
            observer: None,
            tallies: Arc::default(),
            own: Own { pid: std::process::id(), told: false },
        };
        Self { records, handler }
    }

    /// The same, whose events are also counted by their properties.
    #[must_use]
    pub fn observed_by(mut self, observer: impl Observe + 'static) -> Self {
        self.handler.observer = Some(Box::new(observer));
        self
    }

    /// The same, whose records' repeats are counted in these slots, and reported when this time has passed since the first.
    #[must_use]
    pub fn folding(mut self, slots: impl Slots + Send + 'static, window: Duration) -> Self {
        self.handler.folding = Some(Folding::new(slots, window));
        self
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
            let until = self.handler.until();
            tokio::select! {
                biased;
                stopped = &mut stop => return End::Stopped(stopped),
                () = self.handler.enricher.progress(until) => {}
                readable = self.records.readable() => {
                    if let Err(error) = readable {
                        return End::Failed(error);
                    }
                    let due = woken.map_or_else(Instant::now, |woken| woken + PACE);
                    if let Some(stopped) = self.let_come(due, stop.as_mut()).await {
                        return End::Stopped(stopped);
                    }
                    woken = Some(Instant::now());
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

    /// Waits until records are due, or `stop` is ready. Events that wait for their names go on meanwhile.
    async fn let_come<S: Future>(&mut self, due: Instant, mut stop: Pin<&mut S>) -> Option<S::Output> {
        while Instant::now() < due {
            let until = self.handler.until();
            tokio::select! {
                biased;
                stopped = &mut stop => return Some(stopped),
                () = self.handler.enricher.progress(until) => self.handler.go_on(),
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
        while self.batch() > 0 {}
        let mut handler = self.handler;
        handler.end_windows();
        loop {
            handler.release(Instant::now());
            handler.hub.flush();
            if handler.hold.is_empty() {
                break;
            }
            let until = handler.hold.until(&handler.enricher);
            handler.enricher.progress(until).await;
        }
        Done { tallies: handler.tallies, names: handler.enricher.counts().collect() }
    }

    /// Lets events go on whose names have come or are late, handles up to [`BATCH`] records, and says how many.
    fn batch(&mut self) -> usize {
        let now = Instant::now();
        self.handler.tables.clock.follow();
        self.handler.go_on();
        let mut count = 0;
        while count < BATCH
            && let Some(record) = self.records.next()
        {
            self.handler.take(&record, now);
            count += 1;
        }
        self.handler.hub.flush();
        if let Some(observer) = &self.handler.observer {
            observer.held(self.handler.hold.len());
        }
        count
    }
}

impl Handler {
    /// Lets events go on whose names have come or are late.
    fn go_on(&mut self) {
        let now = Instant::now();
        self.enricher.take_answers();
        self.release(now);
        while let Some((record, repeats)) =
            self.folding.as_mut().and_then(|folding| folding.next_repeated(now))
        {
            self.send_repeats(&record, &repeats, now);
        }
        self.hub.flush();
    }

    /// When something is due, whatever comes: a name, or the end of a window.
    fn until(&self) -> Option<Instant> {
        let held = self.hold.until(&self.enricher);
        let folded = self.folding.as_ref().and_then(Folding::until);
        held.into_iter().chain(folded).min()
    }

    /// Reports all repeats that were counted, since no more are.
    fn end_windows(&mut self) {
        while let Some((record, repeats)) = self.folding.as_mut().and_then(Folding::last_repeated) {
            self.send_repeats(&record, &repeats, Instant::now());
        }
    }

    /// Sends the event of a denial's repeats. It doesn't wait for names: those of the denial itself have come by now.
    fn send_repeats(&mut self, record: &[u8], repeats: &Repeats, now: Instant) {
        let Self { tables, enricher, hub, observer, tallies, own, .. } = self;
        match (record::source_of(record), source::decode(record, tables)) {
            (Some(source), Ok(event)) if own.is(&event) => tallies.own(source, repeats.count),
            (Some(source), Ok(mut event)) => {
                event.count = NonZeroU64::new(repeats.count);
                event.time = tables.clock.time_of_day(repeats.last);
                event.first = Some(tables.clock.time_of_day(repeats.first));
                event.last = Some(event.time);
                event.pids.clone_from(&repeats.pids);
                // That is the first denial's.
                event.audit = None;
                let observer = observer.as_deref_mut().map(|observer| (observer, &tables.clock));
                enrich::located(event, |event| send(event, enricher, now, hub, observer));
                tallies.folded(source, repeats.count);
            }
            (source, _) => tallies.undecodable(source, repeats.count),
        }
    }

    /// Turns a record into an event, which goes on at once if it needs no name that is still to come, and if none waits
    /// before it.
    fn take(&mut self, record: &[u8], now: Instant) {
        let Self { tables, enricher, hold, folding, hub, observer, tallies, own } = self;
        if let Some(folding) = folding {
            folding.take(record, now);
        }
        match (record::source_of(record), source::decode(record, tables)) {
            (Some(source), Ok(event)) if own.is(&event) => tallies.own(source, 1),
            (Some(source), Ok(event)) => enrich::located(event, |event| {
                let wanted = enricher.want(&event, now);
                if wanted.is_empty() && hold.is_empty() {
                    send(
                        event,
                        enricher,
                        now,
                        hub,
                        observer.as_deref_mut().map(|observer| (observer, &tables.clock)),
                    );
                    tallies.emitted(source);
                } else {
                    hold.push(record, wanted);
                }
            }),
            (source, Err(error)) => {
                tracing::debug!(?source, %error, "a record could not be decoded");
                tallies.undecodable(source, 1);
            }
            // A record that decodes has a source.
            (None, Ok(_)) => tallies.undecodable(None, 1),
        }
        if hold.is_full() {
            self.release_first(now);
            self.release(now);
        }
    }

    /// Sends the events that need not wait any more.
    fn release(&mut self, now: Instant) {
        while let Some(record) = self.hold.pop_ready(&self.enricher, now) {
            self.send_held(&record, now);
        }
    }

    /// Sends the first event that waits, without what did not come.
    fn release_first(&mut self, now: Instant) {
        if let Some(record) = self.hold.pop() {
            self.send_held(&record, now);
        }
    }

    /// Sends an event that waited.
    fn send_held(&mut self, record: &[u8], now: Instant) {
        let Self { tables, enricher, hub, observer, tallies, .. } = self;
        match (record::source_of(record), source::decode(record, tables)) {
            (Some(source), Ok(event)) => {
                let observer = observer.as_deref_mut().map(|observer| (observer, &tables.clock));
                enrich::located(event, |event| send(event, enricher, now, hub, observer));
                tallies.emitted(source);
            }
            // It was decoded once, so it is again.
            (source, _) => tallies.undecodable(source, 1),
        }
    }
}

/// Adds names, hands the event to the outputs, and has it counted.
fn send(
    event: Event<'_>,
    enricher: &Enricher,
    now: Instant,
    hub: &mut Hub,
    observer: Option<(&mut (dyn Observe + 'static), &Clock)>,
) {
    let mut event: Event<'_> = event;
    enricher.complete(&mut event, now);
    hub.collect(&event);
    if let Some((observer, clock)) = observer {
        observer.observe(&event, clock.now());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mere_probe_of_denyds_own_is_no_failure() {
        let of = |module: &str| {
            format!(
                r#"{{"schema":2,"time":"2026-01-01T00:00:00Z","host":"h","kind":"denial","module":"{module}",
                "verdict":"denied","silent":false,"action":{{"permissions":[]}},"subject":{{}},"object":{{"kind":"none"}},"process":{{"pid":7}}}}"#
            )
        };
        for (module, fails) in [("capability", false), ("apparmor", true), ("selinux", true)] {
            let text = of(module);
            let event: Event<'_> = serde_json::from_str(&text).unwrap();
            assert_eq!(is_failure(&event), fails, "{module}");
        }
    }
}
