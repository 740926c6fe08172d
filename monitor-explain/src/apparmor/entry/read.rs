//! The words of a rule.

use std::collections::BTreeSet;

use super::{
    Condition, Entry, Position, Wanted,
    words::{self, access, is_path, letters, rights_of, values},
};
use crate::apparmor::{
    glob::{Glob, Variables},
    request::{Key, Kind},
    syntax::Word,
};

/// Longer texts of rules are cut, in characters.
const SHOWN: usize = 200;

/// What stands before a rule, or before the braces around some.
#[derive(Clone, Copy, Debug, Default)]
pub(in crate::apparmor) struct Qualifiers {
    pub(in crate::apparmor) deny: bool,
    pub(in crate::apparmor) owner: bool,
    pub(in crate::apparmor) audit: bool,
}

impl Qualifiers {
    /// Takes the qualifiers at the beginning of the words.
    pub(in crate::apparmor) fn take(mut self, mut words: &[Word]) -> (Self, &[Word]) {
        loop {
            match words {
                [Word::Key(key), Word::Text { .. }, rest @ ..] if key == "priority" => words = rest,
                [first, rest @ ..] => {
                    match first.plain() {
                        Some("deny") => self.deny = true,
                        Some("allow") => self.deny = false,
                        Some("owner") => self.owner = true,
                        Some("audit") => self.audit = true,
                        Some("quiet" | "prompt" | "other") => {}
                        _ => return (self, words),
                    }
                    words = rest;
                }
                [] => return (self, words),
            }
        }
    }
}

/// A rule of these words; None if it is none that is known.
pub(in crate::apparmor) fn read(
    words: &[Word],
    within: Qualifiers,
    variables: &Variables,
    at: Position,
) -> Option<Entry> {
    let (qualifiers, rest) = within.take(words);
    let reader = Reader { variables };
    let (kind, access, conditions) = reader.rule(rest)?;
    let text = text(words);
    Some(Entry {
        kind,
        deny: qualifiers.deny,
        audit: qualifiers.audit,
        owner: qualifiers.owner,
        access,
        conditions,
        at,
        via: None,
        text,
    })
}

/// The words as one line.
fn text(words: &[Word]) -> String {
    let mut text = String::new();
    for word in words {
        let joins = text.is_empty() || text.ends_with(['=', '(']) || *word == Word::End;
        if !joins {
            text.push(' ');
        }
        match word {
            Word::Text { text: own, quoted: false } => text.push_str(own),
            Word::Text { text: own, quoted: true } => text.extend(["\"", own, "\""]),
            Word::Key(key) => text.extend([key, "="]),
            Word::Begin => text.push('('),
            Word::End => text.push(')'),
            Word::Arrow => text.push_str("->"),
        }
    }
    if text.chars().count() > SHOWN {
        text = text.chars().take(SHOWN).collect::<String>() + "...";
    }
    text + ","
}

type Parts = (Option<Kind>, Option<BTreeSet<String>>, Vec<Condition>);

struct Reader<'v> {
    variables: &'v Variables,
}

