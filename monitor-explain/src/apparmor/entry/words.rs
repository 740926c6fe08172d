//! Parts of rules: values, rights, letters.

use std::collections::BTreeSet;

use crate::apparmor::{request::Kind, syntax::Word};

/// The values behind a key, and what is behind them.
pub(super) fn values(words: &[Word]) -> (&[Word], &[Word]) {
    if let [Word::Begin, inner @ ..] = words {
        let mut depth = 1_usize;
        for (at, word) in inner.iter().enumerate() {
            match word {
                Word::Begin => depth += 1,
                Word::End => depth -= 1,
                _ => {}
            }
            if depth == 0 {
                return (&inner[..at], &inner[at + 1..]);
            }
        }
        return (inner, &[]);
    }
    words.split_at(words.len().min(1))
}

/// The words that name rights; None if there are none, which is for all.
pub(super) fn access(words: &[Word]) -> Option<BTreeSet<String>> {
    let rights: BTreeSet<String> = words.iter().filter_map(Word::plain).map(str::to_owned).collect();
    (!rights.is_empty()).then_some(rights)
}

/// The rights by the names that denials have.
pub(super) fn rights_of(kind: Kind, rights: BTreeSet<String>) -> BTreeSet<String> {
    let long = |right: String| -> Vec<String> {
        let names: &[&str] = match (kind, &*right) {
            (Kind::Signal | Kind::Dbus | Kind::Unix, "r" | "read") => &["receive"],
            (Kind::Signal | Kind::Dbus | Kind::Unix, "w" | "write") => &["send"],
            (Kind::Signal | Kind::Dbus | Kind::Unix, "rw") => &["send", "receive"],
            (Kind::Ptrace | Kind::Mqueue, "r") => &["read"],
            (Kind::Ptrace, "w") => &["trace"],
            (Kind::Ptrace, "rw") => &["read", "trace"],
            (Kind::Mqueue, "w") => &["write"],
            (Kind::Mqueue, "rw") => &["read", "write"],
            _ => return vec![right],
        };
        names.iter().map(|name| (*name).to_owned()).collect()
    };
    rights.into_iter().flat_map(long).collect()
}

pub(super) fn is_path(word: &Word) -> bool {
    word.text().is_some_and(|text| text.starts_with(['/', '@', '{']))
}

/// The rights of a file that letters name; None if they are none.
pub(super) fn letters(text: &str) -> Option<BTreeSet<String>> {
    let mut rights = BTreeSet::new();
    for letter in text.chars() {
        match letter {
            'w' => rights.extend(["w".to_owned(), "a".to_owned()]),
            'r' | 'a' | 'l' | 'k' | 'm' | 'x' => {
                rights.insert(letter.to_string());
            }
            // How an `x` changes the profile.
            'i' | 'p' | 'P' | 'u' | 'U' | 'c' | 'C' => {}
            _ => return None,
        }
    }
    (!rights.is_empty()).then_some(rights)
}
