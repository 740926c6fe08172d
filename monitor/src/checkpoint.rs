//! A place that the pipeline passes between two batches of events. Who has been let through it knows that every event
//! that any output has by then was handed to all of them, and counted.

use std::{convert::Infallible, future::pending};

use tokio::sync::{mpsc, oneshot};

/// Who may wait at once. More wait for their turn to wait.
const WAITING: usize = 16;

/// The side of those who wait.
#[derive(Clone, Debug)]
pub struct Checkpoint(mpsc::Sender<oneshot::Sender<()>>);

/// The pipeline's side.
#[derive(Debug)]
pub struct Gate(mpsc::Receiver<oneshot::Sender<()>>);

/// Makes one.
#[must_use]
pub fn checkpoint() -> (Checkpoint, Gate) {
    let (sender, receiver) = mpsc::channel(WAITING);
    (Checkpoint(sender), Gate(receiver))
}

impl Checkpoint {
    /// Waits until the pipeline has passed. If it has ended, nothing is under way any more.
    pub async fn passed(&self) {
        let (sender, passed) = oneshot::channel();
        if self.0.send(sender).await.is_ok() {
            // Gone without an answer: it has ended.
            let _ended = passed.await;
        }
    }
}

impl Gate {
    /// Lets everyone through who waits, as long as it is polled. The pipeline's own task must do that.
    pub async fn open(&mut self) -> Infallible {
        while let Some(waiting) = self.0.recv().await {
            // One that has gone does not wait any more.
            let _gone = waiting.send(());
        }
        pending().await
    }
}

#[cfg(test)]
mod tests {
    use std::pin::pin;

    use tokio::{runtime::Builder, select};

    use super::*;

    #[test]
    fn nobody_passes_while_the_pipeline_is_busy() {
        Builder::new_current_thread().build().unwrap().block_on(async {
            let (checkpoint, mut gate) = checkpoint();
            let mut passed = pin!(checkpoint.passed());
            select! {
                biased;
                () = &mut passed => panic!("the gate is closed"),
                () = tokio::task::yield_now() => {}
            }
            select! {
                () = &mut passed => {}
                never = gate.open() => match never {},
            }
        });
    }

    #[test]
    fn nobody_waits_for_a_pipeline_that_has_ended() {
        Builder::new_current_thread().build().unwrap().block_on(async {
            let (checkpoint, gate) = checkpoint();
            drop(gate);
            checkpoint.passed().await;
        });
    }
}
