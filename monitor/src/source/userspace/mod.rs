//! The records of what object managers in user space refused.

use monitor_audit::manager::{Avc, Fields, Mediated};
use monitor_common::{SourceId, Userspace, chunk::ChunkKind};

use crate::{
    event::{Event, Kind, Module, ObjectKind, PathRoot, Process, TargetProcess, Verdict},
    record::{Record, RecordError},
    source::{
        Attachment, Hook, Program, Source,
        draft::{Draft, Finished},
    },
    text,
};

/// What there is to know of it before it is attached.
pub(super) const SELINUX: Source = Source {
    id: SourceId::SelinuxUserspace,
    name: "selinux-userspace",
    module: Module::Selinux,
    lsm: Some("selinux"),
    about: "what dbus-daemon, systemd and other programs refuse by SELinux's policy (USER_AVC)",
    attachments: &[
        Attachment {
            programs: &[Program {
                name: "selinux_userspace_session",
                hook: Hook::Session("audit_receive_msg"),
            }],
            ..ATTACHMENT
        },
        Attachment {
            programs: &[Program { name: "selinux_userspace", hook: Hook::Fexit("audit_receive_msg") }],
            ..ATTACHMENT
        },
    ],
    decode: decode_selinux,
    ..COMMON
};

/// What there is to know of it before it is attached.
pub(super) const APPARMOR: Source = Source {
    id: SourceId::ApparmorUserspace,
    name: "apparmor-userspace",
    module: Module::Apparmor,
    lsm: Some("apparmor"),
    about: "what dbus-daemon refuses by AppArmor's policy (USER_AVC)",
    attachments: &[
        Attachment {
            programs: &[Program {
                name: "apparmor_userspace_session",
                hook: Hook::Session("audit_receive_msg"),
            }],
            ..ATTACHMENT
        },
        Attachment {
            programs: &[Program { name: "apparmor_userspace", hook: Hook::Fexit("audit_receive_msg") }],
            ..ATTACHMENT
        },
    ],
    decode: decode_apparmor,
    ..COMMON
};

/// What both share.
const COMMON: Source = Source {
    id: SourceId::SelinuxUserspace,
    name: "",
    module: Module::Selinux,
    lsm: None,
    kind: Kind::Denial,
    silent: false,
    about: "",
    attachments: &[],
    cost: None,
    advice: "use a kernel that allows BPF trampolines (fexit), with CONFIG_DEBUG_INFO_BTF=y and \
             CONFIG_AUDIT=y, not booted with lockdown=confidentiality",
    advice_if_refused: super::TRAMPOLINES,
    decode: decode_selinux,
};

/// As [`COMMON`].
const ATTACHMENT: Attachment = Attachment { programs: &[], needs: &[], reads: &[], caveat: None };

/// Why there is so little in `process`.
const ONLY_THE_MESSAGE: &str =
    "an object manager refused: only what its message says of the process is known";

/// Decodes what a manager that asks SELinux told.
fn decode_selinux<'a>(draft: &mut Draft<'a>, record: &Record<'a>) -> Result<Finished, RecordError> {
    let (message, finished) = told(draft, record)?;
    let avc = Avc::parse(message).ok_or(RecordError::ChunkForm(ChunkKind::Message))?;
    draft.event.action.permissions = avc.permissions.into_iter().map(text::escape).collect();
    match avc.query {
        Some(query) => {
            draft.event.subject.label = Some(text::escape(query.subject));
            draft.event.object.label = Some(text::escape(query.object));
            draft.event.action.class = Some(text::escape(query.class));
            match query.permissive {
                Some(true) => draft.event.verdict = Some(Verdict::Permitted),
                Some(false) => {}
                None => draft.missing("verdict", "the manager does not tell permissive denials"),
            }
        }
        None => {
            for field in ["subject.label", "object.label", "action.class"] {
                draft.missing(field, "the manager's message has no room for it");
            }
        }
    }
    match draft.event.action.class.as_deref() {
        Some("dbus") => dbus(draft, avc.fields),
        Some("service" | "system") => systemd(&mut draft.event, avc.fields),
        _ => draft.event.object.kind = ObjectKind::Other,
    }
    Ok(finished)
}

