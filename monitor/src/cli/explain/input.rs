//! Which denials are explained, and where they come from: a log, the daemon, or what one has left on disk.

use std::{
    collections::VecDeque,
    fs::File,
    io::{self, BufReader, Read},
    path::{Path, PathBuf},
};

use clap::Args;
use jiff::Timestamp;
use monitor_api::{
    client::{Client, ClientError, Read as Got},
    protocol::{Control, Line, Request},
};
use monitor_audit::log::{self, Denial, Item, Summary};
use monitor_event::selection::Selector;
use monitor_explain::{denials::Denials, place::Place, report::Report};

use super::progress::Progress;
use crate::{
    cli::{
        failure::Failure,
        listen::{self, Source},
        say, select,
        tail::{Last, last, time},
    },
    event::Event,
};

/// How many broken lines are named.
const NAMED: u64 = 10;

/// Which denials.
#[derive(Debug, Args)]
pub(in crate::cli) struct Input {
    /// Log to read, or `-` for standard input: audit's, syslog's, `dmesg`, the journal's, or denyd's JSON lines. [default:
    /// the daemon's events]
    file: Option<PathBuf>,

    /// SELinux policy to check denials against.
    #[arg(long, value_name = "FILE")]
    policy: Option<PathBuf>,

    /// Number of last denials to explain, or `all`.
    #[arg(short = 'n', long, value_name = "COUNT", value_parser = last)]
    last: Option<Last>,

    /// Explain denials since this time: `2026-11-22 10:00`, `10:00`, `yesterday`, `-1h`, `10 min ago`.
    #[arg(short = 'S', long, value_name = "TIME", value_parser = time, allow_hyphen_values = true)]
    since: Option<Timestamp>,

    /// Explain denials until this time.
    #[arg(short = 'U', long, value_name = "TIME", value_parser = time, allow_hyphen_values = true)]
    until: Option<Timestamp>,

    #[command(flatten)]
    select: select::Select,

    #[command(flatten)]
    listen: listen::Listen,
}

impl Input {
    /// What was found of them.
    pub(in crate::cli) fn report(&self) -> Result<Report, Failure> {
        // The daemon may read what this user may not. Root sees the labels of all files, which the daemon does not.
        let asks_daemon =
            self.file.is_none() && self.policy.is_none() && !rustix::process::geteuid().is_root();
        let source = self.source()?;
        if asks_daemon && let Some(source @ Source::Daemon(_)) = &source {
            let client = source.ask(&Request { explain: true, ..self.request()? })?;
            return Ok(client.report()?);
        }
        let place = self.place()?;
        let (denials, summary) = self.gather_from(source.as_ref())?;
        Ok(Report::new(&denials, &place).of_lines(summary.lines, summary.broken))
    }

    /// The denials, and how many lines they were read from.
    pub(in crate::cli) fn gather(&self) -> Result<(Denials, Summary), Failure> {
        self.gather_from(self.source()?.as_ref())
    }

    fn gather_from(&self, source: Option<&Source>) -> Result<(Denials, Summary), Failure> {
        let mut denials = Denials::default();
        let summary = match (&self.file, source) {
            (Some(file), _) => self.read(file, &mut denials)?,
            (None, Some(source)) => take(source.ask(&self.request()?)?, &mut denials)?,
            (None, None) => Summary::default(),
        };
        if summary.broken > NAMED && self.file.is_some() {
            say(format_args!("{} more lines can't be read", summary.broken - NAMED));
        }
        Ok((denials, summary))
    }

    /// Whether the policy may be another machine's.
    pub(in crate::cli) fn is_foreign(&self) -> bool {
        self.policy.is_some()
    }

    /// Where the daemon listens.
    pub(in crate::cli) fn listen(&self) -> &listen::Listen {
        &self.listen
    }

    /// What there is to check denials with.
    pub(in crate::cli) fn place(&self) -> Result<Place, Failure> {
        Ok(match &self.policy {
            Some(file) => Place::with_policy(file)?,
            None => Place::here(),
        })
    }

