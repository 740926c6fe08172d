//! The outputs. An event is encoded once for each encoding in use, and the outputs of that encoding share the bytes.
//!
//! Each output has a bounded queue and a filter of its own. A slow one loses its own events, counted under its own
//! name, and never makes the reader or another output wait. For each output, at any time:
//! `received = filtered + written + lost{reason}`, where what its queue holds is not yet any of them.

mod advised;
mod encoding;
mod error;
mod file;
mod health;
mod journald;
pub(crate) mod lines;
#[cfg(feature = "otlp")]
mod otlp;
mod outputs;
mod queue;
pub mod spec;
pub mod stdout;
mod stream;
mod syslog;
mod transport;
mod unix;

use std::{
    fmt,
    pin::pin,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicBool, AtomicU64, Ordering::Relaxed},
    },
};

use bytes::{Bytes, BytesMut};
use tokio::sync::Notify;

use self::queue::{Closed, Sender, queue};
pub use self::{
    encoding::Encoding,
    outputs::{Outputs, StartError},
    queue::Queue,
};
use crate::{
    accounting::write_lost,
    event::Event,
    fault::{Faults, Turns},
    filter::Filter,
    ledger::{Handed, OutputMark},
};

/// Encodes events and hands them to every output.
#[derive(Debug, Default)]
pub struct Hub {
    outputs: Vec<Inlet>,
    encoder: Encoder,
    listed: Listed,
    faults: Faults,
}

/// The current outputs.
#[derive(Clone, Debug, Default)]
pub struct Listed(Arc<Mutex<Vec<Listing>>>);

/// An output, as others see it.
#[derive(Clone, Debug)]
pub struct Listing {
    /// What it counts.
    pub counts: Arc<OutputCounts>,
    /// What it wants.
    pub filter: Option<Filter>,
}

impl Listed {
    /// Those of now.
    #[must_use]
    pub fn now(&self) -> Vec<Listing> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn set(&self, outputs: &[Inlet]) {
        let listing =
            |output: &Inlet| Listing { counts: Arc::clone(&output.counts), filter: output.filter.clone() };
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = outputs.iter().map(listing).collect();
    }
}

/// The encodings in use, and what they have made of the event at hand.
#[derive(Debug, Default)]
struct Encoder {
    /// Each with the buffer that its lines come from.
    encodings: Vec<(Encoding, BytesMut)>,
    made: Vec<Made>,
}

/// What an encoding has made of an event.
#[derive(Clone, Debug, Default)]
enum Made {
    /// Nothing yet.
    #[default]
    NotYet,
    /// It could not be encoded.
    Failed,
    /// These bytes.
    Bytes(Bytes),
}

#[derive(Debug)]
struct Inlet {
    /// The index of its encoding.
    encoding: usize,
    filter: Option<Filter>,
    queue: Sender,
    counts: Arc<OutputCounts>,
    /// Lines that the queue is to get.
    pending: Vec<Bytes>,
    /// Events that could not be encoded.
    unencoded: u64,
    /// Events for which the queue is to have no room.
    queue_full: Turns,
    /// Where the output marks what it has written, if it does.
    marked: Option<Marked>,
}

/// What an output was handed that marks what it has written.
#[derive(Debug)]
pub struct Marked {
    mark: OutputMark,
    /// Lines that it was handed, by this process and those before it.
    handed: u64,
    /// Lines that it has written when another process handed them out, and that are handed out again.
    spared: u64,
}

impl Marked {
    /// An output that was handed lines by another process, as far as that is certain; or that goes on from its mark.
    #[must_use]
    pub fn new(mark: OutputMark, handed: Option<&Handed>) -> Self {
        let lines = mark.lines();
        let handed = handed.and_then(|handed| handed.to(&mark)).unwrap_or(lines);
        Self { mark, handed, spared: lines.saturating_sub(handed) }
    }

    /// Whether the output is spared the next line.
    fn is_spared(&mut self) -> bool {
        let spared = self.spared > 0;
        self.spared -= u64::from(spared);
        self.handed += u64::from(spared);
        spared
    }
}

/// An output's end of its queue.
#[derive(Debug)]
pub struct Lines {
    /// The lines, each one event; those of [`Encoding::Line`] end with a newline.
    pub queue: Queue,
    /// The output's counters.
    pub counts: Arc<OutputCounts>,
    /// Where it marks what it has written.
    pub mark: Option<OutputMark>,
    /// Writes that are to fail.
    pub(crate) failed: Turns,
}

impl Hub {
    /// A hub whose outputs have these faults.
    pub(crate) fn with_faults(faults: Faults) -> Self {
        Self { faults, ..Self::default() }
    }

    /// Adds an output, whose queue holds this many lines.
    pub fn add(
        &mut self,
        name: impl Into<Box<str>>,
        encoding: &Encoding,
        filter: Option<Filter>,
        capacity: usize,
    ) -> Lines {
        self.add_marked(name, encoding, filter, capacity, None)
    }

