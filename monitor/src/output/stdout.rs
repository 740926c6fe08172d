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

use rustix::event::{PollFd, PollFlags, poll};
use tokio::{
    io::{Interest, unix::AsyncFd},
    sync::oneshot,
};

use crate::output::{
    Lines, OutputLoss,
    lines::{whole_lines, write_all},
};

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

/// Starts to write lines to standard output. How it ends is reported once, when the queue is closed and empty or writing
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
/// for ever where that is unknown: a file, a terminal.
pub async fn closed() {
    closed_by_reader(rustix::stdio::stdout()).await;
}

async fn closed_by_reader(output: impl AsFd) {
    if let Ok(output) = output.as_fd().try_clone_to_owned()
        // SAFETY: an `OwnedFd` gives the same open descriptor until it is dropped.
        && let Ok(output) = unsafe { AsyncFd::register_with_interest(output, Interest::ERROR) }
    {
        while let Ok(mut guard) = output.ready(Interest::ERROR).await {
            if guard.ready().is_error() {
                return;
            }
            guard.clear_ready();
        }
    }
    std::future::pending::<()>().await;
}

/// Writes lines until the queue is closed and empty, or writing fails. What is queued is written at once.
fn write_lines(mut lines: Lines, mut to: impl Write + AsFd) -> Outcome {
    let mut batch = Vec::with_capacity(BATCH);
    let mut buffer = Vec::new();
    while lines.queue.blocking_recv_many(&mut batch, BATCH) > 0 {
        buffer.clear();
        for line in &batch {
            buffer.extend_from_slice(line);
        }
        let (bytes, result) = write_bytes(&mut to, &buffer);
        let written = whole_lines(&batch, bytes);
        lines.counts.write(written as u64);
        if let Err(error) = result {
            let unread = lines.queue.close();
            lines.counts.lose(OutputLoss::Failed, (batch.len() - written + unread) as u64);
            return error.into();
        }
        batch.clear();
    }
    Outcome::Drained
}

/// As [`write_all`]; waits where another process that shares the output has made it non-blocking.
fn write_bytes(to: &mut (impl Write + AsFd), bytes: &[u8]) -> (usize, io::Result<()>) {
    let mut written = 0;
    loop {
        let (count, result) = write_all(to, &bytes[written..]);
        written += count;
        match result {
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
            result => return (written, result),
        }
        match poll(&mut [PollFd::new(to, PollFlags::OUT)], None) {
            Ok(_) | Err(rustix::io::Errno::INTR) => {}
            Err(error) => return (written, Err(error.into())),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::{
        fs::OpenOptions,
        io::{PipeReader, PipeWriter, Read as _, pipe},
    };

    use bytes::{Bytes, BytesMut};
    use tokio::{
        runtime::{self, Runtime},
        task::yield_now,
    };

    use super::*;
    use crate::{
        format::Format,
        output::{Encoding, Hub},
    };

    /// An output with these lines in its queue, which is closed.
    fn lines(lines: &[&str]) -> Lines {
        let mut hub = Hub::default();
        let queue = hub.add("stdout", &Encoding::Line(Format::Json), None, lines.len());
        for line in lines {
            hub.outputs[0].hand(BytesMut::from(*line).freeze());
        }
        queue
    }

    fn read(mut from: PipeReader) -> String {
        let mut text = String::new();
        from.read_to_string(&mut text).unwrap();
        text
    }

    fn runtime() -> Runtime {
        runtime::Builder::new_current_thread().enable_io().build().unwrap()
    }

    #[test]
    fn every_line_is_written_in_its_order() {
        let (reader, writer) = pipe().unwrap();
        let lines = lines(&["a\n", "b\n", "c\n"]);
        let counts = std::sync::Arc::clone(&lines.counts);
        assert!(matches!(write_lines(lines, writer), Outcome::Drained));
        assert_eq!(read(reader), "a\nb\nc\n");
        assert_eq!(counts.to_string(), "stdout: received 3, written 3, lost 0");
    }

    #[test]
    fn a_pipe_that_nobody_reads_holds_nobody_up_and_its_loss_is_exact() {
        const LINES: u64 = 5000;
        let (reader, writer) = pipe().unwrap();
        let mut hub = Hub::default();
        let queue = hub.add("stdout", &Encoding::Line(Format::Json), None, 8);
        let counts = std::sync::Arc::clone(&queue.counts);
        let write = thread::spawn(move || write_lines(queue, writer));
        let line = Bytes::from("x".repeat(999) + "\n");
        for _ in 0..LINES {
            hub.outputs[0].hand(line.clone());
        }
        assert!(counts.lost(OutputLoss::QueueFull) > 0, "{counts}");
        drop(hub);
        assert_eq!(read(reader).lines().count() as u64, counts.written());
        assert!(matches!(write.join().unwrap(), Outcome::Drained));
        assert_eq!(counts.written() + counts.lost(OutputLoss::QueueFull), LINES);
    }

    #[test]
    fn a_closed_pipe_is_an_outcome_of_its_own_and_its_lines_are_lost() {
        let (reader, writer) = pipe().unwrap();
        drop(reader);
        let lines = lines(&["a\n", "b\n"]);
        let counts = std::sync::Arc::clone(&lines.counts);
        assert!(matches!(write_lines(lines, writer), Outcome::Closed));
        assert_eq!(counts.to_string(), "stdout: received 2, written 0, lost 2 (failed 2)");
    }

    #[test]
    fn a_full_disk_is_a_failure_with_its_cause() {
        let full = OpenOptions::new().write(true).open("/dev/full").unwrap();
        let Outcome::Failed(error) = write_lines(lines(&["a\n"]), full) else {
            panic!("it could be written")
        };
        assert_eq!(error.kind(), io::ErrorKind::StorageFull);
    }

    #[test]
    fn a_pipe_that_another_process_made_non_blocking_is_waited_for() {
        let (reader, writer) = pipe().unwrap();
        rustix::io::ioctl_fionbio(&writer, true).unwrap();
        let long = "x".repeat(200_000) + "\n";
        let lines = lines(&[&long, "end\n"]);
        let thread = thread::spawn(move || write_lines(lines, writer));
        assert_eq!(read(reader), long + "end\n");
        assert!(matches!(thread.join().unwrap(), Outcome::Drained));
    }

    #[test]
    fn a_reader_that_closes_the_pipe_is_noticed_without_a_write() {
        let (reader, writer): (PipeReader, PipeWriter) = pipe().unwrap();
        runtime().block_on(async {
            let mut closed = std::pin::pin!(closed_by_reader(&writer));
            tokio::select! {
                biased;
                () = &mut closed => panic!("it is still open"),
                () = yield_now() => {}
            }
            drop(reader);
            closed.await;
        });
    }

    #[test]
    fn a_file_is_never_closed_by_its_reader() {
        let file = OpenOptions::new().write(true).open("/dev/null").unwrap();
        runtime().block_on(async {
            tokio::select! {
                biased;
                () = closed_by_reader(&file) => panic!("a file has no reader"),
                () = yield_now() => {}
            }
        });
    }
}
