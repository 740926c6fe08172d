//! SELinux's records.

use std::borrow::Cow;

use monitor_common::Selinux;

use crate::{
    event::{Event, Text},
    record::{Record, RecordError},
    source::{Tables, context::Formatted, draft::Draft, object},
};

/// Decodes a record of SELinux.
pub(super) fn decode<'a>(record: &Record<'a>, tables: &'a Tables) -> Result<Event<'a>, RecordError> {
    let (body, chunks) = record.body::<Selinux>()?;
    let mut draft = Draft::new(record, tables);
    object::describe(&mut draft, &body.object);
    for chunk in chunks {
        draft.take(&chunk?)?;
    }

    let classes = &tables.classes;
    draft.event.action.class = Some(classes.class_name(body.tclass));
    draft.event.action.permissions = classes.permissions(body.tclass, body.audited);
    if body.requested != body.audited {
        draft.event.action.requested = classes.permissions(body.tclass, body.requested);
    }
    draft.event.action.errno = (body.result < 0).then_some(body.result.unsigned_abs());
    if classes.class(body.tclass).is_none() {
        draft.missing("action.class", "the kernel did not tell the names of its classes");
    } else if !classes.knows(body.tclass, body.audited | body.requested) {
        draft.missing("action.permissions", "the kernel has no name for a permission of this class");
    }

    let [subject, object] = draft.contexts();
    draft.event.subject.label = label(&mut draft, "subject.label", body.ssid, subject);
    draft.event.object.label = label(&mut draft, "object.label", body.tsid, object);
    Ok(draft.finish())
}

/// The text of a context: as it was read, or else as it was learnt from an earlier record.
fn label<'a>(draft: &mut Draft<'a>, field: &'static str, sid: u32, read: Formatted) -> Option<Text<'a>> {
    let contexts = &draft.tables.contexts;
    let reason = match read {
        Some((sid, Ok(context))) => {
            contexts.learn(sid, &context);
            return Some(Cow::Owned(context));
        }
        Some((_, Err(reason))) => reason,
        None => "its context is not known yet",
    };
    let learnt = contexts.recall(sid);
    if learnt.is_none() {
        draft.missing(field, format!("SID {sid}: {reason}"));
    }
    learnt.map(Cow::Owned)
}
