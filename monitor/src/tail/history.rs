//! The events so far: the newest in memory, more on disk, and how they get there.

use std::{
    fs, io,
    path::{Path, PathBuf},
    sync::Arc,
    thread,
};

use jiff::Timestamp;
use monitor_api::protocol::Cursor;
use monitor_event::selection::Selector;
use tokio::{
    runtime::Handle,
    sync::{oneshot, watch},
    task,
};

use super::{
    recent::{Chunk, News, Recent},
    segments::{self, HistoryError, Reader, Writer},
};
use crate::{
    event::Event,
    ledger::OutputMark,
    output::{OutputCounts, OutputLoss},
};

/// Bytes of lines that are handled at once.
pub(super) const CHUNK: usize = 256 * 1024;

/// The events so far.
#[derive(Debug)]
pub struct History {
    /// The newest.
    pub recent: Recent,
    folder: Option<PathBuf>,
    /// Lines before this number are on disk, or will never be.
    settled: watch::Sender<u64>,
    /// The number of the first event of all: numbers before it were given by another history.
    origin: u64,
    /// The boot in which this history is read ([`boot_id`]).
    boot: String,
}

/// This boot's id: `/proc/sys/kernel/random/boot_id`, empty if it can't be read.
fn boot_id() -> String {
    let id = fs::read_to_string("/proc/sys/kernel/random/boot_id").unwrap_or_default();
    id.trim_end().to_owned()
}

/// Which of the events so far are wanted.
#[derive(Clone, Debug)]
pub struct Wanted {
    /// Those that this selects.
    pub selector: Selector,
    /// None before.
    pub since: Option<Timestamp>,
    /// None after.
    pub until: Option<Timestamp>,
}

/// What a line is to a reader.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Judgement {
    /// It is wanted.
    Wanted,
    /// It is not.
    Unwanted,
    /// It is no event that this version can read.
    Unreadable,
}

impl Wanted {
    /// Judges one line.
    #[must_use]
    pub fn judge(&self, line: &[u8]) -> Judgement {
        let Ok(event) = serde_json::from_slice::<Event<'_>>(line) else { return Judgement::Unreadable };
        let in_time = self.since.is_none_or(|since| event.time >= since)
            && self.until.is_none_or(|until| event.time <= until);
        if in_time && self.selector.selects(&event) { Judgement::Wanted } else { Judgement::Unwanted }
    }

    /// Whether an event of this time may be followed by wanted ones. CPUs are not in step, and the clock may be set back
    /// a little.
    fn may_follow(&self, time: Timestamp) -> bool {
        const SLACK: jiff::SignedDuration = jiff::SignedDuration::from_mins(1);
        self.since.is_none_or(|since| time.saturating_add(SLACK).is_ok_and(|time| time >= since))
    }
}

impl History {
    /// In memory alone.
    #[must_use]
    pub fn in_memory(bytes: usize) -> Self {
        let first = segments::first_number();
        Self::new(Recent::new(bytes, first), None, first, first)
    }

    fn new(recent: Recent, folder: Option<&Path>, settled: u64, origin: u64) -> Self {
        let folder = folder.map(Path::to_owned);
        Self { recent, folder, settled: watch::Sender::new(settled), origin, boot: boot_id() }
    }

    /// In memory, with what another denyd has left on disk, which is only read.
    ///
    /// # Errors
    ///
    /// If the folder can't be read.
    pub fn left_in(folder: &Path, bytes: usize) -> io::Result<Self> {
        let next = segments::next_number(folder)?;
        Ok(Self::new(Recent::new(bytes, next), Some(folder), next, segments::origin(folder)))
    }

    /// In memory, with the newest of what another denyd has left on disk, which is read now and not again.
    ///
    /// # Errors
    ///
    /// If the folder or one of its files can't be read.
    pub fn copied_from(folder: &Path, bytes: usize) -> io::Result<Self> {
        let next = segments::next_number(folder)?;
        let mut kept = Vec::new();
        let (mut first, mut size) = (next, 0);
        for segment in segments::list(folder)?.iter().rev() {
            let mut lines = Vec::new();
            let mut reader = segment.lines()?;
            while let Some(line) = reader.read()? {
                size += line.len();
                lines.push(line);
            }
            first = segment.first;
            kept.push(lines);
            if size >= bytes {
                break;
            }
        }
        let recent = Recent::new(bytes, first);
        recent.push(kept.into_iter().rev().flatten());
        Ok(Self::new(recent, None, next, segments::origin(folder)))
    }

