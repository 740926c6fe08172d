//! `SELinux`'s records.

use monitor_event::{
    event::{Event, Executable, Module, Object, ObjectKind, PathRoot, TargetProcess, Text, Verdict},
    names::capability,
};

use super::{
    Problem, apparmor,
    group::{Group, Made, Part, owned},
};
use crate::{
    manager::{Avc, Fields, Mediated},
    untrusted,
};

/// A denial of the kernel's.
pub(super) fn denial(group: &Group, part: &Part) -> Made {
    if part.permissions.is_empty() {
        return Err(None);
    }
    let mut event = group.event(Module::Selinux, part);
    let need = |name: &'static str| part.word(name).ok_or(Problem::Without(name));
    event.subject.label = Some(need("scontext")?);
    event.object.label = Some(need("tcontext")?);
    let class = need("tclass")?;
    event.subject.unknown_label = part.text("srawcon");
    event.object.unknown_label = part.text("trawcon");
    event.action.permissions = part.permissions.iter().map(|name| owned(name.as_bytes())).collect();
    event.action.ioctl_command = part.field("ioctlcmd").and_then(|field| {
        let digits = field.bare();
        u32::from_str_radix(digits.strip_prefix("0x").unwrap_or(digits), 16).ok()
    });
    // Kernels before 4.0 don't tell permissive denials; then the system call does.
    let permissive = part.number("permissive").map_or_else(|| group.succeeded(), |value| value == 1);
    if permissive {
        event.verdict = Some(Verdict::Permitted);
    }
    object(&mut event.object, group, part, &class, &event.action.permissions);
    event.action.class = Some(class);
    Ok(event)
}

fn object(object: &mut Object<'static>, group: &Group, part: &Part, class: &str, permissions: &[Text<'_>]) {
    object.kind = kind(class);
    object.device = part.text("dev");
    object.inode = part.number("ino").and_then(|inode| inode.try_into().ok());
    object.interface = part.text("netif");
    object.kernel_module = part.text("kmod");
    object.anon_class = part.text("anonclass");
    object.netlink_message = part.number("nl-msgtype").and_then(|kind| kind.try_into().ok());
    object.ipc_key = part.number("ipc_key").and_then(|key| key.try_into().ok());
    object.key_serial = part.number("key").and_then(|key| key.try_into().ok());
    // `ausearch -i` writes its name.
    object.capability = part.unsigned("capability").map(capability::name).or_else(|| part.word("capability"));
    object.source = part.endpoint("saddr", "src");
    object.destination = part.endpoint("daddr", "dest");
    object.local = part.endpoint("laddr", "lport");
    object.remote = part.endpoint("faddr", "fport");
    if object.kind == ObjectKind::Process
        && let Some(pid) = part.unsigned("opid")
    {
        let comm = part.text("ocomm");
        object.process = Some(TargetProcess { pid, tid: None, comm, exe: None, start_time: None });
    }
    let whole = part.text("path").filter(|path| !path.is_empty());
    let mut mode = None;
    let mut path = whole.clone();
    if let Some((record, found)) = part.number("ino").and_then(|inode| group.path(inode)) {
        mode = record.word("mode").filter(|mode| mode.bytes().all(|digit| digit.is_ascii_digit()));
        object.owner = record.unsigned("ouid").filter(|_| mode.is_some());
        path = path.or(found);
    }
    if let Some(open) = path.as_deref().and_then(|path| path.strip_suffix(" (deleted)")) {
        object.deleted = true;
        path = Some(owned_text(open));
    }
    object.mode = mode;
    if object.kind == ObjectKind::Process && whole.is_some() {
        object.executable = Some(Executable { path, inode: object.inode.take(), ..Executable::default() });
        return;
    }
    object.path_root = path.as_deref().filter(|path| path.starts_with('/')).map(|_| PathRoot::MountNamespace);
    object.path = path;
    if let Some(name) = part.text("name") {
        let of_entry = ["add_name", "remove_name"];
        let is_entry = class == "dir" && permissions.iter().any(|name| of_entry.contains(&&**name));
        if is_entry {
            object.entry = Some(name);
        } else if object.path.is_none() {
            object.name = Some(name);
        }
    }
}

fn owned_text(text: &str) -> Text<'static> {
    text.to_owned().into()
}