    /// Adds an output that marks what it has written.
    pub fn add_marked(
        &mut self,
        name: impl Into<Box<str>>,
        encoding: &Encoding,
        filter: Option<Filter>,
        capacity: usize,
        marked: Option<Marked>,
    ) -> Lines {
        let mark = marked.as_ref().map(|marked| marked.mark.clone());
        let (sender, queue) = queue(capacity);
        let counts = Arc::new(OutputCounts::new(name.into(), capacity));
        let encoding = self.encoder.index(encoding);
        self.outputs.push(Inlet {
            encoding,
            filter,
            queue: sender,
            counts: Arc::clone(&counts),
            pending: Vec::new(),
            unencoded: 0,
            queue_full: self.faults.queue_full,
            marked,
        });
        self.listed.set(&self.outputs);
        Lines { queue, counts, mark, failed: self.faults.output_failed }
    }

    /// Lines that each output was handed that marks what it has written.
    pub(crate) fn handed(&self) -> Handed {
        let marked = self.outputs.iter().filter_map(|output| output.marked.as_ref());
        Handed::new(marked.map(|marked| (marked.mark.clone(), marked.handed)))
    }

    /// Hands nothing more to an output: it ends when it has written what is queued.
    pub fn remove(&mut self, name: &str) {
        self.outputs.retain(|output| &*output.counts.name != name);
        self.listed.set(&self.outputs);
    }

    /// The outputs, also those that are added later.
    #[must_use]
    pub fn listed(&self) -> Listed {
        self.listed.clone()
    }

    /// Gives an output another filter.
    pub fn set_filter(&mut self, name: &str, filter: Option<&Filter>) {
        if let Some(output) = self.outputs.iter_mut().find(|output| &*output.counts.name == name) {
            output.filter = filter.cloned();
        }
        self.listed.set(&self.outputs);
    }

    /// Hands an event to every output that wants it and has room, at once.
    pub fn send(&mut self, event: &Event<'_>) {
        self.collect(event);
        self.flush();
    }

    /// Encodes an event for every output that wants it, which get it with the next [`Self::flush`].
    pub fn collect(&mut self, event: &Event<'_>) {
        let Self { outputs, encoder, .. } = self;
        encoder.forget();
        for output in outputs {
            if output.filter.as_ref().is_none_or(|filter| filter.matches(event)) {
                if output.marked.as_mut().is_some_and(Marked::is_spared) {
                    continue;
                }
                match encoder.encode(output.encoding, event) {
                    Some(line) => output.pending.push(line),
                    None => output.unencoded += 1,
                }
            } else {
                output.counts.receive(1);
                output.counts.filtered.fetch_add(1, Relaxed);
            }
        }
    }

    /// Hands what was collected to the outputs that have room: all at once, so that each wakes once and not for each event.
    pub fn flush(&mut self) {
        self.outputs.iter_mut().for_each(Inlet::flush);
    }
}

impl Encoder {
    fn index(&mut self, encoding: &Encoding) -> usize {
        self.encodings.iter().position(|(known, _)| known == encoding).unwrap_or_else(|| {
            self.encodings.push((encoding.clone(), BytesMut::new()));
            self.encodings.len() - 1
        })
    }

    /// Discards the encodings of the previous event.
    fn forget(&mut self) {
        self.made.clear();
        self.made.resize(self.encodings.len(), Made::NotYet);
    }

    /// What this encoding makes of the event; none, if it can't be encoded.
    fn encode(&mut self, encoding: usize, event: &Event<'_>) -> Option<Bytes> {
        let made = &mut self.made[encoding];
        if let Made::NotYet = made {
            let (encoding, buffer) = &mut self.encodings[encoding];
            *made = match encoding.encode(event, buffer) {
                Ok(bytes) => Made::Bytes(bytes),
                Err(error) => {
                    // Only a map with keys that are no strings could do this, and an event has none.
                    tracing::error!(%error, "an event could not be encoded");
                    buffer.clear();
                    Made::Failed
                }
            };
        }
        if let Made::Bytes(bytes) = made { Some(bytes.clone()) } else { None }
    }
}

impl Inlet {
    /// Hands a line on.
    #[cfg(test)]
    fn hand(&mut self, line: Bytes) {
        self.pending.push(line);
        self.flush();
    }

    /// Hands on what was collected, as far as there is room.
    fn flush(&mut self) {
        let mut lines = std::mem::take(&mut self.pending);
        let unencoded = std::mem::take(&mut self.unencoded);
        let collected = lines.len() as u64;
        lines.retain(|_| !self.queue_full.fails());
        lines.truncate(self.queue.room());
        let handed = lines.len() as u64;
        // Before they are received: who waits for what the queue has taken never waits for these.
        self.counts.lose_some(OutputLoss::QueueFull, collected - handed);
        self.counts.receive(collected + unencoded);
        let failed = match self.queue.send(lines) {
            Ok(()) => {
                if let Some(marked) = &mut self.marked {
                    marked.handed += handed;
                }
                unencoded
            }
            Err(Closed) => unencoded + handed,
        };
        self.counts.lose_some(OutputLoss::Failed, failed);
    }
}

