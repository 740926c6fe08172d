//! JSON lines on standard output.
//!
//! A thread of its own writes them: standard output may be a file, a pipe or a terminal, and none of them can be
//! relied on not to block. It must not be made non-blocking either, for other processes share it.

use std::{
    fs::File,
    io::{self, Write},
    os::fd::AsFd,
    thread,
};

use bytes::Bytes;
use rustix::event::{PollFd, PollFlags, poll};
use tokio::{
    io::{Interest, unix::AsyncFd},
    sync::oneshot,
};

use crate::output::{Lines, OutputLoss};

/// Lines written at once, at most.
const BATCH: usize = 512;

/// How writing ended.
#[derive(Debug)]
pub enum Outcome {
    /// Every line of the queue was written.
    Drained,
    /// Whoever read standard output has closed it.
    Closed,
    /// Writing failed.
    Failed(io::Error),
}

impl From<io::Error> for Outcome {
    fn from(error: io::Error) -> Self {
        if error.kind() == io::ErrorKind::BrokenPipe { Self::Closed } else { Self::Failed(error) }
    }
}

/// Starts to write lines to standard output. How it ends is told once, when the queue is closed and empty or writing
/// failed.
///
/// # Errors
///
/// If standard output can't be had or the thread can't be started.
pub fn start(lines: Lines) -> io::Result<oneshot::Receiver<Outcome>> {
    let stdout = File::from(rustix::stdio::stdout().try_clone_to_owned()?);
    let (outcome, receiver) = oneshot::channel();
    thread::Builder::new().name("stdout".to_owned()).spawn(move || {
        // If nobody waits for the outcome any more, nobody wants to know it.
        let _unwanted = outcome.send(write_lines(lines, stdout));
    })?;
    Ok(receiver)
}

/// Waits until whoever reads standard output has closed it, so that denyd ends then and not at the next denial. Waits
/// for ever where that can't be told: a file, a terminal.
pub async fn closed() {
    if let Ok(stdout) = rustix::stdio::stdout().try_clone_to_owned()
        // SAFETY: an `OwnedFd` gives the same open descriptor until it is dropped.
        && let Ok(stdout) = unsafe { AsyncFd::register_with_interest(stdout, Interest::ERROR) }
    {
        while let Ok(mut guard) = stdout.ready(Interest::ERROR).await {
            if guard.ready().is_error() {
                return;
            }
            guard.clear_ready();
        }
    }
    std::future::pending().await
}

/// Writes lines until the queue is closed and empty, or writing fails. What is queued is written at once.
fn write_lines(mut lines: Lines, mut to: impl Write + AsFd) -> Outcome {
    let mut batch = Vec::with_capacity(BATCH);
    let mut buffer = Vec::new();
    while lines.queue.blocking_recv_many(&mut batch, BATCH) > 0 {
        buffer.clear();
        batch.iter().for_each(|line| buffer.extend_from_slice(line));
        let (bytes, result) = write_bytes(&mut to, &buffer);
        let written = whole_lines(&batch, bytes);
        lines.counts.write(written as u64);
        if let Err(error) = result {
            lines.queue.close();
            let unread = lines.queue.len();
            lines.counts.lose(OutputLoss::Failed, (batch.len() - written + unread) as u64);
            return error.into();
        }
        batch.clear();
    }
    Outcome::Drained
}

/// Writes all bytes, or as many as can be.
fn write_bytes(to: &mut (impl Write + AsFd), bytes: &[u8]) -> (usize, io::Result<()>) {
    let mut written = 0;
    while written < bytes.len() {
        match to.write(&bytes[written..]) {
            Ok(0) => return (written, Err(io::ErrorKind::WriteZero.into())),
            Ok(count) => written += count,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            // Another process that shares it has made it non-blocking.
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                match poll(&mut [PollFd::new(to, PollFlags::OUT)], None) {
                    Ok(_) | Err(rustix::io::Errno::INTR) => {}
                    Err(error) => return (written, Err(error.into())),
                }
            }
            Err(error) => return (written, Err(error)),
        }
    }
    (written, Ok(()))
}

/// How many of these lines the first `bytes` bytes hold whole.
fn whole_lines(lines: &[Bytes], bytes: usize) -> usize {
    let ends = lines.iter().scan(0, |end, line| {
        *end += line.len();
        Some(*end)
    });
    ends.take_while(|&end| end <= bytes).count()
}
