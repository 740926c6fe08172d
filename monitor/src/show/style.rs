//! Colours: the sixteen that every terminal has, so that they follow its theme.

use anstyle::{AnsiColor, Style};

use crate::event::{Event, Kind, Verdict};

/// When.
pub const TIME: Style = Style::new().dimmed();
/// Which module.
pub const MODULE: Style = AnsiColor::Cyan.on_default();
/// Who.
pub const WHO: Style = Style::new().bold();
/// On what.
pub const OBJECT: Style = AnsiColor::Yellow.on_default();
/// Why, and other things beside.
pub const WHY: Style = Style::new().dimmed();
/// How often.
pub const COUNT: Style = AnsiColor::Magenta.on_default().bold();
/// What is no event.
pub const NOTE: Style = AnsiColor::Blue.on_default();
/// The name of a field.
pub const FIELD: Style = AnsiColor::Cyan.on_default();

/// The verdict's.
pub fn verdict(event: &Event<'_>) -> Style {
    match (event.kind, event.verdict) {
        (_, Some(Verdict::Denied)) if event.silent => AnsiColor::Red.on_default(),
        (_, Some(Verdict::Denied)) => AnsiColor::Red.on_default().bold(),
        (_, Some(Verdict::Permitted)) => AnsiColor::Green.on_default(),
        (Kind::Policy, _) => AnsiColor::Blue.on_default().bold(),
        _ => Style::new(),
    }
}

/// A text in this style, or as it is.
pub fn paint(style: Style, text: &str, colour: bool) -> String {
    if colour && !text.is_empty() { format!("{style}{text}{style:#}") } else { text.to_owned() }
}
