//! The one-line form.

use anstyle::Style;
use jiff::tz::TimeZone;

use super::{
    parts::Phrase,
    style::{self, paint},
    width,
};
use crate::{event::Event, text::printable};

/// Columns of the module's name and of the verdict, so that lines stand below each other.
const MODULE_WIDTH: usize = 10;
const VERDICT_WIDTH: usize = 9;
/// An object is not shortened below this.
const OBJECT_MIN: usize = 16;

/// An event, ready to be shown in one line.
#[derive(Clone, Debug)]
pub struct Summary {
    time: String,
    module: &'static str,
    verdict_style: Style,
    phrase: Phrase,
    /// What to do, where that is certain.
    fix: Option<String>,
}

/// A part of a line and its style.
type Part<'a> = (Style, &'a str);

impl Summary {
    /// Makes one.
    #[must_use]
    pub fn new(event: &Event<'_>, zone: &TimeZone) -> Self {
        Self {
            time: event.time.to_zoned(zone.clone()).strftime("%b %d %H:%M:%S").to_string(),
            module: event.module.name(),
            verdict_style: style::verdict(event),
            phrase: Phrase::new(event),
            fix: event.advice.as_ref().and_then(|advice| Some(printable(advice.fix.as_deref()?).to_string())),
        }
    }

    /// The whole line.
    #[must_use]
    pub fn text(&self, colour: bool, width: Option<usize>, count: u64) -> String {
        let module = format!("{:MODULE_WIDTH$}", self.module);
        let verdict = format!("{:VERDICT_WIDTH$}", self.phrase.verdict);
        let front = [
            (style::TIME, &*self.time),
            (Style::new(), " "),
            (style::MODULE, &*module),
            (Style::new(), " "),
            (self.verdict_style, &*verdict),
            (Style::new(), " "),
        ];
        self.compose(&front, colour, width, count)
    }

    /// The line without when, which module and the verdict.
    #[must_use]
    pub fn message(&self, colour: bool, width: Option<usize>, count: u64) -> String {
        self.compose(&[], colour, width, count)
    }

    fn compose(&self, front: &[Part<'_>], colour: bool, width: Option<usize>, count: u64) -> String {
        let Phrase { who, place, what, object, why, .. } = &self.phrase;
        let count = if count > 1 { format!(" ×{count}") } else { String::new() };
        let why = if why.is_empty() { String::new() } else { format!(" ({why})") };
        let fix = self.fix.as_ref().map(|fix| format!(" [fix: {fix}]")).unwrap_or_default();
        let place = place.as_ref().map(|place| format!(" {place}")).unwrap_or_default();
        let parts = |object: &str| -> Vec<(Style, String)> {
            let separator = if what.is_empty() || object.is_empty() { "" } else { " " };
            let front = front.iter().map(|&(style, text)| (style, text.to_owned()));
            front
                .chain([
                    (style::WHO, who.clone()),
                    (Style::new(), format!("{place}: {what}{separator}")),
                    (style::OBJECT, object.to_owned()),
                    (style::COUNT, count.clone()),
                    (style::FIX, fix.clone()),
                    (style::WHY, why.clone()),
                ])
                .collect()
        };
        let mut line = parts(object);
        if let Some(width) = width {
            // The reason goes first, then the middle of the object: who, what and on what say most.
            let needed: usize = line[..line.len() - 1].iter().map(|(_, text)| width::columns(text)).sum();
            let excess = needed.saturating_sub(width);
            if excess > 0 {
                let kept = width::columns(object).saturating_sub(excess).max(OBJECT_MIN);
                line = parts(&width::fit_middle(object, kept));
            }
            cut(&mut line, width);
        }
        line.iter().map(|(style, text)| paint(*style, text, colour)).collect()
    }
}

/// Cuts what is beyond the width.
fn cut(line: &mut Vec<(Style, String)>, width: usize) {
    let mut room = width;
    for at in 0..line.len() {
        let columns = width::columns(&line[at].1);
        let more_follows = line[at + 1..].iter().any(|(_, text)| !text.is_empty());
        if columns > room || (columns == room && more_follows && columns > 0) {
            // The ellipsis stands also where a part ends just at the edge.
            let text = if columns > room { line[at].1.clone() } else { line[at].1.clone() + " " };
            line[at].1 = width::fit(&text, Some(room));
            line.truncate(at + 1);
            return;
        }
        room -= columns;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::Advice;

    #[test]
    fn a_certain_remedy_is_a_word_of_the_line_and_survives_a_narrow_one() {
        let mut event: Event<'_> =
            serde_json::from_str(include_str!("../../tests/golden/selinux_file.json")).unwrap();
        event.advice = Some(Box::new(Advice {
            cause: "label".into(),
            summary: "".into(),
            remedy: None,
            text: None,
            commands: Vec::new(),
            fix: Some("restorecon\u{1b}".into()),
        }));
        let summary = Summary::new(&event, &TimeZone::UTC);
        let line = summary.message(false, None, 1);
        assert!(
            line.ends_with(r"write file /var/lib/x/y [fix: restorecon\u{1b}] (httpd_t on var_lib_t)"),
            "{line}"
        );
        let line = summary.message(false, Some(70), 1);
        assert!(line.contains("[fix: restorecon"), "{line}");
    }
}
