//! `denyd explain`: why denials were, and what to do.

mod input;
mod progress;
mod report;

use clap::{Args, ValueEnum};
use jiff::tz::TimeZone;

pub(super) use self::input::Input;
use super::{failure::Failure, print, say};

const AFTER_HELP: &str = "\
Examples:
  denyd explain                                     the daemon's denials
  denyd explain -n 20                               the last 20 of them
  denyd explain --since -1h --unit nginx            those of one service, last hour
  denyd explain /var/log/audit/audit.log            a log of audit's
  journalctl -k -b | denyd explain -                the kernel's records in the journal
  denyd explain --policy policy.33 audit.log        a log and a policy of another machine
  denyd explain audit.log -o commands               only what to run
  denyd explain audit.log -o cil >local.cil         a policy module, for `semodule -i local.cil`
  denyd explain audit.log -o rule                   rules for AppArmor's profiles

It changes nothing. Review what it proposes before you run it; `denyd fix` applies it.

The daemon explains its events, so that members of the group denyd need no root. Logs, and events where root asks, are \
explained by this process: SELinux denials are checked against --policy, or the loaded policy, or the newest in \
/etc/selinux; AppArmor's against the profiles in /etc/apparmor.d. What a unit sets is asked of systemd, if the denial is of \
this machine.

Exit status:
  0  everything that could be read is explained
  1  the log cannot be read, standard output closed or full, or no history to explain
  2  invalid command line, or not a policy
  3  not permitted to connect to the daemon";

/// Explain denials: the cause, and what to do about it.
#[derive(Debug, Args)]
#[command(after_help = AFTER_HELP)]
pub(super) struct Explain {
    #[command(flatten)]
    input: Input,

    /// Print the findings as JSON.
    #[arg(long, conflicts_with = "output")]
    json: bool,

    /// Print only these.
    #[arg(short, long, value_enum, value_name = "FORM")]
    output: Option<Form>,

    /// Show times in UTC.
    #[arg(long)]
    utc: bool,
}

/// What is printed of findings.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(super) enum Form {
    /// The commands of the best remedies.
    Commands,
    /// A policy module in SELinux's own language, for checkmodule.
    Te,
    /// A policy module in the common intermediate language, for `semodule -i`.
    Cil,
    /// Rules for AppArmor's profiles.
    Rule,
}

impl Explain {
    /// Reads, explains and prints.
    pub(super) fn run(&self) -> Result<(), Failure> {
        let report = self.input.report()?;
        for note in &report.notes {
            say(note);
        }
        if report.not_explained > 0 {
            say(format_args!("{} denials are not explained: too many differ", report.not_explained));
        }
        let zone = if self.utc { TimeZone::UTC } else { TimeZone::system() };
        let findings = &report.findings;
        let text = match (self.json, self.output) {
            (true, _) => report::json(&report),
            (_, None) => report::people(&report, &zone),
            (_, Some(Form::Commands)) => report::commands(findings),
            (_, Some(Form::Te)) => report::te(findings),
            (_, Some(Form::Cil)) => report::cil(findings),
            (_, Some(Form::Rule)) => report::rules(findings),
        };
        print(&text)
    }
}

#[cfg(test)]
mod tests;
