//! Names that an event waits for, with the lookups in the test's hands and a clock that stands still.

use std::{
    collections::VecDeque,
    future::pending,
    io,
    ops::Deref,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering::Relaxed},
    },
    time::Duration,
};

use bytes::Bytes as Line;
use monitor::{
    enrich::{Enricher, Requests, accounts::Id, hold},
    event::Event,
    format::Format,
    output::{Encoding, Hub, Lines},
    pipeline::{End, Pipeline, Records},
};
use monitor_common::{Capability, SourceId};
use tokio::{sync::mpsc, time::Instant};
use zerocopy::FromZeros as _;

use crate::support::{Builder, Bytes, tables};

const WAIT: Duration = Duration::from_millis(100);

/// A ring buffer that the test fills while the pipeline runs.
struct Ring {
    records: mpsc::UnboundedReceiver<Bytes>,
    taken: VecDeque<Bytes>,
    left: Arc<AtomicUsize>,
}

impl Records for Ring {
    async fn readable(&mut self) -> io::Result<()> {
        match self.records.recv().await {
            Some(record) => self.taken.push_back(record),
            None => pending().await,
        }
        Ok(())
    }

    fn next(&mut self) -> Option<impl Deref<Target = [u8]>> {
        let record = self.taken.pop_front().or_else(|| self.records.try_recv().ok())?;
        self.left.fetch_sub(1, Relaxed);
        Some(record)
    }
}

/// The pipeline, and all its ends.
struct Bench {
    pipeline: Pipeline<Ring>,
    ring: mpsc::UnboundedSender<Bytes>,
    left: Arc<AtomicUsize>,
    requests: Requests<Id, Box<str>>,
    lines: Lines,
}

impl Bench {
    fn new() -> Self {
        Self::waiting(WAIT)
    }

    fn waiting(wait: Duration) -> Self {
        let (ring, records) = mpsc::unbounded_channel();
        let left = Arc::new(AtomicUsize::new(0));
        let mut enricher = Enricher::new(wait);
        let requests = enricher.look_up_accounts();
        let mut hub = Hub::default();
        let lines = hub.add("lines", &Encoding::Line(Format::Json), None, 4 * hold::LIMIT);
        let records = Ring { records, taken: VecDeque::new(), left: Arc::clone(&left) };
        Self { pipeline: Pipeline::new(records, tables(), enricher, hub), ring, left, requests, lines }
    }

    /// A denial of this user and nobody else, whose pid is `pid`.
    fn denied(&self, uid: u32, pid: u32) {
        let record = Builder::new(SourceId::Capability, &Capability::new_zeroed()).head(|head| {
            head.task.pid = pid;
            (head.task.uid, head.task.euid) = (uid, uid);
            (head.task.gid, head.task.egid) = (uid, uid);
            head.task.loginuid = u32::MAX;
        });
        self.left.fetch_add(1, Relaxed);
        assert!(self.ring.send(record.build()).is_ok());
    }

    fn ring_is_empty(&self) -> bool {
        self.left.load(Relaxed) == 0
    }

    fn answer(&self, id: Id, name: Option<&str>) {
        self.requests.answers.try_send((id, Ok(name.map(Into::into)))).unwrap();
    }

    /// Answers for a user, and the group of the same number.
    fn answer_both(&self, uid: u32, name: &str) {
        self.answer(Id::User(uid), Some(name));
        self.answer(Id::Group(uid), Some(name));
    }

    /// Runs until the next event comes out.
    async fn next(&mut self) -> Line {
        let next = async { self.lines.queue.recv().await.unwrap() };
        match self.pipeline.run(next).await {
            End::Stopped(line) => line,
            End::Failed(error) => panic!("{error}"),
        }
    }

    /// Runs until there is nothing to do but to wait.
    async fn settle(&mut self) {
        let until = async {
            for _ in 0..8 {
                tokio::task::yield_now().await;
            }
        };
        assert!(matches!(self.pipeline.run(until).await, End::Stopped(())));
    }
}

fn event(line: &Line) -> Event<'_> {
    serde_json::from_slice(line).unwrap()
}

fn pid(line: &Line) -> u32 {
    event(line).process.pid.unwrap()
}

/// What `missing` says of these names, each with its reason.
fn missing(event: &Event<'_>) -> Vec<(String, String)> {
    let named = event.missing.iter().filter(|missing| missing.field.starts_with("process."));
    named
        .filter(|missing| ["user", "group"].iter().any(|end| missing.field.ends_with(end)))
        .map(|missing| (missing.field.to_string(), missing.reason.to_string()))
        .collect()
}

#[tokio::test(start_paused = true)]
async fn an_event_waits_for_names_and_the_next_ones_do_not() {
    let mut bench = Bench::new();
    bench.denied(1000, 1);
    bench.settle().await;
    assert!(bench.lines.queue.is_empty());
    assert_eq!(bench.requests.questions.try_recv(), Ok(Id::User(1000)));
    assert_eq!(bench.requests.questions.try_recv(), Ok(Id::Group(1000)));
    assert!(bench.requests.questions.is_empty(), "each is asked for once");

    bench.answer(Id::User(1000), Some("alice"));
    bench.settle().await;
    assert!(bench.lines.queue.is_empty(), "the group is still to come");
    bench.answer(Id::Group(1000), None);
    let line = bench.next().await;
    let event = event(&line);
    assert_eq!(
        (event.process.user.as_deref(), event.process.euser.as_deref()),
        (Some("alice"), Some("alice"))
    );
    assert_eq!(
        (event.process.group.as_deref(), event.process.loginuser.as_deref()),
        (None, None),
        "they have no name"
    );
    assert_eq!(missing(&event), []);

    let before = Instant::now();
    bench.denied(1000, 2);
    assert_eq!(pid(&bench.next().await), 2);
    assert_eq!(before, Instant::now());
    assert!(bench.requests.questions.is_empty());
}

