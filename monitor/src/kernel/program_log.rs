//! What the programs log, for those who debug denyd: aya-log's messages, to `tracing`.
//!
//! The level is set before load. At the usual level the verifier drops what would log, and the programs' ring buffer for
//! it has a page.

use std::{
    io::{self, PipeReader, PipeWriter},
    thread::{self, JoinHandle},
};

use aya::Ebpf;
use aya_log::{EbpfLogger, Level};
use rustix::event::{PollFd, PollFlags, poll};
use tracing_log::LogTracer;

/// The target of the programs' messages, before `::` and their module.
const TARGET: &str = "denyd_ebpf";

/// The ring buffer for messages, as aya-log calls it.
pub(super) const MAP: &str = "AYA_LOGS";

/// Bytes of the ring buffer for messages, if there may be any.
const RING_SIZE: u32 = 1 << 17;
/// And if not: what the kernel takes for the smallest.
const NO_RING_SIZE: u32 = 4096;

/// What the programs are to log, by `DENYD_LOG`; 0 is nothing.
pub(super) fn level() -> u8 {
    if tracing::enabled!(target: TARGET, tracing::Level::TRACE) {
        Level::Trace.into()
    } else if tracing::enabled!(target: TARGET, tracing::Level::DEBUG) {
        Level::Debug.into()
    } else {
        0
    }
}

/// Bytes of the ring buffer for messages up to `level`.
pub(super) const fn ring_size(level: u8) -> u32 {
    if level == 0 { NO_RING_SIZE } else { RING_SIZE }
}

/// The programs' messages, which nobody passes on yet.
pub(super) struct UnreadLog(EbpfLogger<LogTracer>);

impl UnreadLog {
    /// That of these programs.
    ///
    /// # Errors
    ///
    /// If the object has no log.
    pub(super) fn of(ebpf: &mut Ebpf) -> io::Result<Self> {
        EbpfLogger::init_with_logger(ebpf, LogTracer::new()).map(Self).map_err(io::Error::other)
    }
}

/// The thread that passes the programs' messages on. When it is dropped, it passes on what is there, and ends.
pub(super) struct ProgramLog {
    /// Its end ends the thread.
    stop: Option<PipeWriter>,
    thread: Option<JoinHandle<()>>,
}

impl ProgramLog {
    /// Starts it.
    ///
    /// # Errors
    ///
    /// If the thread can't be started.
    pub(super) fn start(UnreadLog(logger): UnreadLog) -> io::Result<Self> {
        let (stopped, stop) = io::pipe()?;
        let run = move || pass_on(logger, &stopped);
        let thread = thread::Builder::new().name("program log".to_owned()).spawn(run)?;
        Ok(Self { stop: Some(stop), thread: Some(thread) })
    }
}

impl Drop for ProgramLog {
    fn drop(&mut self) {
        drop(self.stop.take());
        if self.thread.take().is_some_and(|thread| thread.join().is_err()) {
            tracing::error!("what the programs logged could not be read");
        }
    }
}

/// Waits for messages without a timer, until the pipe's other end is closed.
fn pass_on(mut logger: EbpfLogger<LogTracer>, stopped: &PipeReader) {
    loop {
        let mut ready = [PollFd::new(&logger, PollFlags::IN), PollFd::new(stopped, PollFlags::IN)];
        match poll(&mut ready, None) {
            Err(rustix::io::Errno::INTR) => continue,
            Err(error) => {
                tracing::error!(%error, "cannot wait for what the programs log");
                return;
            }
            Ok(_ready) => {}
        }
        let end = !ready[1].revents().is_empty();
        logger.flush();
        if end {
            return;
        }
    }
}
