//! AppArmor's records.

use monitor_event::{
    event::{Endpoint, Event, Module, ObjectKind, PathRoot, TargetProcess, Text, Verdict},
    names::apparmor::Class,
};

use super::{
    Problem,
    group::{Group, Made, Part, owned},
    selinux,
};
use crate::{manager::Mediated, untrusted::from_hexadecimal};

/// A denial of the kernel's, or what complain mode let pass.
pub(super) fn kernel(group: &Group, part: &Part) -> Made {
    let verdict = match part.word("apparmor").as_deref() {
        Some("DENIED" | "KILLED") => Verdict::Denied,
        Some("ALLOWED") => Verdict::Permitted,
        // With the quotes of a web page.
        Some(word) if word.contains("DENIED") => return Err(Some(Problem::Form)),
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
    let class = part.word("class").or_else(|| {
        // Before 6.7 nothing said it; an inherited or used socket is checked as a file is.
        let is_socket = part.field("family").is_some();
        if is_socket { Class::Net.name() } else { Class::from_operation(operation.as_bytes()).name() }
    });
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
    action.rlimit_value = part.word("value").and_then(|value| value.parse().ok());
    action.mount_options = part.text("flags");
    action.errno = part.number("error").and_then(|error| error.checked_neg()?.try_into().ok());
    if matches!(
        class.as_deref(),
        Some("net" | "ptrace" | "signal" | "io_uring" | "namespace" | "posix_mqueue")
    ) {
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
    object.label = part.text("peer").or_else(|| part.text("peer_label")).or_else(|| part.text("tcontext"));
    object.kind = match class.as_deref() {
        Some("file" | "mount") => ObjectKind::File,
        Some("cap") => ObjectKind::Capability,
        Some("net") => ObjectKind::Socket,
        Some("ptrace" | "signal") => ObjectKind::Process,
        Some("rlimits") => ObjectKind::Rlimit,
        _ => ObjectKind::Other,
    };
    if object.kind == ObjectKind::Socket {
        object.local = part.endpoint("laddr", "lport");
        object.remote = part.endpoint("faddr", "fport");
        object.source = part.endpoint("saddr", "src");
        object.destination = part.endpoint("daddr", "dest");
        // A unix socket's names, of which an event has one: the peer's, where it has one.
        let [own, peer] = ["addr", "peer_addr"].map(|name| address(part, name));
        for (place, name) in [(&mut object.local, &own), (&mut object.remote, &peer)] {
            if let Some(name) = name.as_ref().filter(|name| name.starts_with('@')) {
                *place = Some(Endpoint { address: Some(name.clone()), port: None });
            }
        }
        match peer.or(own) {
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

/// The name of a unix socket; `none` is none. Of an abstract one, whose name isn't text, the bytes behind the `@` stand in
/// hexadecimal (`audit_unix_addr`, security/apparmor/net.c), to the end of the address.
fn address(part: &Part, name: &str) -> Option<Text<'static>> {
    let written = part.field(name)?.bare();
    let Some(rest) = written.strip_prefix('@') else {
        return part.text(name).filter(|path| path.starts_with('/'));
    };
    // Text would have been written as it is.
    let is_odd = |byte: &u8| !byte.is_ascii_graphic() || *byte == b'"';
    let Some(bytes) = from_hexadecimal(rest).filter(|bytes| bytes.iter().any(is_odd)) else {
        return part.text(name);
    };
    let end = bytes.iter().rposition(|&byte| byte != 0).map_or(0, |last| last + 1);
    Some(owned(&[b"@", &bytes[..end]].concat()))
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