    /// In memory and on disk, with what writes to the disk and marks what it has written.
    ///
    /// # Errors
    ///
    /// If the folder can't be had.
    pub fn on_disk(
        folder: &Path,
        disk_bytes: u64,
        bytes: usize,
        mark: Option<OutputMark>,
    ) -> Result<(Self, Keeper), HistoryError> {
        let writer = Writer::open(folder, disk_bytes, mark)?;
        let next = writer.number();
        let history = Self::new(Recent::new(bytes, next), Some(folder), next, segments::origin(folder));
        Ok((
            history,
            Keeper { writer, counts: Arc::new(OutputCounts::new("history".into(), 0)), failing: false },
        ))
    }

    /// Where a reader has to start to get these events: the number of the first of the last `last` wanted ones, or of
    /// one a little before the first wanted one.
    ///
    /// It reads files, so it blocks.
    #[must_use]
    pub fn start(&self, wanted: &Wanted, last: Option<u64>) -> u64 {
        let end = self.recent.news().borrow().next;
        if last == Some(0) {
            return end;
        }
        let in_memory = self.recent.take(0, usize::MAX);
        let mut missing = last;
        if let Some(start) = nth_last(&in_memory, wanted, &mut missing) {
            return start;
        }
        let mut start = in_memory.first;
        let segments =
            self.folder.as_deref().and_then(|folder| segments::list(folder).ok()).unwrap_or_default();
        for segment in segments.iter().rev().filter(|segment| segment.first < in_memory.first) {
            let Ok(mut lines) = segment.lines() else { break };
            let mut chunk = Chunk { first: segment.first, lines: Vec::new() };
            // Without a count, the first line's time is all that has to be known of a file.
            let most = if last.is_some() { start - segment.first } else { 1 };
            while (chunk.lines.len() as u64) < most
                && let Ok(Some(line)) = lines.read()
            {
                chunk.lines.push(line);
            }
            if let Some(start) = nth_last(&chunk, wanted, &mut missing) {
                return start;
            }
            start = segment.first;
            let first = chunk.lines.first().and_then(|line| serde_json::from_slice::<Event<'_>>(line).ok());
            if first.is_some_and(|event| !wanted.may_follow(event.time)) {
                break;
            }
        }
        start
    }

    /// Where a reader has to start that goes on from a place which it was told; none if that place is of another history,
    /// so that nobody knows what was between: it has to start with the first event there is.
    #[must_use]
    pub fn resume(&self, from: &Cursor) -> Option<u64> {
        let end = self.recent.news().borrow().next;
        let is_ours = (self.origin..=end).contains(&from.number)
            // What is in memory alone is of one boot. The numbers say so, too, unless the clock was set back.
            && (self.folder.is_some() || from.boot == self.boot);
        is_ours.then_some(from.number)
    }

    /// The number of the first event of all.
    #[must_use]
    pub fn origin(&self) -> u64 {
        self.origin
    }

    /// The boot in which this history is read.
    #[must_use]
    pub fn boot(&self) -> &str {
        &self.boot
    }

    /// A reader from this number on.
    #[must_use]
    pub fn reader(self: &Arc<Self>, from: u64) -> HistoryReader {
        HistoryReader { history: Arc::clone(self), next: from, disk: None }
    }
}

/// The number of the n-th last wanted line, if there are as many; else they are taken off `missing`.
fn nth_last(chunk: &Chunk, wanted: &Wanted, missing: &mut Option<u64>) -> Option<u64> {
    let missing = missing.as_mut()?;
    for (line, number) in chunk.lines.iter().rev().zip((chunk.first..chunk.next()).rev()) {
        if wanted.judge(line) == Judgement::Wanted {
            *missing -= 1;
            if *missing == 0 {
                return Some(number);
            }
        }
    }
    None
}

/// What reads the events in order.
#[derive(Debug)]
pub struct HistoryReader {
    history: Arc<History>,
    next: u64,
    disk: Option<Reader>,
}

impl HistoryReader {
    /// The number of the next line.
    #[must_use]
    pub fn number(&self) -> u64 {
        self.next
    }

