//! What an event says, in the words of its module: what was asked for, on what, and why it was refused.

use std::{borrow::Cow, fmt::Write as _};

use monitor_event::selection::selinux_type;

use crate::{
    event::{Change, ChangeKind, Endpoint, Event, Kind, Module, Object, ObjectKind, Verdict},
    text::printable,
};

/// An event in words. All of them may be shown on a terminal.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Phrase {
    /// The verdict: `denied`, `permitted`, `policy`.
    pub verdict: &'static str,
    /// Who: `nginx[4242]`.
    pub who: String,
    /// The unit or container of who, if there is one.
    pub place: Option<String>,
    /// What was asked for: `write`, `open (write, create)`.
    pub what: String,
    /// On what: `file /srv/x`, `tcp 192.0.2.1:443`.
    pub object: String,
    /// Why, in the module's terms.
    pub why: String,
}

impl Phrase {
    /// Puts an event into words.
    #[must_use]
    pub fn new(event: &Event<'_>) -> Self {
        let policy = event.kind == Kind::Policy;
        Self {
            verdict: verdict(event),
            who: who(event),
            place: place(event),
            what: if policy { changes(&event.changes) } else { what(event) },
            object: if policy { String::new() } else { object(event) },
            why: if policy { String::new() } else { why(event) },
        }
    }
}

