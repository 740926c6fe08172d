//! What a denial asked for, in the terms of AppArmor's rules.

mod read;

use std::collections::{BTreeMap, BTreeSet};

pub(crate) use self::read::request;

/// What a rule is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum Kind {
    File,
    Link,
    Capability,
    Network,
    Unix,
    Signal,
    Ptrace,
    Dbus,
    Mount,
    Remount,
    Umount,
    PivotRoot,
    ChangeProfile,
    Rlimit,
    Userns,
    IoUring,
    Mqueue,
}

/// What a condition of a rule is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum Key {
    Signal,
    /// Of a file, a queue, a mount's target, the new root.
    Path,
    /// The file of a link, the source of a mount, the old root.
    Second,
    /// The profile that is to be entered.
    Profile,
    Label,
    Peer,
    PeerName,
    PeerAddress,
    Bus,
    Object,
    Interface,
    Member,
    Name,
    Family,
    Type,
    Address,
    Fstype,
    Options,
    Resource,
    /// What no denial has: a rule with it can't be told to match.
    Other,
}

/// What was asked for.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Request {
    pub(crate) kind: Kind,
    /// Rights: letters of files (`w` for what makes or removes them), names of capabilities, `send`, `trace`.
    pub(crate) access: BTreeSet<String>,
    /// Whether the file belongs to who asked.
    pub(crate) owned: bool,
    /// Numbers in its names that are the process's own, and others each time.
    pub(crate) own: BTreeSet<u32>,
    /// To what.
    pub(crate) properties: BTreeMap<Key, String>,
}

impl Request {
    pub(crate) fn new(kind: Kind, access: impl IntoIterator<Item = String>) -> Self {
        let access = access.into_iter().collect();
        Self { kind, access, owned: false, own: BTreeSet::new(), properties: BTreeMap::new() }
    }

    pub(crate) fn with(mut self, key: Key, value: impl Into<String>) -> Self {
        self.properties.insert(key, value.into());
        self
    }

    pub(crate) fn get(&self, key: Key) -> Option<&str> {
        self.properties.get(&key).map(String::as_str)
    }

    /// The program that was to be executed, if it is that.
    pub(crate) fn executes(&self) -> Option<&str> {
        (self.kind == Kind::File && self.access.contains("x")).then(|| self.get(Key::Path)).flatten()
    }
}
