//! IPE's records.

use std::fmt::Write as _;

use monitor_common::{Ipe, SourceId, chunk::ChunkKind};
use zerocopy::{FromBytes as _, little_endian::U32};

use crate::{
    event::{Kind, Module, Text},
    record::{Record, RecordError},
    source::{
        Attachment, Hook, Program, Source,
        draft::{Draft, Finished},
        names::ipe::{Matched, Numbers},
        object,
    },
    text,
};

/// What there is to know of it before it is attached.
pub(super) const SOURCE: Source = Source {
    id: SourceId::Ipe,
    name: "ipe",
    module: Module::Ipe,
    lsm: Some("ipe"),
    kind: Kind::Denial,
    silent: false,
    about: "what IPE's policy refused, or would have",
    attachments: &[
        Attachment {
            programs: &[Program { name: "ipe_kprobe", hook: Hook::Multi("ipe_audit_match") }],
            needs: NEEDS,
            reads: READS,
            caveat: None,
        },
        Attachment {
            programs: &[Program { name: "ipe_fentry", hook: Hook::Fentry("ipe_audit_match") }],
            needs: NEEDS,
            reads: READS,
            caveat: None,
        },
        Attachment {
            programs: &[Program { name: "ipe_kprobe", hook: Hook::Kprobe("ipe_audit_match") }],
            needs: NEEDS,
            reads: READS,
            caveat: None,
        },
    ],
    cost: Some("runs at each judgement of IPE's active policy, also one that allows"),
    advice: super::TRAMPOLINES,
    advice_if_refused: super::TRAMPOLINES,
    decode,
};

const NEEDS: &[&str] = &["ipe_deny", "ipe_context_operation"];
const READS: &[&str] = &["ipe_"];

/// Decodes a record of IPE.
pub(super) fn decode<'a>(draft: &mut Draft<'a>, record: &Record<'a>) -> Result<Finished, RecordError> {
    let (body, chunks) = record.body::<Ipe>()?;
    let numbers = &draft.tables.ipe;
    object::describe(draft, &body.object);
    let mut rule = Rule::default();
    for chunk in chunks {
        let chunk = chunk?;
        match chunk.kind {
            ChunkKind::IpeProperties => rule.properties = chunk.bytes,
            ChunkKind::DigestAlgorithm => rule.algorithm = text::escape(chunk.bytes),
            ChunkKind::Digest => rule.digest = chunk.bytes,
            _ => {
                draft.take(&chunk)?;
                continue;
            }
        }
        draft.note_defect("action.info", &chunk);
    }
    let operation = numbers.operation(body.operation);
    match numbers.matched(body.matched).and_then(|matched| rule.line(matched, &operation, numbers)) {
        Some(line) => draft.event.action.info = Some(line.into()),
        None => draft.missing("action.info", "the kernel's BTF does not tell what its numbers mean"),
    }
    match numbers.hook(body.hook) {
        Some(hook) => draft.event.action.operation = Some(hook.into()),
        None => draft.missing("action.operation", "the kernel's BTF does not tell the names of the hooks"),
    }
    draft.event.action.class = Some("ipe".into());
    draft.event.action.permissions = vec![operation];
    match body.enforcing {
        0 => {}
        Ipe::UNKNOWN => {
            draft.missing("verdict", "/proc/kallsyms doesn't show `enforce`, so IPE may only have reported");
        }
        _ => draft.event.action.errno = Some(libc::EACCES.unsigned_abs()),
    }
    Ok(draft.finish())
}

/// The rule that refused.
#[derive(Default)]
struct Rule<'a> {
    /// `enum ipe_prop_type`, a u32 each.
    properties: &'a [u8],
    algorithm: Text<'a>,
    digest: &'a [u8],
}

impl Rule<'_> {
    /// The rule as audit writes it (`audit_rule`, security/ipe/audit.c); `None` if a part of it is not known.
    fn line(&self, matched: Matched, operation: &str, numbers: &Numbers) -> Option<String> {
        let mut line = match matched {
            Matched::Rule => format!("op={operation} "),
            Matched::OperationDefault => format!("DEFAULT op={operation} "),
            Matched::Default => "DEFAULT ".to_owned(),
        };
        for number in <[U32]>::ref_from_bytes(self.properties).ok()? {
            let property = numbers.property(number.get())?;
            line.push_str(&property);
            if property.ends_with('=') {
                // Writing to a String can't fail.
                let _infallible = write!(line, "{}:{}", self.algorithm, text::hex(self.digest));
            }
            line.push(' ');
        }
        line.push_str("action=DENY");
        Some(line)
    }
}