    /// Where events come from, if no log is given.
    fn source(&self) -> Result<Option<Source>, Failure> {
        if self.file.is_some() {
            return Ok(None);
        }
        self.listen.open(false, false).map(Some).map_err(|failure| match failure {
            Failure::NoHistory { socket, history } => Failure::NothingToExplain { socket, history },
            other => other,
        })
    }

    fn request(&self) -> Result<Request, Failure> {
        Ok(Request {
            selection: self.select.selection()?,
            since: self.since,
            until: self.until,
            last: self.last.and_then(Last::count),
            ..Request::default()
        })
    }

    /// Reads a log.
    fn read(&self, file: &Path, denials: &mut Denials) -> Result<Summary, Failure> {
        let failure = |error| Failure::Log { file: file.display().to_string(), error };
        let input: Box<dyn Read> = if file.as_os_str() == "-" {
            Box::new(io::stdin().lock())
        } else {
            let file = File::open(file).map_err(failure)?;
            let length = file.metadata().map(|metadata| metadata.len()).unwrap_or_default();
            Box::new(Progress::new(file, length))
        };
        let wanted =
            Wanted { selector: self.select.selection()?.compile()?, since: self.since, until: self.until };
        let mut newest = Newest::new(self.last);
        let mut named = 0;
        let summary = log::read(BufReader::with_capacity(1 << 16, input), |item| match item {
            Item::Denial(denial) if wanted.wants(&denial) => {
                newest.add(&denial.event, denial.timed, denial.syscall.as_deref(), denials);
            }
            Item::Denial(_) => {}
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
}

/// Takes the events that a client is sent.
fn take(mut client: Client, denials: &mut Denials) -> Result<Summary, Failure> {
    let mut summary = Summary::default();
    loop {
        match client.read().map_err(Failure::Client)? {
            Got::Line(Line::Event(line)) => {
                summary.lines += 1;
                match serde_json::from_slice::<Event<'_>>(line) {
                    Ok(event) => denials.add_event(&event),
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

/// Which denials of a log are wanted.
struct Wanted {
    selector: Selector,
    since: Option<Timestamp>,
    until: Option<Timestamp>,
}

impl Wanted {
    /// One whose time is not known is wanted only if no time was asked for.
    fn wants(&self, denial: &Denial<'_>) -> bool {
        let in_time = |limit: Option<Timestamp>, fits: fn(&Timestamp, &Timestamp) -> bool| {
            limit.is_none_or(|limit| denial.timed && fits(&denial.event.time, &limit))
        };
        in_time(self.since, Timestamp::ge)
            && in_time(self.until, Timestamp::le)
            && self.selector.selects(&denial.event)
    }
}

/// The newest denials of a log, or all.
pub(super) struct Newest {
    count: Option<usize>,
    kept: VecDeque<(String, bool, Option<String>)>,
}

impl Newest {
    pub(super) fn new(last: Option<Last>) -> Self {
        let count = last.and_then(Last::count).map(|count| usize::try_from(count).unwrap_or(usize::MAX));
        Self { count, kept: VecDeque::new() }
    }

    pub(super) fn add(
        &mut self,
        event: &Event<'_>,
        timed: bool,
        syscall: Option<&str>,
        denials: &mut Denials,
    ) {
        let Some(count) = self.count else { return denials.add(event, timed, syscall) };
        let Ok(json) = serde_json::to_string(event) else { return };
        self.kept.push_back((json, timed, syscall.map(str::to_owned)));
        if self.kept.len() > count {
            self.kept.pop_front();
        }
    }

    pub(super) fn finish(self, denials: &mut Denials) {
        for (json, timed, syscall) in &self.kept {
            if let Ok(event) = serde_json::from_str::<Event<'_>>(json) {
                denials.add(&event, *timed, syscall.as_deref());
            }
        }
    }
}
