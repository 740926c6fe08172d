//! `denyd explain`: why denials were, and what to do.

mod report;

use std::{
    collections::VecDeque,
    fs::File,
    io::{self, BufReader, Read},
    path::PathBuf,
};

use clap::{Args, ValueEnum};
use jiff::tz::TimeZone;
use monitor_api::{
    client::{ClientError, Read as Got},
    protocol::{Control, Line, Request, VERSION},
};
use monitor_audit::log::{self, Item, Summary};
use monitor_event::selection::Selection;
use monitor_explain::{denials::Denials, place::Place};

use super::{
    failure::Failure,
    listen, print, say,
    tail::{Last, last},
};
use crate::event::{Event, Kind};

/// How many broken lines are named.
const NAMED: u64 = 10;

const AFTER_HELP: &str = "\
Examples:
  denyd explain                                     the daemon's denials
  denyd explain -n 20                               the last 20 of them
  denyd explain /var/log/audit/audit.log            a log of audit's
  journalctl -k -b | denyd explain -                the kernel's records in the journal
  denyd explain --policy policy.33 audit.log        a log and a policy of another machine
  denyd explain audit.log -o commands               only what to run
  denyd explain audit.log -o cil >local.cil         a policy module, for `semodule -i local.cil`
  denyd explain audit.log -o rule                   rules for AppArmor's profiles

It changes nothing. Review what it proposes before you run it.

SELinux denials are checked against --policy, or the loaded policy (as root), or the newest in /etc/selinux;
AppArmor's against the profiles in /etc/apparmor.d. What a unit sets is asked of systemd, if the denial is of this machine.

Exit status:
  0  everything that could be read is explained
  1  the log cannot be read, standard output closed or full, or no history to explain
  2  invalid command line, or not a policy
  3  not permitted to connect to the daemon";

/// Explain denials: the cause, and what to do about it.
#[derive(Debug, Args)]
#[command(after_help = AFTER_HELP)]
pub(super) struct Explain {
    /// Log to read, or `-` for standard input: audit's, syslog's, `dmesg`, the journal's, or denyd's JSON lines. [default:
    /// the daemon's events]
    file: Option<PathBuf>,

    /// SELinux policy to check denials against.
    #[arg(long, value_name = "FILE")]
    policy: Option<PathBuf>,

    /// Number of last denials to explain, or `all`.
    #[arg(short = 'n', long, value_name = "COUNT", value_parser = last)]
    last: Option<Last>,

    /// Print the findings as JSON.
    #[arg(long, conflicts_with = "output")]
    json: bool,

    /// Print only these.
    #[arg(short, long, value_enum, value_name = "FORM")]
    output: Option<Form>,

    /// Show times in UTC.
    #[arg(long)]
    utc: bool,

    #[command(flatten)]
    listen: listen::Listen,
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
        let mut place = match &self.policy {
            Some(file) => Place::with_policy(file)?,
            None => Place::here(),
        };
        place.asks_systemd = true;
        for note in &place.notes {
            say(note);
        }
        let mut denials = Denials::default();
        let summary = match &self.file {
            Some(file) => self.read(file, &mut denials)?,
            None => self.ask(&mut denials)?,
        };
        if summary.broken > NAMED {
            say(format_args!("{} more lines can't be read", summary.broken - NAMED));
        }
        if denials.beyond > 0 {
            say(format_args!("{} denials are not explained: too many differ", denials.beyond));
        }
        let findings = monitor_explain::explain(&denials, &place);
        let zone = if self.utc { TimeZone::UTC } else { TimeZone::system() };
        let text = match (self.json, self.output) {
            (true, _) => report::json(&findings, &denials, summary, &place),
            (_, None) => report::people(&findings, &denials, &zone),
            (_, Some(Form::Commands)) => report::commands(&findings),
            (_, Some(Form::Te)) => report::te(&findings),
            (_, Some(Form::Cil)) => report::cil(&findings),
            (_, Some(Form::Rule)) => report::rules(&findings),
        };
        print(&text)
    }

    /// Reads a log.
    fn read(&self, file: &PathBuf, denials: &mut Denials) -> Result<Summary, Failure> {
        let failure = |error| Failure::Log { file: file.display().to_string(), error };
        let input: Box<dyn Read> = if file.as_os_str() == "-" {
            Box::new(io::stdin().lock())
        } else {
            Box::new(File::open(file).map_err(failure)?)
        };
        let mut newest = Newest::new(self.last);
        let mut named = 0;
        let summary = log::read(BufReader::new(input), |item| match item {
            Item::Denial(denial) => {
                newest.add(&denial.event, denial.timed, denial.syscall.as_deref(), denials);
            }
            Item::Broken(line) => {
                named += 1;
                if named <= NAMED {
                    say(line);
                }
            }
        });
        newest.finish(denials);
        summary.map_err(failure)
    }

    /// Asks the daemon, or reads what one left on disk.
    fn ask(&self, denials: &mut Denials) -> Result<Summary, Failure> {
        let source = self.listen.open(false, false).map_err(|failure| match failure {
            Failure::NoHistory { socket, history } => Failure::NothingToExplain { socket, history },
            other => other,
        })?;
        let request = Request {
            version: VERSION,
            selection: Selection::default(),
            since: None,
            until: None,
            last: self.last.and_then(Last::count),
            from: None,
            follow: false,
            status: None,
        };
        let mut client = source.ask(&request)?;
        let mut summary = Summary::default();
        loop {
            match client.read().map_err(Failure::Client)? {
                Got::Line(Line::Event(line)) => {
                    summary.lines += 1;
                    match serde_json::from_slice::<Event<'_>>(line) {
                        Ok(event) if event.kind == Kind::Denial => {
                            summary.denials += event.denials();
                            denials.add(&event, true, None);
                        }
                        Ok(_) => {}
                        Err(_) => summary.broken += 1,
                    }
                }
                Got::Line(Line::Control(Control::End(_))) | Got::Closed => return Ok(summary),
                Got::Line(Line::Control(Control::Error(refusal))) => {
                    return Err(Failure::Client(ClientError::Refused(refusal)));
                }
                Got::Line(Line::Control(_)) | Got::Quiet => {}
            }
        }
    }
}

/// The newest denials of a log, or all.
struct Newest {
    count: Option<usize>,
    kept: VecDeque<(String, bool, Option<String>)>,
}

impl Newest {
    fn new(last: Option<Last>) -> Self {
        let count = last.and_then(Last::count).map(|count| usize::try_from(count).unwrap_or(usize::MAX));
        Self { count, kept: VecDeque::new() }
    }

    fn add(&mut self, event: &Event<'_>, timed: bool, syscall: Option<&str>, denials: &mut Denials) {
        let Some(count) = self.count else { return denials.add(event, timed, syscall) };
        let Ok(json) = serde_json::to_string(event) else { return };
        self.kept.push_back((json, timed, syscall.map(str::to_owned)));
        if self.kept.len() > count {
            self.kept.pop_front();
        }
    }

    fn finish(self, denials: &mut Denials) {
        for (json, timed, syscall) in &self.kept {
            if let Ok(event) = serde_json::from_str::<Event<'_>>(json) {
                denials.add(&event, *timed, syscall.as_deref());
            }
        }
    }
}

#[cfg(test)]
mod tests;