/// Decodes what dbus-daemon told of `AppArmor`'s decision.
fn decode_apparmor<'a>(draft: &mut Draft<'a>, record: &Record<'a>) -> Result<Finished, RecordError> {
    let (message, finished) = told(draft, record)?;
    let mediated = Mediated::parse(message).ok_or(RecordError::ChunkForm(ChunkKind::Message))?;
    let field = |name: &[u8]| mediated.fields.get(name).map(text::escape);
    if mediated.allowed {
        draft.event.verdict = Some(Verdict::Permitted);
        let reason =
            "the manager says ALLOWED for what complain mode lets pass and for what the policy wants audited";
        draft.missing("verdict", reason);
    }
    draft.event.action.class = Some("dbus".into());
    draft.event.action.operation = field(b"operation");
    draft.event.action.permissions = field(b"mask").into_iter().collect();
    draft.event.action.info = field(b"info");
    // Where a name is to be owned, older managers write `profile`.
    draft.event.subject.label = field(b"label").or_else(|| field(b"profile"));
    draft.event.object.label = field(b"peer_label");
    if draft.event.subject.label.is_none() {
        draft.missing("subject.label", "the manager's message does not have it");
    }
    dbus(draft, mediated.fields);
    Ok(finished)
}

/// Fills in what doesn't depend on what the message says: the running task is the manager. Gives the message; what it says
/// is added to a finished draft.
fn told<'a>(draft: &mut Draft<'a>, record: &Record<'a>) -> Result<(&'a [u8], Finished), RecordError> {
    let (body, chunks) = record.body::<Userspace>()?;
    let mut message: &[u8] = &[];
    for chunk in chunks {
        let chunk = chunk?;
        if chunk.kind == ChunkKind::Message {
            message = chunk.bytes;
            if usize::try_from(body.len).is_ok_and(|len| message.len() < len) {
                draft.missing("action.message", "its end did not fit or could not be read");
            }
        } else {
            draft.take(&chunk)?;
        }
    }
    // What is sent ends with a NUL; nothing behind one is text.
    let message = message.split(|&byte| byte == 0).next().unwrap_or_default();
    let finished = draft.finish();
    draft.event.action.message = Some(text::escape(message));
    draft.event.manager = Some(Box::new(std::mem::take(&mut draft.event.process)));
    for missing in &mut draft.event.missing {
        if let Some(field) = missing.field.strip_prefix("process") {
            missing.field = format!("manager{field}").into();
        }
    }
    // The serial is that of the manager's own system call, not of the record that its message becomes.
    draft.event.audit = None;
    draft.missing("process", ONLY_THE_MESSAGE);
    if draft.event.stack.take().is_some() {
        draft.missing("stack", "there is only the manager's");
    }
    Ok((message, finished))
}

/// Fills in what dbus-daemon says.
fn dbus<'a>(draft: &mut Draft<'a>, fields: Fields<'a>) {
    draft.event.object.kind = ObjectKind::Dbus;
    draft.event.object.dbus = Some(fields.dbus(text::escape));
    // SELinux's messages call them spid and tpid.
    let pid = |names: [&[u8]; 2]| names.into_iter().find_map(|name| fields.number(name));
    processes(draft, pid([b"spid", b"pid"]), pid([b"tpid", b"peer_pid"]));
}

/// Sets the process that asked and the other side's.
fn processes(draft: &mut Draft<'_>, asking: Option<u32>, peer: Option<u32>) {
    if draft.event.manager.as_ref().is_some_and(|manager| manager.ns_pid.is_some()) {
        draft.missing("process.pid", "the manager, in a pid namespace, says another number");
        return;
    }
    draft.event.process.pid = asking;
    draft.event.object.process =
        peer.map(|pid| TargetProcess { pid, tid: None, comm: None, exe: None, start_time: None });
}

/// Fills in what systemd says.
fn systemd<'a>(event: &mut Event<'a>, fields: Fields<'a>) {
    event.process = Process {
        euid: fields.number(b"uid"),
        egid: fields.number(b"gid"),
        loginuid: fields.number(b"auid").filter(|&user| user != u32::MAX),
        ..Process::default()
    };
    event.object.kind = ObjectKind::Other;
    if let Some(path) = fields.get(b"path") {
        event.object.kind = ObjectKind::Unit;
        event.object.path = Some(text::escape(path));
        event.object.path_root = Some(PathRoot::MountNamespace);
    }
}
