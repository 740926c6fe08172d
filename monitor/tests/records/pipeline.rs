//! From the ring buffer to the outputs, with records in memory for a ring buffer.

use std::{
    cell::Cell,
    collections::VecDeque,
    future::{pending, ready},
    io,
    ops::Deref,
    sync::Arc,
    time::Duration,
};

use monitor::{
    accounting::{Account, KernelCounts},
    enrich::Enricher,
    event::{Event, Module, Runtime},
    format::Format,
    output::{Encoding, Hub, OutputLoss},
    pipeline::{End, Pipeline, Records},
    source::Tables,
};
use monitor_common::{
    Capability, SourceId,
    chunk::{ChunkKind, FLAG_CUT},
};
use tokio::{
    runtime,
    time::{Instant, sleep_until},
};
use zerocopy::FromZeros as _;

use crate::support::{Builder, Bytes, tables};

/// Records that are there from the start. Waiting for more takes for ever, or fails.
struct Memory {
    records: VecDeque<Bytes>,
    broken: bool,
}

impl Memory {
    fn new(records: impl IntoIterator<Item = Bytes>) -> Self {
        Self { records: records.into_iter().collect(), broken: false }
    }
}

impl Records for Memory {
    async fn readable(&mut self) -> io::Result<()> {
        if self.broken {
            return Err(io::ErrorKind::Unsupported.into());
        }
        if self.records.is_empty() { pending().await } else { Ok(()) }
    }

    fn next(&mut self) -> Option<impl Deref<Target = [u8]>> {
        self.records.pop_front()
    }
}

/// Records that come at some times of the runtime's clock, to a reader that gives each back when it asks for the next.
struct Steady {
    left: VecDeque<Instant>,
    /// Whether one was not given back.
    taken: bool,
    wakeups: usize,
    /// How often all had been taken that there were, and the last of them was not given back.
    rests: Cell<usize>,
    longest_wait: Duration,
}

impl Records for Steady {
    async fn readable(&mut self) -> io::Result<()> {
        assert!(!self.taken, "the kernel wakes nobody for what comes after one that was not given back");
        let Some(&first) = self.left.front() else { return pending().await };
        sleep_until(first).await;
        self.wakeups += 1;
        Ok(())
    }

    fn next(&mut self) -> Option<impl Deref<Target = [u8]>> {
        let now = Instant::now();
        self.taken = false;
        let due = self.left.pop_front_if(|due| *due <= now)?;
        self.taken = true;
        self.longest_wait = self.longest_wait.max(now - due);
        Some(good())
    }

    fn is_last_taken(&self) -> bool {
        let is_last = self.taken && self.left.front().is_none_or(|due| *due > Instant::now());
        self.rests.set(self.rests.get() + usize::from(is_last));
        is_last
    }
}

/// Handles so many records in each millisecond of a second, and returns what that took.
fn handle_steady(each: u64) -> Steady {
    let runtime = runtime::Builder::new_current_thread().enable_time().start_paused(true).build().unwrap();
    runtime.block_on(async {
        let start = Instant::now();
        let times = (1..=1000).map(|after| start + Duration::from_millis(after));
        let left = times.flat_map(|time| (0..each).map(move |_| time)).collect();
        let (rests, longest_wait) = (Cell::new(0), Duration::ZERO);
        let mut steady = Steady { left, taken: false, wakeups: 0, rests, longest_wait };
        let mut hub = Hub::default();
        let mut lines = hub.add("lines", &Encoding::Line(Format::Json), None, 20_000);
        let mut pipeline = Pipeline::new(&mut steady, tables(), nameless(), hub);
        let first = sleep_until(start + Duration::from_millis(2));
        assert!(matches!(pipeline.run(first).await, End::Stopped(())));
        assert!(lines.queue.try_recv().is_ok(), "the first waits for nothing");
        let end = sleep_until(start + Duration::from_secs(2));
        assert!(matches!(pipeline.run(end).await, End::Stopped(())));
        assert_eq!(lines.queue.len() as u64, 1000 * each - 1);
        drop(pipeline);
        steady
    })
}

