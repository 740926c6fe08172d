//! The outputs. An event is encoded once, and every output shares the bytes.
//!
//! Each output has a bounded queue of its own. A slow one loses its own events, counted under its own name, and never
//! makes the reader or another output wait. For each output, at any time:
//! `received = written + lost{reason}`, where what its queue holds is not yet either.

pub mod stdout;

use std::{
    fmt,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
};

use bytes::{BufMut as _, Bytes, BytesMut};
use tokio::sync::mpsc::{self, error::TrySendError};

use crate::{accounting::write_lost, event::Event};

/// Room for an event's line, so that encoding seldom has to grow the buffer.
const USUAL_LINE: usize = 4096;

/// Encodes events and hands them to every output.
#[derive(Debug, Default)]
pub struct Hub {
    outputs: Vec<Inlet>,
    buffer: BytesMut,
}

#[derive(Debug)]
struct Inlet {
    queue: mpsc::Sender<Bytes>,
    counts: Arc<OutputCounts>,
}

/// An output's end of its queue.
#[derive(Debug)]
pub struct Lines {
    /// The lines, each one event with its newline.
    pub queue: mpsc::Receiver<Bytes>,
    /// The output's counters.
    pub counts: Arc<OutputCounts>,
}

impl Hub {
    /// Adds an output, whose queue holds this many lines.
    pub fn add(&mut self, name: &'static str, capacity: usize) -> Lines {
        let (sender, queue) = mpsc::channel(capacity);
        let counts = Arc::new(OutputCounts::new(name));
        self.outputs.push(Inlet { queue: sender, counts: Arc::clone(&counts) });
        Lines { queue, counts }
    }

    /// Encodes an event and hands it to every output that has room.
    pub fn send(&mut self, event: &Event<'_>) {
        self.buffer.reserve(USUAL_LINE);
        if let Err(error) = serde_json::to_writer((&mut self.buffer).writer(), event) {
            // Only a map with keys that are no strings could do this, and an event has none.
            tracing::error!(%error, "an event could not be encoded");
            self.buffer.clear();
            for output in &self.outputs {
                output.counts.received.fetch_add(1, Relaxed);
                output.counts.lose(OutputLoss::Failed, 1);
            }
            return;
        }
        self.buffer.put_u8(b'\n');
        let line = self.buffer.split().freeze();
        for output in &self.outputs {
            output.send(line.clone());
        }
    }
}

impl Inlet {
    fn send(&self, line: Bytes) {
        self.counts.received.fetch_add(1, Relaxed);
        match self.queue.try_send(line) {
            Ok(()) => {}
            Err(TrySendError::Full(_)) => self.counts.lose(OutputLoss::QueueFull, 1),
            Err(TrySendError::Closed(_)) => self.counts.lose(OutputLoss::Failed, 1),
        }
    }
}

/// Why an output lost an event.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OutputLoss {
    /// Its queue was full: it is slower than the events come.
    QueueFull = 0,
    /// Writing failed, or had failed before.
    Failed = 1,
    /// It was not written when denyd had to end.
    Ended = 2,
}

impl OutputLoss {
    const ALL: [Self; 3] = [Self::QueueFull, Self::Failed, Self::Ended];

    /// Its name, as summaries and metrics write it.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::QueueFull => "queue_full",
            Self::Failed => "failed",
            Self::Ended => "ended",
        }
    }
}

/// What one output counts.
#[derive(Debug)]
pub struct OutputCounts {
    name: &'static str,
    received: AtomicU64,
    written: AtomicU64,
    lost: [AtomicU64; OutputLoss::ALL.len()],
}

impl OutputCounts {
    fn new(name: &'static str) -> Self {
        Self { name, received: AtomicU64::new(0), written: AtomicU64::new(0), lost: Default::default() }
    }

    /// Events handed to the output.
    #[must_use]
    pub fn received(&self) -> u64 {
        self.received.load(Relaxed)
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

    fn write(&self, lines: u64) {
        self.written.fetch_add(lines, Relaxed);
    }

    fn lose(&self, loss: OutputLoss, lines: u64) {
        self.lost[loss as usize].fetch_add(lines, Relaxed);
    }

    /// Counts what is still under way as lost, when denyd ends.
    pub fn end(&self) {
        let lost = OutputLoss::ALL.iter().map(|&loss| self.lost(loss)).sum::<u64>();
        self.lose(OutputLoss::Ended, self.received().saturating_sub(self.written() + lost));
    }
}

impl fmt::Display for OutputCounts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: received {}, written {}, ", self.name, self.received(), self.written())?;
        write_lost(f, OutputLoss::ALL.iter().map(|&loss| (loss.name(), self.lost(loss))))
    }
}
