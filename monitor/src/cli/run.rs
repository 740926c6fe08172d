//! `denyd run`: prints every denial.

use std::{fmt, io, ops::Deref, sync::Arc, time::Duration};

use clap::{Args, ValueEnum};
use monitor_common::{SourceId, counter::Counter};
use tokio::{
    signal::unix::{Signal, SignalKind, signal},
    sync::oneshot,
    time::timeout,
};

use super::{
    failure::Failure,
    say, size,
    sources::{self, Choice},
    wait,
};
use crate::{
    accounting::{Account, KernelCounts},
    enrich::{
        Enricher, accounts,
        runtime::{self, Socket},
    },
    kernel::{self, Counters, Programs, Report, RingReader, SourceReport, State},
    output::{
        Hub,
        stdout::{self, Outcome},
    },
    pipeline::{Done, End, Pipeline, Records},
    source::{self, Tables},
};

/// Events that may wait for standard output. An event is about 2 KiB.
const STDOUT_QUEUE: usize = 8192;
/// How long standard output has for what is queued when denyd ends.
const DRAIN_LIMIT: Duration = Duration::from_secs(1);

const AFTER_HELP: &str = "\
Examples:
  denyd run                                    watch what costs nothing while access is allowed
  denyd run --silent                           denials that the policy keeps out of the log, too (dontaudit, deny)
  denyd run --source default,capability        missing capabilities, too
  denyd run --source landlock >denials.jsonl   Landlock alone, into a file
  denyd run --runtime-socket cri:/run/containerd/containerd.sock
                                               containers and pods by name, too
  denyd run | jq -r '[.process.comm, .object.path] | @tsv'

On SIGINT or SIGTERM denyd says on standard error what it saw, sent and lost.";

/// Print one line for each denial, until SIGINT or SIGTERM.
#[derive(Debug, Args)]
#[command(after_help = AFTER_HELP)]
pub(super) struct Run {
    /// What to watch; several are separated by commas.
    #[arg(long = "source", value_name = "NAME", value_delimiter = ',', default_value = "default")]
    sources: Vec<Choice>,

    /// Watch denials that the policy keeps out of the log, too, of the modules that are watched: SELinux's dontaudit,
    /// AppArmor's deny rules, Landlock's log flags.
    #[arg(long)]
    silent: bool,

    /// Report the stacks of the process in the kernel and in its program, too.
    #[arg(long)]
    stack: bool,

    /// The ring buffer between the kernel and denyd: a power of two, at least 64K.
    #[arg(long, value_name = "BYTES", default_value = "4M", value_parser = size::ring)]
    ring_size: u32,

    /// How long an event may wait for a name (of a user, group, container, pod) that is not known yet. If it comes later,
    /// the event goes without it.
    #[arg(long, value_name = "TIME", default_value = "100ms", value_parser = wait::name)]
    name_wait: Duration,

    /// Ask here for the names of containers and pods: `docker:PATH` (Docker, Podman) or `cri:PATH` (containerd, CRI-O).
    /// May be given several times.
    #[arg(long = "runtime-socket", value_name = "API:PATH")]
    runtime_sockets: Vec<Socket>,

    /// How an event is printed.
    #[arg(long, value_enum, default_value_t = Format::Json)]
    format: Format,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Format {
    /// One JSON object a line.
    Json,
}

/// Why to stop.
enum Stop {
    Signal,
    Output(Outcome),
}

impl Run {
    /// Watches until told to stop.
    pub(super) fn run(&self) -> Result<(), Failure> {
        let Format::Json = self.format;
        let runtime =
            tokio::runtime::Builder::new_current_thread().enable_all().build().map_err(Failure::Runtime)?;
        let result = runtime.block_on(self.watch());
        // A write to standard output may hang for ever; the process's end ends it.
        runtime.shutdown_background();
        result
    }

    async fn watch(&self) -> Result<(), Failure> {
        // First of all, so that a signal during the start is not lost.
        let mut signals = Signals::new().map_err(Failure::Runtime)?;
        let options = kernel::Options {
            sources: sources::chosen(&self.sources, self.silent),
            silent: self.silent,
            stack: self.stack,
            ring_size: self.ring_size,
        };
        let kernel::Attached { reader, counters, facts, report, programs } = kernel::attach(&options)?;
        say(Watching { report: &report, programs: programs.len() });

        let mut tables = Tables::of_this_machine();
        tables.classes = facts.classes.unwrap_or_default();
        tables.ebitmap = facts.ebitmap;
        tables.lockdown = facts.lockdown;
        let mut hub = Hub::default();
        let lines = hub.add("stdout", STDOUT_QUEUE);
        let output = Arc::clone(&lines.counts);
        let mut outcome = stdout::start(lines).map_err(Failure::Stdout)?;
        let mut enricher = Enricher::new(self.name_wait);
        accounts::start(enricher.look_up_accounts()).map_err(Failure::Runtime)?;
        if !self.runtime_sockets.is_empty() {
            let desk = enricher.look_up_containers(&self.runtime_sockets);
            tokio::spawn(runtime::serve(desk, self.runtime_sockets.clone()));
        }
        let mut pipeline = Pipeline::new(reader, tables, enricher, hub);
        let end = pipeline
            .run(async {
                tokio::select! {
                    () = signals.next() => Stop::Signal,
                    outcome = &mut outcome => Stop::Output(told(outcome)),
                    () = stdout::closed() => Stop::Output(Outcome::Closed),
                }
            })
            .await;

        let misses = detach(programs);
        let done = pipeline.finish().await;
        let result = match end {
            End::Stopped(Stop::Signal) => drain(outcome, &mut signals).await,
            End::Stopped(Stop::Output(outcome)) => ended(outcome),
            End::Failed(error) => drain(outcome, &mut signals).await.and(Err(Failure::Ring(error))),
        };
        output.end();
        summarise(&report, &misses, &counters, &done);
        say(&output);
        result
    }
}

/// SIGINT and SIGTERM.
struct Signals {
    interrupt: Signal,
    terminate: Signal,
}

impl Signals {
    fn new() -> io::Result<Self> {
        Ok(Self { interrupt: signal(SignalKind::interrupt())?, terminate: signal(SignalKind::terminate())? })
    }

