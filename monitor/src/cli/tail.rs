//! `denyd tail`: shows denials to people.

use std::{
    borrow::Cow,
    io::{self, IsTerminal as _, Write},
    thread,
    time::Duration,
};

use clap::{Args, ColorChoice};
use jiff::{Timestamp, Zoned, tz::TimeZone};
use monitor_api::{
    client::{Client, ClientError, Read},
    protocol::{Control, Cursor, End, Line, Request},
};

use super::{failure::Failure, listen, say, select};
use crate::{
    advise::Adviser,
    event::Event,
    show::{Fold, Form, Look, Print, Target},
    tail::moment,
};

/// How long repeats are counted before the count is written to a stream.
const QUIET: Duration = Duration::from_secs(1);
/// How often a daemon that has gone is looked for.
const RETRY: Duration = Duration::from_millis(500);
/// Events that are shown of those that were, unless told otherwise.
const LAST: u64 = 10;

const AFTER_HELP: &str = "\
Examples:
  denyd tail -f                                follow denials
  denyd tail -n 50                             the last 50 denials
  denyd tail -u nginx --since -1h              one service, last hour
  denyd tail -f --module selinux,apparmor      only these modules
  denyd tail -f --path '/srv/**' --comm php-fpm
  denyd tail -f -o json --advice               what to do about each, in its field `advice`
  denyd tail --since today -o rule             rules that would allow it (review them first)
  denyd tail --since '2026-11-22 10:00' --until '10 min ago' -o json | jq .object.path

Events come from the daemon if one is running; root, its own user and the group denyd may connect. Otherwise -f watches \
from this process, which requires root. Repeated denials are folded into one line with a count (×12).

`denyd explain` says why denials were, and what to do.

In patterns, * and ? do not match /, ** does; \\ escapes the next character.

Exit status:
  0  all requested events shown, or stopped by Ctrl-C
  1  standard output closed or full, connection to the daemon lost, or no history to show
  2  invalid command line
  3  no daemon running and not root, or not permitted to connect
  4  no daemon running, and no source can be attached on this kernel";

/// Show recent denials, or follow new ones.
#[derive(Debug, Args)]
#[command(after_help = AFTER_HELP)]
#[expect(clippy::struct_excessive_bools, reason = "each is a flag of its own")]
pub(super) struct Tail {
    /// Follow new events.
    #[arg(short, long)]
    follow: bool,

    /// Number of past events to show, or `all`. [default: 10, or all with --since]
    #[arg(short = 'n', long = "lines", value_name = "COUNT", value_parser = last)]
    last: Option<Last>,

    /// Show events after this cursor, which --show-cursor printed. Reports how many are gone.
    #[arg(long, value_name = "CURSOR", conflicts_with = "last")]
    after_cursor: Option<Cursor>,

    /// Print the cursor after the last event, for --after-cursor.
    #[arg(long)]
    show_cursor: bool,

    /// Show events since this time: `2026-11-22 10:00`, `10:00`, `yesterday`, `-1h`, `10 min ago`.
    #[arg(short = 'S', long, value_name = "TIME", value_parser = time, allow_hyphen_values = true)]
    since: Option<Timestamp>,

    /// Show events until this time.
    #[arg(short = 'U', long, value_name = "TIME", value_parser = time, allow_hyphen_values = true)]
    until: Option<Timestamp>,

    #[command(flatten)]
    select: select::Select,

    /// Output format.
    #[arg(short, long = "output", value_enum, default_value_t = Form::Short, value_name = "FORM")]
    output: Form,

    /// Show each repeat on its own line.
    #[arg(long)]
    no_fold: bool,

    /// Say in each event what to do about it: the field `advice` (docs/explain.md). [default: only a last word in
    /// `short` and `cat`, where it is certain]
    #[arg(long)]
    advice: bool,

    /// Say nothing of what to do.
    #[arg(long, conflicts_with = "advice")]
    no_advice: bool,

    /// Do not truncate lines to the terminal width.
    #[arg(short = 'l', long)]
    full: bool,

    /// Show times in UTC.
    #[arg(long)]
    utc: bool,

