//! The rule that would allow what a profile refused, as the denial itself has it.

use std::fmt::{self, Write as _};

use monitor_event::{
    event::{Event, ObjectKind},
    text,
};

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
    /// Another, whole.
    Other(String),
}

impl fmt::Display for Rule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::File { owner, path, letters } => {
                write!(f, "{}{path} {letters},", if *owner { "owner " } else { "" })
            }
            Self::Other(rule) => f.write_str(rule),
        }
    }
}

/// The rule for a denial, if it has all that the rule needs.
#[must_use]
pub fn of(event: &Event<'_>) -> Option<Rule> {
    let action = &event.action;
    let other = match action.class.as_deref() {
        Some("file") => return file(event),
        Some("cap") => word(event.object.capability.as_deref()).map(|name| format!("capability {name},")),
        Some("net") if event.object.family.as_deref() == Some("unix") => unix(event),
        Some("net") => network(event),
        Some("dbus") => dbus(event),
        Some("ptrace") => peered(event, "ptrace", ""),
        Some("signal") => {
            let set = match action.signal.as_deref() {
                Some(signal) => format!(" set=({})", word(Some(signal))?),
                None => String::new(),
            };
            peered(event, "signal", &set)
        }
        Some("mount") => mount(event),
        Some("rlimits") => rlimit(event),
        _ => None,
    };
    other.map(Rule::Other)
}

/// A text of letters, digits, `_`, `.`, `-` and `+`; whatever else came must not be pasted.
fn word(text: Option<&str>) -> Option<&str> {
    text.filter(|name| is_name(name))
}

fn is_name(text: &str) -> bool {
    !text.is_empty()
        && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'.' | b'-' | b'+'))
}

/// `owner /path rw,`
fn file(event: &Event<'_>) -> Option<Rule> {
    let (action, object, process) = (&event.action, &event.object, &event.process);
    if object.kind != ObjectKind::File {
        return None;
    }
    let path = object.name.as_deref().or(object.path.as_deref()).filter(|path| path.starts_with('/'))?;
    if object.path_cut {
        return None;
    }
    let mask = action.denied_mask.as_deref()?;
    let mut path = path;
    if action.operation.as_deref() == Some("link") {
        let target = object.target.as_deref()?;
        if mask.contains('l') {
            let rule = format!("link {} -> {},", pattern(path)?, pattern(target)?);
            return Some(Rule::Other(rule));
        }
        // The link may be made, but would have rights that the file itself has not (`profile_path_link`,
        // security/apparmor/file.c).
        path = target;
    }
    // The letters of aa_audit_file_mask() in security/apparmor/file.c: c(reate) and d(elete) are part of `w` in a rule.
    let mut letters = String::new();
    for letter in mask.chars() {
        let letter = match letter {
            'c' | 'd' | 'w' => 'w',
            'r' | 'a' | 'l' | 'k' | 'm' | 'x' => letter,
            _ => return None,
        };
        if !letters.contains(letter) {
            letters.push(letter);
        }
    }
    if letters.contains('w') {
        letters.retain(|letter| letter != 'a');
    }
    // An exec says what becomes of the profile; to keep it is what needs no other profile.
    if letters.contains('x') {
        letters.retain(|letter| letter != 'x');
        letters.push_str("ix");
    }
    if letters.is_empty() {
        return None;
    }
    let owns = object.owner.is_some() && object.owner == event.subject.fsuid.or(process.fsuid);
    Some(Rule::File { owner: owns && !letters.contains('x'), path: pattern(path)?, letters })
}

/// A path as a rule has it: special characters escaped, quoted if it has a space. None for what no rule can say.
pub(super) fn pattern(path: &str) -> Option<String> {
    let bytes = text::unescape(path).ok()?;
    let path = str::from_utf8(&bytes).ok()?;
    if path.chars().any(char::is_control) {
        return None;
    }
    let mut pattern = String::with_capacity(path.len());
    for c in path.chars() {
        if matches!(c, '*' | '?' | '[' | ']' | '{' | '}' | '^' | '\\' | '"' | ',' | '@' | '#') {
            pattern.push('\\');
        }
        pattern.push(c);
    }
    Some(if path.contains(' ') { format!("\"{pattern}\"") } else { pattern })
}

