//! What `denyd run` is made of once the programs are attached: the pipeline, its outputs, the clients that ask it, its
//! metrics, and how all that ends.

use std::{
    io,
    ops::Deref,
    sync::{Arc, Mutex, OnceLock},
    time::Duration,
};

use jiff::Timestamp;
use monitor_common::SourceId;
use monitor_explain::place::Place;
use tokio::{
    signal::unix::{Signal, SignalKind, signal},
    time::timeout,
};

use super::{
    failure::Failure,
    say,
    summary::{Watching, most_lost, summarise},
};
#[cfg(feature = "metrics")]
use crate::metrics::{
    Metrics,
    web::{Serving, Web},
};
use crate::{
    checkpoint::{Gate, checkpoint},
    clock::Clock,
    config::Config,
    enrich::{Enricher, accounts},
    format::Format,
    guard::Guard,
    kernel::{Attached, Counters, Parts, ProgramStats, Programs, Report, Restart, RingReader},
    ledger::{Left, Listener},
    live::Live,
    output::{Encoding, Hub, Marked, OutputCounts, Outputs, stdout::Outcome},
    pipeline::{End, Pipeline, Records},
    posture,
    privilege::Unprivileged,
    service::{self, Watchdog},
    subjects::Subjects,
    tail::{
        explain::Explainer,
        server::{self, Running, Services},
        status::Status,
    },
};

/// Events that may wait to be taken into the history, from which clients read.
const TAIL_QUEUE: usize = 8192;
/// How long the outputs have for what is queued when denyd ends.
const DRAIN_LIMIT: Duration = Duration::from_secs(1);

/// What was opened while denyd had its privileges.
pub(super) struct Opened {
    /// The kernel's symbols, for stacks.
    #[cfg(feature = "symbols")]
    pub symbols: Option<crate::enrich::symbols::KernelSymbols>,
    /// The port for metrics.
    #[cfg(feature = "metrics")]
    pub web: Option<Web>,
    /// What shows the state of the modules.
    pub posture: posture::Watch,
    /// What shows the programs' runs.
    pub programs: ProgramStats,
    /// The history and the socket for clients.
    pub tail: Option<server::Opened>,
}

/// A daemon that reports what the programs see, without any privilege.
pub(super) struct Daemon {
    report: Report,
    programs: Programs,
    counters: Arc<Counters>,
    subjects: Arc<Subjects>,
    pipeline: Pipeline<RingReader>,
    /// What says that somebody listens, if that is kept.
    listener: Option<Listener>,
    outputs: Outputs,
    /// Lets those pass who ask for the daemon's state.
    gate: Gate,
    /// What clients are served by, and the counts of what it receives.
    tail: Option<(Running, Arc<OutputCounts>)>,
    #[cfg(feature = "metrics")]
    serving: Option<Serving>,
}

/// Why the pipeline stops.
enum Stop {
    /// To end.
    Signal,
    /// To read the configuration.
    Reload,
    /// Standard output has ended.
    Stdout(Outcome),
}

impl Daemon {
    /// Starts everything that the pipeline works with. Must be called within a tokio runtime.
    ///
    /// # Errors
    ///
    /// If an output, or a thread, can't be started.
    pub(super) fn start(
        attached: Attached<Unprivileged>,
        config: &Config,
        opened: Opened,
    ) -> Result<Self, Failure> {
        tracing::debug!(status = %attached.privileges().status, "privileges are given up");
        let marks = attached.marks();
        let Parts { reader, counters, losses, slots, facts, report, programs, restart } =
            attached.into_parts();
        let handed = restart.as_ref().map(|restart| restart.left.handed());
        let mut hub = Hub::with_faults(config.faults);
        let mut outputs = Outputs::marked(marks, handed);
        outputs.set(&config.outputs, &mut hub)?;
        let enricher = start_enricher(config)?;
        #[cfg(feature = "symbols")]
        let enricher = name_functions(enricher, opened.symbols)?;
        let counters = Arc::new(counters);
        let listed = hub.listed();
        let lines = opened.tail.map(|tail| {
            let marked = tail.mark().map(|mark| Marked::new(mark, handed.as_ref()));
            let lines = hub.add_marked("tail", &Encoding::Line(Format::Json), None, TAIL_QUEUE, marked);
            (tail, lines)
        });
        let subjects = Arc::new(Subjects::new(losses));
        let pipeline =
            Pipeline::new(reader, facts.tables(), enricher, hub).of_subjects(Arc::clone(&subjects));
        let pipeline = pipeline.with_clock_steps(config.faults.clock_step);
        let pipeline = match slots {
            Some(slots) => pipeline.folding(slots, config.fold.window),
            None => pipeline,
        };
        let pipeline = match restart {
            Some(Restart { ledger, left }) => {
                tell_of(&left);
                pipeline.guarded_by(Guard::new(ledger, left))
            }
            None => pipeline,
        };
        let live = Arc::new(Live {
            started: Timestamp::now(),
            report: report.clone(),
            counters: Arc::clone(&counters),
            programs: opened.programs,
            tallies: pipeline.tallies(),
            subjects: Arc::clone(&subjects),
            outputs: listed.clone(),
            clients: lines.as_ref().map(|(tail, _)| tail.clients()),
            posture: Mutex::new(opened.posture),
            denials: OnceLock::new(),
        });
        let listener = pipeline.guard().map(|guard| guard.listener().clone());
        let (checkpoint, gate) = checkpoint();
        let tail = match lines {
            Some((tail, lines)) => {
                let counts = Arc::clone(&lines.counts);
                let live = Arc::clone(&live);
                let status = Status::new(Arc::new(move || live.snapshot()), listed, checkpoint);
                let services =
                    Services { status: Some(status), explainer: Some(Explainer::new(Place::of_service)) };
                Some((tail.start(lines, services)?, counts))
            }
            None => None,
        };
        #[cfg(feature = "metrics")]
        let (pipeline, serving) = match opened.web {
            Some(web) => serve_metrics(web, &live, pipeline)?,
            None => (pipeline, None),
        };
        Ok(Self {
            report,
            programs,
            counters,
            subjects,
            pipeline,
            listener,
            outputs,
            gate,
            tail,
            #[cfg(feature = "metrics")]
            serving,
        })
    }