    /// When to use colours; `auto` means on a terminal, unless `NO_COLOR` is set.
    #[arg(long, value_name = "WHEN", default_value_t = ColorChoice::Auto)]
    color: ColorChoice,

    #[command(flatten)]
    listen: listen::Listen,
}

/// The number of past events.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Last {
    Count(u64),
    All,
}

impl Last {
    /// The count, as a request has it.
    pub(super) fn count(self) -> Option<u64> {
        match self {
            Self::Count(count) => Some(count),
            Self::All => None,
        }
    }
}

pub(super) fn last(text: &str) -> Result<Last, String> {
    match text {
        "all" => Ok(Last::All),
        text => text.parse().map(Last::Count).map_err(|_| "give a number, or `all`".to_owned()),
    }
}

/// A point in time, as the user writes it now.
pub(super) fn time(text: &str) -> Result<Timestamp, moment::MomentError> {
    moment::parse(text, &Zoned::now())
}

impl Tail {
    /// Shows until all is shown that was asked for, or, with `-f`, until it is stopped.
    pub(super) fn run(&self) -> Result<(), Failure> {
        let mut request = self.request()?;
        let source = self.listen.open(self.follow, self.select.silent)?;
        let mut client = source.ask(&request)?;
        let mut screen = self.screen();
        listen::close_on_signal(client.closer().map_err(Failure::Runtime)?)?;
        loop {
            let ended = screen.show(&mut client)?;
            match ended {
                Ended::Closed if self.follow && !listen::was_stopped() && source.may_return() => {
                    screen.note("the daemon has ended; waiting for it to come back")?;
                    // What happened in between is in its history.
                    if let Some(cursor) = client.cursor() {
                        request.from = Some(cursor);
                        request.last = None;
                    }
                    client = loop {
                        thread::sleep(RETRY);
                        if listen::was_stopped() {
                            return Ok(());
                        }
                        match source.ask(&request) {
                            Ok(client) => break client,
                            Err(Failure::Client(ClientError::NoDaemon(_))) => {}
                            Err(error) => return Err(error),
                        }
                    };
                    listen::close_on_signal(client.closer().map_err(Failure::Runtime)?)?;
                    screen.note("the daemon is back")?;
                }
                Ended::Done | Ended::Closed => {
                    if let Some(cursor) = client.cursor().filter(|_| self.show_cursor) {
                        screen.note(&format!("cursor: {cursor}"))?;
                    }
                    return Ok(());
                }
            }
        }
    }

    fn request(&self) -> Result<Request, Failure> {
        let last = match self.last {
            Some(last) => last.count(),
            None if self.since.is_some() || self.after_cursor.is_some() => None,
            None => Some(LAST),
        };
        Ok(Request {
            selection: self.select.selection()?,
            since: self.since,
            until: self.until,
            last,
            from: self.after_cursor.clone(),
            follow: self.follow,
            ..Request::default()
        })
    }

    fn screen(&self) -> Screen<io::StdoutLock<'static>> {
        let stdout = io::stdout().lock();
        let terminal = stdout.is_terminal();
        let colour = match self.color {
            ColorChoice::Always => true,
            ColorChoice::Never => false,
            ColorChoice::Auto => {
                terminal && std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty())
            }
        };
        let zone = if self.utc { TimeZone::UTC } else { TimeZone::system() };
        let fitted = terminal && !self.full && self.output.is_line();
        let target = if fitted { Target::Terminal } else { Target::Stream };
        Screen {
            out: io::BufWriter::new(stdout),
            look: Look { form: self.output, colour, width: None, zone },
            fitted,
            adviser: (self.advice || self.output.is_line() && !self.no_advice).then(Adviser::new),
            fold: (!self.no_fold && self.output.folds()).then(|| Fold::new(target)),
        }
    }
}

/// Why nothing more is shown.
enum Ended {
    /// All was shown.
    Done,
    /// The connection was closed.
    Closed,
}

/// Where events are shown.
struct Screen<W: Write> {
    out: io::BufWriter<W>,
    look: Look,
    /// Whether lines are shortened to the terminal.
    fitted: bool,
    fold: Option<Fold>,
    /// Says what to do, if that is wanted.
    adviser: Option<Adviser>,
}

