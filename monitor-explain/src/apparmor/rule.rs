//! The rule that would allow what a profile refused, as the denial itself has it.

use std::fmt::{self, Write as _};

use monitor_event::{event::Event, text};

use super::request::{self, Key, Kind, Request};

/// A rule.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Rule {
    /// `owner /path rw,`
    File {
        /// Whether it is for the files of the one who asks.
        owner: bool,
        /// The path, as a rule has it.
        path: String,
        /// What may be done.
        letters: String,
    },
    /// `owner link /path -> /target,`
    Link {
        /// Whether it is for the files of the one who asks.
        owner: bool,
        /// The path of the link, as a rule has it.
        path: String,
        /// The path of the file.
        target: String,
    },
    /// Another, whole.
    Other(String),
}

impl fmt::Display for Rule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let of = |owner: &bool| if *owner { "owner " } else { "" };
        match self {
            Self::File { owner, path, letters } => write!(f, "{}{path} {letters},", of(owner)),
            Self::Link { owner, path, target } => write!(f, "{}link {path} -> {target},", of(owner)),
            Self::Other(rule) => f.write_str(rule),
        }
    }
}

/// The rule for a denial, if it has all that the rule needs.
#[must_use]
pub fn of(event: &Event<'_>) -> Option<Rule> {
    request::request(event).map(|request| literal(&request))
}

/// The rule for a request, with the names as they are.
pub(super) fn literal(request: &Request) -> Rule {
    rule(request, "ix", &mut |_, name| quoted(name))
}

/// The letters of files, in the order in which they are written.
const LETTERS: [&str; 6] = ["m", "r", "w", "a", "l", "k"];

/// The rights to a file as a rule has them; of a program that is executed, `mode` says under which profile it runs.
pub(super) fn letters(request: &Request, mode: &str) -> String {
    let mut letters: String = LETTERS.into_iter().filter(|letter| request.access.contains(*letter)).collect();
    if request.access.contains("x") {
        letters.push_str(mode);
    }
    letters
}

/// How a rule writes a name, such as a path.
pub(super) type Writes<'w> = dyn FnMut(Key, &str) -> String + 'w;

/// The rule for a request; of a program that is executed, `mode` says under which profile it runs.
pub(super) fn rule(request: &Request, mode: &str, writes: &mut Writes<'_>) -> Rule {
    let mut name = |key| writes(key, request.get(key).unwrap_or_default());
    let other = match request.kind {
        Kind::File => {
            let letters = letters(request, mode);
            return Rule::File { owner: request.owned, path: name(Key::Path), letters };
        }
        Kind::Link => {
            let (path, target) = (name(Key::Path), name(Key::Second));
            return Rule::Link { owner: request.owned, path, target };
        }
        Kind::Capability => format!("capability {}", rights(request, " ")),
        Kind::Network => format!("network {} {}", of_key(request, Key::Family), of_key(request, Key::Type)),
        Kind::Unix | Kind::Signal | Kind::Ptrace | Kind::Dbus | Kind::IoUring => conditional(request, writes),
        Kind::Mqueue => format!("mqueue ({}) type=posix {}", rights(request, ", "), name(Key::Path)),
        Kind::Mount | Kind::Remount => mount(request, writes),
        Kind::Umount => format!("umount {}", name(Key::Path)),
        Kind::PivotRoot => match request.get(Key::Second) {
            Some(_) => format!("pivot_root oldroot={} {}", name(Key::Second), name(Key::Path)),
            None => format!("pivot_root {}", name(Key::Path)),
        },
        Kind::ChangeProfile => {
            let profile = request.get(Key::Profile).unwrap_or_default();
            // What stands for a stack is no special character.
            format!("change_profile -> {}", quoted(profile))
        }
        Kind::Rlimit => rlimit(request),
        Kind::Userns => "userns".to_owned(),
    };
    Rule::Other(other + ",")
}

fn of_key(request: &Request, key: Key) -> String {
    quoted(request.get(key).unwrap_or_default())
}

fn rights(request: &Request, between: &str) -> String {
    request.access.iter().map(String::as_str).collect::<Vec<_>>().join(between)
}

