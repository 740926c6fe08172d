//! A rule of a profile, and whether it is about what was asked for.

mod read;
mod words;

use std::collections::BTreeSet;

pub(super) use self::read::{Qualifiers, read};
use super::{
    glob::Glob,
    request::{Key, Kind, Request},
};

/// A rule, as it is understood.
#[derive(Clone, Debug)]
pub(super) struct Entry {
    /// What it is about; None for `all,`.
    pub(super) kind: Option<Kind>,
    pub(super) deny: bool,
    /// Whether what it denies is logged.
    pub(super) audit: bool,
    /// Only for files of one's own.
    pub(super) owner: bool,
    /// The rights that it is about; None for all.
    pub(super) access: Option<BTreeSet<String>>,
    pub(super) conditions: Vec<Condition>,
    /// Where it stands.
    pub(super) at: Position,
    /// The line of the profile's own file that includes it, if it stands elsewhere.
    pub(super) via: Option<usize>,
    /// Its words, for people.
    pub(super) text: String,
}

/// Where a statement stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Position {
    /// The number of the file.
    pub(super) file: usize,
    pub(super) line: usize,
    pub(super) end: usize,
}

/// A condition: what it is about, and what is asked of it.
#[derive(Clone, Debug)]
pub(super) struct Condition {
    pub(super) key: Key,
    pub(super) wanted: Wanted,
}

/// What a condition asks.
#[derive(Clone, Debug)]
pub(super) enum Wanted {
    /// One of these patterns matches.
    Globs(Vec<Glob>),
    /// It is one of these words.
    Words(Vec<String>),
    /// Exactly these options.
    Options(BTreeSet<String>),
    /// No other options than these.
    OptionsIn(BTreeSet<String>),
    /// Nobody knows.
    Unknown,
}

/// Whether a rule is about a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Match {
    No,
    /// It is, but for that the file is another's.
    NotOwned,
    Yes,
}

impl Entry {
    /// Whether it is about what is asked for, whatever rights are.
    pub(super) fn is_about(&self, request: &Request) -> Match {
        let fits = match self.kind {
            None => true,
            Some(kind) => {
                kind == request.kind
                    // `l` in a rule of files is for links of that name.
                    || (kind == Kind::File && request.kind == Kind::Link)
                    // Without conditions, `mount` is for remounts, too.
                    || (kind == Kind::Mount && request.kind == Kind::Remount && self.is_general())
            }
        };
        // To which file a link may lead is no matter of what else is done with it: `/a rl -> /b,`.
        let is_asked = |condition: &&Condition| request.kind != Kind::File || condition.key != Key::Second;
        if !fits || !self.conditions.iter().filter(is_asked).all(|condition| condition.holds(request)) {
            Match::No
        } else if self.owner && !request.owned {
            Match::NotOwned
        } else {
            Match::Yes
        }
    }

    /// How much memory it needs, about, in bytes.
    pub(super) fn size(&self) -> usize {
        let globs = self.conditions.iter().flat_map(|condition| match &condition.wanted {
            Wanted::Globs(globs) => &globs[..],
            _ => &[],
        });
        globs.map(Glob::size).sum::<usize>() + self.text.len() + size_of::<Self>()
    }

    /// Whether all its patterns are known.
    pub(super) fn is_clear(&self) -> bool {
        self.conditions.iter().all(|condition| match &condition.wanted {
            Wanted::Globs(globs) => globs.iter().all(Glob::is_known),
            _ => true,
        })
    }

    /// Whether it has no conditions.
    pub(super) fn is_general(&self) -> bool {
        self.conditions.is_empty()
    }

    /// The rights of the request that it is about.
    pub(super) fn rights(&self, request: &Request) -> BTreeSet<String> {
        match &self.access {
            None => request.access.clone(),
            Some(access) => request.access.iter().filter(|right| access.contains(*right)).cloned().collect(),
        }
    }

    /// Whether it is about certain things, and not about whole trees of files, or all.
    pub(super) fn is_specific(&self) -> bool {
        let mut globs = self.conditions.iter().flat_map(|condition| match &condition.wanted {
            Wanted::Globs(globs) => &globs[..],
            _ => &[],
        });
        !self.is_general() && globs.all(Glob::names_folders)
    }
}

impl Condition {
    fn holds(&self, request: &Request) -> bool {
        let Some(value) = request.get(self.key) else {
            // No options are none besides those that are allowed.
            return matches!(&self.wanted, Wanted::OptionsIn(_)) && self.key == Key::Options;
        };
        match &self.wanted {
            Wanted::Globs(globs) => globs.iter().any(|glob| glob.matches(value)),
            Wanted::Words(words) => words.iter().any(|word| word == value),
            Wanted::Options(options) => *options == options_of(value),
            Wanted::OptionsIn(options) => options_of(value).is_subset(options),
            Wanted::Unknown => false,
        }
    }
}

/// The options of a mount, but for `rw`, which is only that there is no `ro`.
fn options_of(text: &str) -> BTreeSet<String> {
    let options = text.split([',', ' ']).filter(|option| !option.is_empty() && *option != "rw");
    options.map(str::to_owned).collect()
}
