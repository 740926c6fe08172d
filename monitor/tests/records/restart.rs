//! A pipeline that is killed at any moment: the next one goes on, and every denial is written once and counted once.

use std::{
    cell::RefCell,
    collections::{BTreeSet, HashMap, VecDeque},
    fs::File,
    io,
    num::NonZeroU64,
    ops::Deref,
    rc::Rc,
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    time::Duration,
};

use monitor::{
    enrich::Enricher,
    event::Event,
    fold::{Closing, Repeats, Slots},
    format::Format,
    guard::Guard,
    ledger::{Ledger, WORDS},
    output::{Encoding, Hub, Lines, Marked},
    pipeline::{Pipeline, Records},
};
use monitor_common::{Capability, SourceId};
use proptest::prelude::*;
use tokio::{
    runtime,
    time::{Instant, sleep_until},
};
use zerocopy::FromZeros as _;

use crate::support::{Builder, Bytes, tables};

const WINDOW: Duration = Duration::from_millis(100);
const SOURCE: SourceId = SourceId::Capability;

/// What a kernel has, whatever becomes of denyd: a ring buffer, slots, and how many denials there were.
#[derive(Clone, Default)]
struct Kernel {
    ring: Rc<RefCell<Ring>>,
    slots: SharedSlots,
    denials: u64,
    records: u64,
}

#[derive(Default)]
struct Ring {
    waiting: VecDeque<(u64, Bytes)>,
    end: u64,
    taken: Option<(u64, Bytes)>,
}

#[derive(Clone, Default)]
struct SharedSlots {
    slots: Arc<Mutex<HashMap<u64, Slot>>>,
    /// Whether denyd is killed before it frees a slot.
    stuck: Arc<AtomicBool>,
    /// Slots that were ever closed.
    closed: Arc<AtomicU64>,
}

/// A slot in which repeats are counted, or were.
#[derive(Clone)]
enum Slot {
    Open(u64),
    Closed(Repeats),
}

impl SharedSlots {
    /// Closes every slot as a denyd does that is killed before it has noted what was counted.
    fn close_all(&mut self) {
        for key in self.keys() {
            self.close(key);
        }
    }
}

impl Kernel {
    fn deny(&mut self, fold: u8) {
        self.denials += 1;
        let key = monitor_common::fold::key(SOURCE, fold.into());
        let folded = fold != 0;
        let up = self.slots.has(key);
        if folded && let Some(Slot::Open(count)) = self.slots.slots.lock().unwrap().get_mut(&key) {
            *count += 1;
            return;
        }
        self.records += 1;
        let pid = u32::try_from(self.records).unwrap();
        let record = Builder::new(SOURCE, &Capability::new_zeroed()).task_chunks().head(|head| {
            head.task.pid = pid;
            head.fold = if folded { key } else { 0 };
        });
        let record = record.build();
        let mut ring = self.ring.borrow_mut();
        let at = ring.end;
        ring.end += (record.len() as u64 + 8).next_multiple_of(8);
        ring.waiting.push_back((at, record));
        if folded && !up {
            self.slots.slots.lock().unwrap().insert(key, Slot::Open(0));
        }
    }
}

impl Records for Kernel {
    async fn readable(&mut self) -> io::Result<()> {
        while self.ring.borrow().waiting.is_empty() {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
        Ok(())
    }

    fn next(&mut self) -> Option<impl Deref<Target = [u8]>> {
        let mut ring = self.ring.borrow_mut();
        let (at, record) = ring.waiting.pop_front()?;
        ring.taken = Some((at, record.clone()));
        Some(record)
    }

    fn position(&self) -> u64 {
        let ring = self.ring.borrow();
        ring.waiting.front().map_or(ring.end, |(at, _)| *at)
    }
}

impl Slots for SharedSlots {
    fn has(&self, key: u64) -> bool {
        self.slots.lock().unwrap().contains_key(&key)
    }

    fn close(&mut self, key: u64) -> Closing {
        let mut slots = self.slots.lock().unwrap();
        match slots.get_mut(&key) {
            None => Closing::Ended(None),
            Some(Slot::Closed(repeats)) => Closing::Ended(Some(repeats.clone())),
            Some(Slot::Open(0)) => {
                slots.remove(&key);
                Closing::Ended(None)
            }
            Some(slot @ &mut Slot::Open(count)) => {
                let time = self.closed.fetch_add(1, Ordering::Relaxed);
                let repeats = Repeats { count, first: time, last: time, pids: vec![7] };
                *slot = Slot::Closed(repeats.clone());
                Closing::Ended(Some(repeats))
            }
        }
    }

    fn closed(&self, key: u64) -> Option<Repeats> {
        match self.slots.lock().unwrap().get(&key) {
            Some(Slot::Closed(repeats)) => Some(repeats.clone()),
            _ => None,
        }
    }

    fn free(&mut self, key: u64) {
        if self.closed(key).is_some() && !self.stuck.load(Ordering::Relaxed) {
            self.slots.lock().unwrap().remove(&key);
        }
    }

