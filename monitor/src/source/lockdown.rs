//! Lockdown's records.

use monitor_common::{Lockdown, SourceId};

use crate::{
    event::{Kind, Module, ObjectKind},
    record::{Record, RecordError},
    source::{
        Attachment, Hook, Program, Source,
        draft::{Draft, Finished},
        names::lockdown as names,
    },
    text,
};

/// What there is to know of it before it is attached.
pub(super) const SOURCE: Source = Source {
    id: SourceId::Lockdown,
    name: "lockdown",
    module: Module::Lockdown,
    lsm: Some("lockdown"),
    kind: Kind::Denial,
    silent: false,
    about: "what a locked-down kernel refused",
    attachments: &[
        Attachment {
            programs: &[Program { name: "lockdown_session", hook: Hook::Session("lockdown_is_locked_down") }],
            needs: &[],
            reads: &[],
            caveat: None,
        },
        Attachment {
            programs: &[Program { name: "lockdown_fexit", hook: Hook::Fexit("lockdown_is_locked_down") }],
            needs: &[],
            reads: &[],
            caveat: None,
        },
    ],
    cost: Some(
        "runs at each operation that lockdown could refuse, also if it doesn't: rare ones, except BPF's and perf's",
    ),
    advice: super::FEXIT,
    advice_if_refused: super::FEXIT,
    decode,
};

/// Decodes a record of lockdown.
pub(super) fn decode<'a>(draft: &mut Draft<'a>, record: &Record<'a>) -> Result<Finished, RecordError> {
    let (body, chunks) = record.body::<Lockdown>()?;
    for chunk in chunks {
        draft.take(&chunk?)?;
    }
    let reasons = &draft.tables.lockdown;
    let reason = names::name(reasons, body.reason);
    let event = &mut draft.event;
    event.action.class = Some("lockdown".into());
    event.action.permissions = vec![reason.clone()];
    event.action.info = reasons.text(body.reason).map(|text| text::escape(text.as_bytes()));
    event.action.errno = (body.error < 0).then_some(body.error.unsigned_abs());
    event.object.kind = ObjectKind::Kernel;
    event.object.lockdown_reason = Some(reason);
    if reasons.name(body.reason).is_none() {
        draft.missing("object.lockdown_reason", "the kernel's BTF does not tell the names of the reasons");
    }
    Ok(draft.finish())
}