/// A text as a rule has it: special characters and unseen ones escaped, quoted if it has a blank.
pub(super) fn quoted(plain: &str) -> String {
    let mut pattern = String::with_capacity(plain.len());
    for c in plain.chars() {
        match c {
            // Before a blank or a quote, the parser would take two for an escape of that.
            '\\' => pattern.push_str(r"\134"),
            '*' | '?' | '[' | ']' | '{' | '}' | '^' | '"' | ',' | '@' | '#' => pattern.extend(['\\', c]),
            // A terminal is not shown it as it is.
            c if !text::is_printable(c) => {
                for byte in c.encode_utf8(&mut [0; 4]).bytes() {
                    let _infallible = write!(pattern, r"\{byte:03o}");
                }
            }
            c => pattern.push(c),
        }
    }
    let needs_quotes =
        plain.contains(|c: char| c.is_whitespace() || matches!(c, '(' | ')' | '=')) || plain.is_empty();
    if needs_quotes { format!("\"{pattern}\"") } else { pattern }
}

/// `signal (send) set=(term) peer=victim`, and what is like it.
fn conditional(request: &Request, writes: &mut Writes<'_>) -> String {
    let name = match request.kind {
        Kind::Unix => "unix",
        Kind::Signal => "signal",
        Kind::Ptrace => "ptrace",
        Kind::IoUring => "io_uring",
        _ => "dbus",
    };
    let mut rule = format!("{name} ({})", rights(request, ", "));
    let mut peer = Vec::new();
    for (key, value) in &request.properties {
        let value = match key {
            // The sign of an abstract name is not escaped.
            Key::Address | Key::PeerAddress => format!("@{}", writes(*key, value.trim_start_matches('@'))),
            Key::Signal => format!("({value})"),
            Key::Object | Key::Name | Key::PeerName | Key::Peer | Key::Label => writes(*key, value),
            _ => quoted(value),
        };
        let name = match key {
            Key::Bus => "bus",
            Key::Object => "path",
            Key::Interface => "interface",
            Key::Member => "member",
            Key::Name => "name",
            Key::Type => "type",
            Key::Address => "addr",
            Key::Signal => "set",
            Key::Label => "label",
            Key::Peer if matches!(request.kind, Kind::Signal | Kind::Ptrace) => "peer",
            Key::Peer => {
                peer.push(format!("label={value}"));
                continue;
            }
            Key::PeerName => {
                peer.insert(0, format!("name={value}"));
                continue;
            }
            Key::PeerAddress => {
                peer.push(format!("addr={value}"));
                continue;
            }
            _ => continue,
        };
        let _infallible = write!(rule, " {name}={value}");
    }
    if !peer.is_empty() {
        let _infallible = write!(rule, " peer=({})", peer.join(" "));
    }
    rule
}

/// `mount fstype=tmpfs options=(rw, nosuid) tmpfs -> /mnt/`
fn mount(request: &Request, writes: &mut Writes<'_>) -> String {
    let mut rule = if request.kind == Kind::Remount { "remount" } else { "mount" }.to_owned();
    if let Some(kind) = request.get(Key::Fstype) {
        let _infallible = write!(rule, " fstype={}", quoted(kind));
    }
    if let Some(options) = request.get(Key::Options) {
        let all: Vec<&str> = options.split(", ").collect();
        // Options of the file system's own (`errors=remount-ro`) are not part of a rule.
        let known: Vec<&str> = all.iter().copied().filter(|option| is_option(option)).collect();
        let operator = if known.len() == all.len() { "=" } else { " in " };
        if !known.is_empty() {
            let _infallible = write!(rule, " options{operator}({})", known.join(", "));
        }
    }
    let target = request.get(Key::Path).unwrap_or_default();
    if request.kind == Kind::Remount {
        return format!("{rule} {}", writes(Key::Path, target));
    }
    if let Some(source) = request.get(Key::Second) {
        let _infallible = write!(rule, " {}", writes(Key::Second, source));
    }
    format!("{rule} -> {}", writes(Key::Path, target))
}

fn is_option(option: &str) -> bool {
    !option.is_empty() && option.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'-')
}

/// `set rlimit nofile <= 65536`, by the units of the parser (`process_profile_rules`, `do_rlimit`).
fn rlimit(request: &Request) -> String {
    let name = request.get(Key::Resource).unwrap_or_default();
    let value = rights(request, " ");
    let value = match (name, value.parse::<u64>()) {
        (_, Ok(u64::MAX)) => "infinity".to_owned(),
        // The kernel counts nice values from 20 down.
        ("nice", Ok(value)) => (20 - i64::try_from(value.min(40)).unwrap_or(40)).to_string(),
        ("rttime", Ok(value)) => format!("{value}us"),
        _ => value,
    };
    format!("set rlimit {name} <= {value}")
}
