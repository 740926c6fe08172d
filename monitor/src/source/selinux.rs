//! SELinux's records.

use std::borrow::Cow;

use monitor_common::{ObjectKind as AuditKind, Selinux, SourceId};

use crate::{
    event::{Kind, Module, ObjectKind, Text},
    record::{Record, RecordError},
    source::{
        Attachment, Hook, Program, Source,
        context::Formatted,
        draft::{Draft, Finished},
        object,
    },
};

/// What there is to know of it before it is attached.
pub(super) const SOURCE: Source = Source {
    id: SourceId::Selinux,
    name: "selinux",
    module: Module::Selinux,
    lsm: Some("selinux"),
    kind: Kind::Denial,
    silent: false,
    about: "SELinux denials, enforcing and permissive",
    attachments: &[
        Attachment {
            programs: &[Program { name: "selinux_session", hook: Hook::Session("common_lsm_audit") }],
            needs: NEEDS,
            reads: READS,
            caveat: None,
        },
        Attachment {
            programs: &[Program { name: "selinux_fexit", hook: Hook::Fexit("common_lsm_audit") }],
            needs: NEEDS,
            reads: READS,
            caveat: None,
        },
        Attachment {
            programs: &[Program { name: "selinux_kprobe", hook: Hook::Kprobe("common_lsm_audit") }],
            needs: NEEDS,
            reads: READS,
            caveat: None,
        },
    ],
    cost: None,
    advice: super::TRAMPOLINES,
    advice_if_refused: super::TRAMPOLINES,
    decode,
};

/// Without these a program can't tell what was refused.
const NEEDS: &[&str] = &[
    "audit_data_selinux",
    "selinux_denied",
    "selinux_audited",
    "selinux_tclass",
    "selinux_result",
    "selinux_ssid",
];

/// Entries of the layout that only SELinux's sources use; these, and more.
macro_rules! reads {
    ($($more:literal),* $(,)?) => {
        &[
            "selinux_state_",
            "selinux_policy_",
            "selinux_cred_",
            "security_class_",
            "sidtab_",
            "context_",
            "mls_",
            "ebitmap_",
            $($more),*
        ]
    };
}
pub(super) use reads;

/// Entries of the layout that only this source uses.
const READS: &[&str] = reads![
    "audit_data_selinux",
    "selinux_ssid",
    "selinux_tsid",
    "selinux_tclass",
    "selinux_requested",
    "selinux_audited",
    "selinux_denied",
    "selinux_result",
];

/// Decodes a record of SELinux.
pub(super) fn decode<'a>(draft: &mut Draft<'a>, record: &Record<'a>) -> Result<Finished, RecordError> {
    let (body, chunks) = record.body::<Selinux>()?;
    object::describe(draft, &body.object);
    for chunk in chunks {
        draft.take(&chunk?)?;
    }
    describe(draft, body, body.audited);
    Ok(draft.finish())
}

/// Fills in what was asked for, of which `refused` are the permissions that were refused, and the labels.
pub(super) fn describe(draft: &mut Draft<'_>, body: &Selinux, refused: u32) {
    let classes = &draft.tables.classes;
    draft.event.action.class = Some(classes.class_name(body.tclass));
    draft.event.action.permissions = classes.permissions(body.tclass, refused);
    if body.requested != refused {
        draft.event.action.requested = classes.permissions(body.tclass, body.requested);
    }
    let class = classes.class_name(body.tclass);
    // Of a capability, the caller gets what the kernel makes of it (EPERM, mostly), and not SELinux's own answer.
    let is_capability = class.starts_with("cap");
    draft.event.action.errno = (body.result < 0 && !is_capability).then_some(body.result.unsigned_abs());
    if classes.class(body.tclass).is_none() {
        draft.missing("action.class", "the kernel did not tell the names of its classes");
    } else if !classes.knows(body.tclass, refused | body.requested) {
        draft.missing("action.permissions", "the kernel has no name for a permission of this class");
    }

    let [subject, object] = draft.contexts();
    draft.event.subject.label = label(draft, "subject.label", body.ssid, subject);
    draft.event.object.label = label(draft, "object.label", body.tsid, object);
    whose_label(draft, body, &class);
}

/// What the object's label is a label of, where the kernel's audit data is about something else.
fn whose_label(draft: &mut Draft<'_>, body: &Selinux, class: &str) {
    let action = &draft.event.action;
    let asks = |permissions: &[&str]| {
        action.permissions.iter().chain(&action.requested).any(|asked| permissions.contains(&&**asked))
    };
    match class {
        // The audit data has the entry, the label is the directory's (`may_create`, `may_link`, `may_rename`,
        // security/selinux/hooks.c).
        "dir" if body.object.kind == AuditKind::Dentry as u8 && asks(&["add_name", "remove_name"]) => {
            object::is_parent(draft);
        }
        // The audit data has the file that is executed, the label is the new process's (`selinux_bprm_creds_for_exec`).
        "process" | "process2" if draft.event.object.kind == ObjectKind::File => {
            object::is_new_process(draft);
        }
        "process" if draft.event.object.kind == ObjectKind::None && asks(&OF_ANOTHER) => {
            draft.event.object.kind = ObjectKind::Process;
            draft.missing("object.process", UNKNOWN_TARGET);
        }
        _ => {}
    }
}

/// Permissions of the class `process` that are asked for about another process.
const OF_ANOTHER: [&str; 15] = [
    "getattr",
    "getcap",
    "getpgid",
    "getrlimit",
    "getsched",
    "getsession",
    "ptrace",
    "setpgid",
    "setrlimit",
    "setsched",
    "sigchld",
    "sigkill",
    "signal",
    "signull",
    "sigstop",
];

/// Why the target of a denial is not known.
pub(super) const UNKNOWN_TARGET: &str = "the kernel's check does not say which process, and the system call names none, several, or one with another label";

/// The text of a context; if there is none, the event says why.
pub(super) fn label<'a>(
    draft: &mut Draft<'a>,
    field: &'static str,
    sid: u32,
    read: Formatted,
) -> Option<Text<'a>> {
    let reason = match read {
        Some((_, Ok(context))) => return Some(Cow::Owned(context)),
        Some((_, Err(reason))) => reason,
        None => "its context could not be read",
    };
    draft.missing(field, format!("SID {sid}: {reason}"));
    None
}