#[test]
fn records_that_come_one_after_another_are_handled_together_and_none_waits_long() {
    let Steady { wakeups, rests, longest_wait, .. } = handle_steady(1);
    assert!(wakeups <= 3, "{wakeups} wake-ups");
    assert!(rests.get() <= 42, "{rests:?} batches");
    assert!(longest_wait <= Duration::from_millis(51), "{longest_wait:?}");
}

#[test]
fn records_that_come_fast_are_handled_before_they_fill_the_ring_buffer() {
    let Steady { wakeups, rests, longest_wait, .. } = handle_steady(10);
    assert!(wakeups <= 3, "{wakeups} wake-ups");
    assert!((80..=102).contains(&rests.get()), "{rests:?} batches");
    assert!(longest_wait <= Duration::from_millis(51), "{longest_wait:?}");
}

fn good() -> Bytes {
    Builder::new(SourceId::Capability, &Capability::new_zeroed()).task_chunks().build()
}

/// A record of a known source that can't be decoded.
fn bad() -> Bytes {
    Builder::new(SourceId::Capability, &[0_u8; 2]).build()
}

/// Looks nothing up.
fn nameless() -> Enricher {
    Enricher::new(Duration::ZERO)
}

fn run<T>(future: impl Future<Output = T>) -> T {
    runtime::Builder::new_current_thread().build().unwrap().block_on(future)
}

#[test]
fn every_record_becomes_one_line_for_every_output_and_is_accounted_for() {
    let mut hub = Hub::default();
    let mut first = hub.add("first", &Encoding::Line(Format::Json), None, 1000);
    let mut second = hub.add("second", &Encoding::Line(Format::Json), None, 3);
    let counts = [&first, &second].map(|lines| Arc::clone(&lines.counts));
    let records = (0..600).map(|_| good()).chain([bad(), Bytes::new(b"junk")]);
    let mut pipeline = Pipeline::new(Memory::new(records), tables(), nameless(), hub);

    // The stop is not ready before all records are handled: it is when the first output has them all.
    let end = run(pipeline.run(async {
        while first.queue.len() < 600 {
            tokio::task::yield_now().await;
        }
    }));
    assert!(matches!(end, End::Stopped(())), "{end:?}");
    let tallies = run(pipeline.finish()).tallies;

    let kernel = KernelCounts { seen: 601, ..KernelCounts::default() };
    let account = Account::new(SourceId::Capability, &kernel, &tallies.by_source(SourceId::Capability));
    assert_eq!(account.to_string(), "capability: seen 601, emitted 600, lost 1 (undecodable 1)");
    assert_eq!(tallies.unattributed(), 1);

    let line = first.queue.blocking_recv().unwrap();
    assert_eq!(second.queue.blocking_recv().unwrap(), line);
    let (event, newline) = line.split_at(line.len() - 1);
    assert_eq!(newline, b"\n");
    let event: Event<'_> = serde_json::from_slice(event).unwrap();
    assert_eq!((event.module, event.process.pid), (Module::Capability, Some(4242)));
    let cgroup = event.process.cgroup.unwrap();
    assert_eq!(cgroup.path.as_deref(), Some("/system.slice/httpd.service"), "it is still there");
    let unit = event.unit.unwrap();
    assert_eq!((unit.name.as_deref(), unit.slice.as_deref()), (Some("httpd.service"), Some("system.slice")));
    assert_eq!(event.container, None);

    let [first_counts, second_counts] = counts;
    assert_eq!((first_counts.received(), first_counts.lost(OutputLoss::QueueFull)), (600, 0));
    assert_eq!((second_counts.received(), second_counts.lost(OutputLoss::QueueFull)), (600, 597));
    second_counts.end();
    assert_eq!(
        second_counts.to_string(),
        "second: received 600, written 0, lost 600 (queue_full 597, ended 3)",
    );
}

#[test]
fn denyds_own_denials_are_counted_and_not_handed_on() {
    let mut hub = Hub::default();
    let mut lines = hub.add("lines", &Encoding::Line(Format::Json), None, 2);
    let another =
        Builder::new(SourceId::Capability, &Capability::new_zeroed()).head(|head| head.task.pid = 4243);
    let records = Memory::new([good(), another.build()]);
    let tables = Tables { own_pid: 4242, ..tables() };
    let tallies = run(Pipeline::new(records, tables, nameless(), hub).finish()).tallies;
    let counted = tallies.by_source(SourceId::Capability);
    assert_eq!((counted.own, counted.emitted), (1, 1));
    let line = lines.queue.blocking_recv().unwrap();
    let event: Event<'_> = serde_json::from_slice(&line).unwrap();
    assert_eq!(event.process.pid, Some(4243));
    assert!(lines.queue.is_empty());
}