/// `network inet stream,`
fn network(event: &Event<'_>) -> Option<String> {
    let family = word(event.object.family.as_deref())?;
    let kind = word(event.object.socket_type.as_deref())?;
    Some(format!("network {family} {kind},"))
}

/// `unix (connect) type=stream addr=@name peer=(label=a),`
fn unix(event: &Event<'_>) -> Option<String> {
    let (action, object) = (&event.action, &event.object);
    let mut rule = format!("unix ({})", permissions(event)?);
    if let Some(kind) = word(object.socket_type.as_deref()) {
        let _infallible = write!(rule, " type={kind}");
    }
    let mut peer = Vec::new();
    if let Some(label) = &object.label {
        peer.push(format!("label={}", pattern(label)?));
    }
    // The name is the peer's where something is done to it, and otherwise the socket's own.
    if let Some(name) = object.abstract_name.as_deref() {
        let address = format!("addr=@{}", pattern(name.strip_prefix('@')?)?);
        if matches!(action.operation.as_deref(), Some("connect" | "sendmsg")) {
            peer.push(address);
        } else {
            let _infallible = write!(rule, " {address}");
        }
    }
    if !peer.is_empty() {
        let _infallible = write!(rule, " peer=({})", peer.join(" "));
    }
    Some(rule + ",")
}

/// `dbus (send) bus=system path=/x interface=a.b member=C peer=(name=d.e label=unconfined),`
fn dbus(event: &Event<'_>) -> Option<String> {
    let message = event.object.dbus.as_ref()?;
    let mut rule = format!("dbus ({})", permissions(event)?);
    for (key, value) in [
        ("bus", &message.bus),
        ("path", &message.path),
        ("interface", &message.interface),
        ("member", &message.member),
    ] {
        if let Some(value) = value {
            let _infallible = write!(rule, " {key}={}", pattern(value)?);
        }
    }
    let mut peer = Vec::new();
    for (key, value) in [("name", &message.name), ("label", &event.object.label)] {
        if let Some(value) = value {
            peer.push(format!("{key}={}", pattern(value)?));
        }
    }
    if !peer.is_empty() {
        let _infallible = write!(rule, " peer=({})", peer.join(" "));
    }
    Some(rule + ",")
}

/// `signal (send) set=(term) peer=unconfined,`
fn peered(event: &Event<'_>, kind: &str, set: &str) -> Option<String> {
    let peer = event.object.label.as_deref()?;
    Some(format!("{kind} ({}){set} peer={},", permissions(event)?, pattern(peer)?))
}

fn permissions(event: &Event<'_>) -> Option<String> {
    let names = &event.action.permissions;
    let named = !names.is_empty() && names.iter().all(|name| is_name(name) && !name.starts_with("perm_0x"));
    named.then(|| names.join(", "))
}

/// `mount fstype=tmpfs options=(rw, nosuid) tmpfs -> /mnt/,`
fn mount(event: &Event<'_>) -> Option<String> {
    let (action, object) = (&event.action, &event.object);
    let target = pattern(object.name.as_deref().or(object.path.as_deref())?)?;
    let operation = action.operation.as_deref()?;
    match operation {
        "umount" => return Some(format!("umount {target},")),
        "pivotroot" => return Some(format!("pivot_root {target},")),
        "mount" => {}
        _ => return None,
    }
    let mut rule = "mount".to_owned();
    if let Some(kind) = &object.mount_type {
        let _infallible = write!(rule, " fstype={}", pattern(kind)?);
    }
    if let Some(options) = &action.mount_options {
        let is_list = options.split(", ").all(is_name);
        // Options of the file system's own (`errors=remount-ro`) are not part of a rule.
        let known: Vec<_> = options.split(", ").filter(|option| is_name(option)).collect();
        let operator = if is_list { "=" } else { " in " };
        if !known.is_empty() {
            let _infallible = write!(rule, " options{operator}({})", known.join(", "));
        }
    }
    if let Some(source) = &object.mount_source {
        let _infallible = write!(rule, " {}", pattern(source)?);
    }
    Some(format!("{rule} -> {target},"))
}

/// `set rlimit nofile <= 65536,`
fn rlimit(event: &Event<'_>) -> Option<String> {
    let name = word(event.action.rlimit.as_deref())?;
    Some(format!("set rlimit {name} <= {},", event.action.rlimit_value?))
}
