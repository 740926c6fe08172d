//! Yama's records.

use monitor_common::{SourceId, Yama, chunk::ChunkKind};

use crate::{
    event::{Kind, Module},
    record::{Record, RecordError},
    source::{
        Attachment, Hook, Program, Source,
        draft::{Draft, Finished},
        object,
    },
    text,
};

/// What there is to know of it before it is attached.
pub(super) const SOURCE: Source = Source {
    id: SourceId::Yama,
    name: "yama",
    module: Module::Yama,
    lsm: Some("yama"),
    kind: Kind::Denial,
    silent: false,
    about: "processes that Yama (kernel.yama.ptrace_scope) did not let be traced",
    attachments: &[
        Attachment {
            programs: &[Program { name: "yama_kprobe", hook: Hook::Multi("report_access") }],
            needs: &[],
            reads: &[],
            caveat: None,
        },
        Attachment {
            programs: &[Program { name: "yama_fentry", hook: Hook::Fentry("report_access") }],
            needs: &[],
            reads: &[],
            caveat: None,
        },
        Attachment {
            programs: &[Program { name: "yama_kprobe", hook: Hook::Kprobe("report_access") }],
            needs: &[],
            reads: &[],
            caveat: None,
        },
    ],
    cost: None,
    advice: super::TRAMPOLINES,
    advice_if_refused: super::TRAMPOLINES,
    decode,
};

/// Decodes a record of Yama.
pub(super) fn decode<'a>(draft: &mut Draft<'a>, record: &Record<'a>) -> Result<Finished, RecordError> {
    let (body, chunks) = record.body::<Yama>()?;
    object::describe(draft, &body.object);
    for chunk in chunks {
        let chunk = chunk?;
        if chunk.kind == ChunkKind::Operation {
            draft.event.action.operation = Some(text::escape(chunk.bytes));
            draft.note_defect("action.operation", &chunk);
        } else {
            draft.take(&chunk)?;
        }
    }
    draft.event.action.class = Some("ptrace".into());
    draft.event.action.permissions = draft.event.action.operation.iter().cloned().collect();
    // Yama has no other answer (`security/yama/yama_lsm.c`).
    draft.event.action.errno = Some(libc::EPERM.unsigned_abs());
    if body.scope == u32::MAX {
        draft.missing("action.ptrace_scope", "the kernel's variable could not be found or read");
    } else {
        draft.event.action.ptrace_scope = Some(body.scope);
    }
    Ok(draft.finish())
}
