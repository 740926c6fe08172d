//! What all outputs over sockets do alike: connect, send, connect again.
//!
//! While there is no connection the events wait in the queue; what does not fit there is lost. An event of which
//! only a part was sent when a connection broke is sent whole over the next.

use std::{io, time::Duration};

use bytes::Bytes;
use tokio::time::sleep;

use super::{Lines, OutputLoss, health::Health, stdout::Outcome};

/// Lines sent at once, at most.
const BATCH: usize = 512;
/// How long to wait before the second attempt to connect; then twice as long each time.
const FIRST_PAUSE: Duration = Duration::from_millis(100);
/// How long to wait between attempts at most.
const MAX_PAUSE: Duration = Duration::from_secs(10);

/// Why a line was not sent.
#[derive(Debug)]
pub(super) enum SendError {
    /// It is larger than what can be sent; others may not be.
    TooLarge,
    /// The other side will not have it; others it may.
    #[cfg_attr(not(feature = "otlp"), expect(dead_code, reason = "only collectors refuse"))]
    Refused(String),
    /// The connection is gone.
    Broken(io::Error),
}

impl From<io::Error> for SendError {
    fn from(error: io::Error) -> Self {
        if error.raw_os_error() == Some(libc::EMSGSIZE) { Self::TooLarge } else { Self::Broken(error) }
    }
}

/// The way to whoever takes the events.
pub(super) trait Transport: Send {
    /// Connects, or connects again.
    fn connect(&mut self) -> impl Future<Output = io::Result<()>> + Send;

    /// Sends lines, in their order. Gives how many were sent, and why the next was not.
    fn send(&mut self, lines: &[Bytes]) -> impl Future<Output = (usize, Result<(), SendError>)> + Send;
}

/// Sends lines until the queue is closed and empty.
pub(super) async fn drive(mut lines: Lines, mut to: impl Transport) -> Outcome {
    let mut health = Health::new(&lines.counts);
    let mut batch = Vec::with_capacity(BATCH);
    let mut pause = FIRST_PAUSE;
    let mut connected = false;
    loop {
        if !connected {
            if let Err(error) = to.connect().await {
                health.failed(&error);
                if lines.queue.is_closed() {
                    let unsent = batch.len() + lines.queue.len();
                    lines.counts.lose(OutputLoss::Failed, unsent as u64);
                    return Outcome::Failed(error);
                }
                sleep(pause).await;
                pause = MAX_PAUSE.min(pause * 2);
                continue;
            }
            connected = true;
        }
        if batch.is_empty() && lines.queue.recv_many(&mut batch, BATCH).await == 0 {
            return Outcome::Drained;
        }
        let (sent, result) = match lines.failed.check() {
            Ok(()) => to.send(&batch).await,
            Err(error) => (0, Err(error.into())),
        };
        batch.drain(..sent);
        lines.counts.write(sent as u64);
        if sent > 0 {
            pause = FIRST_PAUSE;
        }
        match result {
            Ok(()) => health.works(),
            Err(SendError::TooLarge) => {
                batch.remove(0);
                lines.counts.lose(OutputLoss::TooLarge, 1);
            }
            Err(SendError::Refused(reason)) => {
                health.failed(&reason);
                lines.counts.lose(OutputLoss::Failed, batch.len() as u64);
                batch.clear();
            }
            Err(SendError::Broken(error)) => {
                health.failed(&error);
                connected = false;
                // So that one that takes connections and drops them at once is not asked without end.
                sleep(pause).await;
                pause = MAX_PAUSE.min(pause * 2);
            }
        }
    }
}