    async fn next(&mut self) {
        tokio::select! {
            _ = self.interrupt.recv() => {}
            _ = self.terminate.recv() => {}
        }
    }
}

/// Detaches the programs. Gives, by source, how many of their runs the kernel skipped.
fn detach(programs: Programs) -> [u64; SourceId::ALL.len()] {
    let misses = SourceId::ALL.map(|source| programs.recursion_misses(source));
    drop(programs);
    misses
}

/// Gives standard output a moment for what is queued; a second signal ends that.
async fn drain(outcome: oneshot::Receiver<Outcome>, signals: &mut Signals) -> Result<(), Failure> {
    tokio::select! {
        // What could not be written in time is counted as lost.
        drained = timeout(DRAIN_LIMIT, outcome) => drained.map_or(Ok(()), |outcome| ended(told(outcome))),
        () = signals.next() => Ok(()),
    }
}

fn ended(outcome: Outcome) -> Result<(), Failure> {
    match outcome {
        Outcome::Drained => Ok(()),
        Outcome::Closed => Err(Failure::StdoutClosed),
        Outcome::Failed(error) => Err(Failure::Stdout(error)),
    }
}

/// The outcome, also if the thread that should tell it is gone.
fn told(outcome: Result<Outcome, oneshot::error::RecvError>) -> Outcome {
    outcome.unwrap_or_else(|gone| Outcome::Failed(io::Error::other(gone)))
}

/// Says where every denial of the attached sources went.
fn summarise(report: &Report, misses: &[u64; SourceId::ALL.len()], counters: &Counters, done: &Done) {
    let Done { tallies, names } = done;
    for source in watched(report) {
        let kernel = KernelCounts {
            seen: counters.get(source, Counter::Seen),
            ring_full: counters.get(source, Counter::RingFull),
            unreadable: counters.get(source, Counter::Unreadable),
            recursion_misses: misses[source as usize],
            cut: counters.get(source, Counter::Cut),
            read_faults: counters.get(source, Counter::ReadFault),
        };
        say(Account::of(source, &kernel, tallies.of(source)));
    }
    if tallies.unattributed != 0 {
        say(format_args!("{} records were too damaged to tell their source", tallies.unattributed));
    }
    for (what, counts) in names.iter().filter(|(_, counts)| counts.asked != 0) {
        say(format_args!("names of {what}: {counts}"));
    }
}

fn watched(report: &Report) -> impl Iterator<Item = SourceId> {
    let attached = |(_, source): &(_, &SourceReport)| matches!(source.state, State::Attached { .. });
    SourceId::ALL.into_iter().zip(&report.sources).filter(attached).map(|(id, _)| id)
}

/// The line that says that denyd is ready, for what.
struct Watching<'a> {
    report: &'a Report,
    programs: usize,
}

impl fmt::Display for Watching<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names: Vec<_> = watched(self.report).map(|id| source::of(id).name).collect();
        let plural = if self.programs == 1 { "" } else { "s" };
        write!(f, "watching {} ({} program{plural} attached)", names.join(", "), self.programs)?;
        let mut separator = "; not: ";
        for source in &self.report.sources {
            let why = match &source.state {
                State::Attached { .. } => continue,
                State::Inactive => "not active on this kernel",
                State::NotSelected { silent: true, .. } => "not asked for by --silent",
                State::NotSelected { .. } => "not asked for",
                State::Failed { .. } => "could not be attached, see `denyd check`",
            };
            write!(f, "{separator}{} ({why})", source.name)?;
            separator = ", ";
        }
        Ok(())
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

#[cfg(test)]
mod tests {
    use super::*;

    /// A report in which these sources have these states, and the others are missing.
    fn report(states: impl IntoIterator<Item = (SourceId, State)>) -> Report {
        let sources = states.into_iter().map(|(id, state)| SourceReport {
            name: source::of(id).name,
            state,
            failed: Vec::new(),
            missing: Vec::new(),
        });
        Report { kernel: String::new(), modules: Vec::new(), sources: sources.collect(), notes: Vec::new() }
    }

    #[test]
    fn the_first_line_says_what_is_watched_and_what_is_not() {
        let attached = || State::Attached { hooks: Vec::new(), caveat: None };
        let report = report([
            (SourceId::Selinux, attached()),
            (SourceId::Apparmor, State::Inactive),
            (SourceId::Landlock, attached()),
            (SourceId::Capability, State::NotSelected { cost: Some("much"), silent: false }),
        ]);
        assert_eq!(
            Watching { report: &report, programs: 3 }.to_string(),
            "watching selinux, landlock (3 programs attached); not: apparmor (not active on this kernel), \
             capability (not asked for)",
        );
    }
}
