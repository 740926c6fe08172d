//! The records of failed capability checks.

use monitor_common::{Capability, SourceId};

use crate::{
    event::{Kind, Module, ObjectKind},
    record::{Record, RecordError},
    source::{
        Attachment, Hook, Program, Source,
        draft::{Draft, Finished},
        names::capability as names,
    },
};

/// What there is to know of it before it is attached.
pub(super) const SOURCE: Source = Source {
    id: SourceId::Capability,
    name: "capability",
    module: Module::Capability,
    lsm: Some("capability"),
    kind: Kind::Denial,
    silent: false,
    about: "capabilities that a process lacked",
    attachments: &[
        Attachment {
            programs: &[Program { name: "capability_session", hook: Hook::Session("cap_capable") }],
            needs: &[],
            reads: &[],
            caveat: None,
        },
        Attachment {
            programs: &[Program { name: "capability_fexit", hook: Hook::Fexit("cap_capable") }],
            needs: &[],
            reads: &[],
            caveat: None,
        },
        Attachment {
            programs: &[Program { name: "capability_tracepoint", hook: Hook::Tracepoint("cap_capable") }],
            needs: &[],
            reads: &[],
            caveat: Some("does not tell mere probes (CAP_OPT_NOAUDIT) from checks, so it reports both"),
        },
    ],
    cost: Some("runs at every capability check, also a passed one"),
    advice: "use a kernel that allows BPF trampolines (fexit), or Linux 6.14 or newer for the tracepoint",
    advice_if_refused: "use Linux 6.14 or newer, whose tracepoint needs no BPF trampolines, or a kernel that allows those",
    decode,
};

/// Decodes a record of a failed capability check.
pub(super) fn decode<'a>(draft: &mut Draft<'a>, record: &Record<'a>) -> Result<Finished, RecordError> {
    let (body, chunks) = record.body::<Capability>()?;
    for chunk in chunks {
        draft.take(&chunk?)?;
    }
    let capability = names::name(body.capability);
    draft.event.action.class = Some("capability".into());
    draft.event.action.permissions = vec![capability.clone()];
    draft.event.action.errno = (body.error < 0).then_some(body.error.unsigned_abs());
    draft.event.object.kind = ObjectKind::Capability;
    draft.event.object.capability = Some(capability);
    draft.event.object.user_namespace = (body.user_namespace != 0).then_some(body.user_namespace);
    Ok(draft.finish())
}
