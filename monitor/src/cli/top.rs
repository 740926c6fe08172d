//! `denyd top`: what is refused most.

use std::{
    io::{self, IsTerminal as _},
    sync::mpsc::{self, Receiver},
    thread,
    time::{Duration, Instant},
};

use clap::{Args, ColorChoice};
use jiff::tz::TimeZone;
use monitor_api::{
    client::{Client, ClientError, Read},
    protocol::{Control, Line, Request},
};
use ratatui::{
    DefaultTerminal,
    crossterm::event::{self, Event as Input},
};

use super::{failure::Failure, listen, print, select};
use crate::{
    advise::Adviser,
    event::Event,
    top::{Field, Order, Table, View, batch, view::Asked},
};

/// Lines that may wait to be counted. What is more waits in the daemon.
const QUEUE: usize = 4096;
/// How often keys are looked at while events come.
const TURN: Duration = Duration::from_millis(100);

const AFTER_HELP: &str = "\
Examples:
  denyd top                            by module, subject, action and unit
  denyd top --by unit                  which services are denied
  denyd top --by subject,object,path --module selinux
  denyd top --by comm,path -n all      include the whole history
  denyd top --by finding               by cause and remedy
  denyd top --batch -n all --by unit   the history as a table

Key bindings are shown at the bottom of the screen. Press f to show full values.

Exit status:
  0  it was ended by q or Ctrl-C, or with --batch printed the table
  1  there is no terminal and no --batch, or the connection to the daemon broke
  2  invalid command line
  3  no daemon running and not root, or not permitted to connect
  4  no daemon running, and no source can be attached on this kernel";

/// Show the most frequent denials, live.
#[derive(Debug, Args)]
#[command(after_help = AFTER_HELP)]
pub(super) struct Top {
    /// Fields to group by.
    #[arg(
        long,
        value_enum,
        value_delimiter = ',',
        value_name = "FIELD",
        default_value = "module,subject,action,unit"
    )]
    by: Vec<Field>,

    /// Sort order.
    #[arg(long, value_enum, value_name = "ORDER", default_value_t = Order::Rate)]
    sort: Order,

    /// Number of past events to include, or `all`.
    #[arg(short = 'n', long = "lines", value_name = "COUNT", default_value = "0", value_parser = super::tail::last)]
    last: super::tail::Last,

    /// Refresh interval, in seconds.
    #[arg(short, long, value_name = "SECONDS", default_value_t = 1, value_parser = clap::value_parser!(u16).range(1..=3600))]
    delay: u16,

    /// Print the table once, after one interval, and exit.
    #[arg(short, long)]
    batch: bool,

    /// Width of the table with --batch.
    #[arg(long, value_name = "COLUMNS", default_value_t = 120, requires = "batch", value_parser = clap::value_parser!(u16).range(20..=1000))]
    width: u16,

    /// When to use colours with --batch.
    #[arg(long, value_name = "WHEN", default_value_t = ColorChoice::Auto, requires = "batch")]
    color: ColorChoice,

    #[command(flatten)]
    select: select::Select,

    #[command(flatten)]
    listen: listen::Listen,
}

/// What the thread that listens shows.
enum Heard {
    Event(Vec<u8>),
    Lost(u64),
    Closed,
    Failed(ClientError),
}

impl Top {
    /// Shows until it is stopped.
    pub(super) fn run(&self) -> Result<(), Failure> {
        let selection = self.select.selection()?;
        if !self.batch && (!io::stdout().is_terminal() || !io::stdin().is_terminal()) {
            return Err(Failure::NoTerminal);
        }
        let request = Request { selection, last: self.last.count(), follow: true, ..Request::default() };
        let source = self.listen.open(true, self.select.silent)?;
        let client = source.ask(&request)?;
        let (sender, heard) = mpsc::sync_channel(QUEUE);
        let listen = move || listen(client, &sender);
        thread::Builder::new().name("listen".to_owned()).spawn(listen).map_err(Failure::Runtime)?;

        if self.batch {
            return self.print(&heard);
        }
        let mut terminal = ratatui::try_init().map_err(Failure::Stdout)?;
        let result = self.show(&mut terminal, &heard);
        // The terminal is as it was before anything is said.
        ratatui::try_restore().map_err(Failure::Stdout)?;
        result
    }

