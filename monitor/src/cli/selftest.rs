//! `denyd selftest`: causes a harmless denial for each module that is watched, and follows it to every output.

mod cause;
mod child;
mod follow;
mod judge;
mod part;
mod text;

use std::{process::ExitCode, time::Duration};

use clap::Args;
use monitor_api::{
    protocol::{StatusNow, StatusRequest},
    snapshot::{LossNow, SourceState},
};
use serde::Serialize;

use self::{
    cause::Outcome,
    follow::{Arrival, Follower},
    judge::{Missing, Reached},
};
use super::{
    failure::Failure,
    listen::{self, Source},
    print, select,
};
use crate::event::{Event, Module};

const AFTER_HELP: &str = "\
Examples:
  denyd selftest                              every watched module and every output
  denyd selftest --module landlock,seccomp    only these modules
  denyd selftest --json | jq '.modules[] | select(.result == \"stopped\")'

For each module, a child process makes the kernel refuse one harmless operation: it lists / in a Landlock domain, makes a \
system call that its seccomp filter kills, traces a process that Yama protects, changes to an SELinux context that no \
policy allows, changes to an AppArmor profile that does not exist, or opens /dev/mem on a locked-down kernel. Nothing on \
the machine changes. Denials that cannot be triggered are skipped, with the reason. The events are real: they appear in \
the outputs and in the audit log, with the process `denyd selftest`.

Events come from the daemon's socket, as for `denyd tail`. Without a daemon, denyd watches from this process, which \
requires root; then there are no outputs to test.

Exit status:
  0  every triggered denial arrived: as an event, in every output whose filter matches, and in the metrics
  1  a denial did not arrive (the output says where it stopped), or the connection to the daemon was lost
  2  invalid command line
  3  no daemon running and not root, or not permitted to connect
  4  no daemon running, and no source can be attached on this kernel
  5  no denial could be triggered";

/// Does what this process was started for, if it is a child of `denyd selftest`. Gives its exit status.
pub(super) fn child() -> Option<ExitCode> {
    part::main()
}

/// Trigger a harmless denial for each watched module, and follow it to every output.
#[derive(Debug, Args)]
#[command(after_help = AFTER_HELP)]
pub(super) struct Selftest {
    /// Test only these security modules.
    #[arg(long, value_name = "MODULE", value_delimiter = ',', value_parser = select::word::<Module>)]
    module: Vec<Module>,

    /// Maximum time for an event to arrive, and again for the outputs to write it.
    #[arg(long, value_name = "SECONDS", default_value_t = 5, value_parser = clap::value_parser!(u16).range(1..=60))]
    wait: u16,

    /// Print one JSON object.
    #[arg(long)]
    json: bool,

    #[command(flatten)]
    listen: listen::Listen,
}

/// All that is said.
#[derive(Debug, Serialize)]
struct Report {
    /// What it comes to.
    result: Verdict,
    /// Whether a daemon was asked.
    daemon: bool,
    /// The modules, of which one each was caused or why not.
    modules: Vec<Tested>,
    /// Modules that are not watched.
    not_watched: Vec<Module>,
}

/// What all or one of it comes to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
enum Verdict {
    Arrived,
    Stopped,
    Skipped,
}

/// What became of a module's denial.
#[derive(Debug, Serialize)]
struct Tested {
    module: Module,
    result: Verdict,
    /// Why nothing was caused.
    #[serde(skip_serializing_if = "Option::is_none")]
    skipped: Option<String>,
    /// What was tried.
    #[serde(skip_serializing_if = "Option::is_none")]
    tried: Option<String>,
    /// How the kernel refused it; absent where the policy would have refused it and the kernel let it pass.
    #[serde(skip_serializing_if = "Option::is_none")]
    refused: Option<String>,
    /// Milliseconds from the refusal to the event's arrival here.
    #[serde(skip_serializing_if = "Option::is_none")]
    event_after_ms: Option<f64>,
    /// The outputs that it was handed to.
    outputs: Vec<Reached>,
    /// Whether the metrics count it; absent if there are none.
    #[serde(skip_serializing_if = "Option::is_none")]
    in_metrics: Option<bool>,
    /// Where it stopped.
    #[serde(skip_serializing_if = "Option::is_none")]
    stopped: Option<Stop>,
}

/// Where a denial stopped.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(tag = "at", rename_all = "snake_case")]
enum Stop {
    /// The source did not see it.
    Kernel,
    /// It was lost before it became an event.
    Lost { reasons: Vec<LossNow> },
    /// It was on its way still when the time was up.
    Pending,
    /// It did not come out of the daemon's socket.
    Socket,
    /// An output did not write it: see `outputs`.
    Output,
    /// No output wants it.
    Filters,
    /// The metrics don't count it.
    Metrics,
}

impl Selftest {
    /// Causes, follows, and reports.
    pub(super) fn run(&self) -> Result<ExitCode, Failure> {
        let report = self.report()?;
        let text = if self.json {
            serde_json::to_string_pretty(&report).map_err(|error| Failure::Stdout(error.into()))? + "\n"
        } else {
            text::Text { report: &report, wait: self.wait() }.to_string()
        };
        print(&text)?;
        Ok(ExitCode::from(match report.result {
            Verdict::Arrived => 0,
            Verdict::Stopped => 1,
            Verdict::Skipped => 5,
        }))
    }

    fn wait(&self) -> Duration {
        Duration::from_secs(self.wait.into())
    }

