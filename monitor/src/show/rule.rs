//! The rule that would allow what was refused, where a rule of the module's policy can.
//!
//! A rule is what the denial itself says, as `audit2allow` and `aa-logprof` take it from the log. Whether it should be
//! allowed is another question.

use std::fmt::Write as _;

use monitor_event::selection::selinux_type;

use super::parts;
use crate::{
    event::{Event, Kind, Module, ObjectKind, Verdict},
    text,
};

/// What would allow it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Rule {
    /// This rule, and what is to be known of it.
    Policy {
        /// The rule, for the policy's source.
        rule: String,
        /// Where it belongs and what it leaves open.
        notes: Vec<String>,
    },
    /// No rule does, or none can be told.
    None(String),
}

impl Rule {
    /// The rule in one line; what it is not is behind a `#`, so that the lines can go into a policy as they are.
    #[must_use]
    pub fn show(&self, event: &Event<'_>, count: u64) -> String {
        let times = if count > 1 { format!(" ×{count}") } else { String::new() };
        let text = match self {
            Self::Policy { rule, notes } if notes.is_empty() => format!("{rule}{}", comment(&times)),
            Self::Policy { rule, notes } => format!("{rule}  # {}{times}", notes.join("; ")),
            Self::None(reason) => {
                let phrase = parts::Phrase::new(event);
                let separator = if phrase.object.is_empty() { "" } else { " " };
                format!(
                    "# none for {}: {} {}{separator}{}: {reason}{times}",
                    phrase.who,
                    event.module.name(),
                    phrase.what,
                    phrase.object,
                )
            }
        };
        text::printable(&text).to_string()
    }
}

fn comment(text: &str) -> String {
    if text.is_empty() { String::new() } else { format!("  #{text}") }
}

/// The rule that would allow what this event shows.
#[must_use]
pub fn rule(event: &Event<'_>) -> Rule {
    if event.kind == Kind::Policy {
        return Rule::None("the policy was changed, nothing was refused".to_owned());
    }
    let none = |reason: &str| Rule::None(reason.to_owned());
    match event.module {
        Module::Selinux => selinux(event),
        Module::Apparmor => apparmor(event),
        Module::Landlock => {
            none("the program has confined itself with Landlock; only the program can allow itself more")
        }
        Module::Seccomp => none(
            "the filter belongs to the program or to what started it (systemd: SystemCallFilter=; a container: its profile)",
        ),
        Module::Capability => {
            none("no policy refused it: the process lacks the capability (systemd: AmbientCapabilities=)")
        }
        Module::Yama => none("it is set by kernel.yama.ptrace_scope"),
        Module::Lockdown => none("the kernel was locked down when it was booted"),
        // TOMOYO shows the line that is missing, as it stands in a policy.
        Module::Tomoyo => match &event.action.info {
            Some(line) => Rule::Policy {
                rule: line.to_string(),
                notes: vec![format!("domain {}", event.subject.label.as_deref().unwrap_or("unknown"))],
            },
            None => none("TOMOYO did not tell what is missing"),
        },
        // A rule would have to name a property that the file has, which IPE does not tell.
        Module::Ipe => none(
            "IPE trusts what its policy's properties say (dm-verity, fs-verity, the initramfs): run it from there, or deploy \
             a signed policy that allows it",
        ),
        Module::Bpf => none("a BPF LSM program refused it; only who loaded the program knows why"),
    }
}

fn selinux(event: &Event<'_>) -> Rule {
    let (action, subject, object) = (&event.action, &event.subject, &event.object);
    let types = (selinux_type(subject.label.as_deref()), selinux_type(object.label.as_deref()));
    let (Some(source), Some(target)) = types else {
        return Rule::None("the event lacks a context".to_owned());
    };
    let Some(class) = action.class.as_deref().filter(|class| is_name(class)) else {
        return Rule::None("the event lacks the class".to_owned());
    };
    let unnamed = |permission: &&str| !is_name(permission) || permission.starts_with("perm_0x");
    let permissions: Vec<_> = action.permissions.iter().map(|permission| &**permission).collect();
    if permissions.is_empty() || permissions.iter().any(unnamed) {
        return Rule::None("the permission has no name in this kernel".to_owned());
    }
    // A policy's names are letters, digits, `_` and `.`; whatever else came must not be pasted.
    if !is_name(source) || !is_name(target) {
        return Rule::None("a context is not of this policy".to_owned());
    }
    let mut notes = Vec::new();
    let levels = [subject.label.as_deref(), object.label.as_deref()].map(low_level);
    if let [Some(who), Some(what)] = levels
        && who != what
    {
        notes.push(format!("if this rule is there already, a constraint refuses it: level {who} on {what}"));
    }
    if let Some(command) = action.ioctl_command {
        notes.push(format!("the ioctl is {command:#x}; allowxperm may narrow it down"));
    }
    if event.silent {
        notes.push("a dontaudit rule has it".to_owned());
    }
    let target = if source == target { "self" } else { target };
    Rule::Policy { rule: format!("allow {source} {target}:{class} {{ {} }};", permissions.join(" ")), notes }
}

