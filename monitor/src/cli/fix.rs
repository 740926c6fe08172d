//! `denyd fix`: makes the changes that `denyd explain` proposes, and takes them back.

mod ask;
mod check;
mod plan;
mod restart;
mod state;
mod step;
mod tools;
mod transaction;

use std::{cmp::Reverse, collections::BTreeSet, path::PathBuf, time::Duration};

use clap::Args;
use jiff::{Timestamp, tz::TimeZone};
use monitor_event::event::Module;
use monitor_explain::{finding::Finding, report::Report};

pub(super) use self::tools::ToolError;
use self::{
    ask::{Answer, Asker},
    check::{Outcome, Watch},
    plan::Plan,
    state::{Applied, State},
    step::{Step, Undo},
    tools::Tools,
};
use super::{explain::Input, failure::Failure, print};
use crate::{config, text::printable};

/// How long is watched after a restart.
const AFTER_RESTART: Duration = Duration::from_secs(5);

/// A finding's number, the finding, and what was agreed to do about it.
type Agreed<'f> = (usize, &'f Finding, Plan);

const AFTER_HELP: &str = "\
Examples:
  denyd fix                                  ask for each finding of the daemon's denials
  denyd fix --since -10min --unit nginx      only those of one service, last 10 minutes
  denyd fix --dry-run                        only show what would be done
  denyd fix --only 1,3                       findings 1 and 3 of `denyd explain` with the same options
  denyd fix --yes --wait 1min                apply without asking, and watch for a minute whether it is refused again
  denyd fix --unit nginx --restart           restart nginx after the change, and watch whether it is refused again
  denyd fix audit.log                        what a log of this machine has
  denyd fix --undo                           take the last change back

Nothing is applied unless you say so, by an answer or by --yes. --yes leaves out what is dangerous: for that, you must be \
asked. Changes are made by the system's own tools: restorecon, semanage, setsebool, semodule, apparmor_parser, systemctl. \
What one run applies, --undo takes back together.

Exit status:
  0  all that was agreed to is applied, or nothing was to be done
  1  a change failed or did not help, or a service did not start
  2  invalid command line, or nobody to ask: add --yes or --dry-run
  3  not root";

/// Apply what `denyd explain` proposes, after asking.
#[derive(Debug, Args)]
#[command(after_help = AFTER_HELP)]
#[expect(clippy::struct_excessive_bools, reason = "each is a flag of the command line")]
pub(super) struct Fix {
    #[command(flatten)]
    input: Input,

    /// Only show what would be done.
    #[arg(long)]
    dry_run: bool,

    /// Apply without asking, except what is dangerous.
    #[arg(short, long, conflicts_with = "dry_run")]
    yes: bool,

    /// Numbers of the findings to apply.
    #[arg(long, value_name = "NUMBER", value_delimiter = ',')]
    only: Vec<usize>,

    /// Time to watch, after a change, whether the same is refused again.
    #[arg(long, value_name = "TIME", value_parser = config::parse_fold_window)]
    wait: Option<Duration>,

    /// Restart the services that were refused or whose settings were changed, once the changes are made, so that they try again.
    /// Watches for 5 seconds, or as long as --wait says.
    #[arg(long, conflicts_with = "dry_run")]
    restart: bool,

    /// Take back what was last applied.
    #[arg(long, conflicts_with_all = ["only", "wait", "file"])]
    undo: bool,

    /// Folder in which it is noted what was changed.
    #[arg(long, value_name = "FOLDER", default_value = state::FOLDER)]
    state: PathBuf,
}

