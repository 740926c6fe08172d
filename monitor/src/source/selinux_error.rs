//! SELinux's refusals that are no decision about permissions (audit's type 1401).

use monitor_audit::{Message, untrusted};
use monitor_common::{SourceId, Userspace, chunk::ChunkKind};

use crate::{
    event::{Audit, Kind, Module, ObjectKind, Text},
    record::{Record, RecordError},
    source::{
        Attachment, Hook, Program, Source,
        draft::{Draft, Finished},
        selinux,
    },
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
                Program { name: "selinux_error_kprobe", hook: Hook::Multi("audit_log_end") },
                Program {
                    name: "selinux_error_bounds_session",
                    hook: Hook::Session("security_bounded_transition"),
                },
            ],
            needs: NEEDS,
            reads: READS,
            caveat: None,
        },
        Attachment {
            programs: &[
                Program { name: "selinux_error_kprobe", hook: Hook::Multi("audit_log_end") },
                Program { name: "selinux_error_bounds", hook: Hook::Fexit("security_bounded_transition") },
            ],
            needs: NEEDS,
            reads: READS,
            caveat: None,
        },
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
            programs: &[Program { name: "selinux_error_kprobe", hook: Hook::Multi("audit_log_end") }],
            needs: &["audit_buffer_skb", "sk_buff_data", "sk_buff_len"],
            reads: READS,
            caveat: Some("from Linux 6.18 on, no bounded transitions"),
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
fn decode<'a>(draft: &mut Draft<'a>, record: &Record<'a>) -> Result<Finished, RecordError> {
    let (body, chunks) = record.body::<Userspace>()?;
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
        draft.event.subject.label = selinux::label(draft, "subject.label", 0, subject);
        draft.event.object.label = selinux::label(draft, "object.label", 0, object);
        draft.not_own_label();
        return Ok(draft.finish());
    };
    let message = Message::parse(message).ok_or(RecordError::ChunkForm(ChunkKind::Message))?;
    if let Some(serial) = message.serial {
        draft.event.audit = Some(Audit { serial });
    }
    draft.contexts();
    for (name, value) in message.fields() {
        let event = &mut draft.event;
        let text = text::escape(value);
        match name {
            b"op" => event.action.operation = Some(text),
            b"reason" => event.action.info = Some(text),
            b"scontext" | b"oldcontext" => event.subject.label = Some(text),
            b"tcontext" | b"newcontext" => event.object.label = Some(text),
            b"tclass" => event.action.class = Some(text),
            b"perms" => event.action.permissions = permissions(&text),
            b"invalid_context" => {
                event.object.unknown_label = Some(text::escape(&untrusted(value)).into_owned().into());
            }
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
