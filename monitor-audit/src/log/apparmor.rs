//! AppArmor's records.

use monitor_event::{
    event::{Endpoint, Event, Module, ObjectKind, PathRoot, TargetProcess, Verdict},
    names::apparmor::Class,
};

use super::{
    Problem,
    group::{Group, Made, Part, owned},
    selinux,
};
use crate::manager::Mediated;

/// A denial of the kernel's, or what complain mode let pass.
pub(super) fn kernel(group: &Group, part: &Part) -> Made {
    let verdict = match part.word("apparmor").as_deref() {
        Some("DENIED" | "KILLED") => Verdict::Denied,
        Some("ALLOWED") => Verdict::Permitted,
        _ => return Err(None),
    };
    let mut event = group.event(Module::Apparmor, part);
    event.verdict = Some(verdict);
    let operation = part.word("operation").ok_or(Problem::Without("operation"))?;
    let profile = part.text("profile").ok_or(Problem::Without("profile"))?;
    // `:NAMESPACE://PROFILE`, or a field of its own.
    if let Some((namespace, label)) = profile.strip_prefix(':').and_then(|rest| rest.split_once("://")) {
        event.subject.namespace = Some(namespace.to_owned().into());
        event.subject.label = Some(label.to_owned().into());
    } else {
        event.subject.namespace = part.text("namespace");
        event.subject.label = Some(profile);
    }
    let class = part.word("class").or_else(|| Class::from_operation(operation.as_bytes()).name());
    // Of who made a user namespace, where no record of a system call has it.
    if event.process.exe.is_none() {
        event.process.exe = part.text("execpath");
    }
    let action = &mut event.action;
    action.denied_mask = part.word("denied_mask").or_else(|| part.word("denied"));
    action.requested_mask = part.word("requested_mask").or_else(|| part.word("requested"));
    action.info = part.text("info");
    action.signal = part.word("signal");
    action.rlimit = part.word("rlimit");
    action.rlimit_value = part.number("value").and_then(|value| value.try_into().ok());
    action.mount_options = part.text("flags");
    action.errno = part.number("error").and_then(|error| error.checked_neg()?.try_into().ok());
    if matches!(class.as_deref(), Some("net" | "ptrace" | "signal" | "io_uring" | "namespace")) {
        let mask = action.denied_mask.as_deref().unwrap_or_default();
        action.permissions = mask
            .split([' ', ','])
            .filter(|name| !name.is_empty())
            .map(|name| owned(name.as_bytes()))
            .collect();
    }
    let object = &mut event.object;
    object.target = part.text("target");
    object.mount_type = part.text("fstype");
    object.mount_source = part.text("srcname");
    object.family = part.word("family");
    object.socket_type = part.word("sock_type");
    object.owner = part.unsigned("ouid");
    object.capability = part.word("capname").map(|name| name.into_owned().into());
    object.label = part.text("peer").or_else(|| part.text("peer_label"));
    object.kind = match class.as_deref() {
        Some("file" | "mount") => ObjectKind::File,
        Some("cap") => ObjectKind::Capability,
        Some("net") => ObjectKind::Socket,
        Some("ptrace" | "signal") => ObjectKind::Process,
        Some("rlimits") => ObjectKind::Rlimit,
        _ => ObjectKind::Other,
    };
    if object.kind == ObjectKind::Socket {
        let end = |address: &str, port: &str| {
            let port = part.number(port).and_then(|port| port.try_into().ok()).filter(|port: &u16| *port > 0);
            let address = part.word(address);
            (address.is_some() || port.is_some()).then_some(Endpoint { address, port })
        };
        object.local = end("laddr", "lport");
        object.remote = end("faddr", "fport");
        object.source = end("saddr", "src");
        object.destination = end("daddr", "dest");
        // A unix socket's name: the peer's, where something is done to it.
        let address = part.text("peer_addr").filter(|name| name.starts_with(['@', '/']));
        let address = address.or_else(|| part.text("addr")).filter(|name| name.starts_with(['@', '/']));
        match address {
            Some(name) if name.starts_with('@') => object.abstract_name = Some(name),
            path => object.path = path,
        }
    } else if let Some(name) = part.text("name") {
        let is_path = name.starts_with('/') && class.as_deref() == Some("file");
        if is_path {
            object.path_root = Some(PathRoot::MountNamespace);
            object.path = Some(name);
        } else {
            object.name = Some(name);
        }
    }
    if object.kind == ObjectKind::Process
        && let Some(pid) = part.unsigned("opid").or_else(|| part.unsigned("peer_pid"))
    {
        object.process = Some(TargetProcess { pid, tid: None, comm: None, exe: None, start_time: None });
    }
    event.action.operation = Some(operation);
    event.action.class = class;
    Ok(event)
}

/// What dbus-daemon refused.
pub(super) fn of_manager(mut event: Event<'static>, mediated: Mediated<'_>) -> Event<'static> {
    let field = |name: &[u8]| mediated.fields.get(name).map(owned);
    if mediated.allowed {
        event.verdict = Some(Verdict::Permitted);
    }
    event.action.class = Some("dbus".into());
    event.action.operation = field(b"operation");
    event.action.permissions = field(b"mask").into_iter().collect();
    event.action.info = field(b"info");
    event.subject.label = field(b"label").or_else(|| field(b"profile"));
    event.object.label = field(b"peer_label");
    selinux::dbus(&mut event, mediated.fields);
    event
}
