//! What to do about each denial, for outputs that tell it. It is found between an output's queue and what writes its lines,
//! by a thread of its own: the reader and the other outputs never wait for it.

use std::{
    io,
    sync::{Arc, Mutex, PoisonError},
    thread,
};

use bytes::{Bytes, BytesMut};

use super::{
    Encoding, Lines, OutputCounts, OutputLoss, Queue,
    error::EncodeError,
    queue::{Closed, Sender, queue as new_queue},
};
use crate::{advise::Adviser, event::Event, format::Format, ledger::OutputMark};

/// The form in which events come here.
pub(super) const READ: Encoding = Encoding::Line(Format::Json);

/// Lines with advice that may wait to be written: few, since those without are what the queue has room for.
const WAITING: usize = 16;

/// Starts to add advice to events of the form [`READ`], and gives them in this form.
///
/// # Errors
///
/// If the thread can't be started.
pub(super) fn start(lines: Lines, encoding: Encoding, adviser: Arc<Mutex<Adviser>>) -> io::Result<Lines> {
    let Lines { queue, counts, mark, failed } = lines;
    let (to, advised) = new_queue(WAITING);
    let way = Way { to, counts: Arc::clone(&counts), mark: mark.clone(), encoding, adviser };
    thread::Builder::new().name("advice".to_owned()).spawn(move || way.pass(queue))?;
    Ok(Lines { queue: advised, counts, mark, failed })
}

/// From an output's queue to what writes its lines.
struct Way {
    to: Sender,
    counts: Arc<OutputCounts>,
    mark: Option<OutputMark>,
    encoding: Encoding,
    adviser: Arc<Mutex<Adviser>>,
}

impl Way {
    /// Passes lines on until there will be no more, or what writes them has ended.
    fn pass(self, mut queue: Queue) {
        let mut buffer = BytesMut::new();
        while let Some(line) = queue.blocking_recv() {
            let line = match self.advised(&line, &mut buffer) {
                Ok(line) => line,
                Err(error) => {
                    // Only one that this process has not written could do this.
                    tracing::error!(%error, "an event could not be given advice");
                    buffer.clear();
                    self.lose(1);
                    continue;
                }
            };
            if self.to.blocking_send(line) == Err(Closed) {
                self.lose(1 + queue.close() as u64);
                return;
            }
        }
    }

    fn advised(&self, line: &[u8], buffer: &mut BytesMut) -> Result<Bytes, EncodeError> {
        let mut event: Event<'_> = serde_json::from_slice(line)?;
        event.advice = self.adviser.lock().unwrap_or_else(PoisonError::into_inner).advise(&event);
        self.encoding.encode(&event, buffer)
    }

    fn lose(&self, lines: u64) {
        self.counts.lose(OutputLoss::Failed, lines);
        if let Some(mark) = &self.mark {
            mark.end(lines);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::output::Hub;

    const EVENT: &str = include_str!("../../tests/golden/seccomp_errno.json");

    fn way(hub: &mut Hub, encoding: Encoding) -> Lines {
        let lines = hub.add("x", &READ, None, 8);
        start(lines, encoding, Arc::new(Mutex::new(Adviser::of_service()))).unwrap()
    }

    /// A denial of this machine.
    fn event() -> Event<'static> {
        let mut event: Event<'_> = serde_json::from_str(EVENT).unwrap();
        event.host = crate::host::name().to_string_lossy().into_owned().into();
        event
    }

    #[test]
    fn an_output_can_tell_what_to_do_in_any_form() {
        for format in [Format::Json, Format::Ecs, Format::Ocsf] {
            let mut hub = Hub::default();
            let mut lines = way(&mut hub, Encoding::Line(format));
            hub.send(&event());
            let mut elsewhere = event();
            elsewhere.host = "elsewhere.example".into();
            hub.send(&elsewhere);
            drop(hub);
            let mut next =
                || lines.queue.blocking_recv().map(|line| String::from_utf8(line.to_vec()).unwrap());
            let line = next().unwrap();
            assert!(line.contains(r#""advice":{"cause":"sandbox""#), "{line}");
            let line = next().unwrap();
            assert!(!line.contains("advice"), "the policy of another machine is not here: {line}");
            assert_eq!(next(), None);
        }
    }

    #[test]
    fn what_nobody_writes_is_counted_as_lost() {
        let mut hub = Hub::default();
        let lines = way(&mut hub, READ);
        let counts = Arc::clone(&lines.counts);
        drop(lines.queue);
        for _ in 0..20 {
            hub.send(&event());
        }
        drop(hub);
        let ended = tokio::runtime::Builder::new_current_thread().build().unwrap();
        ended.block_on(counts.settled(counts.taken()));
        assert_eq!((counts.received(), counts.lost_in_all()), (20, 20));
    }
}
