//! The records of changes of AppArmor's policy.

use monitor_common::{ApparmorPolicy, ParameterId, SourceId, chunk::ChunkKind};

use crate::{
    event::{Change, ChangeKind, Kind, Module},
    record::{Chunk, Record, RecordError},
    source::{
        Attachment, Hook, Program, Source, apparmor,
        draft::{Draft, Finished},
        names::apparmor::{self as names, AuditModes},
    },
    text,
};

/// What there is to know of it before it is attached.
pub(super) const SOURCE: Source = Source {
    id: SourceId::ApparmorPolicy,
    name: "apparmor-policy",
    module: Module::Apparmor,
    lsm: Some("apparmor"),
    kind: Kind::Policy,
    silent: false,
    about: "changes of AppArmor's profiles and their modes",
    attachments: &[
        Attachment {
            programs: &[
                multi("apparmor_policy_added_kprobe", "__add_profile"),
                multi("apparmor_policy_replaced_kprobe", "__aafs_profile_migrate_dents"),
                multi("apparmor_policy_removed_kprobe", "__aafs_profile_rmdir"),
                session("apparmor_policy_written_session", "aa_replace_profiles"),
                session("apparmor_policy_erased_session", "aa_remove_profiles"),
                session("apparmor_policy_namespace_session", "__aa_remove_ns"),
                session("apparmor_policy_mode_session", "param_set_mode"),
                session("apparmor_policy_audit_session", "param_set_audit"),
            ],
            needs: NEEDS,
            reads: READS,
            caveat: None,
        },
        Attachment {
            programs: &[
                entry("apparmor_policy_added", "__add_profile"),
                entry("apparmor_policy_replaced", "__aafs_profile_migrate_dents"),
                entry("apparmor_policy_removed", "__aafs_profile_rmdir"),
                exit("apparmor_policy_written", "aa_replace_profiles"),
                exit("apparmor_policy_erased", "aa_remove_profiles"),
                exit("apparmor_policy_namespace", "__aa_remove_ns"),
                entry("apparmor_policy_mode", "param_set_mode"),
                exit("apparmor_policy_mode_set", "param_set_mode"),
                entry("apparmor_policy_audit", "param_set_audit"),
                exit("apparmor_policy_audit_set", "param_set_audit"),
            ],
            needs: NEEDS,
            reads: READS,
            caveat: None,
        },
    ],
    cost: None,
    advice: super::TRAMPOLINES,
    advice_if_refused: super::TRAMPOLINES,
    decode,
};

/// Without these the programs can't tell what changed.
const NEEDS: &[&str] = &[
    "aa_profile_hname",
    "policy_profile_list",
    "policy_profile_mode",
    "policy_profile_flags",
    "policy_flag_null",
];
/// Entries of the layout that only AppArmor's sources use.
const READS: &[&str] = &["aa_", "policy_"];

const fn multi(name: &'static str, function: &'static str) -> Program {
    Program { name, hook: Hook::Multi(function) }
}

const fn session(name: &'static str, function: &'static str) -> Program {
    Program { name, hook: Hook::Session(function) }
}

const fn entry(name: &'static str, function: &'static str) -> Program {
    Program { name, hook: Hook::Fentry(function) }
}

const fn exit(name: &'static str, function: &'static str) -> Program {
    Program { name, hook: Hook::Fexit(function) }
}

/// Decodes a record of a change of policy.
fn decode<'a>(draft: &mut Draft<'a>, record: &Record<'a>) -> Result<Finished, RecordError> {
    let (body, chunks) = record.body::<ApparmorPolicy>()?;
    for chunk in chunks {
        let chunk = chunk?;
        if chunk.kind == ChunkKind::ProfileChange {
            let change = profile(draft, &chunk)?;
            draft.event.changes.push(change);
        } else {
            apparmor::take(draft, &chunk)?;
        }
    }
    if let Some(change) = parameter(body) {
        draft.event.changes.push(change);
    }
    let left_out =
        usize::try_from(body.changes).unwrap_or(usize::MAX).saturating_sub(draft.event.changes.len());
    if left_out != 0 {
        draft.missing("changes", format!("{left_out} more profiles were changed, and found no room"));
    }
    draft.event.action.operation = operation(&draft.event.changes).map(Into::into);
    if draft.event.subject.label.is_none() {
        draft.missing("subject.label", "the profile's name could not be read");
    }
    Ok(draft.finish())
}

/// AppArmor's own word for what was done: that of the most that was done to any profile.
fn operation(changes: &[Change<'_>]) -> Option<&'static str> {
    let mut profiles = changes.iter().filter(|change| change.what == ChangeKind::Profile).peekable();
    profiles.peek()?;
    Some(profiles.fold("profile_load", |word, change| match (&change.before, &change.after) {
        (Some(_), None) => "profile_remove",
        (Some(_), Some(_)) if word == "profile_load" => "profile_replace",
        _ => word,
    }))
}

/// A change of one profile: its modes, its name and its namespace's, each with its NUL.
fn profile<'a>(draft: &mut Draft<'a>, chunk: &Chunk<'a>) -> Result<Change<'a>, RecordError> {
    let error = RecordError::ChunkForm(chunk.kind);
    let (&[before, after], names) = chunk.bytes.split_first_chunk().ok_or(error)?;
    let mut names = names.split(|&byte| byte == 0);
    let name = names.next().filter(|name| !name.is_empty());
    let namespace = names.next().filter(|name| !name.is_empty());
    draft.note_defect("changes", chunk);
    Ok(Change {
        what: ChangeKind::Profile,
        name: name.map(text::escape),
        namespace: namespace.map(text::escape),
        before: (before != ApparmorPolicy::NONE).then(|| names::profile_mode(before.into())),
        after: (after != ApparmorPolicy::NONE).then(|| names::profile_mode(after.into())),
    })
}

/// A change of what holds for all profiles.
fn parameter(body: &ApparmorPolicy) -> Option<Change<'static>> {
    let (what, name): (_, Box<dyn Fn(u32) -> _>) = match body.parameter {
        id if id == ParameterId::Mode as u32 => (ChangeKind::Mode, Box::new(names::profile_mode)),
        id if id == ParameterId::Audit as u32 => {
            let modes = AuditModes::from_last(body.audit_all);
            (ChangeKind::AuditMode, Box::new(move |mode| modes.name(mode)))
        }
        _ => return None,
    };
    Some(Change {
        what,
        name: None,
        namespace: None,
        before: Some(name(body.before)),
        after: Some(name(body.after)),
    })
}
