//! The records of changes of SELinux's policy.

use monitor_common::{PolicyChange, SelinuxPolicy, SourceId, chunk::ChunkKind};
use zerocopy::{IntoBytes as _, TryFromBytes as _};

use crate::{
    event::{Change, ChangeKind, Kind, Module},
    record::{Chunk, Record, RecordError},
    source::{
        Attachment, Hook, Program, Source,
        draft::{Draft, Finished},
        selinux::{self, reads},
    },
    text,
};

/// What there is to know of it before it is attached.
pub(super) const SOURCE: Source = Source {
    id: SourceId::SelinuxPolicy,
    name: "selinux-policy",
    module: Module::Selinux,
    lsm: Some("selinux"),
    kind: Kind::Policy,
    silent: false,
    about: "changes of SELinux's policy: mode, loads, booleans",
    attachments: &[
        Attachment {
            programs: &[
                Program {
                    name: "selinux_policy_mode_kprobe",
                    hook: Hook::Multi("selinux_status_update_setenforce"),
                },
                Program { name: "selinux_policy_booleans_kprobe", hook: Hook::Multi("security_set_bools") },
                Program { name: "selinux_policy_commit_kprobe", hook: Hook::Multi("selinux_policy_commit") },
                Program {
                    name: "selinux_policy_in_force_beside",
                    hook: Hook::Multi("selinux_status_update_policyload"),
                },
                Program { name: "selinux_policy_loaded_session", hook: Hook::Session("sel_write_load") },
            ],
            needs: NEEDS,
            reads: READS,
            caveat: None,
        },
        Attachment {
            programs: &[
                Program {
                    name: "selinux_policy_mode_fentry",
                    hook: Hook::Fentry("selinux_status_update_setenforce"),
                },
                Program { name: "selinux_policy_booleans_fentry", hook: Hook::Fentry("security_set_bools") },
                Program { name: "selinux_policy_commit_fentry", hook: Hook::Fentry("selinux_policy_commit") },
                Program {
                    name: "selinux_policy_in_force_fentry",
                    hook: Hook::Fentry("selinux_status_update_policyload"),
                },
                Program { name: "selinux_policy_loaded_fexit", hook: Hook::Fexit("sel_write_load") },
            ],
            needs: NEEDS,
            reads: READS,
            caveat: None,
        },
        Attachment {
            programs: &[
                Program {
                    name: "selinux_policy_mode_kprobe",
                    hook: Hook::Kprobe("selinux_status_update_setenforce"),
                },
                Program { name: "selinux_policy_booleans_kprobe", hook: Hook::Kprobe("security_set_bools") },
                Program { name: "selinux_policy_commit_kprobe", hook: Hook::Kprobe("selinux_policy_commit") },
                Program {
                    name: "selinux_policy_in_force_kprobe",
                    hook: Hook::Kprobe("selinux_status_update_policyload"),
                },
            ],
            needs: NEEDS,
            reads: READS,
            caveat: Some("the serial number of audit's record of a load"),
        },
    ],
    cost: None,
    advice: super::TRAMPOLINES,
    advice_if_refused: super::TRAMPOLINES,
    decode,
};

/// Without these the programs can't tell what changed.
const NEEDS: &[&str] = &[
    "mode_enforcing",
    "set_booleans_len",
    "set_booleans_values",
    "policy_in_force_sequence",
    "selinux_state",
    "selinux_state_policy",
    "selinux_policy_sequence",
    "selinux_policy_booleans",
    "selinux_policy_names",
    "boolean_state",
];

/// Entries of the layout that only this source uses.
const READS: &[&str] = reads!["mode_enforcing", "set_booleans_", "policy_in_force_", "boolean_state"];

/// Decodes a record of a change of the policy.
pub(super) fn decode<'a>(draft: &mut Draft<'a>, record: &Record<'a>) -> Result<Finished, RecordError> {
    let (body, chunks) = record.body::<SelinuxPolicy>()?;
    for chunk in chunks {
        let chunk = chunk?;
        if chunk.kind == ChunkKind::Boolean {
            draft.event.changes.push(boolean(&chunk)?);
        } else {
            draft.take(&chunk)?;
        }
    }
    let change = PolicyChange::try_read_from_bytes(body.change.as_bytes())
        .map_err(|_| RecordError::UnknownChange(body.change))?;
    match change {
        PolicyChange::Mode => {
            let mode = |enforcing| if enforcing == 0 { "permissive" } else { "enforcing" };
            draft.event.changes.push(Change {
                before: Some(mode(body.before).into()),
                after: Some(mode(body.after).into()),
                ..Change::new(ChangeKind::Mode)
            });
        }
        PolicyChange::Load => {
            let sequence = |number: u32| (number != 0).then(|| number.to_string().into());
            draft.event.changes.push(Change {
                before: sequence(body.before),
                after: sequence(body.after),
                ..Change::new(ChangeKind::Policy)
            });
        }
        PolicyChange::Booleans => {
            let told = draft.event.changes.len();
            let rest = usize::try_from(body.booleans).unwrap_or(usize::MAX).saturating_sub(told);
            if rest != 0 {
                draft.missing("changes", format!("{rest} more booleans changed, which did not fit"));
            }
        }
    }
    let [subject, _] = draft.contexts();
    draft.event.subject.label = selinux::label(draft, "subject.label", body.ssid, subject);
    Ok(draft.finish())
}

/// A boolean that has another value now.
fn boolean<'a>(chunk: &Chunk<'a>) -> Result<Change<'a>, RecordError> {
    let error = RecordError::ChunkForm(chunk.kind);
    let (&value, name) = chunk.bytes.split_first().ok_or(error)?;
    let name = name.strip_suffix(b"\0").ok_or(error)?;
    let state = |on: bool| Some(if on { "on" } else { "off" }.into());
    Ok(Change {
        name: Some(text::escape(name)),
        before: state(value == 0),
        after: state(value != 0),
        ..Change::new(ChangeKind::Boolean)
    })
}