    fn keys(&mut self) -> Vec<u64> {
        self.slots.lock().unwrap().keys().copied().collect()
    }
}

/// A denyd that runs, and the file that its output writes to.
struct Denyd {
    pipeline: Pipeline<Kernel>,
    lines: Lines,
}

impl Denyd {
    /// One that goes on from the ledger, or begins it.
    fn start(kernel: &Kernel, ledger: &File, first: bool) -> Self {
        let (ledger, left) = if first {
            (Ledger::create(ledger).unwrap(), monitor::ledger::Left::default())
        } else {
            Ledger::open(ledger).unwrap()
        };
        let mut hub = Hub::default();
        let mark = ledger.marks().output(1).unwrap();
        let marked = Some(Marked::new(mark, Some(&left.handed())));
        let lines = hub.add_marked("file", &Encoding::Line(Format::Json), None, 10_000, marked);
        let pipeline = Pipeline::new(kernel.clone(), tables(), Enricher::new(Duration::ZERO), hub);
        let pipeline = pipeline.folding(kernel.slots.clone(), WINDOW).guarded_by(Guard::new(ledger, left));
        Self { pipeline, lines }
    }

    /// Writes as many lines of the queue as there are, and no more than so many.
    fn write(&mut self, most: usize, file: &mut Vec<bytes::Bytes>) {
        for _ in 0..most {
            let Ok(line) = self.lines.queue.try_recv() else { return };
            file.push(line);
            self.lines.mark.as_ref().unwrap().end(1);
        }
    }
}

#[derive(Clone, Copy, Debug)]
enum Step {
    /// A denial; 0: one that is not folded.
    Deny(u8),
    /// denyd runs for so many milliseconds.
    Run(u64),
    /// The output writes so many lines.
    Write(usize),
    /// denyd is killed. Whether that was before it gave the last record back to the ring buffer.
    Kill(bool),
    /// denyd is killed when it has closed slots, and has not noted what was counted in them.
    KillWhenClosed,
    /// denyd runs until windows have ended, and is killed when it has noted what was counted, and has not freed the slots.
    KillWhenNoted,
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let step = prop_oneof![
        8 => (0..4_u8).prop_map(Step::Deny),
        4 => (0..120_u64).prop_map(Step::Run),
        3 => (0..6_usize).prop_map(Step::Write),
        2 => any::<bool>().prop_map(Step::Kill),
        1 => Just(Step::KillWhenClosed),
        1 => Just(Step::KillWhenNoted),
    ];
    prop::collection::vec(step, 1..120)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    #[test]
    fn every_denial_is_written_once_and_counted_once(steps in steps()) {
        let runtime = runtime::Builder::new_current_thread().enable_time().start_paused(true).build().unwrap();
        runtime.block_on(async {
            let ledger = tempfile::tempfile().unwrap();
            ledger.set_len((WORDS * size_of::<u64>()) as u64).unwrap();
            let mut kernel = Kernel::default();
            let mut file = Vec::new();
            let mut denyd = Denyd::start(&kernel, &ledger, true);
            for step in steps {
                match step {
                    Step::Deny(fold) => kernel.deny(fold),
                    Step::Run(time) => {
                        let end = Instant::now() + Duration::from_millis(time);
                        denyd.pipeline.run(sleep_until(end)).await;
                    }
                    Step::Write(most) => denyd.write(most, &mut file),
                    Step::Kill(again) => {
                        drop(denyd);
                        let mut ring = kernel.ring.borrow_mut();
                        let taken = ring.taken.take();
                        if let Some(taken) = taken.filter(|_| again) {
                            ring.waiting.push_front(taken);
                        }
                        drop(ring);
                        denyd = Denyd::start(&kernel, &ledger, false);
                    }
                    Step::KillWhenClosed => {
                        drop(denyd);
                        kernel.slots.close_all();
                        denyd = Denyd::start(&kernel, &ledger, false);
                    }
                    Step::KillWhenNoted => {
                        kernel.slots.stuck.store(true, Ordering::Relaxed);
                        denyd.pipeline.run(sleep_until(Instant::now() + 2 * WINDOW)).await;
                        drop(denyd);
                        kernel.slots.stuck.store(false, Ordering::Relaxed);
                        denyd = Denyd::start(&kernel, &ledger, false);
                    }
                }
            }
            let Denyd { pipeline, lines } = denyd;
            let done = pipeline.finish().await;
            let mut lines = lines.queue;
            while let Ok(line) = lines.try_recv() {
                file.push(line);
            }
            let mut singles = BTreeSet::new();
            let mut sum = 0;
            for line in &file {
                let event: Event<'_> = serde_json::from_slice(line).unwrap();
                let count = event.count.map(NonZeroU64::get);
                sum += count.unwrap_or(1);
                assert!(count.is_some() || singles.insert(event.process.pid), "twice: {:?}", event.process.pid);
            }
            assert_eq!(sum, kernel.denials);
            assert_eq!(singles.len() as u64, kernel.records);
            let tally = done.tallies.by_source(SOURCE);
            assert_eq!((tally.emitted, tally.folded), (kernel.records, kernel.denials - kernel.records));
            assert_eq!((tally.restart, done.tallies.unattributed()), (0, 0));
        });
    }
}
