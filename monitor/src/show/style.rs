//! Colours: the sixteen that every terminal has, so that they follow its theme.

use anstyle::{AnsiColor, Style};

use crate::event::{Event, Kind, Verdict};

/// When.
pub(super) const TIME: Style = Style::new().dimmed();
/// Which module.
pub(super) const MODULE: Style = AnsiColor::Cyan.on_default();
/// Who.
pub(super) const WHO: Style = Style::new().bold();
/// On what.
pub(super) const OBJECT: Style = AnsiColor::Yellow.on_default();
/// Why, and other things beside.
pub(super) const WHY: Style = Style::new().dimmed();
/// What to do.
pub(super) const FIX: Style = AnsiColor::Green.on_default();
/// How often.
pub(super) const COUNT: Style = AnsiColor::Magenta.on_default().bold();
/// What is no event.
pub(super) const NOTE: Style = AnsiColor::Blue.on_default();
/// The name of a field.
pub(super) const FIELD: Style = AnsiColor::Cyan.on_default();

/// The verdict's.
pub(super) fn verdict(event: &Event<'_>) -> Style {
    match (event.kind, event.verdict) {
        (_, Some(Verdict::Denied)) if event.silent => AnsiColor::Red.on_default(),
        (_, Some(Verdict::Denied)) => AnsiColor::Red.on_default().bold(),
        (_, Some(Verdict::Permitted)) => AnsiColor::Green.on_default(),
        (Kind::Policy, _) => AnsiColor::Blue.on_default().bold(),
        _ => Style::new(),
    }
}

/// A text in this style, or as it is.
pub(super) fn paint(style: Style, text: &str, colour: bool) -> String {
    if colour && !text.is_empty() { format!("{style}{text}{style:#}") } else { text.to_owned() }
}