#[test]
fn a_cgroup_whose_start_is_missing_tells_the_container_and_not_the_unit() {
    let id = "81950eac55062e5d8e7b5567d1036e4b146dfe212bdc9263c97347e6ce86b904";
    let components = format!("container\0libpod-{id}.scope\0machine.slice\0");
    let record = Builder::new(SourceId::Capability, &Capability::new_zeroed())
        .flagged(ChunkKind::Cgroup, FLAG_CUT, components.as_bytes())
        .build();
    let mut hub = Hub::default();
    let mut lines = hub.add("lines", &Encoding::Line(Format::Json), None, 1);
    run(Pipeline::new(Memory::new([record]), tables(), nameless(), hub).finish());
    let line = lines.queue.blocking_recv().unwrap();
    let event: Event<'_> = serde_json::from_slice(&line).unwrap();
    assert_eq!(event.unit, None);
    assert!(event.missing.iter().any(|missing| missing.field == "unit"), "{:?}", event.missing);
    let container = event.container.unwrap();
    assert_eq!((container.id.as_deref(), container.runtime), (Some(id), Some(Runtime::Podman)));
}

#[test]
fn a_flood_does_not_keep_a_signal_waiting() {
    let mut pipeline =
        Pipeline::new(Memory::new((0..10_000).map(|_| good())), tables(), nameless(), Hub::default());
    // Ready at the second look, as a signal that comes in the midst of it.
    let mut looked = false;
    let signal = std::future::poll_fn(|_| {
        if std::mem::replace(&mut looked, true) {
            std::task::Poll::Ready(())
        } else {
            std::task::Poll::Pending
        }
    });
    assert!(matches!(run(pipeline.run(signal)), End::Stopped(())));
    let tallies = run(pipeline.finish()).tallies;
    assert_eq!(tallies.by_source(SourceId::Capability).emitted, 10_000, "and nothing that is there is lost");
}

#[test]
fn outputs_of_one_format_share_the_line_and_others_have_their_own() {
    let mut hub = Hub::default();
    let formats = [Format::Ecs, Format::Json, Format::Ecs, Format::Ocsf];
    let outputs = formats.map(|format| hub.add("output", &Encoding::Line(format), None, 1));
    let mut pipeline = Pipeline::new(Memory::new([good()]), tables(), nameless(), hub);
    assert!(matches!(run(pipeline.run(ready(()))), End::Stopped(())));
    run(pipeline.finish());
    let [ecs, json, again, ocsf] = outputs.map(|mut output| output.queue.blocking_recv().unwrap());
    assert_eq!(ecs.as_ptr(), again.as_ptr(), "encoded once");
    for (line, field) in [(&ecs, "@timestamp"), (&json, "schema"), (&ocsf, "class_uid")] {
        let line: serde_json::Value = serde_json::from_slice(line).unwrap();
        assert!(line.get(field).is_some(), "{field} is not in {line}");
    }
}

#[test]
fn an_output_that_is_gone_loses_only_its_own_events() {
    let mut hub = Hub::default();
    let gone = hub.add("gone", &Encoding::Line(Format::Json), None, 10).counts;
    let kept = hub.add("kept", &Encoding::Line(Format::Json), None, 10);
    let mut pipeline = Pipeline::new(Memory::new([good(), good()]), tables(), nameless(), hub);
    assert!(matches!(run(pipeline.run(ready(()))), End::Stopped(())));
    run(pipeline.finish());
    assert_eq!(gone.to_string(), "gone: received 2, written 0, lost 2 (failed 2)");
    assert_eq!(kept.queue.len(), 2);
}

#[test]
fn a_ring_buffer_that_fails_ends_the_run() {
    let records = Memory { broken: true, ..Memory::new([]) };
    let mut pipeline = Pipeline::new(records, tables(), nameless(), Hub::default());
    let end = run(pipeline.run(pending::<()>()));
    assert!(matches!(end, End::Failed(error) if error.kind() == io::ErrorKind::Unsupported));
}
