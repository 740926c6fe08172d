//! The records of failed capability checks.

use monitor_common::Capability;

use crate::{
    event::{Event, ObjectKind},
    record::{Record, RecordError},
    source::{Tables, draft::Draft, names::capability as names},
};

/// Decodes a record of a failed capability check.
pub(super) fn decode<'a>(record: &Record<'a>, tables: &'a Tables) -> Result<Event<'a>, RecordError> {
    let (body, chunks) = record.body::<Capability>()?;
    let mut draft = Draft::new(record, tables);
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