    /// The next lines before this number, and how many are gone that should have come before them. No lines: there are
    /// none yet.
    pub async fn read(&mut self, until: u64) -> (u64, Chunk) {
        let mut chunk = self.history.recent.take(self.next, CHUNK);
        while chunk.first > self.next && self.history.folder.is_some() {
            self.settle(chunk.first).await;
            if let Some(found) = self.read_disk(chunk.first.min(until)).await {
                chunk = found;
                break;
            }
            // Memory may have gone on while the disk was read.
            let again = self.history.recent.take(self.next, CHUNK);
            if again.first == chunk.first {
                break;
            }
            chunk = again;
        }
        if chunk.first > until {
            chunk = Chunk { first: until.max(self.next), lines: Vec::new() };
        }
        let room = usize::try_from(until.saturating_sub(chunk.first)).unwrap_or(usize::MAX);
        chunk.lines.truncate(room);
        let lost = chunk.first - self.next;
        self.next = chunk.next();
        (lost, chunk)
    }

    /// Waits until what is before this number is on disk, if it ever will be.
    async fn settle(&self, number: u64) {
        let mut settled = self.history.settled.subscribe();
        // The sender is part of the history, so it is there.
        let _there = settled.wait_for(|&settled| settled >= number).await;
    }

    async fn read_disk(&mut self, until: u64) -> Option<Chunk> {
        let folder = self.history.folder.clone()?;
        let next = self.next;
        let reader = self.disk.take().filter(|reader| reader.number() == next);
        let mut reader = reader.unwrap_or_else(|| Reader::new(&folder, next));
        let read = task::spawn_blocking(move || {
            let chunk = reader.read(CHUNK, until);
            (chunk, reader)
        });
        // Fails only if it panics.
        let (chunk, reader) = read.await.ok()?;
        self.disk = Some(reader);
        // A folder that can't be read has nothing for us.
        chunk.ok().flatten()
    }
}

/// What writes the newest events to disk.
#[derive(Debug)]
pub struct Keeper {
    writer: Writer,
    /// What became of the events: `received = written + lost`.
    pub counts: Arc<OutputCounts>,
    failing: bool,
}

impl Keeper {
    /// Where it marks what it has written, if it does.
    #[must_use]
    pub fn mark(&self) -> Option<OutputMark> {
        self.writer.output_mark()
    }

    /// Starts to write, on a thread of its own, because a disk may block. Ready when no more events come and all are
    /// written.
    ///
    /// # Errors
    ///
    /// If there is no thread for it.
    pub fn start(self, history: Arc<History>, runtime: Handle) -> io::Result<oneshot::Receiver<()>> {
        let (sender, ended) = oneshot::channel();
        thread::Builder::new().name("history".to_owned()).spawn(move || {
            self.keep(&history, &runtime);
            // Nobody may wait for it.
            let _unwanted = sender.send(());
        })?;
        Ok(ended)
    }

    fn keep(mut self, history: &History, runtime: &Handle) {
        let mut news = history.recent.news();
        let mut next = self.writer.number();
        loop {
            let News { next: end, closed } = *news.borrow_and_update();
            if next == end {
                if closed || runtime.block_on(news.changed()).is_err() {
                    return;
                }
                continue;
            }
            let chunk = history.recent.take(next, CHUNK);
            self.counts.receive(chunk.next() - next);
            self.counts.lose(OutputLoss::QueueFull, chunk.first - next);
            self.writer.mark(chunk.first - next);
            next = chunk.next();
            self.write(&chunk);
            history.settled.send_replace(next);
        }
    }

    fn write(&mut self, chunk: &Chunk) {
        let (written, result) = self.writer.write(chunk);
        self.counts.write(written);
        let lost = chunk.lines.len() as u64 - written;
        self.counts.lose(OutputLoss::Failed, lost);
        self.writer.mark(lost);
        // Told once, not for each event.
        if self.failing == result.is_err() {
            return;
        }
        self.failing = result.is_err();
        match result {
            Ok(()) => tracing::warn!("history on disk recovered"),
            Err(error) => {
                tracing::warn!(%error, "cannot write the history on disk: make room there; events are still reported");
            }
        }
    }
}
