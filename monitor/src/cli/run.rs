//! `denyd run`: prints every denial.

use std::{
    io,
    net::SocketAddr,
    ops::Deref,
    path::PathBuf,
    sync::{Arc, Mutex, OnceLock},
    time::Duration,
};

use clap::Args;
use jiff::Timestamp;
use monitor_common::SourceId;
use tokio::{
    signal::unix::{Signal, SignalKind, signal},
    time::timeout,
};

use super::{
    failure::Failure,
    say,
    summary::{Watching, summarise},
};
use crate::{
    checkpoint::checkpoint,
    config::{self, Choice, Config},
    enrich::{
        Enricher, accounts,
        runtime::{self, Socket},
        symbols::{self, KernelSymbols},
    },
    filter::Filter,
    format::Format,
    kernel::{self, Attached, ProgramStats, Programs, RingReader},
    metrics::{
        DEFAULT_ADDRESS, Live, Metrics,
        web::{Serving, Web},
    },
    output::{Encoding, Hub, Outputs, spec::Spec, stdout::Outcome},
    pipeline::{End, Pipeline, Records},
    posture,
    privilege::Unprivileged,
    service::Manager,
    tail::{server, status::Status},
};

/// Events that may wait to be taken into the history, from which clients read.
const TAIL_QUEUE: usize = 8192;
/// How long the outputs have for what is queued when denyd ends.
const DRAIN_LIMIT: Duration = Duration::from_secs(1);

const AFTER_HELP: &str = "\
Examples:
  denyd run                                    watch what costs nothing while access is allowed
  denyd run --silent                           denials that the policy keeps out of the log, too (dontaudit, deny)
  denyd run --source default,capability        missing capabilities, too
  denyd run --source landlock >denials.jsonl   Landlock alone, into a file
  denyd run --filter 'process.comm == \"nginx\" && object.path.startsWith(\"/srv/\")'
                                               only what nginx was refused there
  denyd run --runtime-socket cri:/run/containerd/containerd.sock
                                               containers and pods by name, too
  denyd run --metrics                          for Prometheus, too, on 127.0.0.1:9934
  denyd run | jq -r '[.process.comm, .object.path] | @tsv'

Flags stand over the configuration, which `denyd config default` explains. With --format or --filter, events go to
standard output and to none of the outputs of the configuration.

On SIGHUP denyd reads its configuration again and opens its files anew; the programs stay attached. On SIGINT or SIGTERM
it says on standard error what it saw, sent and lost.

Exit status:
  0  it was ended by SIGINT or SIGTERM
  1  it failed while running: standard output was closed or full, or the port for metrics was taken
  2  the command line or the configuration is wrong
  3  denyd lacks the privilege to load eBPF programs
  4  nothing can be watched on this kernel";

/// Report each denial, on standard output or as the configuration says, until SIGINT or SIGTERM.
#[derive(Debug, Args)]
#[command(after_help = AFTER_HELP)]
pub(super) struct Run {
    /// The configuration: /etc/denyd/denyd.toml, unless given.
    #[arg(long, value_name = "PATH")]
    config: Option<PathBuf>,

    /// What to watch; several are separated by commas. [default: default]
    #[arg(long = "source", value_name = "NAME", value_delimiter = ',')]
    sources: Vec<Choice>,

    /// Watch denials that the policy keeps out of the log, too, of the modules that are watched: SELinux's dontaudit,
    /// AppArmor's deny rules, Landlock's log flags.
    #[arg(long)]
    silent: bool,

    /// Report the stacks of the process in the kernel and in its program, too.
    #[arg(long)]
    stack: bool,

    /// The ring buffer between the kernel and denyd: a power of two, at least 64K. [default: 4M]
    #[arg(long, value_name = "BYTES", value_parser = config::parse_ring_size)]
    ring_size: Option<u32>,

    /// How long an event may wait for a name (of a user, group, container, pod) that is not known yet. If it comes later,
    /// the event goes without it. [default: 100ms]
    #[arg(long, value_name = "TIME", value_parser = config::parse_name_wait)]
    name_wait: Option<Duration>,

    /// Ask here for the names of containers and pods: `docker:PATH` (Docker, Podman) or `cri:PATH` (containerd, CRI-O).
    /// May be given several times.
    #[arg(long = "runtime-socket", value_name = "API:PATH")]
    runtime_sockets: Vec<Socket>,