#[tokio::test(start_paused = true)]
async fn no_event_waits_longer_than_the_set_time() {
    let mut bench = Bench::new();
    let before = Instant::now();
    bench.denied(1000, 1);
    let line = bench.next().await;
    assert!((WAIT..WAIT * 2).contains(&before.elapsed()), "{:?}", before.elapsed());
    let late = event(&line);
    let reason = || "its name did not come in time".to_owned();
    assert_eq!(late.process.user, None);
    assert_eq!(
        missing(&late),
        ["process.user", "process.euser", "process.group", "process.egroup"]
            .map(|name| (name.to_owned(), reason())),
    );

    let before = Instant::now();
    bench.denied(1000, 2);
    bench.denied(1001, 3);
    assert_eq!((pid(&bench.next().await), pid(&bench.next().await)), (2, 3));
    assert_eq!(before, Instant::now(), "nobody waits for a name service that hangs");

    bench.answer_both(1000, "alice");
    bench.denied(1000, 4);
    assert_eq!(event(&bench.next().await).process.user.as_deref(), Some("alice"));
    let done = bench.pipeline.finish().await;
    assert_eq!(done.names[0].1.to_string(), "asked 4, late 2");
}

#[tokio::test(start_paused = true)]
async fn events_stay_in_order_and_the_ring_buffer_is_read_on() {
    let mut bench = Bench::new();
    bench.answer_both(33, "nobody asked");
    bench.denied(33, 1);
    bench.settle().await;
    bench.denied(34, 2);
    bench.denied(33, 3);
    bench.settle().await;
    assert!(bench.ring_is_empty(), "the ring buffer is empty");
    bench.answer_both(34, "late-comer");
    bench.settle().await;
    assert!(bench.lines.queue.is_empty(), "the second has its name, and stays behind the first");
    bench.answer_both(33, "www-data");
    let lines = [bench.next().await, bench.next().await, bench.next().await];
    let names = lines.each_ref().map(|line| {
        let event = event(line);
        (event.process.pid.unwrap(), event.process.user.unwrap().into_owned())
    });
    assert_eq!(names, [(1, "www-data".to_owned()), (2, "late-comer".to_owned()), (3, "www-data".to_owned())],);
}

#[tokio::test(start_paused = true)]
async fn what_waits_is_bounded_and_nothing_is_lost() {
    let mut bench = Bench::new();
    let before = Instant::now();
    let count = u32::try_from(hold::LIMIT).unwrap() + 10;
    (0..count).for_each(|pid| bench.denied(1000, pid));
    for wanted in 0..11 {
        assert_eq!(pid(&bench.next().await), wanted, "the first go on when there is no more room");
    }
    assert_eq!(before, Instant::now());
    bench.settle().await;
    assert!(bench.lines.queue.is_empty(), "the others wait");
    let done = bench.pipeline.finish().await;
    assert_eq!(done.tallies.by_source(SourceId::Capability).emitted, u64::from(count));
    for wanted in 11..count {
        assert_eq!(pid(&bench.lines.queue.recv().await.unwrap()), wanted, "and none is lost at the end");
    }
}

#[tokio::test(start_paused = true)]
async fn what_waited_only_for_its_turn_goes_on_with_the_first() {
    let mut bench = Bench::new();
    bench.denied(33, 0);
    bench.settle().await;
    bench.answer_both(33, "www-data");
    bench.next().await;

    let before = Instant::now();
    bench.denied(1000, 0);
    let count = u32::try_from(hold::LIMIT).unwrap();
    (1..count).for_each(|pid| bench.denied(33, pid));
    for wanted in 0..count {
        assert_eq!(pid(&bench.next().await), wanted);
    }
    assert_eq!(before, Instant::now());
}

#[tokio::test(start_paused = true)]
async fn the_end_waits_for_names_no_longer_than_an_event_does() {
    let mut bench = Bench::new();
    bench.denied(1000, 1);
    bench.settle().await;
    bench.answer_both(1000, "alice");
    bench.denied(1001, 2);
    let before = Instant::now();
    bench.pipeline.finish().await;
    assert_eq!(before.elapsed().as_millis(), WAIT.as_millis());
    let [first, second] = [bench.lines.queue.try_recv().unwrap(), bench.lines.queue.try_recv().unwrap()];
    assert_eq!(event(&first).process.user.as_deref(), Some("alice"));
    assert_eq!((event(&second).process.user.as_deref(), missing(&event(&second)).len()), (None, 4));
}

#[tokio::test(start_paused = true)]
async fn a_name_is_asked_for_anew_when_it_may_have_changed() {
    let mut bench = Bench::new();
    bench.denied(1000, 1);
    bench.settle().await;
    bench.answer_both(1000, "alice");
    bench.next().await;
    tokio::time::advance(Duration::from_hours(1)).await;
    bench.denied(1000, 2);
    bench.settle().await;
    bench.answer_both(1000, "bob");
    assert_eq!(event(&bench.next().await).process.user.as_deref(), Some("bob"));
}

#[tokio::test(start_paused = true)]
async fn without_a_wait_names_are_there_from_the_second_event_on() {
    let mut bench = Bench::waiting(Duration::ZERO);
    bench.denied(1000, 1);
    let first = bench.next().await;
    assert_eq!((event(&first).process.user, missing(&event(&first)).len()), (None, 4));
    bench.answer_both(1000, "alice");
    bench.denied(1000, 2);
    let second = bench.next().await;
    assert_eq!((event(&second).process.user.as_deref(), missing(&event(&second))), (Some("alice"), vec![]));
}
