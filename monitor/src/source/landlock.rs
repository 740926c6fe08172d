//! Landlock's records.

use monitor_common::{Landlock, LandlockRequest, chunk::ChunkKind};

use crate::{
    event::Event,
    record::{Record, RecordError},
    source::{
        Tables,
        draft::Draft,
        names::{landlock as names, signal},
        object,
    },
};

/// Decodes a record of Landlock.
pub(super) fn decode<'a>(record: &Record<'a>, tables: &'a Tables) -> Result<Event<'a>, RecordError> {
    let (body, chunks) = record.body::<Landlock>()?;
    let mut draft = Draft::new(record, tables);
    object::describe(&mut draft, &body.object);
    for chunk in chunks {
        let chunk = chunk?;
        if chunk.kind == ChunkKind::Domains {
            let (ids, rest) = chunk.bytes.as_chunks();
            if !rest.is_empty() {
                return Err(RecordError::ChunkForm(chunk.kind));
            }
            let ids = ids.iter().map(|&id| format!("{:x}", u64::from_le_bytes(id)).into());
            draft.event.subject.domain_parents = ids.skip(1).collect();
            draft.note_defect("subject.domain_parents", &chunk);
        } else {
            draft.take(&chunk)?;
        }
    }

    let subject = &mut draft.event.subject;
    subject.domain = Some(format!("{:x}", body.domain).into());
    subject.domain_is_exact = Some(body.domain_is_exact == 1);
    subject.same_exec = known(body.same_exec);
    draft.event.silent |= known(body.logged) == Some(false);
    match names::request(body.request) {
        Some(request) => {
            // Only the tracepoints, which also say whether Landlock logs it, give the signal.
            if request == LandlockRequest::ScopeSignal && known(body.logged).is_some() {
                draft.event.action.signal = Some(signal::name(body.object.number));
            }
            draft.event.action.class = Some(names::class(request).into());
            draft.event.action.permissions = names::blockers(request, body.blocked);
        }
        None => draft.missing("action", format!("Landlock's check of number {} is unknown", body.request)),
    }
    Ok(draft.finish())
}

/// A yes or no, or neither where the kernel doesn't say.
fn known(flag: u32) -> Option<bool> {
    match flag {
        0 => Some(false),
        1 => Some(true),
        _ => None,
    }
}
