//! Repeats: counted in slots that stand for the kernel's, and reported when their window ends.

use std::{
    cell::RefCell,
    collections::{HashMap, VecDeque},
    io,
    num::NonZeroU64,
    ops::Deref,
    rc::Rc,
    sync::{Arc, Mutex},
    time::Duration,
};

use monitor::{
    accounting::{Account, KernelCounts},
    enrich::Enricher,
    event::Event,
    fold::{Closing, Repeats, Slots},
    format::Format,
    output::{Encoding, Hub, Lines},
    pipeline::{End, Pipeline, Records},
};
use monitor_common::{Capability, SourceId};
use tokio::{
    runtime::{self, Runtime},
    time::{Instant, sleep_until},
};
use zerocopy::FromZeros as _;

use crate::support::{Builder, Bytes, tables};

const WINDOW: Duration = Duration::from_secs(1);

/// Slots as a program would have them: the repeats by key.
#[derive(Clone, Default)]
struct Counted(Arc<Mutex<HashMap<u64, Repeats>>>);

impl Counted {
    fn open(&self, key: u64, count: u64) {
        let repeats = Repeats { count, first: 2_000_000_000, last: 3_000_000_000, pids: vec![7, 9] };
        self.0.lock().unwrap().insert(key, repeats);
    }
}

impl Slots for Counted {
    fn has(&self, key: u64) -> bool {
        self.0.lock().unwrap().contains_key(&key)
    }

    fn close(&mut self, key: u64) -> Closing {
        Closing::Ended(self.0.lock().unwrap().remove(&key).filter(|repeats| repeats.count > 0))
    }

    /// Never: this denyd is not killed, and its slots are free as soon as they are closed.
    fn closed(&self, _key: u64) -> Option<Repeats> {
        None
    }

    fn free(&mut self, _key: u64) {}

    fn keys(&mut self) -> Vec<u64> {
        self.0.lock().unwrap().keys().copied().collect()
    }
}

/// Records that a test adds.
#[derive(Clone, Default)]
struct Added(Rc<RefCell<VecDeque<Bytes>>>);

impl Records for Added {
    async fn readable(&mut self) -> io::Result<()> {
        while self.0.borrow().is_empty() {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
        Ok(())
    }

    fn next(&mut self) -> Option<impl Deref<Target = [u8]>> {
        self.0.borrow_mut().pop_front()
    }
}

fn record(key: u64) -> Bytes {
    let builder = Builder::new(SourceId::Capability, &Capability::new_zeroed()).task_chunks();
    builder.head(|head| head.fold = key).build()
}

/// A record that can't be decoded.
fn damaged(key: u64) -> Bytes {
    Builder::new(SourceId::Capability, &[0_u8; 2]).head(|head| head.fold = key).build()
}

fn paused() -> Runtime {
    runtime::Builder::new_current_thread().enable_time().start_paused(true).build().unwrap()
}

fn pipeline(records: Added, slots: &Counted) -> (Pipeline<Added>, Lines) {
    let mut hub = Hub::default();
    let lines = hub.add("lines", &Encoding::Line(Format::Json), None, 100);
    let pipeline = Pipeline::new(records, tables(), Enricher::new(Duration::ZERO), hub);
    (pipeline.folding(slots.clone(), WINDOW), lines)
}

/// The counts of the events that came.
fn counts(lines: &mut Lines) -> Vec<Option<u64>> {
    std::iter::from_fn(|| lines.queue.try_recv().ok())
        .map(|line| {
            let event: Event<'_> = serde_json::from_slice(&line).unwrap();
            event.count.map(NonZeroU64::get)
        })
        .collect()
}

async fn run_until(pipeline: &mut Pipeline<Added>, until: Instant) {
    assert!(matches!(pipeline.run(sleep_until(until)).await, End::Stopped(())));
}

#[test]
fn the_first_goes_out_at_once_and_its_repeats_when_the_window_ends() {
    paused().block_on(async {
        let (records, slots) = (Added::default(), Counted::default());
        let (mut pipeline, mut lines) = pipeline(records.clone(), &slots);
        let start = Instant::now();
        records.0.borrow_mut().extend([record(5), record(6)]);
        slots.open(5, 0);
        slots.open(6, 0);
        run_until(&mut pipeline, start + WINDOW / 2).await;
        assert_eq!(counts(&mut lines), [None, None]);
        slots.open(5, 41);
        run_until(&mut pipeline, start + WINDOW - Duration::from_millis(1)).await;
        assert_eq!(counts(&mut lines), []);
        run_until(&mut pipeline, start + WINDOW + Duration::from_millis(20)).await;
        assert!(!slots.has(5) && !slots.has(6), "both slots are free");
        let line = lines.queue.try_recv().unwrap();
        let event: Event<'_> = serde_json::from_slice(&line).unwrap();
        assert_eq!(event.count.map(NonZeroU64::get), Some(41));
        assert_eq!(event.pids, [7, 9]);
        assert_eq!(event.last, Some(event.time));
        let apart = event.time.duration_since(event.first.unwrap());
        assert_eq!(apart.as_secs(), 1);
        assert_eq!(event.process.pid, Some(4242), "the rest is the first denial's");
        assert!(event.fingerprint.is_some());
        assert!(lines.queue.try_recv().is_err(), "what was not repeated is told once");
    });
}

#[test]
fn what_is_new_goes_before_the_repeats_of_many() {
    paused().block_on(async {
        let (records, slots) = (Added::default(), Counted::default());
        let (mut pipeline, mut lines) = pipeline(records.clone(), &slots);
        let keys = 1..=60;
        keys.clone().for_each(|key| slots.open(key, 2));
        records.0.borrow_mut().extend(keys.map(record));
        run_until(&mut pipeline, Instant::now() + WINDOW / 2).await;
        assert_eq!(counts(&mut lines), [None; 60]);

        // All windows have ended when it comes.
        tokio::time::advance(WINDOW).await;
        records.0.borrow_mut().push_back(record(0));
        run_until(&mut pipeline, Instant::now() + WINDOW).await;
        let counts = counts(&mut lines);
        assert_eq!(counts.len(), 61);
        let before = counts.iter().position(Option::is_none).unwrap();
        assert!(before <= 4, "it waited for the repeats of {before} others");
    });
}

/// Slots that a program holds for a while.
struct Held(Counted, Instant);

impl Slots for Held {
    fn has(&self, key: u64) -> bool {
        self.0.has(key)
    }

