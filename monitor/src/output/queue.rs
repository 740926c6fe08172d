//! An output's queue. What was collected is put in at once, so that the output wakes once for it: if each line woke it, it
//! would run for each, for the kernel lets who was woken run first.

use std::{
    collections::VecDeque,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering::Relaxed},
    },
};

use bytes::Bytes;
use tokio::sync::mpsc::{self, error::TryRecvError};

/// A queue of this many lines.
pub(super) fn queue(capacity: usize) -> (Sender, Queue) {
    let held = Arc::new(AtomicUsize::new(0));
    // One of at least one line has a place whenever the lines have.
    let (batches, received) = mpsc::channel(capacity);
    let sender = Sender { batches, held: Arc::clone(&held), capacity };
    (sender, Queue { batches: received, first: VecDeque::new(), held })
}

/// Where lines are put in. There is one for each queue.
#[derive(Debug)]
pub(super) struct Sender {
    batches: mpsc::Sender<Vec<Bytes>>,
    held: Arc<AtomicUsize>,
    capacity: usize,
}

/// Lines that nobody will take: the output has ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Closed;

impl Sender {
    /// For how many lines there is room.
    pub(super) fn room(&self) -> usize {
        self.capacity.saturating_sub(self.held.load(Relaxed))
    }

    /// Puts lines in, of which there must not be more than there is [`Self::room`] for.
    pub(super) fn send(&self, lines: Vec<Bytes>) -> Result<(), Closed> {
        let count = lines.len();
        if count == 0 {
            return Ok(());
        }
        self.held.fetch_add(count, Relaxed);
        self.batches.try_send(lines).map_err(|_closed| {
            self.held.fetch_sub(count, Relaxed);
            Closed
        })
    }

    /// Puts a line in, as soon as there is room.
    pub(super) fn blocking_send(&self, line: Bytes) -> Result<(), Closed> {
        self.held.fetch_add(1, Relaxed);
        self.batches.blocking_send(vec![line]).map_err(|_closed| {
            self.held.fetch_sub(1, Relaxed);
            Closed
        })
    }
}

/// Where lines are taken out, in their order.
#[derive(Debug)]
pub struct Queue {
    batches: mpsc::Receiver<Vec<Bytes>>,
    /// Lines of the first batch that were not taken.
    first: VecDeque<Bytes>,
    held: Arc<AtomicUsize>,
}

impl Queue {
    /// Waits for lines, and takes as many as there are, up to `limit`. Gives how many; 0 when no more will come. Cancelling it
    /// loses nothing.
    pub async fn recv_many(&mut self, lines: &mut Vec<Bytes>, limit: usize) -> usize {
        if self.first.is_empty() {
            match self.batches.recv().await {
                Some(batch) => self.first = batch.into(),
                None => return 0,
            }
        }
        self.take(lines, limit)
    }

    /// As [`Self::recv_many`], on a thread of its own.
    pub(super) fn blocking_recv_many(&mut self, lines: &mut Vec<Bytes>, limit: usize) -> usize {
        if self.first.is_empty() {
            match self.batches.blocking_recv() {
                Some(batch) => self.first = batch.into(),
                None => return 0,
            }
        }
        self.take(lines, limit)
    }

    /// Waits for a line; none, when no more will come. Cancelling it loses nothing.
    pub async fn recv(&mut self) -> Option<Bytes> {
        let mut line = Vec::with_capacity(1);
        self.recv_many(&mut line, 1).await;
        line.pop()
    }

    /// As [`Self::recv`], on a thread of its own.
    pub fn blocking_recv(&mut self) -> Option<Bytes> {
        let mut line = Vec::with_capacity(1);
        self.blocking_recv_many(&mut line, 1);
        line.pop()
    }

    /// Takes a line, if there is one.
    ///
    /// # Errors
    ///
    /// If there is none now, or no more will come.
    pub fn try_recv(&mut self) -> Result<Bytes, TryRecvError> {
        loop {
            if let Some(line) = self.first.pop_front() {
                self.held.fetch_sub(1, Relaxed);
                return Ok(line);
            }
            self.first = self.batches.try_recv()?.into();
        }
    }

    /// Takes what is there.
    fn take(&mut self, lines: &mut Vec<Bytes>, limit: usize) -> usize {
        let mut taken = 0;
        while taken < limit {
            match self.try_recv() {
                Ok(line) => lines.push(line),
                Err(_) => break,
            }
            taken += 1;
        }
        taken
    }

    /// How many lines it holds.
    #[must_use]
    pub fn len(&self) -> usize {
        self.held.load(Relaxed)
    }

    /// Whether it holds none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Whether no more lines will come than it holds.
    #[must_use]
    pub fn is_closed(&self) -> bool {
        self.batches.is_closed()
    }

    /// Takes no more, and gives how many lines were left, on a thread of its own.
    pub(super) fn close(mut self) -> usize {
        self.batches.close();
        let mut left = self.first.len();
        while let Some(batch) = self.batches.blocking_recv() {
            left += batch.len();
        }
        left
    }
}

#[cfg(test)]
mod tests {
    use std::{
        sync::atomic::AtomicU32,
        task::{Context, Poll, Wake, Waker},
    };

    use super::*;

    fn lines(count: u8) -> Vec<Bytes> {
        (0..count).map(|number| Bytes::copy_from_slice(&[number])).collect()
    }

    #[derive(Default)]
    struct Wakes(AtomicU32);

    impl Wake for Wakes {
        fn wake(self: Arc<Self>) {
            self.0.fetch_add(1, Relaxed);
        }
    }

    #[test]
    fn lines_that_come_together_wake_once_and_keep_their_order() {
        let (sender, mut queue) = queue(8);
        let wakes = Arc::new(Wakes::default());
        let waker = Waker::from(Arc::clone(&wakes));
        let mut context = Context::from_waker(&waker);
        let mut taken = Vec::new();
        {
            let mut waits = std::pin::pin!(queue.recv_many(&mut taken, 3));
            assert!(waits.as_mut().poll(&mut context).is_pending());
            sender.send(lines(5)).unwrap();
            assert_eq!(wakes.0.load(Relaxed), 1);
            assert_eq!(waits.as_mut().poll(&mut context), Poll::Ready(3));
        }
        assert_eq!((queue.len(), sender.room()), (2, 6));
        sender.send(lines(2)).unwrap();
        assert_eq!(queue.blocking_recv_many(&mut taken, 9), 4, "what is there goes together");
        assert_eq!(taken.iter().map(|line| line[0]).collect::<Vec<_>>(), [0, 1, 2, 3, 4, 0, 1]);
        drop(sender);
        assert!(queue.is_closed() && queue.is_empty());
        assert_eq!((queue.blocking_recv_many(&mut taken, 9), queue.blocking_recv()), (0, None));
    }

    #[test]
    fn what_is_left_when_an_output_ends_is_told_once() {
        let (sender, mut queue) = queue(8);
        sender.send(lines(3)).unwrap();
        sender.blocking_send(Bytes::new()).unwrap();
        assert!(queue.try_recv().is_ok());
        assert_eq!(queue.close(), 3);
        assert_eq!(sender.send(lines(2)), Err(Closed));
        assert_eq!(sender.blocking_send(Bytes::new()), Err(Closed));
    }
}