impl<W: Write> Screen<W> {
    /// Shows what comes, until it ends.
    fn show(&mut self, client: &mut Client) -> Result<Ended, Failure> {
        client.set_patience(Some(QUIET)).map_err(Failure::Runtime)?;
        // What was is folded as a whole; what happens is shown at once.
        let mut current = false;
        loop {
            if current && !client.has_more() {
                if let Some(fold) = &mut self.fold {
                    let print = fold.show(&self.look);
                    self.print(print)?;
                }
                self.flush()?;
            }
            match client.read().map_err(Failure::Client)? {
                Read::Line(Line::Event(line)) => {
                    self.fit();
                    self.event(line)?;
                }
                Read::Line(Line::Control(control)) => match control {
                    Control::Current => current = true,
                    Control::Lost(count) => {
                        let plural = if count == 1 { "event is" } else { "events are" };
                        self.note(&format!("{count} {plural} lost here"))?;
                    }
                    Control::End(End::Done) => {
                        self.finish()?;
                        return Ok(Ended::Done);
                    }
                    // Neither a status nor findings were asked for.
                    Control::Hello(_)
                    | Control::Status(_)
                    | Control::Finding(_)
                    | Control::Explained(_)
                    | Control::At(_)
                    | Control::End(End::Stopping) => {}
                    Control::Interrupted => {
                        self.note("the history before is gone: events may be lost here")?;
                    }
                    Control::Error(refusal) => return Err(Failure::Client(ClientError::Refused(refusal))),
                },
                Read::Quiet => self.finish()?,
                Read::Closed => {
                    self.finish()?;
                    return Ok(Ended::Closed);
                }
            }
        }
    }

    /// Follows the terminal's width.
    fn fit(&mut self) {
        if self.fitted {
            let size = rustix::termios::tcgetwinsize(rustix::stdio::stdout());
            self.look.width = size.ok().map(|size| usize::from(size.ws_col)).filter(|&columns| columns > 0);
        }
    }

    fn event(&mut self, line: &[u8]) -> Result<(), Failure> {
        let Ok(mut event) = serde_json::from_slice::<Event<'_>>(line) else {
            return self
                .note("an event of another version of denyd: use the `denyd` of the daemon's version");
        };
        let mut line = Cow::Borrowed(line);
        if let Some(advice) = self.adviser.as_mut().and_then(|adviser| adviser.advise(&event)) {
            event.advice = Some(advice);
            // It was read from JSON, and is written as easily.
            line = serde_json::to_vec(&event).map_or(line, Cow::Owned);
        }
        let print = match &mut self.fold {
            Some(fold) => fold.push(&event, &line, &self.look),
            None => Some(Print::New(self.look.show(&event, event.denials()))),
        };
        self.print(print)
    }

    /// Prints a line that is no event.
    fn note(&mut self, note: &str) -> Result<(), Failure> {
        self.finish()?;
        if let Some(fold) = &mut self.fold {
            fold.interrupt();
        }
        if matches!(self.look.form, Form::Json | Form::JsonPretty) {
            // What reads JSON would not understand it.
            say(note);
            return Ok(());
        }
        let text = self.look.note(note);
        self.print(Some(Print::New(text)))?;
        self.flush()
    }

    fn finish(&mut self) -> Result<(), Failure> {
        if let Some(fold) = &mut self.fold {
            let print = fold.finish(&self.look);
            self.print(print)?;
        }
        self.flush()
    }

    fn print(&mut self, print: Option<Print>) -> Result<(), Failure> {
        let result = match print {
            None => Ok(()),
            Some(Print::New(text)) => self.out.write_all(text.as_bytes()),
            // Up one line, to its start, and clear it.
            Some(Print::Again(text)) => write!(self.out, "\x1b[1A\r\x1b[K{text}"),
        };
        result.map_err(written)
    }

    fn flush(&mut self) -> Result<(), Failure> {
        self.out.flush().map_err(written)
    }
}

fn written(error: io::Error) -> Failure {
    if error.kind() == io::ErrorKind::BrokenPipe { Failure::StdoutClosed } else { Failure::Stdout(error) }
}