    fn close(&mut self, key: u64) -> Closing {
        if Instant::now() < self.1 { Closing::Later } else { self.0.close(key) }
    }

    fn closed(&self, key: u64) -> Option<Repeats> {
        self.0.closed(key)
    }

    fn free(&mut self, key: u64) {
        self.0.free(key);
    }

    fn keys(&mut self) -> Vec<u64> {
        self.0.keys()
    }
}

#[test]
fn a_window_that_cannot_be_ended_yet_ends_later() {
    paused().block_on(async {
        let (records, slots) = (Added::default(), Counted::default());
        let mut hub = Hub::default();
        let mut lines = hub.add("lines", &Encoding::Line(Format::Json), None, 100);
        let pipeline = Pipeline::new(records.clone(), tables(), Enricher::new(Duration::ZERO), hub);
        let free = Instant::now() + WINDOW + Duration::from_millis(35);
        let mut pipeline = pipeline.folding(Held(slots.clone(), free), WINDOW);
        slots.open(5, 3);
        slots.open(6, 4);
        records.0.borrow_mut().extend([record(5), record(6)]);
        run_until(&mut pipeline, free - Duration::from_millis(1)).await;
        assert_eq!(counts(&mut lines), [None, None]);
        run_until(&mut pipeline, free + Duration::from_millis(20)).await;
        assert_eq!(counts(&mut lines), [Some(3), Some(4)]);
    });
}

#[test]
fn what_is_counted_when_denyd_ends_is_reported() {
    paused().block_on(async {
        let (records, slots) = (Added::default(), Counted::default());
        let (mut pipeline, mut lines) = pipeline(records.clone(), &slots);
        slots.open(5, 3);
        records.0.borrow_mut().push_back(record(5));
        run_until(&mut pipeline, Instant::now() + WINDOW / 10).await;
        pipeline.finish().await;
        assert_eq!(counts(&mut lines), [None, Some(3)]);
    });
}

#[test]
fn a_denial_without_a_slot_is_no_ones_repeat() {
    paused().block_on(async {
        let (records, slots) = (Added::default(), Counted::default());
        let (mut pipeline, mut lines) = pipeline(records.clone(), &slots);
        records.0.borrow_mut().extend([record(5), record(5), record(0)]);
        run_until(&mut pipeline, Instant::now() + 2 * WINDOW).await;
        assert_eq!(counts(&mut lines), [None, None, None]);
    });
}

#[test]
fn every_repeat_is_accounted_for() {
    paused().block_on(async {
        let (records, slots) = (Added::default(), Counted::default());
        let (mut pipeline, _lines) = pipeline(records.clone(), &slots);
        slots.open(5, 10);
        slots.open(6, 4);
        records.0.borrow_mut().extend([record(5), record(5), damaged(6)]);
        run_until(&mut pipeline, Instant::now() + 2 * WINDOW).await;
        let tallies = pipeline.finish().await.tallies;
        let kernel = KernelCounts { seen: 17, ..KernelCounts::default() };
        let account = Account::new(SourceId::Capability, &kernel, &tallies.by_source(SourceId::Capability));
        assert_eq!(account.to_string(), "capability: seen 17, emitted 2, folded 10, lost 5 (undecodable 5)");
    });
}