    /// Serve metrics for Prometheus, here; without a value at 127.0.0.1:9934, which only this machine can reach.
    #[arg(long, value_name = "ADDRESS:PORT", num_args = 0..=1, default_missing_value = DEFAULT_ADDRESS)]
    metrics: Option<SocketAddr>,

    /// TLS, client certificates and passwords for `--metrics`: a file as Prometheus's exporters take it.
    #[arg(long = "web.config.file", visible_alias = "web-config", value_name = "FILE", requires = "metrics")]
    web_config: Option<PathBuf>,

    /// How an event is printed, one a line. [default: json]
    #[arg(long, value_enum)]
    format: Option<Format>,

    /// Print only the events of which this is true (docs/filters.md).
    #[arg(long, value_name = "EXPRESSION")]
    filter: Option<Filter>,
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

impl Run {
    /// Watches until told to stop.
    pub(super) fn run(&self) -> Result<(), Failure> {
        let runtime =
            tokio::runtime::Builder::new_current_thread().enable_all().build().map_err(Failure::Runtime)?;
        let result = runtime.block_on(self.watch());
        // A write to standard output may hang for ever; the process's end ends it.
        runtime.shutdown_background();
        result
    }

    /// The configuration, under the command line.
    fn configured(&self) -> Result<Config, Failure> {
        let mut config = Config::read(self.config.as_deref())?;
        if !self.sources.is_empty() {
            config.sources.clone_from(&self.sources);
        }
        config.silent |= self.silent;
        config.stack |= self.stack;
        config.ring_size = self.ring_size.unwrap_or(config.ring_size);
        config.names.wait = self.name_wait.unwrap_or(config.names.wait);
        if !self.runtime_sockets.is_empty() {
            config.names.runtime_sockets.clone_from(&self.runtime_sockets);
        }
        if let Some(listen) = self.metrics {
            config.metrics.enabled = true;
            config.metrics.listen = listen;
            config.metrics.web_config.clone_from(&self.web_config);
        }
        if self.format.is_some() || self.filter.is_some() || config.outputs.is_empty() {
            config.outputs = vec![Spec::stdout(self.format.unwrap_or_default(), self.filter.clone())];
        }
        Ok(config)
    }

    async fn watch(&self) -> Result<(), Failure> {
        // First of all, so that a signal during the start is not lost.
        let signals = Signals::new().map_err(Failure::Runtime)?;
        let config = self.configured()?;
        // Before the programs are loaded, so that a port that is in use is told at once.
        let web = config.metrics.enabled.then(|| Web::bind(&config.metrics)).transpose()?;
        let attached = kernel::attach(&kernel::Options {
            sources: config::chosen(&config.sources, config.silent),
            silent: config.silent,
            stack: config.stack,
            ring_size: config.ring_size,
        })?;
        // What is only read later, and can only be opened now.
        let opened = Opened {
            symbols: config.stack.then(KernelSymbols::copy),
            web,
            posture: posture::Watch::open(),
            programs: attached.programs.stats(),
            // Its folders may be root's. Without it, denials are reported all the same.
            tail: config.tail.serve.then(|| server::open(&config.tail.options())).transpose().unwrap_or_else(
                |error| {
                    tracing::error!(%error, "nobody can ask for events (denyd tail, denyd top)");
                    None
                },
            ),
        };
        // Before any thread is started, and before anything is read that others can write.
        let attached = attached.give_up_privileges()?;
        self.report(attached, config, opened, signals).await
    }