/// Why an output lost an event.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OutputLoss {
    /// Its queue was full: it is slower than the events come.
    QueueFull = 0,
    /// Writing failed, or had failed before.
    Failed = 1,
    /// What takes it takes no event of that size.
    TooLarge = 2,
    /// It was not written when denyd had to end.
    Ended = 3,
}

impl OutputLoss {
    /// Every reason, in the order of their numbers.
    pub const ALL: [Self; 4] = [Self::QueueFull, Self::Failed, Self::TooLarge, Self::Ended];

    /// Its name, as summaries and metrics write it.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::QueueFull => "queue_full",
            Self::Failed => "failed",
            Self::TooLarge => "too_large",
            Self::Ended => "ended",
        }
    }
}

/// What one output counts.
#[derive(Debug)]
pub struct OutputCounts {
    name: Box<str>,
    capacity: usize,
    received: AtomicU64,
    filtered: AtomicU64,
    written: AtomicU64,
    lost: [AtomicU64; OutputLoss::ALL.len()],
    failing: AtomicBool,
    /// Whether the account is closed. Held while an event is taken from those under way, so that each is taken once.
    closed: Mutex<bool>,
    /// Told when something was written or lost.
    changed: Notify,
}

impl OutputCounts {
    pub(crate) fn new(name: Box<str>, capacity: usize) -> Self {
        Self {
            name,
            capacity,
            received: AtomicU64::new(0),
            filtered: AtomicU64::new(0),
            written: AtomicU64::new(0),
            lost: Default::default(),
            failing: AtomicBool::new(false),
            closed: Mutex::new(false),
            changed: Notify::new(),
        }
    }

    /// The output's name.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// How many events its queue holds at most.
    #[must_use]
    pub fn capacity(&self) -> usize {
        self.capacity
    }

    /// Events handed to the output.
    #[must_use]
    pub fn received(&self) -> u64 {
        self.received.load(Relaxed)
    }

    /// Events that its filter kept from it.
    #[must_use]
    pub fn filtered(&self) -> u64 {
        self.filtered.load(Relaxed)
    }

    /// Events that it wrote.
    #[must_use]
    pub fn written(&self) -> u64 {
        self.written.load(Relaxed)
    }

    /// Events that it lost for this reason.
    #[must_use]
    pub fn lost(&self, loss: OutputLoss) -> u64 {
        self.lost[loss as usize].load(Relaxed)
    }

    /// Events that it lost.
    #[must_use]
    pub fn lost_in_all(&self) -> u64 {
        OutputLoss::ALL.iter().map(|&loss| self.lost(loss)).sum()
    }

    /// Events that its queue holds.
    #[must_use]
    pub fn queued(&self) -> u64 {
        self.received().saturating_sub(self.filtered() + self.written() + self.lost_in_all())
    }

    /// Events that its queue took so far.
    #[must_use]
    pub fn taken(&self) -> u64 {
        self.received().saturating_sub(self.filtered() + self.lost(OutputLoss::QueueFull))
    }

    /// Waits until it has written or lost this many of the events that its queue took: the first ones, since it takes
    /// them in their order.
    pub async fn settled(&self, taken: u64) {
        loop {
            let mut changed = pin!(self.changed.notified());
            // From here on no change is missed.
            changed.as_mut().enable();
            let lost = self.lost_in_all().saturating_sub(self.lost(OutputLoss::QueueFull));
            if self.written() + lost >= taken {
                return;
            }
            changed.await;
        }
    }

    /// Whether the last attempt to write failed.
    #[must_use]
    pub fn is_failing(&self) -> bool {
        self.failing.load(Relaxed)
    }

    pub(crate) fn receive(&self, lines: u64) {
        self.received.fetch_add(lines, Relaxed);
    }

    pub(crate) fn write(&self, lines: u64) {
        self.settle(&self.written, lines);
    }

    pub(crate) fn lose(&self, loss: OutputLoss, lines: u64) {
        self.settle(&self.lost[loss as usize], lines);
    }

    fn lose_some(&self, loss: OutputLoss, lines: u64) {
        if lines > 0 {
            self.lose(loss, lines);
        }
    }

    /// Counts lines that were under way. After the end they are counted already.
    fn settle(&self, as_what: &AtomicU64, lines: u64) {
        if !*self.closed.lock().unwrap_or_else(PoisonError::into_inner) {
            as_what.fetch_add(lines, Relaxed);
        }
        self.changed.notify_waiters();
    }

    /// Counts what is still under way as lost, when denyd ends. What is written after that stays counted so.
    pub fn end(&self) {
        let mut closed = self.closed.lock().unwrap_or_else(PoisonError::into_inner);
        if !*closed {
            self.lost[OutputLoss::Ended as usize].fetch_add(self.queued(), Relaxed);
            *closed = true;
        }
        drop(closed);
        self.changed.notify_waiters();
    }
}

impl fmt::Display for OutputCounts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: received {}, ", self.name, self.received())?;
        if self.filtered() != 0 {
            write!(f, "filtered {}, ", self.filtered())?;
        }
        write!(f, "written {}, ", self.written())?;
        write_lost(f, OutputLoss::ALL.iter().map(|&loss| (loss.name(), self.lost(loss))))
    }
}

#[cfg(test)]
mod tests;