impl Reader<'_> {
    fn rule(&self, words: &[Word]) -> Option<Parts> {
        let [first, rest @ ..] = words else { return None };
        let conditional = |kind| Some(self.conditional(kind, rest));
        match first.plain() {
            Some("all") if rest.is_empty() => Some((None, None, Vec::new())),
            Some("file") if rest.is_empty() => Some((Some(Kind::File), None, Vec::new())),
            Some("file") => self.file(rest),
            Some("link") => self.link(rest),
            Some("capability") => Some((Some(Kind::Capability), access(rest), Vec::new())),
            Some("network") => Some(Self::network(rest)),
            Some("signal") => conditional(Kind::Signal),
            Some("ptrace") => conditional(Kind::Ptrace),
            Some("dbus") => conditional(Kind::Dbus),
            Some("unix") => conditional(Kind::Unix),
            Some("userns") => conditional(Kind::Userns),
            Some("io_uring") => conditional(Kind::IoUring),
            Some("mqueue") => conditional(Kind::Mqueue),
            Some("mount") => Some(self.mount(Kind::Mount, rest)),
            Some("remount") => Some(self.mount(Kind::Remount, rest)),
            Some("umount" | "unmount") => Some(self.mount(Kind::Umount, rest)),
            Some("pivot_root") => Some(self.mount(Kind::PivotRoot, rest)),
            Some("change_profile") => Some(self.change_profile(rest)),
            Some("set") => Self::rlimit(rest),
            _ => self.file(words),
        }
    }

    fn glob(&self, text: &str) -> Glob {
        Glob::new(text, self.variables)
    }

    fn is(&self, key: Key, text: &str) -> Condition {
        let glob = match key {
            Key::Path | Key::Second => Glob::of_path(text, self.variables),
            _ => self.glob(text),
        };
        Condition { key, wanted: Wanted::Globs(vec![glob]) }
    }

    /// `/path rw`, `rw /path`, `/path Px -> profile`, `/path rwl -> /target`.
    fn file(&self, words: &[Word]) -> Option<Parts> {
        let (one, other, behind) = match words {
            [one, other] => (one, other, None),
            [one, other, Word::Arrow, rest @ ..] => (one, other, rest.first().and_then(Word::text)),
            _ => return None,
        };
        let letters = |word: &Word| word.plain().and_then(letters);
        let (path, letters) = match (letters(one), letters(other)) {
            (_, Some(letters)) if is_path(one) => (one, letters),
            (Some(letters), _) if is_path(other) => (other, letters),
            _ => return None,
        };
        let mut conditions = vec![self.is(Key::Path, path.text()?)];
        // Behind the arrow is the file of a link, or else the profile of a program.
        if let Some(target) = behind.filter(|_| letters.contains("l") && !letters.contains("x")) {
            conditions.push(self.is(Key::Second, target));
        }
        Some((Some(Kind::File), Some(letters), conditions))
    }

    /// `link subset /a -> /b`
    fn link(&self, words: &[Word]) -> Option<Parts> {
        let words = match words {
            [first, rest @ ..] if first.plain() == Some("subset") => rest,
            words => words,
        };
        let [link, Word::Arrow, target] = words else { return None };
        let conditions = vec![self.is(Key::Path, link.text()?), self.is(Key::Second, target.text()?)];
        Some((Some(Kind::Link), None, conditions))
    }

    /// `network (send) inet stream`; newer parsers have conditions for addresses.
    fn network(words: &[Word]) -> Parts {
        let mut conditions = Vec::new();
        let mut rights = None;
        let mut words = words;
        if let [Word::Begin, ..] = words {
            let end = words.iter().position(|word| *word == Word::End).unwrap_or(words.len());
            rights = access(&words[..end]);
            words = words.get(end + 1..).unwrap_or_default();
        }
        for word in words {
            let wanted = |word: &str| Wanted::Words(vec![word.to_owned()]);
            let (key, wanted) = match word.plain() {
                Some("tcp") => (Key::Type, wanted("stream")),
                Some("udp") => (Key::Type, wanted("dgram")),
                Some("icmp") => (Key::Type, wanted("raw")),
                Some(kind @ ("stream" | "dgram" | "raw" | "rdm" | "seqpacket" | "dccp" | "packet"))
                    if kind != "packet" || !conditions.is_empty() =>
                {
                    (Key::Type, wanted(kind))
                }
                Some(family) => (Key::Family, wanted(family)),
                None => (Key::Other, Wanted::Unknown),
            };
            conditions.push(Condition { key, wanted });
        }
        (Some(Kind::Network), rights, conditions)
    }

    /// Rights, then conditions: `(send) set=(term) peer=x`.
    fn conditional(&self, kind: Kind, words: &[Word]) -> Parts {
        let start = words.iter().position(|word| matches!(word, Word::Key(_))).unwrap_or(words.len());
        let (before, mut rest) = words.split_at(start);
        let mut conditions = Vec::new();
        // The name of a queue has no key.
        let (names, rights): (Vec<_>, Vec<_>) =
            before.iter().cloned().partition(|word| kind == Kind::Mqueue && is_path(word));
        conditions.extend(names.iter().filter_map(Word::text).map(|name| self.is(Key::Path, name)));
        while let [Word::Key(key), after @ ..] = rest {
            let (values, others) = values(after);
            if key == "peer" && values.iter().any(|word| matches!(word, Word::Key(_))) {
                let mut inner = values;
                while let [Word::Key(key), after @ ..] = inner {
                    let (values, others) = words::values(after);
                    conditions.push(self.condition(kind, &format!("peer.{key}"), values));
                    inner = others;
                }
            } else {
                conditions.push(self.condition(kind, key, values));
            }
            rest = others;
        }
        if !rest.is_empty() {
            conditions.extend(rest.iter().find_map(|word| {
                let text = word.text().filter(|_| kind == Kind::Mqueue)?;
                Some(self.is(Key::Path, text))
            }));
        }
        (Some(kind), access(&rights).map(|rights| rights_of(kind, rights)), conditions)
    }

    fn condition(&self, kind: Kind, key: &str, values: &[Word]) -> Condition {
        let key = match (kind, key) {
            (_, "peer" | "peer.label") => Key::Peer,
            (_, "peer.name") => Key::PeerName,
            (_, "peer.addr") => Key::PeerAddress,
            (_, "addr") => Key::Address,
            (_, "bus") => Key::Bus,
            (Kind::Dbus, "path") => Key::Object,
            (_, "interface") => Key::Interface,
            (_, "member") => Key::Member,
            (Kind::Dbus, "name") => Key::Name,
            // The denial does not have it; all queues that are mediated are of POSIX.
            (Kind::Unix, "type") => Key::Type,
            (_, "set") => Key::Signal,
            (Kind::IoUring, "label") => Key::Label,
            _ => Key::Other,
        };
        let texts = values.iter().filter_map(Word::text);
        let wanted = match key {
            Key::Other => Wanted::Unknown,
            Key::Signal | Key::Type => Wanted::Words(texts.map(str::to_owned).collect()),
            _ => Wanted::Globs(texts.map(|text| self.glob(text)).collect()),
        };
        Condition { key, wanted }
    }

    /// `fstype=a options=(ro) /source -> /target`, and what is like it.
    fn mount(&self, kind: Kind, words: &[Word]) -> Parts {
        let mut conditions = Vec::new();
        let (mut paths, mut behind_arrow) = (Vec::new(), None);
        let mut rest = words;
        loop {
            rest = match rest {
                [] => break,
                [Word::Key(key), after @ ..] => {
                    let (values, others) = values(after);
                    conditions.push(self.mount_condition(kind, key, values));
                    others
                }
                [key, operator, after @ ..] if operator.plain() == Some("in") => {
                    let (values, others) = values(after);
                    let options = values.iter().filter_map(Word::text);
                    let wanted = match key.plain() {
                        Some("options" | "option") => {
                            Wanted::OptionsIn(options.flat_map(super::options_of).collect())
                        }
                        Some("fstype" | "vfstype") => {
                            Wanted::Globs(options.map(|text| self.glob(text)).collect())
                        }
                        _ => Wanted::Unknown,
                    };
                    let key = if key.plain().is_some_and(|key| key.starts_with("option")) {
                        Key::Options
                    } else {
                        Key::Fstype
                    };
                    conditions.push(Condition { key, wanted });
                    others
                }
                [Word::Arrow, after @ ..] => {
                    behind_arrow = after.first().and_then(Word::text);
                    after.get(1..).unwrap_or_default()
                }
                [word, after @ ..] => {
                    paths.extend(word.text());
                    after
                }
            };
        }
        let path = paths.first().copied();
        match kind {
            // What stands alone in a `mount` is the source.
            Kind::Mount => {
                conditions.extend(path.map(|path| self.is(Key::Second, path)));
                conditions.extend(behind_arrow.map(|path| self.is(Key::Path, path)));
            }
            Kind::PivotRoot => {
                conditions.extend(path.map(|path| self.is(Key::Path, path)));
                conditions
                    .extend(behind_arrow.map(|_| Condition { key: Key::Other, wanted: Wanted::Unknown }));
            }
            _ => conditions.extend(path.or(behind_arrow).map(|path| self.is(Key::Path, path))),
        }
        (Some(kind), None, conditions)
    }

    fn mount_condition(&self, kind: Kind, key: &str, values: &[Word]) -> Condition {
        let texts = values.iter().filter_map(Word::text);
        let globs = |texts: &mut dyn Iterator<Item = &str>| {
            Wanted::Globs(texts.map(|text| self.glob(text)).collect())
        };
        let mut texts = texts;
        let (key, wanted) = match key {
            "fstype" | "vfstype" => (Key::Fstype, globs(&mut texts)),
            "options" | "option" => {
                (Key::Options, Wanted::Options(texts.flat_map(super::options_of).collect()))
            }
            "oldroot" if kind == Kind::PivotRoot => {
                let globs = texts.map(|text| Glob::of_path(text, self.variables));
                (Key::Second, Wanted::Globs(globs.collect()))
            }
            _ => (Key::Other, Wanted::Unknown),
        };
        Condition { key, wanted }
    }

    /// `safe /exec -> target`
    fn change_profile(&self, words: &[Word]) -> Parts {
        let mut conditions = Vec::new();
        if let Some(arrow) = words.iter().position(|word| *word == Word::Arrow) {
            conditions.extend(
                words[arrow + 1..]
                    .iter()
                    .filter_map(Word::text)
                    .take(1)
                    .map(|text| self.is(Key::Profile, text)),
            );
        }
        (Some(Kind::ChangeProfile), None, conditions)
    }

    /// `set rlimit nofile <= 1024`: of it, which limit.
    fn rlimit(words: &[Word]) -> Option<Parts> {
        let name = words.get(1).and_then(Word::plain).filter(|_| words[0].plain() == Some("rlimit"))?;
        let condition = Condition { key: Key::Resource, wanted: Wanted::Words(vec![name.to_owned()]) };
        Some((Some(Kind::Rlimit), Some(BTreeSet::new()), vec![condition]))
    }
}
