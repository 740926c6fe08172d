//! Denials that the journal has twice: from audit, and as the kernel's message.

use std::{
    collections::VecDeque,
    hash::{DefaultHasher, Hash as _, Hasher as _},
};

use super::head::Head;

/// How many denials are remembered: both forms of one stand close together.
const REMEMBERED: usize = 256;

/// What was told in one form, and not yet in the other.
#[derive(Debug, Default)]
pub(super) struct Twice(VecDeque<Told>);

/// A denial that was told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Told {
    /// Of the machine and the record's words.
    words: u64,
    /// Whether the line had no serial number, as `audit[PID]: AVC` of the journal.
    is_journals: bool,
}

impl Twice {
    /// Whether the other form of this very record was told. Each is matched once: a denial that happens again is another.
    pub(super) fn is_told(&mut self, head: &Head, words: &str) -> bool {
        // A log with serial numbers in it alone, as audit's own, has nothing to be matched; nor have lines of no machine.
        let Some(host) = &head.host else { return false };
        let mut hasher = DefaultHasher::new();
        (host, words.trim()).hash(&mut hasher);
        let told = Told { words: hasher.finish(), is_journals: head.serial.is_none() };
        let other = Told { is_journals: !told.is_journals, ..told };
        if let Some(at) = self.0.iter().position(|known| *known == other) {
            self.0.remove(at);
            return true;
        }
        if self.0.len() == REMEMBERED {
            self.0.pop_front();
        }
        self.0.push_back(told);
        false
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_form_is_matched_once() {
        let head = |serial| Head { serial, host: Some("h".to_owned()), ..Head::default() };
        let (journal, kernel) = (head(None), head(Some(5)));
        let mut twice = Twice::default();
        assert!(!twice.is_told(&journal, "x=1 "));
        assert!(twice.is_told(&kernel, " x=1"), "the same");
        assert!(!twice.is_told(&kernel, "x=1"), "another denial, of which the kernel's form stands first");
        assert!(twice.is_told(&journal, "x=1"));
        assert!(
            !twice.is_told(&journal, "x=1") && !twice.is_told(&journal, "x=1"),
            "one form alone counts each"
        );
        let of_none = Head::default();
        assert!(!twice.is_told(&of_none, "y=1") && !twice.is_told(&of_none, "y=1"));
    }
}