fn verdict(event: &Event<'_>) -> &'static str {
    match event.verdict {
        Some(Verdict::Denied) => "denied",
        Some(Verdict::Permitted) => "permitted",
        None => "policy",
    }
}

fn who(event: &Event<'_>) -> String {
    named_process(event.process.comm.as_deref(), event.process.pid)
}

/// `cat[4242]`, with `?` for a name that is not known.
fn named_process(comm: Option<&str>, pid: Option<u32>) -> String {
    let name = printable(comm.unwrap_or("?"));
    pid.map_or_else(|| name.to_string(), |pid| format!("{name}[{pid}]"))
}

fn place(event: &Event<'_>) -> Option<String> {
    let unit = event.unit.as_ref().and_then(|unit| unit.user_unit.as_ref().or(unit.name.as_ref()));
    let container = event.container.as_ref().and_then(|container| {
        let pod = container.pod.as_ref().and_then(|pod| pod.name.as_ref());
        let id =
            container.id.as_deref().map(|id| if id.len() == 64 { id.get(..12).unwrap_or(id) } else { id });
        pod.map(|name| &**name).or(container.name.as_deref()).or(id)
    });
    let name = container.or(unit.map(|unit| &**unit))?;
    Some(printable(name).to_string())
}

/// The name that an enum's value has in an event.
#[must_use]
pub fn word(value: impl serde::Serialize) -> String {
    match serde_json::to_value(value) {
        Ok(serde_json::Value::String(word)) => word,
        _ => String::new(),
    }
}

fn what(event: &Event<'_>) -> String {
    let action = &event.action;
    // What is named as the object is not named twice.
    let named = [&event.object.capability, &event.object.lockdown_reason].into_iter().flatten().next();
    let permissions = list(&action.permissions);
    let permissions =
        if named.is_some_and(|name| **name == permissions) { String::new() } else { permissions };
    let mut what = match (event.module, &action.operation) {
        (Module::Seccomp, _) => format!("system call {}", action.syscall.as_deref().unwrap_or(&permissions)),
        (Module::Capability, _) => "capability".to_owned(),
        // What AppArmor was asked for often says what it is called: `capable`, `ptrace`, `mount`.
        (_, Some(operation)) if permissions.is_empty() || permissions == **operation => {
            operation.clone().into_owned()
        }
        (_, Some(operation)) => format!("{operation} ({permissions})"),
        (_, None) => permissions,
    };
    if let Some(command) = action.ioctl_command {
        let _infallible = write!(what, " {command:#x}");
    }
    // seccomp's is what the filter did about it.
    if let Some(signal) = action.signal.as_ref().filter(|_| event.module != Module::Seccomp) {
        let _infallible = write!(what, " {signal}");
    }
    if let Some(rlimit) = &action.rlimit {
        let _infallible = write!(what, " {rlimit}");
        if let Some(value) = action.rlimit_value {
            let _infallible = write!(what, " to {value}");
        }
    }
    printable(&what).to_string()
}

pub(super) fn list(words: &[Cow<'_, str>]) -> String {
    words.join(", ")
}

/// What was asked for access to: the most telling name that is known.
fn object(event: &Event<'_>) -> String {
    let object = &event.object;
    let class = class(event);
    let name = name(object);
    let text = match (class, name) {
        (None, None) => String::new(),
        (Some(class), None) => class.into_owned(),
        (None, Some(name)) => name,
        (Some(class), Some(name)) => format!("{class} {name}"),
    };
    printable(&text).to_string()
}

/// What kind of thing it is, in the module's word where it has one.
fn class<'a>(event: &'a Event<'_>) -> Option<Cow<'a, str>> {
    let object = &event.object;
    match event.module {
        Module::Selinux => event.action.class.as_deref().map(Cow::Borrowed),
        _ => match object.kind {
            ObjectKind::None | ObjectKind::Capability | ObjectKind::Other | ObjectKind::Rlimit => None,
            ObjectKind::Socket => {
                let unknown = |name: &&str| name.bytes().all(|byte| byte.is_ascii_digit());
                let protocol = object.protocol.as_deref().filter(|name| !unknown(name));
                protocol.or(object.family.as_deref()).map(Cow::Borrowed)
            }
            kind => Some(word(kind).replace('_', " ").into()),
        },
    }
}

fn name(object: &Object<'_>) -> Option<String> {
    let endpoint = || {
        [&object.destination, &object.remote, &object.source, &object.local]
            .into_iter()
            .flatten()
            .next()
            .map(|endpoint| address(endpoint))
    };
    let process =
        || object.process.as_ref().map(|process| named_process(process.comm.as_deref(), Some(process.pid)));
    let text = |text: &Option<Cow<'_, str>>| text.as_deref().map(str::to_owned);
    let name = text(&object.path)
        .or_else(|| text(&object.abstract_name))
        .or_else(|| dbus(object))
        .or_else(endpoint)
        .or_else(process)
        .or_else(|| text(&object.name))
        .or_else(|| text(&object.capability))
        .or_else(|| text(&object.lockdown_reason))
        .or_else(|| text(&object.kernel_module))
        .or_else(|| text(&object.anon_class))
        .or_else(|| text(&object.key_description))
        .or_else(|| object.key_serial.map(|serial| format!("{serial:#x}")))
        .or_else(|| object.ipc_key.map(|key| format!("{key:#x}")))
        .or_else(|| Some(format!("inode {} on {}", object.inode?, object.device.as_deref()?)));
    match (name, &object.target) {
        (Some(name), Some(target)) => Some(format!("{name} → {target}")),
        (name, target) => name.or_else(|| text(target)),
    }
}

/// To whom a message was and what it is: `org.freedesktop.login1 org.freedesktop.DBus.Introspectable.Introspect`.
fn dbus(object: &Object<'_>) -> Option<String> {
    let message = object.dbus.as_ref()?;
    let call: Vec<_> =
        [&message.interface, &message.member].into_iter().flatten().map(|part| &**part).collect();
    let words: Vec<_> = message
        .name
        .as_deref()
        .into_iter()
        .map(str::to_owned)
        .chain((!call.is_empty()).then(|| call.join(".")))
        .collect();
    (!words.is_empty()).then(|| words.join(" "))
}

pub(super) fn address(endpoint: &Endpoint<'_>) -> String {
    let Endpoint { address, port } = endpoint;
    match (address, port) {
        (Some(address), Some(port)) if address.contains(':') => format!("[{address}]:{port}"),
        (Some(address), Some(port)) => format!("{address}:{port}"),
        (Some(address), None) => address.clone().into_owned(),
        (None, Some(port)) => format!("port {port}"),
        (None, None) => String::new(),
    }
}

fn changes(changes: &[Change<'_>]) -> String {
    let texts: Vec<_> = changes.iter().map(change).collect();
    printable(&texts.join("; ")).to_string()
}

fn change(change: &Change<'_>) -> String {
    let mut text = word(change.what);
    if let Some(namespace) = &change.namespace {
        let _infallible = write!(text, " :{namespace}:");
    }
    if let Some(name) = &change.name {
        let _infallible = write!(text, " {name}");
    }
    let state = |state: &Option<Cow<'_, str>>, none: &str| state.as_deref().unwrap_or(none).to_owned();
    let _infallible = match (change.what, &change.before, &change.after) {
        (_, None, None) => Ok(()),
        (ChangeKind::Policy, before, after) => {
            write!(text, " loaded, {} → {}", state(before, "none"), state(after, "none"))
        }
        (_, before, after) => write!(text, " {} → {}", state(before, "absent"), state(after, "removed")),
    };
    text
}

/// Why it was decided so, as far as the event says it.
fn why(event: &Event<'_>) -> String {
    let mut reasons: Vec<Cow<'_, str>> = Vec::new();
    let (action, subject) = (&event.action, &event.subject);
    match event.module {
        Module::Selinux => {
            let object = event.object.label.as_deref();
            match (subject.label.as_deref(), object) {
                (Some(who), Some(what)) => {
                    let (who, what) = (type_or_whole(who), type_or_whole(what));
                    reasons.push(format!("{who} on {what}").into());
                }
                (Some(one), None) | (None, Some(one)) => reasons.push(type_or_whole(one).into()),
                (None, None) => {}
            }
        }
        Module::Apparmor => {
            if let Some(label) = &subject.label {
                let name = match &subject.namespace {
                    Some(namespace) => format!("profile :{namespace}:{label}"),
                    None => format!("profile {label}"),
                };
                reasons.push(name.into());
            }
            if let Some(peer) = &event.object.label {
                reasons.push(format!("peer {peer}").into());
            }
            reasons.extend(action.info.as_deref().map(Cow::Borrowed));
        }
        Module::Landlock => {
            if let Some(domain) = &subject.domain {
                let inexact = if subject.domain_is_exact == Some(false) { " or one above it" } else { "" };
                reasons.push(format!("domain {domain}{inexact}").into());
            }
        }
        Module::Seccomp => {
            if let Some(decided) = &action.seccomp_action {
                reasons.push(format!("filter says {decided}").into());
            }
            if let Some(signal) = &action.signal {
                reasons.push(format!("signal {signal}").into());
            }
        }
        Module::Yama => {
            if let Some(scope) = action.ptrace_scope {
                reasons.push(format!("ptrace_scope {scope}").into());
            }
        }
        _ => reasons.extend(action.info.as_deref().map(Cow::Borrowed)),
    }
    match (event.verdict, event.module) {
        (Some(Verdict::Permitted), Module::Selinux) => reasons.push("permissive".into()),
        (Some(Verdict::Permitted), Module::Apparmor) => reasons.push("complain".into()),
        _ => {}
    }
    if event.silent {
        let by = match event.module {
            Module::Selinux => "silent: dontaudit",
            Module::Apparmor => "silent: deny or quiet",
            _ => "silent",
        };
        reasons.push(by.into());
    }
    if subject.not_process {
        reasons.push("asked on behalf of another".into());
    }
    printable(&reasons.join(", ")).to_string()
}

fn type_or_whole(label: &str) -> &str {
    selinux_type(Some(label)).unwrap_or(label)
}
