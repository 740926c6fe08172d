//! SELinux's refusals that are no decision about permissions (audit's type 1401).

use monitor_common::{SourceId, Userspace, chunk::ChunkKind};

use crate::{
    event::{Audit, Event, Kind, Module, ObjectKind, Text},
    kernel::{Attachment, Hook, Program},
    record::{Record, RecordError},
    source::{Source, Tables, draft::Draft, selinux},
    text,
};

/// What there is to know of it before it is attached.
pub(super) const SOURCE: Source = Source {
    id: SourceId::SelinuxError,
    name: "selinux-error",
    module: Module::Selinux,
    lsm: Some("selinux"),
    kind: Kind::Denial,
    silent: false,
    about: "contexts that SELinux's policy doesn't know, bounds and transitions that it refuses (SELINUX_ERR)",
    attachments: &[
        Attachment {
            programs: &[
                Program { name: "selinux_error_record", hook: Hook::Fentry("audit_log_end") },
                Program { name: "selinux_error_bounds", hook: Hook::Fexit("security_bounded_transition") },
            ],
            needs: NEEDS,
            reads: READS,
            caveat: None,
        },
        Attachment {
            programs: &[Program { name: "selinux_error_record", hook: Hook::Fentry("audit_log_end") }],
            needs: &["audit_buffer_skb", "sk_buff_data", "sk_buff_len"],
            reads: READS,
            caveat: Some("from Linux 6.18 on, no bounded transitions"),
        },
    ],
    cost: None,
    advice: super::FEXIT,
    advice_if_refused: super::FEXIT,
    decode,
};

/// Without these a program can't tell what was refused.
const NEEDS: &[&str] = &[
    "audit_buffer_skb",
    "sk_buff_data",
    "sk_buff_len",
    "bounded_old_sid",
    "bounded_new_sid",
    "bounded_arguments",
];

/// Entries of the layout that only SELinux's sources use.
const READS: &[&str] = selinux::reads!["audit_buffer_", "sk_buff_", "bounded_"];

/// Decodes a record: audit's text of it, or the labels of a bounded transition.
fn decode<'a>(record: &Record<'a>, tables: &'a Tables) -> Result<Event<'a>, RecordError> {
    let (body, chunks) = record.body::<Userspace>()?;
    let mut draft = Draft::new(record, tables);
    let mut message: Option<&[u8]> = None;
    for chunk in chunks {
        let chunk = chunk?;
        if chunk.kind == ChunkKind::Message {
            message = Some(chunk.bytes);
            if usize::try_from(body.len).is_ok_and(|len| chunk.bytes.len() < len) {
                draft.missing("action.info", "the end of audit's record did not fit or could not be read");
            }
        } else {
            draft.take(&chunk)?;
        }
    }
    draft.event.object.kind = ObjectKind::Other;
    let Some(message) = message else {
        let [subject, object] = draft.contexts();
        draft.event.action.operation = Some("security_bounded_transition".into());
        draft.event.object.kind = ObjectKind::Process;
        draft.event.subject.label = selinux::label(&mut draft, "subject.label", 0, subject);
        draft.event.object.label = selinux::label(&mut draft, "object.label", 0, object);
        draft.not_own_label();
        return Ok(draft.finish());
    };
    let (serial, text_of_fields) = parse(message).ok_or(RecordError::ChunkForm(ChunkKind::Message))?;
    if let Some(serial) = serial {
        draft.event.audit = Some(Audit { serial });
    }
    draft.contexts();
    for (name, value) in fields(text_of_fields) {
        let event = &mut draft.event;
        let value = text::escape(value);
        match name {
            b"op" => event.action.operation = Some(value),
            b"reason" => event.action.info = Some(value),
            b"scontext" | b"oldcontext" => event.subject.label = Some(value),
            b"tcontext" | b"newcontext" => event.object.label = Some(value),
            b"tclass" => event.action.class = Some(value),
            b"perms" => event.action.permissions = permissions(&value),
            b"invalid_context" => event.object.unknown_label = Some(invalid(&value)),
            // Of the process, whose label is known already.
            _ => {}
        }
    }
    if draft.event.action.operation.as_deref() == Some("security_bounded_transition") {
        draft.event.object.kind = ObjectKind::Process;
    }
    draft.not_own_label();
    Ok(draft.finish())
}

fn permissions(list: &str) -> Vec<Text<'static>> {
    list.split(',').filter(|name| !name.is_empty()).map(|name| name.to_owned().into()).collect()
}

/// An untrusted string as audit writes it: in quotes if it is harmless, else in hexadecimal
/// (`audit_log_n_untrustedstring`, kernel/audit.c).
fn invalid(value: &str) -> Text<'static> {
    if let Some(quoted) = value.strip_prefix('"') {
        return quoted.strip_suffix('"').unwrap_or(quoted).to_owned().into();
    }
    let (pairs, rest) = value.as_bytes().as_chunks::<2>();
    let bytes: Option<Vec<u8>> =
        pairs.iter().map(|pair| u8::from_str_radix(str::from_utf8(pair).ok()?, 16).ok()).collect();
    match bytes {
        Some(bytes) if rest.is_empty() => text::escape(&bytes).into_owned().into(),
        _ => value.to_owned().into(),
    }
}

/// The serial number of a record, if it has one, and the text of its fields: `audit(1795749248.057:61): op=setxattr invalid_context="..."`. No value
/// has a space in it: contexts can't, and untrusted strings are in hexadecimal then.
fn parse(message: &[u8]) -> Option<(Option<u64>, &[u8])> {
    let message = message.split(|&byte| byte == 0).next()?;
    let rest = message.strip_prefix(b"audit(")?;
    let end = rest.windows(3).position(|window| window == b"): ")?;
    let stamp = str::from_utf8(&rest[..end]).ok()?;
    let serial = stamp.split_once(':').and_then(|(_, serial)| serial.parse().ok());
    Some((serial, &rest[end + 3..]))
}

/// The fields of a record, each a name and a value.
fn fields(text: &[u8]) -> impl Iterator<Item = (&[u8], &[u8])> {
    text.split(|&byte| byte == b' ').filter_map(|word| {
        let at = word.iter().position(|&byte| byte == b'=')?;
        Some((&word[..at], &word[at + 1..]))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_invalid_context_is_read_in_both_forms() {
        assert_eq!(invalid("\"system_u:object_r:nonsense_t:s0\""), "system_u:object_r:nonsense_t:s0");
        assert_eq!(invalid("6120FF"), "a \\xff");
        assert_eq!(invalid("6120F"), "6120F");
    }

    #[test]
    fn a_record_is_its_serial_and_its_fields() {
        let text = b"audit(1795749248.057:61): op=security_compute_av reason=bounds scontext=a:b:c tclass=file perms=read,write";
        let (serial, rest) = parse(text).unwrap();
        assert_eq!(serial, Some(61));
        let fields: Vec<_> = fields(rest).collect();
        assert_eq!(fields[0], (&b"op"[..], &b"security_compute_av"[..]));
        assert_eq!(fields[4], (&b"perms"[..], &b"read,write"[..]));
        assert!(parse(b"op=setxattr").is_none());
    }
}
