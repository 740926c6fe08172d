//! An event in one sentence, for people who look at a list of them.

use std::fmt;

use crate::{
    event::{Change, Endpoint, Event, Object, Process, Verdict, Word},
    format::Joined,
};

/// What happened: `selinux denied cat (pid 4242) write on /var/lib/x/y`.
pub(super) struct Message<'e>(pub &'e Event<'e>);

impl fmt::Display for Message<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self(event) = self;
        let (module, process) = (Word(event.module), &event.process);
        if !event.changes.is_empty() {
            write!(f, "{module} policy changed by {}", Caller(process))?;
            return event.changes.iter().enumerate().try_for_each(|(nth, change)| {
                let separator = if nth == 0 { ": " } else { ", " };
                write!(f, "{separator}{}", Changed(change))
            });
        }
        let did = match event.verdict {
            Some(Verdict::Denied) => "denied",
            Some(Verdict::Permitted) => "would have denied",
            None => "reported",
        };
        write!(f, "{module} {did} {}", Caller(process))?;
        match (&event.action.permissions[..], &event.action.operation) {
            ([], Some(operation)) => write!(f, " {operation}")?,
            ([], None) => {}
            (parts, _) => write!(f, " {}", Joined { parts, separator: ", " })?,
        }
        let object = &event.object;
        match (name(object), object.destination.as_ref().or(object.source.as_ref())) {
            (Some(name), _) => write!(f, " on {name}"),
            (None, Some(Endpoint { address: Some(address), port: Some(port) })) => {
                write!(f, " on {address} port {port}")
            }
            (None, Some(Endpoint { address: Some(address), port: None })) => write!(f, " on {address}"),
            (None, Some(Endpoint { address: None, port: Some(port) })) => write!(f, " on port {port}"),
            (None, None | Some(Endpoint { address: None, port: None })) => {
                object.label.as_ref().map_or(Ok(()), |label| write!(f, " on {label}"))
            }
        }
    }
}

/// Who asked: `cat (pid 4242)`.
struct Caller<'e>(&'e Process<'e>);

impl fmt::Display for Caller<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self(Process { comm, pid, .. }) = self;
        f.write_str(comm.as_deref().unwrap_or("a process"))?;
        pid.map_or(Ok(()), |pid| write!(f, " (pid {pid})"))
    }
}

/// What names an object best.
fn name<'e>(object: &'e Object<'e>) -> Option<&'e str> {
    let Object { path, name, abstract_name, key_description, kernel_module, anon_class, .. } = object;
    let named = [path, name, abstract_name, key_description, kernel_module, anon_class];
    let process = object.process.as_ref().and_then(|process| process.comm.as_ref());
    named.into_iter().find_map(Option::as_ref).or(process).map(|name| &**name)
}

/// One change: `boolean httpd_can_network_connect: off -> on`.
struct Changed<'e>(&'e Change<'e>);

impl fmt::Display for Changed<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self(Change { what, name, namespace: _, before, after }) = self;
        write!(f, "{}", Word(what))?;
        if let Some(name) = name {
            write!(f, " {name}")?;
        }
        let value = |value: &'_ Option<_>| value.as_ref().map_or_else(|| "none".into(), ToString::to_string);
        write!(f, " {} -> {}", value(before), value(after))
    }
}