/// The low level of a context: `s0:c1` in `u:r:t:s0:c1-s0:c1,c2`.
fn low_level(label: Option<&str>) -> Option<&str> {
    let range = label?.splitn(4, ':').nth(3)?;
    Some(range.split_once('-').map_or(range, |(low, _)| low))
}

fn is_name(text: &str) -> bool {
    !text.is_empty()
        && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'.' | b'-'))
}

fn apparmor(event: &Event<'_>) -> Rule {
    let action = &event.action;
    let Some(label) = event.subject.label.as_deref() else {
        return Rule::None("the event lacks the profile".to_owned());
    };
    if let Some(info) = action.info.as_deref().filter(|info| info.contains("disconnected path")) {
        return Rule::None(format!("{info}: the profile needs flags=(attach_disconnected)"));
    }
    let rule = match action.class.as_deref() {
        Some("file") => file(event),
        Some("cap") => name(event.object.capability.as_deref()).map(|name| format!("capability {name},")),
        Some("net") if event.object.family.as_deref() == Some("unix") => unix(event),
        Some("net") => network(event),
        Some("dbus") => dbus(event),
        Some("ptrace") => peered(event, "ptrace", ""),
        Some("signal") => {
            let set = action.signal.as_deref().map(|signal| format!(" set=({signal})")).unwrap_or_default();
            peered(event, "signal", &set)
        }
        Some("mount") => mount(event),
        Some("rlimits") => rlimit(event),
        _ => None,
    };
    let Some(rule) = rule else {
        return Rule::None("its rule can't be derived from the event".to_owned());
    };
    let namespace = event.subject.namespace.as_deref().map(|name| format!(":{name}:")).unwrap_or_default();
    let mut notes = vec![format!("profile {namespace}{label}")];
    if action.class.as_deref() == Some("file")
        && action.denied_mask.as_deref().is_some_and(|mask| mask.contains('x'))
    {
        notes.push("ix keeps the profile; Px and Cx give the program one of its own".to_owned());
    }
    if event.silent && event.verdict == Some(Verdict::Denied) {
        notes.push("a deny rule may have to go first".to_owned());
    }
    Rule::Policy { rule, notes }
}

fn name(text: Option<&str>) -> Option<&str> {
    text.filter(|name| is_name(name))
}

/// `owner /path rw,`
fn file(event: &Event<'_>) -> Option<String> {
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
            return Some(format!("link {} -> {},", pattern(path)?, pattern(target)?));
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
    let letters = letters.replace('x', "ix");
    if letters.is_empty() {
        return None;
    }
    let owns = object.owner.is_some() && object.owner == event.subject.fsuid.or(process.fsuid);
    let owner = if owns && !letters.contains('x') { "owner " } else { "" };
    Some(format!("{owner}{} {letters},", pattern(path)?))
}

/// A path as a rule has it: special characters escaped, quoted if it has a space. None for what no rule can say.
fn pattern(path: &str) -> Option<String> {
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
    let family = name(event.object.family.as_deref())?;
    let kind = name(event.object.socket_type.as_deref())?;
    Some(format!("network {family} {kind},"))
}

/// `unix (connect) type=stream addr=@name peer=(label=a),`
fn unix(event: &Event<'_>) -> Option<String> {
    let (action, object) = (&event.action, &event.object);
    let mut rule = format!("unix ({})", permissions(event)?);
    if let Some(kind) = name(object.socket_type.as_deref()) {
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
    named.then(|| parts::list(names))
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
    let name = name(event.action.rlimit.as_deref())?;
    Some(format!("set rlimit {name} <= {},", event.action.rlimit_value?))
}