impl Fix {
    /// Asks, applies and checks.
    pub(super) fn run(&self) -> Result<(), Failure> {
        if !self.dry_run && !rustix::process::geteuid().is_root() {
            return Err(Failure::NotRoot);
        }
        let tools = Tools::of_system();
        let mut asker = if self.dry_run { Asker::no() } else { Asker::new(self.yes) };
        if self.undo {
            return self.undo(&tools, &mut asker);
        }
        if self.input.is_foreign() && !self.dry_run {
            return Err(Failure::ForeignPolicy);
        }
        let mut place = self.input.place()?;
        place.unnamed_here = !self.input.is_foreign();
        let (denials, _) = self.input.gather()?;
        let report = Report::new(&denials, &place);
        if report.findings.is_empty() {
            return print("No denials found.\n");
        }
        let mut agreed: Vec<Agreed<'_>> = Vec::new();
        for (number, finding) in (1..).zip(&report.findings) {
            if !self.only.is_empty() && !self.only.contains(&number) {
                continue;
            }
            let plan = Plan::of(finding, &place.host);
            print(&plan.text(number, finding))?;
            let waits = !self.restart && plan.steps.iter().all(|step| matches!(step, Step::Restart(_)));
            if plan.steps.is_empty() || waits || self.dry_run {
                continue;
            }
            match asker.ask("Apply it?", plan.is_dangerous)? {
                Answer::Yes => agreed.push((number, finding, plan)),
                Answer::No => {}
                Answer::Quit => break,
            }
        }
        if agreed.is_empty() {
            return Ok(());
        }
        // A change of a file moves the lines behind it, so the last ones are changed first.
        agreed.sort_by_key(|(_, _, plan)| Reverse(plan.line()));
        let wait = self.wait.or(self.restart.then_some(AFTER_RESTART));
        let watch = wait.map(|wait| Watch::start(self.input.listen(), wait)).transpose()?;
        let (all, mut units) = self.apply(&agreed, &tools)?;
        let mut failed = !all;
        if self.restart {
            units.extend(agreed.iter().flat_map(|(_, finding, _)| &finding.units).map(String::as_str));
        }
        failed |= !restart::units(&units, self.restart, &tools)?;
        // It is checked with what is in force by now.
        let mut now = self.input.place()?;
        now.unnamed_here = true;
        let after = Report::new(&denials, &now);
        for (number, finding, _) in &agreed {
            let outcome = Outcome::of(finding, &after);
            failed |= outcome.is_still_refused();
            say_line(&format!("{number}. {outcome}"))?;
        }
        let plans: Vec<_> = agreed.iter().map(|(_, _, plan)| plan).collect();
        if agreed.iter().any(|(_, finding, _)| finding.module == Module::Selinux) {
            check::opened(&place, &now, &plans).iter().try_for_each(|line| say_line(line))?;
        }
        if let Some(watch) = watch {
            let findings: Vec<_> = agreed.iter().map(|(_, finding, _)| *finding).collect();
            let (line, is_refused) = watch.finish(&findings)?;
            failed |= is_refused;
            say_line(&line)?;
        }
        if failed { Err(Failure::NotFixed) } else { Ok(()) }
    }

    /// Applies what was agreed to, and notes what takes it back. Gives whether all was applied, and the units that have
    /// nothing of it until they are restarted.
    fn apply<'a>(
        &self,
        agreed: &'a [Agreed<'_>],
        tools: &Tools,
    ) -> Result<(bool, BTreeSet<&'a str>), Failure> {
        let mut state = State::open(&self.state)?;
        let plans: Vec<_> = agreed.iter().map(|(_, _, plan)| plan).collect();
        let (mut summaries, mut undos, mut all) = (Vec::new(), Vec::new(), true);
        let mut units = BTreeSet::new();
        for ((number, finding, plan), applied) in agreed.iter().zip(plan::apply(&plans, tools)) {
            match applied {
                Ok(undo) => {
                    units.extend(plan.steps.iter().filter_map(Step::unit));
                    if undo.is_empty() {
                        say_line(&format!("{number}. applied"))?;
                        continue;
                    }
                    summaries.push(finding.summary.clone());
                    undos.extend(undo);
                    say_line(&format!("{number}. applied; `denyd fix --undo` takes it back"))?;
                }
                Err(error) => {
                    all = false;
                    say_line(&format!("{number}. not applied: {error}"))?;
                }
            }
        }
        if !summaries.is_empty() {
            let summary = summaries.join("; ");
            state.push(Applied { time: Timestamp::now(), summary, undo: undos })?;
        }
        Ok((all, units))
    }

    /// Takes back what was last applied.
    fn undo(&self, tools: &Tools, asker: &mut Asker) -> Result<(), Failure> {
        let mut state = State::open(&self.state)?;
        let Some(last) = state.last() else { return print("Nothing was changed by denyd fix.\n") };
        let time = last.time.to_zoned(TimeZone::system()).strftime("%Y-%m-%d %H:%M:%S");
        say_line(&format!("applied {time}: {}", last.summary))?;
        for undo in last.undo.iter().rev() {
            say_line(&format!("  $ {}", undo.line()))?;
        }
        if self.dry_run || asker.ask("Take it back?", false)? != Answer::Yes {
            return Ok(());
        }
        let undo = last.undo.clone();
        transaction::take_back(&undo, tools)?;
        state.pop()?;
        say_line("taken back")?;
        let units = undo.iter().filter_map(Undo::unit).collect();
        if restart::units(&units, self.restart, tools)? { Ok(()) } else { Err(Failure::NotFixed) }
    }
}

/// Prints a line; control characters in it are shown, not obeyed.
fn say_line(line: &str) -> Result<(), Failure> {
    print(&format!("{}\n", printable(line)))
}

#[cfg(test)]
mod tests;
