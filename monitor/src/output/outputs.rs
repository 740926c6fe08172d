//! The outputs that run: started, changed while denyd runs, and ended.

use std::{
    future::{pending, poll_fn},
    io,
    path::Path,
    pin::Pin,
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, Ordering::Relaxed},
    },
    task::Poll,
};

use tokio::{
    runtime::{Builder, Runtime},
    sync::oneshot,
};

use super::{
    Hub, Lines, Marked, OutputCounts, advised, file,
    spec::{Spec, Target},
    stdout::{self, Outcome},
    syslog::Syslog,
    transport::{Transport, drive},
    unix::{Journal, Unix},
};
use crate::{
    advise::Adviser,
    ledger::{Handed, Marks},
};

/// The outputs that run, and those that are ending.
#[derive(Debug, Default)]
pub struct Outputs {
    running: Vec<Output>,
    ending: Vec<Output>,
    /// Where those over sockets run: one thread, so that none of them takes the reader's time.
    sockets: Option<Runtime>,
    /// What says what to do about denials, for all outputs that tell it.
    adviser: Option<Arc<Mutex<Adviser>>>,
    /// Where files mark what they have written.
    marks: Option<Marks>,
    /// What they were handed by another process, until they are started.
    handed: Option<Handed>,
}

#[derive(Debug)]
struct Output {
    spec: Spec,
    counts: Arc<OutputCounts>,
    reopen: Arc<AtomicBool>,
    outcome: oneshot::Receiver<Outcome>,
}

/// An output could not be started.
#[derive(Debug, thiserror::Error)]
#[error("cannot start the output `{name}`: {error}")]
pub struct StartError {
    name: String,
    #[source]
    error: io::Error,
}

impl Outputs {
    /// Outputs of which files mark what they have written, and were handed so many lines by another process.
    pub(crate) fn marked(marks: Option<Marks>, handed: Option<Handed>) -> Self {
        Self { marks, handed, ..Self::default() }
    }

    /// Makes the outputs what these say: starts those that are new, ends those that are not there any more, and leaves
    /// those alone that stay, but for their filters and that files are opened anew.
    ///
    /// # Errors
    ///
    /// If one can't be started; the others are as they should be.
    pub fn set(&mut self, specs: &[Spec], hub: &mut Hub) -> Result<(), StartError> {
        let stays = |output: &Output| specs.iter().any(|spec| spec.differs_by_filter_only(&output.spec));
        let (stay, end) = std::mem::take(&mut self.running).into_iter().partition(stays);
        self.running = stay;
        for output in end {
            hub.remove(&output.spec.name);
            self.ending.push(output);
        }
        let mut result = Ok(());
        for spec in specs {
            if let Some(output) = self.running.iter_mut().find(|output| output.spec.name == spec.name) {
                hub.set_filter(&spec.name, spec.filter.as_ref());
                output.spec.filter.clone_from(&spec.filter);
                output.reopen.store(true, Relaxed);
                continue;
            }
            let encoding = if spec.advice { advised::READ } else { spec.encoding() };
            let marked = self.marked_file(spec);
            let lines = hub.add_marked(&*spec.name, &encoding, spec.filter.clone(), spec.queue, marked);
            match self.start(spec, lines) {
                Ok(output) => self.running.push(output),
                Err(error) => {
                    hub.remove(&spec.name);
                    result = Err(StartError { name: spec.name.clone(), error });
                }
            }
        }
        self.handed = None;
        result
    }

    /// What a file has written and was handed, whichever process did, if it is one.
    fn marked_file(&self, spec: &Spec) -> Option<Marked> {
        let Target::File { path, .. } = &spec.target else { return None };
        let mark = self.marks.as_ref()?.output(spec.id())?;
        let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
        if let Err(error) = mark.recover(folder) {
            tracing::warn!(%error, path = %path.display(), "cannot tell what a killed denyd wrote last");
        }
        Some(Marked::new(mark, self.handed.as_ref()))
    }

