//! Events for people: one line that says all at a glance, every field, JSON, or the rule that would allow it.
//!
//! Whatever came from the kernel or a process is escaped before it gets to a terminal.

mod fold;
mod json;
mod line;
mod parts;
mod rule;
mod style;
mod verbose;
mod width;

use std::fmt::Write as _;

use jiff::tz::TimeZone;

pub use self::{
    fold::{Fold, Print, Target},
    line::Summary,
    parts::{Phrase, word},
    rule::{Rule, rule},
};
use crate::event::Event;

/// How events are shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum Form {
    /// One line: when, which module, the verdict, who, what, on what, why.
    Short,
    /// Every field.
    Verbose,
    /// The event as it is, one JSON object a line.
    Json,
    /// The event as it is, JSON over several lines.
    JsonPretty,
    /// The short line without the time, the module and the verdict.
    Cat,
    /// The rule that would allow it, where there is such a rule.
    Rule,
}

impl Form {
    /// Whether repeats of an event may be shown as a count.
    #[must_use]
    pub fn folds(self) -> bool {
        matches!(self, Self::Short | Self::Verbose | Self::Cat | Self::Rule)
    }

    /// Whether an event is one line.
    #[must_use]
    pub fn is_line(self) -> bool {
        matches!(self, Self::Short | Self::Cat)
    }
}

/// How and where to show events.
#[derive(Clone, Debug)]
pub struct Look {
    /// The form.
    pub form: Form,
    /// Whether the terminal shows colours.
    pub colour: bool,
    /// The columns that a line may have; none: as many as it needs.
    pub width: Option<usize>,
    /// The time zone of the times.
    pub zone: TimeZone,
}

impl Look {
    /// One event as text, with its last newline. A count above 1 says how often it was repeated.
    #[must_use]
    pub fn show(&self, event: &Event<'_>, count: u64) -> String {
        let mut text = match self.form {
            Form::Short => Summary::new(event, &self.zone).text(self.colour, self.width, count),
            Form::Cat => Summary::new(event, &self.zone).message(self.colour, self.width, count),
            Form::Verbose => verbose::show(event, self, count),
            Form::Json => json::line(event),
            Form::JsonPretty => json::pretty(event),
            Form::Rule => rule(event).show(event, count),
        };
        text.push('\n');
        text
    }

    /// A line beside the events, such as that some are lost.
    #[must_use]
    pub fn note(&self, note: &str) -> String {
        let mut text = String::new();
        let _infallible = write!(text, "-- {} --", crate::text::printable(note));
        let text = width::fit(&text, self.width);
        style::paint(style::NOTE, &text, self.colour) + "\n"
    }
}