    /// Reports until a signal or the end of standard output. `reread` gives the configuration that a reload is to take
    /// over, if there is one.
    ///
    /// # Errors
    ///
    /// If the ring buffer or standard output fails.
    pub(super) async fn run(
        mut self,
        mut signals: Signals,
        mut config: Config,
        reread: impl Fn(&Config) -> Option<Config>,
    ) -> Result<(), Failure> {
        let watching = Watching { report: &self.report, programs: self.programs.len() }.to_string();
        say(&watching);
        let mut watchdog = Watchdog::from_environment();
        service::ready(&watching);
        let end = loop {
            match self.until_stopped(&mut signals, &mut watchdog).await {
                End::Stopped(Stop::Reload) => {
                    service::reloading();
                    if let Some(new) = reread(&config) {
                        self.take_over(&new);
                        config.outputs = new.outputs;
                    }
                    service::ready(&watching);
                }
                end => break end,
            }
        };
        service::stopping();
        self.finish(end, signals).await
    }

    async fn until_stopped(&mut self, signals: &mut Signals, watchdog: &mut Watchdog) -> End<Stop> {
        let alive = || self.listener.iter().for_each(Listener::listen);
        let stop = async {
            tokio::select! {
                stop = signals.next() => stop,
                outcome = self.outputs.stdout_ended() => Stop::Stdout(outcome),
                () = watchdog.feed(alive) => Stop::Signal,
                never = self.gate.open() => match never {},
            }
        };
        self.pipeline.run(stop).await
    }

    /// Takes a new configuration's outputs over, and the keys and passwords of the metrics. What can't be leaves the old.
    fn take_over(&mut self, new: &Config) {
        match self.outputs.set(&new.outputs, self.pipeline.hub()) {
            Ok(()) => tracing::info!(outputs = new.outputs.len(), "configuration reloaded"),
            Err(error) => tracing::error!(%error, "configuration applied only in part"),
        }
        #[cfg(feature = "metrics")]
        if let Some(Err(error)) = self.serving.as_ref().map(Serving::reload) {
            tracing::error!(%error, "the old keys and passwords of the metrics stay in force");
        }
    }

    /// Detaches the programs, reports what they saw by then, and says what became of every event.
    async fn finish(self, end: End<Stop>, mut signals: Signals) -> Result<(), Failure> {
        let Self { report, programs, counters, subjects, pipeline, mut outputs, tail, .. } = self;
        let pinned = programs.are_pinned();
        let misses = detach(programs);
        let mut done = pipeline.finish().await;
        let result = match end {
            End::Stopped(Stop::Stdout(outcome)) => {
                let others = drain(&mut outputs, &mut signals).await;
                ended(outcome).and(others)
            }
            End::Stopped(Stop::Signal | Stop::Reload) => drain(&mut outputs, &mut signals).await,
            End::Failed(error) => drain(&mut outputs, &mut signals).await.and(Err(Failure::Ring(error))),
        };
        let mut counts = outputs.end();
        if let Some((running, own)) = tail {
            // It has a limit of its own, and clients see that denyd ends. It is gone only with its thread.
            let _gone = running.ended.await;
            counts.extend([own].into_iter().chain(running.history).inspect(|counts| counts.end()));
        }
        if let Some(guard) = &mut done.guard {
            guard.commit();
            guard.listener().listen();
        }
        summarise(&report, &misses, &counters, &done, pinned);
        most_lost(subjects.now()).for_each(say);
        for counts in counts {
            say(counts);
        }
        if pinned {
            say("the programs stay attached, for the next denyd; `denyd detach` detaches them");
        }
        result
    }
}

