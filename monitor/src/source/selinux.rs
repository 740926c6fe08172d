//! SELinux's records.

use std::borrow::Cow;

use monitor_common::{Selinux, SourceId};

use crate::{
    event::{Event, Kind, Module, Text},
    kernel::{Attachment, Hook, Program},
    record::{Record, RecordError},
    source::{Source, Tables, context::Formatted, draft::Draft, object},
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
pub(super) fn decode<'a>(record: &Record<'a>, tables: &'a Tables) -> Result<Event<'a>, RecordError> {
    let (body, chunks) = record.body::<Selinux>()?;
    let mut draft = Draft::new(record, tables);
    object::describe(&mut draft, &body.object);
    for chunk in chunks {
        draft.take(&chunk?)?;
    }
    describe(&mut draft, body, body.audited);
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
    draft.event.action.errno = (body.result < 0).then_some(body.result.unsigned_abs());
    if classes.class(body.tclass).is_none() {
        draft.missing("action.class", "the kernel did not tell the names of its classes");
    } else if !classes.knows(body.tclass, refused | body.requested) {
        draft.missing("action.permissions", "the kernel has no name for a permission of this class");
    }

    let [subject, object] = draft.contexts();
    draft.event.subject.label = label(draft, "subject.label", body.ssid, subject);
    draft.event.object.label = label(draft, "object.label", body.tsid, object);
}

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