    /// Prints the table once.
    fn print(&self, heard: &Receiver<Heard>) -> Result<(), Failure> {
        let interval = Duration::from_secs(self.delay.into());
        let colour = self.color == ColorChoice::Always;
        let mut table = Counted::new(&self.by);
        let mut view = View::new(self.sort, interval, TimeZone::system(), colour);
        let end = Instant::now() + interval;
        while let Ok(heard) = heard.recv_timeout(end.saturating_duration_since(Instant::now())) {
            table.take(heard, &mut view)?;
        }
        table.rows.tick();
        let table = table.rows;
        let rows = table.rows(self.sort).len();
        print(&batch::draw(&mut view, &table, self.width, rows, colour))
    }

    fn show(&self, terminal: &mut DefaultTerminal, heard: &Receiver<Heard>) -> Result<(), Failure> {
        let interval = Duration::from_secs(self.delay.into());
        let colour = std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty());
        let mut table = Counted::new(&self.by);
        let mut view = View::new(self.sort, interval, TimeZone::system(), colour);
        let mut next = Instant::now() + interval;
        let mut draw = true;
        loop {
            table.count(&mut view, heard)?;
            if Instant::now() >= next {
                table.rows.tick();
                next += interval;
                draw |= !view.is_paused();
            }
            if draw {
                terminal.draw(|frame| view.draw(&table.rows, frame)).map_err(Failure::Stdout)?;
                draw = false;
            }
            let wait = next.saturating_duration_since(Instant::now()).min(TURN);
            if event::poll(wait).map_err(Failure::Stdout)? {
                draw = true;
                if let Input::Key(key) = event::read().map_err(Failure::Stdout)? {
                    match view.key(key) {
                        Asked::Nothing => {}
                        Asked::Quit => return Ok(()),
                        Asked::Clear => table.rows.clear(),
                    }
                }
            }
        }
    }
}

/// What was counted, and who says what to do where that is counted by.
struct Counted {
    rows: Table,
    adviser: Option<Adviser>,
}

impl Counted {
    fn new(by: &[Field]) -> Self {
        let adviser = by.contains(&Field::Finding).then(Adviser::new);
        Self { rows: Table::new(by.to_vec()), adviser }
    }

    /// Counts what was heard, as much as is there.
    fn count(&mut self, view: &mut View, heard: &Receiver<Heard>) -> Result<(), ClientError> {
        heard.try_iter().take(QUEUE).try_for_each(|heard| self.take(heard, view))
    }

    fn take(&mut self, heard: Heard, view: &mut View) -> Result<(), ClientError> {
        match heard {
            Heard::Event(line) => match serde_json::from_slice::<Event<'_>>(&line) {
                Ok(mut event) => {
                    event.advice = self.adviser.as_mut().and_then(|adviser| adviser.advise(&event));
                    self.rows.add(&event);
                }
                // Of another version of denyd.
                Err(_) => self.rows.lose(1),
            },
            Heard::Lost(count) => self.rows.lose(count),
            Heard::Failed(error) => return Err(error),
            Heard::Closed => view.tell("the daemon has ended: nothing more is counted"),
        }
        Ok(())
    }
}

/// Hands on what comes, until nothing more does or nobody wants it.
fn listen(mut client: Client, heard: &mpsc::SyncSender<Heard>) {
    loop {
        let what = match client.read() {
            Ok(Read::Line(Line::Event(line))) => Heard::Event(line.to_owned()),
            Ok(Read::Line(Line::Control(Control::Lost(count)))) => Heard::Lost(count),
            Ok(Read::Line(Line::Control(Control::Error(refusal)))) => {
                Heard::Failed(ClientError::Refused(refusal))
            }
            Ok(Read::Line(Line::Control(_)) | Read::Quiet) => continue,
            Ok(Read::Closed) => Heard::Closed,
            Err(error) => Heard::Failed(error),
        };
        let ends = matches!(what, Heard::Closed | Heard::Failed(_));
        if heard.send(what).is_err() || ends {
            return;
        }
    }
}