    /// Reports what the programs see, without any privilege.
    async fn report(
        &self,
        attached: Attached<Unprivileged>,
        mut config: Config,
        opened: Opened,
        mut signals: Signals,
    ) -> Result<(), Failure> {
        let Attached { reader, counters, facts, report, programs, privileges } = attached;
        tracing::debug!(status = %privileges.status, "privileges are given up");
        let mut hub = Hub::default();
        let mut outputs = Outputs::default();
        outputs.set(&config.outputs, &mut hub)?;
        let mut enricher = Enricher::new(config.names.wait);
        accounts::start(enricher.look_up_accounts()).map_err(Failure::Runtime)?;
        let sockets = &config.names.runtime_sockets;
        if !sockets.is_empty() {
            let desk = enricher.look_up_containers(sockets);
            tokio::spawn(runtime::serve(desk, sockets.clone()));
        }
        if let Some(kernel) = opened.symbols {
            symbols::start(enricher.look_up_functions(), kernel).map_err(Failure::Runtime)?;
        }
        let counters = Arc::new(counters);
        let listed = hub.listed();
        let lines =
            opened.tail.map(|tail| (tail, hub.add("tail", &Encoding::Line(Format::Json), None, TAIL_QUEUE)));
        let mut pipeline = Pipeline::new(reader, facts.tables(), enricher, hub);
        let live = Arc::new(Live {
            started: Timestamp::now(),
            report: report.clone(),
            counters: Arc::clone(&counters),
            programs: opened.programs,
            tallies: pipeline.tallies(),
            outputs: listed.clone(),
            posture: Mutex::new(opened.posture),
            denials: OnceLock::new(),
        });
        let read = {
            let live = Arc::clone(&live);
            move || live.snapshot()
        };
        let (checkpoint, mut gate) = checkpoint();
        let tail = match lines {
            Some((tail, lines)) => {
                let counts = Arc::clone(&lines.counts);
                Some((
                    tail.start(lines, Some(Status::new(Arc::new(read.clone()), listed, checkpoint)))?,
                    counts,
                ))
            }
            None => None,
        };
        let mut serving = None;
        if let Some(web) = opened.web {
            let (metrics, observer) = Metrics::new(Box::new(read));
            // It is set here alone.
            _ = live.denials.set(observer.denials());
            pipeline = pipeline.observed_by(observer);
            let served = web.serve(Arc::new(metrics))?;
            say(format_args!("metrics at http://{}/metrics", served.address()));
            serving = Some(served);
        }

        let watching = Watching { report: &report, programs: programs.len() }.to_string();
        say(&watching);
        let mut manager = Manager::of_this_process();
        manager.ready(&watching);
        let end = loop {
            let stop = async {
                tokio::select! {
                    stop = signals.next() => stop,
                    outcome = outputs.stdout_ended() => Stop::Stdout(outcome),
                    () = manager.feed_watchdog() => Stop::Signal,
                    never = gate.open() => match never {},
                }
            };
            match pipeline.run(stop).await {
                End::Stopped(Stop::Reload) => {
                    manager.reloading();
                    self.reload(&mut config, &mut outputs, pipeline.hub(), serving.as_ref());
                    manager.ready(&watching);
                }
                end => break end,
            }
        };

        manager.stopping();
        let misses = detach(programs);
        let done = pipeline.finish().await;
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
        summarise(&report, &misses, &counters, &done);
        for counts in counts {
            say(counts);
        }
        result
    }

    /// Reads the configuration again. What is wrong leaves everything as it is.
    fn reload(&self, config: &mut Config, outputs: &mut Outputs, hub: &mut Hub, serving: Option<&Serving>) {
        let new = match self.configured() {
            Ok(new) => new,
            Err(error) => {
                tracing::error!(%error, "the configuration is not taken over");
                return;
            }
        };
        let fixed = config.fixed_that_differ(&new);
        if !fixed.is_empty() {
            tracing::warn!(keys = fixed.join(", "), "restart denyd for these keys of the configuration");
        }
        match outputs.set(&new.outputs, hub) {
            Ok(()) => tracing::info!(outputs = new.outputs.len(), "the configuration was read again"),
            Err(error) => tracing::error!(%error, "not all of the configuration is taken over"),
        }
        config.outputs = new.outputs;
        if let Some(Err(error)) = serving.map(Serving::reload) {
            tracing::error!(%error, "the old keys and passwords of the metrics stay in force");
        }
    }
}

/// What was opened while denyd had its privileges.
struct Opened {
    symbols: Option<KernelSymbols>,
    web: Option<Web>,
    posture: posture::Watch,
    programs: ProgramStats,
    tail: Option<server::Opened>,
}

/// SIGINT, SIGTERM and SIGHUP.
struct Signals {
    interrupt: Signal,
    terminate: Signal,
    hang_up: Signal,
}

impl Signals {
    fn new() -> io::Result<Self> {
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
}
