//! Denials, gathered: those that are the same are counted, so that a log of any length fits.

use std::collections::{BTreeSet, HashMap};

use jiff::Timestamp;
use monitor_event::event::{Event, Fingerprint, Kind, Module, Verdict};

use crate::apparmor;

/// How many different denials are kept.
pub const DIFFERENT: usize = 20_000;

/// How many names are kept of each kind.
pub(crate) const NAMES: usize = 8;

/// Denials that are the same.
#[derive(Clone, Debug)]
pub struct Seen {
    /// The first of them, as JSON.
    pub(crate) event: Box<str>,
    /// How many.
    pub(crate) count: u64,
    /// When the first was, if any of them has a time.
    pub(crate) first: Option<Timestamp>,
    /// When the last was.
    pub(crate) last: Option<Timestamp>,
    /// The system call, if it is known.
    pub(crate) syscall: Option<Box<str>>,
    /// The threads' names.
    pub(crate) comms: BTreeSet<String>,
    /// The machines.
    pub(crate) hosts: BTreeSet<String>,
}

/// What two denials have in common that are the same here.
#[derive(Debug, PartialEq, Eq, Hash)]
struct Key {
    fingerprint: Option<Fingerprint>,
    /// What holds on one machine may not hold on another.
    host: Box<str>,
    permitted: bool,
    subject: Option<Box<str>>,
    object: Option<Box<str>>,
    syscall: Option<Box<str>>,
    /// AppArmor: the rule that would allow it, which may need more than the fingerprint has (whether the file is the process's own).
    rule: Option<Box<str>>,
}

/// Denials, gathered.
#[derive(Debug)]
pub struct Denials {
    /// How many different ones are kept.
    room: usize,
    seen: HashMap<Key, usize>,
    list: Vec<Seen>,
    /// All that were added.
    pub total: u64,
    /// Those that are not explained, since there were too many different ones.
    pub beyond: u64,
}

impl Default for Denials {
    fn default() -> Self {
        Self::with_room(DIFFERENT)
    }
}

impl Denials {
    /// None yet; so many different ones will be kept.
    #[must_use]
    pub fn with_room(room: usize) -> Self {
        Self { room, seen: HashMap::new(), list: Vec::new(), total: 0, beyond: 0 }
    }

    /// Adds a denial; `timed` says whether its time is known.
    pub fn add(&mut self, event: &Event<'_>, timed: bool, syscall: Option<&str>) {
        let count = event.denials();
        self.total += count;
        let key = Key {
            fingerprint: Fingerprint::new(event),
            host: (&*event.host).into(),
            permitted: event.verdict == Some(Verdict::Permitted),
            subject: event.subject.label.as_deref().map(Into::into),
            object: event.object.label.as_deref().map(Into::into),
            syscall: syscall.map(Into::into),
            rule: (event.module == Module::Apparmor).then(|| apparmor::usual_rule(event)).flatten(),
        };
        let at = match self.seen.get(&key) {
            Some(at) => *at,
            None if self.list.len() >= self.room => {
                self.beyond += count;
                return;
            }
            None => {
                let Ok(json) = serde_json::to_string(event) else { return };
                self.list.push(Seen {
                    event: json.into(),
                    count: 0,
                    first: None,
                    last: None,
                    syscall: syscall.map(Into::into),
                    comms: BTreeSet::new(),
                    hosts: BTreeSet::new(),
                });
                self.seen.insert(key, self.list.len() - 1);
                self.list.len() - 1
            }
        };
        let Some(seen) = self.list.get_mut(at) else { return };
        seen.count += count;
        if timed {
            let (first, last) = (event.first.unwrap_or(event.time), event.last.unwrap_or(event.time));
            seen.first = Some(seen.first.map_or(first, |known| known.min(first)));
            seen.last = Some(seen.last.map_or(last, |known| known.max(last)));
        }
        let mut keep = |set: fn(&mut Seen) -> &mut BTreeSet<String>, name: Option<&str>| {
            let set = set(seen);
            if let Some(name) = name.filter(|name| !name.is_empty())
                && set.len() < NAMES
                && !set.contains(name)
            {
                set.insert(name.to_owned());
            }
        };
        keep(|seen| &mut seen.comms, event.process.comm.as_deref());
        keep(|seen| &mut seen.hosts, Some(&event.host));
    }

    /// Adds an event of denyd's own, unless it is about a change of the policy.
    pub fn add_event(&mut self, event: &Event<'_>) {
        if event.kind == Kind::Denial {
            self.add(event, true, None);
        }
    }

    /// Those that differ, in the order in which they came.
    pub(crate) fn iter(&self) -> impl Iterator<Item = &Seen> {
        self.list.iter()
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.list.is_empty()
    }
}