    fn start(&mut self, spec: &Spec, lines: Lines) -> io::Result<Output> {
        let counts = Arc::clone(&lines.counts);
        let lines = if spec.advice { self.advise(spec, lines)? } else { lines };
        let reopen = Arc::new(AtomicBool::new(false));
        let outcome = match &spec.target {
            Target::Stdout(_) => stdout::start(lines)?,
            Target::File { path, .. } => file::start(lines, path.clone(), Arc::clone(&reopen))?,
            Target::Unix { path, owner, .. } => self.spawn(lines, Unix::new(path.clone(), *owner))?,
            Target::Journald { path } => self.spawn(lines, Journal::new(path.clone()))?,
            Target::Syslog { address, .. } => self.spawn(lines, Syslog::new(address.clone()))?,
            #[cfg(feature = "otlp")]
            Target::Otlp { endpoint } => {
                self.spawn(lines, super::otlp::Collector::new(endpoint.0.clone()))?
            }
        };
        Ok(Output { spec: spec.clone(), counts, reopen, outcome })
    }

    /// Lines with advice, in the form in which the output takes them.
    fn advise(&mut self, spec: &Spec, lines: Lines) -> io::Result<Lines> {
        let adviser = self.adviser.get_or_insert_with(|| Arc::new(Mutex::new(Adviser::of_service())));
        advised::start(lines, spec.encoding(), Arc::clone(adviser))
    }

    fn spawn(
        &mut self,
        lines: Lines,
        to: impl Transport + 'static,
    ) -> io::Result<oneshot::Receiver<Outcome>> {
        let sockets = if let Some(sockets) = &self.sockets {
            sockets
        } else {
            let runtime =
                Builder::new_multi_thread().worker_threads(1).thread_name("sockets").enable_all().build()?;
            self.sockets.insert(runtime)
        };
        let (outcome, receiver) = oneshot::channel();
        sockets.spawn(async move {
            // If nobody waits for the outcome any more, nobody wants to know it.
            let _unwanted = outcome.send(drive(lines, to).await);
        });
        Ok(receiver)
    }

    /// Waits until standard output has ended, which ends denyd; for ever, if it is no output.
    pub async fn stdout_ended(&mut self) -> Outcome {
        let stdout = self.running.iter_mut().find(|output| matches!(output.spec.target, Target::Stdout(_)));
        let Some(stdout) = stdout else { return pending().await };
        tokio::select! {
            outcome = &mut stdout.outcome => told(outcome),
            () = stdout::closed() => Outcome::Closed,
        }
    }

    /// Waits until every output has written what is queued, after the hub is gone. Gives how standard output ended, if
    /// it was one.
    pub async fn drained(&mut self) -> Option<Outcome> {
        let mut ended = None;
        for output in self.running.iter_mut().chain(&mut self.ending) {
            // One that has told its outcome before is not asked again.
            let outcome = poll_fn(|context| {
                if output.outcome.is_terminated() {
                    Poll::Ready(None)
                } else {
                    Pin::new(&mut output.outcome).poll(context).map(Some)
                }
            });
            if let Some(outcome) = outcome.await
                && matches!(output.spec.target, Target::Stdout(_))
            {
                ended = Some(told(outcome));
            }
        }
        ended
    }

    /// Ends them all. What is not written yet is counted as lost.
    pub fn end(self) -> Vec<Arc<OutputCounts>> {
        if let Some(sockets) = self.sockets {
            sockets.shutdown_background();
        }
        let outputs = self.running.into_iter().chain(self.ending);
        outputs.map(|output| output.counts).inspect(|counts| counts.end()).collect()
    }

    /// What those that run count.
    pub fn counts(&self) -> impl Iterator<Item = &Arc<OutputCounts>> {
        self.running.iter().map(|output| &output.counts)
    }
}

/// The outcome, also if the thread that should tell it is gone.
fn told(outcome: Result<Outcome, oneshot::error::RecvError>) -> Outcome {
    outcome.unwrap_or_else(|gone| Outcome::Failed(io::Error::other(gone)))
}
