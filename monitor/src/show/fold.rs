//! Repeats of one event, one directly after the other, shown as a count.

use super::{Look, Summary};
use crate::event::Event;

/// Where the text goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Target {
    /// A terminal with lines that fit into it, so that the last one can be written anew.
    Terminal,
    /// Anything else: what is written stays.
    Stream,
}

/// What is to be printed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Print {
    /// This.
    New(String),
    /// This, in the place of the line before.
    Again(String),
}

/// Folds repeats. Two events are repeats if they say the same, whenever it was.
///
/// On a stream, the counts that are printed add up to the number of denials. On a terminal the last line has the count.
#[derive(Debug)]
pub struct Fold {
    target: Target,
    last: Option<Run>,
}

/// An event and its repeats so far.
#[derive(Debug)]
struct Run {
    key: String,
    /// The last of them, as JSON.
    event: Vec<u8>,
    /// How many denials of them are not printed yet.
    pending: u64,
    /// How many are.
    printed: u64,
}

impl Fold {
    /// Folds for this target.
    #[must_use]
    pub fn new(target: Target) -> Self {
        Self { target, last: None }
    }

    /// Takes an event, of which `json` is the line. Gives what has to be printed of those before it, if it is no repeat
    /// of them; it is itself printed later.
    pub fn push(&mut self, event: &Event<'_>, json: &[u8], look: &Look) -> Option<Print> {
        let key = key(event, look);
        if let Some(run) = self.last.as_mut().filter(|run| run.key == key) {
            run.pending = run.pending.saturating_add(event.denials());
            json.clone_into(&mut run.event);
            return None;
        }
        let before = self.finish(look);
        self.last = Some(Run { key, event: json.to_owned(), pending: event.denials(), printed: 0 });
        before
    }

    /// What can be printed now, when no more events are there to be folded: an event that was not shown yet; on a
    /// terminal also a new count.
    pub fn show(&mut self, look: &Look) -> Option<Print> {
        let ready = |run: &&mut Run| run.printed == 0 || self.target == Target::Terminal;
        self.last.as_mut().filter(ready).and_then(|run| run.print(self.target, look))
    }

    /// All that is not printed yet, when something else is to come or nothing has come for a while.
    pub fn finish(&mut self, look: &Look) -> Option<Print> {
        self.last.as_mut().and_then(|run| run.print(self.target, look))
    }

    /// Says that something else was printed, so that no line before it can be written anew.
    pub fn interrupt(&mut self) {
        self.last = None;
    }
}

impl Run {
    fn print(&mut self, target: Target, look: &Look) -> Option<Print> {
        if self.pending == 0 {
            return None;
        }
        // It was read from the same bytes before.
        let event: Event<'_> = serde_json::from_slice(&self.event).ok()?;
        let again = target == Target::Terminal && self.printed > 0;
        let count = if again { self.printed + self.pending } else { self.pending };
        self.printed += self.pending;
        self.pending = 0;
        let text = look.show(&event, count);
        Some(if again { Print::Again(text) } else { Print::New(text) })
    }
}

/// What repeats have in common.
fn key(event: &Event<'_>, look: &Look) -> String {
    let summary = Summary::new(event, &look.zone).message(false, None, 1);
    format!("{} {:?} {} {summary}", event.module.name(), event.verdict, event.host)
}

#[cfg(test)]
mod tests {
    use std::num::NonZeroU64;

    use jiff::tz::TimeZone;

    use super::*;
    use crate::show::Form;

    const EVENT: &str = include_str!("../../tests/golden/selinux_file.json");

    fn look() -> Look {
        Look { form: Form::Cat, colour: false, width: None, zone: TimeZone::UTC }
    }

    /// The event with this process id.
    fn json(pid: u32) -> Vec<u8> {
        let mut event: Event<'_> = serde_json::from_str(EVENT).unwrap();
        event.process.pid = Some(pid);
        serde_json::to_vec(&event).unwrap()
    }

    fn push(fold: &mut Fold, pid: u32) -> Option<Print> {
        let json = json(pid);
        fold.push(&serde_json::from_slice(&json).unwrap(), &json, &look())
    }

    fn text(pid: u32, count: &str) -> String {
        format!("cat[{pid}]: write file /var/lib/x/y{count} (httpd_t on var_lib_t)\n")
    }

    #[test]
    fn an_event_that_stands_for_many_counts_as_many() {
        let mut fold = Fold::new(Target::Stream);
        assert_eq!(push(&mut fold, 1), None);
        let mut event: Event<'_> = serde_json::from_str(EVENT).unwrap();
        event.process.pid = Some(1);
        event.count = NonZeroU64::new(41);
        let json = serde_json::to_vec(&event).unwrap();
        assert_eq!(fold.push(&event, &json, &look()), None);
        assert_eq!(fold.finish(&look()), Some(Print::New(text(1, " ×42"))));
    }

    #[test]
    fn on_a_stream_the_counts_add_up() {
        let mut fold = Fold::new(Target::Stream);
        assert_eq!(push(&mut fold, 1), None);
        assert_eq!(push(&mut fold, 1), None);
        assert_eq!(fold.show(&look()), Some(Print::New(text(1, " ×2"))));
        assert_eq!(push(&mut fold, 1), None);
        assert_eq!(push(&mut fold, 1), None);
        assert_eq!(push(&mut fold, 1), None);
        assert_eq!(fold.show(&look()), None, "not each repeat is a line");
        assert_eq!(push(&mut fold, 2), Some(Print::New(text(1, " ×3"))));
        assert_eq!(fold.finish(&look()), Some(Print::New(text(2, ""))));
        assert_eq!(fold.finish(&look()), None);
    }

    #[test]
    fn on_a_terminal_the_last_line_has_the_count() {
        let mut fold = Fold::new(Target::Terminal);
        assert_eq!(push(&mut fold, 1), None);
        assert_eq!(fold.show(&look()), Some(Print::New(text(1, ""))));
        assert_eq!(push(&mut fold, 1), None);
        assert_eq!(fold.show(&look()), Some(Print::Again(text(1, " ×2"))));
        assert_eq!(push(&mut fold, 1), None);
        assert_eq!(push(&mut fold, 2), Some(Print::Again(text(1, " ×3"))));
        assert_eq!(fold.show(&look()), Some(Print::New(text(2, ""))));
    }

    #[test]
    fn after_something_else_nothing_is_written_anew() {
        let mut fold = Fold::new(Target::Terminal);
        assert_eq!(push(&mut fold, 1), None);
        assert_eq!(fold.finish(&look()), Some(Print::New(text(1, ""))));
        fold.interrupt();
        assert_eq!(push(&mut fold, 1), None);
        assert_eq!(fold.show(&look()), Some(Print::New(text(1, ""))));
    }
}