    fn report(&self) -> Result<Report, Failure> {
        let source = self.listen.open(true, false)?;
        let mut stuck = Vec::new();
        let states = follow::states(&source, self.wait())?;
        let (mut modules, mut not_watched) = (Vec::new(), Vec::new());
        for module in Module::ALL {
            let chosen = self.module.is_empty() || self.module.contains(&module);
            // The source of a module's denials that are logged has the module's name.
            let state = states.iter().find(|(source, _)| *source == follow::source_of(module));
            match state.map(|(_, state)| *state) {
                _ if !chosen => {}
                Some(SourceState::Attached) => modules.push(self.test(module, &source, &mut stuck)?),
                Some(SourceState::Failed) => {
                    let why = "its source could not be attached: see `denyd check`";
                    modules.push(Tested::skipped(module, why.to_owned()));
                }
                _ if self.module.contains(&module) => {
                    modules.push(Tested::skipped(
                        module,
                        "denyd does not watch it: see `denyd check`".to_owned(),
                    ));
                }
                _ => not_watched.push(module),
            }
        }
        let results = || modules.iter().map(|tested| tested.result);
        let result = if results().any(|result| result == Verdict::Stopped) {
            Verdict::Stopped
        } else if results().any(|result| result == Verdict::Arrived) {
            Verdict::Arrived
        } else {
            Verdict::Skipped
        };
        Ok(Report { result, daemon: matches!(source, Source::Daemon(_)), modules, not_watched })
    }

    /// Causes a denial of this module and follows it. Outputs in `stuck` are not waited for, and those that turn out to
    /// be are added.
    fn test(&self, module: Module, source: &Source, stuck: &mut Vec<String>) -> Result<Tested, Failure> {
        let wait = self.wait();
        let status = |request: StatusRequest| follow::status(source, request, wait);
        let mut follower = Follower::new(source, module)?;
        let before = status(StatusRequest::default())?;
        let done = child::run(module, wait).map_err(Failure::Selftest)?;
        let mut tested = Tested::new(module);
        match done.outcome {
            Outcome::Skipped { why } => return Ok(Tested::skipped(module, why)),
            Outcome::Allowed { what } => {
                let after = status(StatusRequest::default())?;
                if unseen(module, before.as_ref(), after.as_ref()) {
                    return Ok(Tested::skipped(module, allowed(&what)));
                }
                tested.tried = Some(what);
            }
            Outcome::Refused { what, how } => {
                tested.tried = Some(what);
                tested.refused = Some(how);
            }
        }
        let arrival = follower.event(done.pid, wait)?;
        let millis = u32::try_from(wait.as_millis()).unwrap_or(u32::MAX);
        let request = StatusRequest { settle_ms: Some(millis), except: stuck.clone() };
        let after = status(request)?;
        match (arrival, before.as_ref(), after.as_ref()) {
            (Arrival::Event { delay, line }, before, after) => {
                tested.event_after_ms = Some(delay.as_secs_f64() * 1e3);
                // It was read once, so it is again.
                if let (Some(before), Some(after), Ok(event)) = (before, after, serde_json::from_slice(&line))
                {
                    tested.follow(&event, before, after, stuck);
                }
                Ok(tested)
            }
            (Arrival::Nothing, ..) if tested.refused.is_none() => {
                Ok(Tested::skipped(module, allowed(tested.tried.as_deref().unwrap_or_default())))
            }
            (Arrival::Nothing, Some(before), Some(after)) => {
                let stop = match judge::missing(&before.now, &after.now, follow::source_of(module)) {
                    Missing::Unseen => Stop::Kernel,
                    Missing::Lost(reasons) => Stop::Lost { reasons },
                    Missing::Pending => Stop::Pending,
                    Missing::Emitted => Stop::Socket,
                };
                Ok(tested.stop(stop))
            }
            (Arrival::Nothing, ..) => Ok(tested.stop(Stop::Kernel)),
        }
    }
}

/// Why nothing is known of what the kernel lets pass without a word.
fn allowed(what: &str) -> String {
    format!(
        "the kernel lets the child {what} and reports nothing: the policy allows it, or is permissive and this was reported \
         before"
    )
}

/// Whether the module's source has seen nothing in between.
fn unseen(module: Module, before: Option<&StatusNow>, after: Option<&StatusNow>) -> bool {
    let source = follow::source_of(module);
    before
        .zip(after)
        .is_some_and(|(before, after)| judge::missing(&before.now, &after.now, source) == Missing::Unseen)
}

impl Tested {
    fn new(module: Module) -> Self {
        Self {
            module,
            result: Verdict::Arrived,
            skipped: None,
            tried: None,
            refused: None,
            event_after_ms: None,
            outputs: Vec::new(),
            in_metrics: None,
            stopped: None,
        }
    }

    fn skipped(module: Module, why: String) -> Self {
        Self { result: Verdict::Skipped, skipped: Some(why), ..Self::new(module) }
    }

    fn stop(self, stop: Stop) -> Self {
        Self { result: Verdict::Stopped, stopped: Some(stop), ..self }
    }

    /// Says how far an event got that has arrived.
    fn follow(&mut self, event: &Event<'_>, before: &StatusNow, after: &StatusNow, stuck: &mut Vec<String>) {
        let mut unsettled = after.unsettled.clone();
        unsettled.append(&mut stuck.clone());
        self.outputs = judge::outputs(event, &before.now, &after.now, &unsettled);
        *stuck = unsettled;
        self.in_metrics = judge::counted(&before.now, &after.now, self.module.name());
        let filtered = |reached: &Reached| reached.fate == judge::Fate::Filtered;
        self.stopped = if self.outputs.iter().any(|reached| !reached.fate.is_right()) {
            Some(Stop::Output)
        } else if !self.outputs.is_empty() && self.outputs.iter().all(filtered) {
            Some(Stop::Filters)
        } else {
            (self.in_metrics == Some(false)).then_some(Stop::Metrics)
        };
        if self.stopped.is_some() {
            self.result = Verdict::Stopped;
        }
    }
}