/// Says how long nobody listened, and what waited meanwhile.
fn tell_of(left: &Left) {
    if left.listened == 0 {
        return;
    }
    let nanoseconds = Clock::since_boot().saturating_sub(left.listened);
    let unheard = Duration::from_millis(nanoseconds / 1_000_000);
    say(format_args!("taking over from process {}: nobody listened for at most {unheard:?}", left.pid));
}

/// Has the pipeline's events counted, and serves the metrics.
#[cfg(feature = "metrics")]
fn serve_metrics(
    web: Web,
    live: &Arc<Live>,
    pipeline: Pipeline<RingReader>,
) -> Result<(Pipeline<RingReader>, Option<Serving>), Failure> {
    let (metrics, observer) = Metrics::new(Box::new({
        let live = Arc::clone(live);
        move || live.snapshot()
    }));
    let denials = observer.denials();
    // It is set here alone.
    _ = live.denials.set(Box::new(move || denials.by_module()));
    let serving = web.serve(Arc::new(metrics))?;
    say(format_args!("metrics at http://{}/metrics", serving.address()));
    Ok((pipeline.observed_by(observer), Some(serving)))
}

/// Starts those who look names up, apart from the pipeline.
fn start_enricher(config: &Config) -> Result<Enricher, Failure> {
    let mut enricher = Enricher::new(config.names.wait);
    accounts::start(enricher.look_up_accounts()).map_err(Failure::Runtime)?;
    let sockets = &config.names.runtime_sockets;
    if !sockets.is_empty() {
        #[cfg(feature = "containers")]
        tokio::spawn(crate::enrich::runtime::serve(enricher.look_up_containers(sockets), sockets.clone()));
    }
    Ok(enricher)
}

/// Starts who looks functions up, if stacks are wanted.
#[cfg(feature = "symbols")]
fn name_functions(
    mut enricher: Enricher,
    kernel: Option<crate::enrich::symbols::KernelSymbols>,
) -> Result<Enricher, Failure> {
    if let Some(kernel) = kernel {
        crate::enrich::symbols::start(enricher.look_up_functions(), kernel).map_err(Failure::Runtime)?;
    }
    Ok(enricher)
}

/// SIGINT, SIGTERM and SIGHUP.
pub(super) struct Signals {
    interrupt: Signal,
    terminate: Signal,
    hang_up: Signal,
}

impl Signals {
    /// Takes them over.
    ///
    /// # Errors
    ///
    /// If the kernel refuses.
    pub(super) fn new() -> io::Result<Self> {
        Ok(Self {
            interrupt: signal(SignalKind::interrupt())?,
            terminate: signal(SignalKind::terminate())?,
            hang_up: signal(SignalKind::hangup())?,
        })
    }

    async fn next(&mut self) -> Stop {
        tokio::select! {
            _ = self.interrupt.recv() => Stop::Signal,
            _ = self.terminate.recv() => Stop::Signal,
            _ = self.hang_up.recv() => Stop::Reload,
        }
    }
}

/// Detaches the programs. Gives, by source, how many of their runs the kernel skipped.
fn detach(programs: Programs) -> [u64; SourceId::ALL.len()] {
    let misses = SourceId::ALL.map(|source| programs.recursion_misses(source));
    drop(programs);
    misses
}

/// Gives the outputs a moment for what is queued; a second signal ends that.
async fn drain(outputs: &mut Outputs, signals: &mut Signals) -> Result<(), Failure> {
    tokio::select! {
        // What could not be written in time is counted as lost.
        drained = timeout(DRAIN_LIMIT, outputs.drained()) => drained.ok().flatten().map_or(Ok(()), ended),
        _ = signals.next() => Ok(()),
    }
}

fn ended(outcome: Outcome) -> Result<(), Failure> {
    match outcome {
        Outcome::Drained => Ok(()),
        Outcome::Closed => Err(Failure::StdoutClosed),
        Outcome::Failed(error) => Err(Failure::Stdout(error)),
    }
}

impl Records for RingReader {
    async fn readable(&mut self) -> io::Result<()> {
        Self::readable(self).await
    }

    fn next(&mut self) -> Option<impl Deref<Target = [u8]>> {
        Self::next(self)
    }

    fn position(&self) -> u64 {
        Self::position(self)
    }

    fn is_last_taken(&self) -> bool {
        Self::is_last_taken(self)
    }
}