/// What kind of thing a class is for.
fn kind(class: &str) -> ObjectKind {
    match class {
        "file" | "dir" | "lnk_file" | "chr_file" | "blk_file" | "sock_file" | "fifo_file" => ObjectKind::File,
        "process" | "process2" => ObjectKind::Process,
        "capability" | "capability2" | "cap_userns" | "cap2_userns" => ObjectKind::Capability,
        "dbus" => ObjectKind::Dbus,
        "anon_inode" => ObjectKind::AnonInode,
        "key" => ObjectKind::Key,
        "sem" | "msg" | "msgq" | "shm" | "ipc" => ObjectKind::Ipc,
        "system" | "security" => ObjectKind::Kernel,
        "packet" | "peer" => ObjectKind::Socket,
        class if class.ends_with("socket") => ObjectKind::Socket,
        _ => ObjectKind::Other,
    }
}

/// What `SELinux` refused that is no decision about permissions.
pub(super) fn error(group: &Group, part: &Part) -> Made {
    let mut event = group.event(Module::Selinux, part);
    event.action.operation = Some(part.word("op").ok_or(Problem::Without("op"))?);
    event.action.info = part.word("reason");
    event.action.class = part.word("tclass");
    event.subject.label = part.word("scontext").or_else(|| part.word("oldcontext"));
    event.object.label = part.word("tcontext").or_else(|| part.word("newcontext"));
    event.object.unknown_label = part.text("invalid_context");
    // Who tried it, where both other contexts are the object's.
    event.process.label = part.word("taskcontext");
    let permissions = part.word("perms").unwrap_or_default();
    event.action.permissions =
        permissions.split(',').filter(|name| !name.is_empty()).map(owned_text).collect();
    event.object.kind = match event.action.operation.as_deref() {
        Some("security_bounded_transition") => ObjectKind::Process,
        _ => ObjectKind::Other,
    };
    Ok(event)
}

/// What an object manager refused.
pub(super) fn manager(group: &Group, part: &Part) -> Made {
    let message = part.field("msg").ok_or(Problem::Without("msg"))?.bare();
    // audit writes what is not harmless in hexadecimal.
    let bytes = untrusted(message.as_bytes());
    if let Some(mediated) = Mediated::parse(&bytes) {
        return Ok(apparmor::of_manager(told(group, part, Module::Apparmor, &bytes), mediated));
    }
    let Some(avc) = Avc::parse(&bytes) else { return Err(None) };
    let mut event = told(group, part, Module::Selinux, &bytes);
    event.action.permissions = avc.permissions.iter().map(|name| owned(name)).collect();
    if let Some(query) = avc.query {
        event.subject.label = Some(owned(query.subject));
        event.object.label = Some(owned(query.object));
        event.action.class = Some(owned(query.class));
        if query.permissive == Some(true) {
            event.verdict = Some(Verdict::Permitted);
        }
    } else {
        return Err(Some(Problem::Without("contexts")));
    }
    match event.action.class.as_deref() {
        Some("dbus") => dbus(&mut event, avc.fields),
        Some("service" | "system") => {
            event.process.euid = avc.fields.number(b"uid");
            event.process.egid = avc.fields.number(b"gid");
            event.process.loginuid = avc.fields.number(b"auid").filter(|&user| user != u32::MAX);
            event.object.kind = ObjectKind::Other;
            if let Some(path) = avc.fields.get(b"path") {
                event.object.kind = ObjectKind::Unit;
                event.object.path = Some(owned(path));
                event.object.path_root = Some(PathRoot::MountNamespace);
            }
        }
        _ => event.object.kind = ObjectKind::Other,
    }
    Ok(event)
}

/// An event of which the record's process is the manager.
fn told(group: &Group, part: &Part, module: Module, message: &[u8]) -> Event<'static> {
    let mut event = group.event(module, part);
    event.action.message = Some(owned(message));
    event.manager = Some(Box::new(std::mem::take(&mut event.process)));
    event
}

/// What was asked for over D-Bus.
pub(super) fn dbus(event: &mut Event<'static>, fields: Fields<'_>) {
    event.object.kind = ObjectKind::Dbus;
    event.object.dbus = Some(fields.dbus(owned));
    let pid = |names: [&[u8]; 2]| names.into_iter().find_map(|name| fields.number(name));
    event.process.pid = pid([b"spid", b"pid"]);
    event.object.process = pid([b"tpid", b"peer_pid"]).map(|pid| TargetProcess {
        pid,
        tid: None,
        comm: None,
        exe: None,
        start_time: None,
    });
}
