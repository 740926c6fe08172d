//! Landlock's records.

use monitor_common::{Landlock, LandlockRequest, SourceId, chunk::ChunkKind};

use crate::{
    event::{Kind, Module},
    record::{Record, RecordError},
    source::{
        Attachment, Hook, Program, Source,
        draft::{Draft, Finished},
        names::{landlock as names, signal},
        object,
    },
};

/// What there is to know of it before it is attached.
pub(super) const SOURCE: Source = Source {
    id: SourceId::Landlock,
    name: "landlock",
    module: Module::Landlock,
    lsm: Some("landlock"),
    kind: Kind::Denial,
    silent: false,
    about: "Landlock denials",
    attachments: &[
        // The function that has the tracepoints, which is called whether or not they are in use.
        Attachment {
            programs: &[Program { name: "landlock_told", hook: Hook::Multi("landlock_trace_denial") }],
            needs: &[
                "landlock_told_request",
                "landlock_told_denier",
                "landlock_told_missing",
                "landlock_told_same_exec",
                "landlock_told_logged",
                "landlock_request_type",
                "landlock_request_audit",
                "landlock_told_net",
                "landlock_told_ptrace",
                "landlock_told_signal",
                "landlock_told_net_address",
                "landlock_told_net_len",
                "landlock_told_tracer",
                "landlock_told_signal_number",
                "landlock_hierarchy_id",
            ],
            reads: &[
                "landlock_told_",
                "landlock_request_type",
                "landlock_request_audit",
                "landlock_hierarchy_",
            ],
            caveat: None,
        },
        Attachment {
            programs: &[
                Program { name: "landlock_access_fs", hook: Hook::Tracepoint("landlock_deny_access_fs") },
                Program { name: "landlock_access_net", hook: Hook::Tracepoint("landlock_deny_access_net") },
                Program { name: "landlock_ptrace", hook: Hook::Tracepoint("landlock_deny_ptrace") },
                Program {
                    name: "landlock_scope_signal",
                    hook: Hook::Tracepoint("landlock_deny_scope_signal"),
                },
                Program {
                    name: "landlock_scope_unix",
                    hook: Hook::Tracepoint("landlock_deny_scope_abstract_unix_socket"),
                },
            ],
            needs: &["landlock_hierarchy_id", "landlock_blockers_access", "landlock_blockers_type"],
            reads: &["landlock_hierarchy_", "landlock_log_", "landlock_blockers_"],
            caveat: None,
        },
        Attachment {
            programs: &[Program { name: "landlock_kprobe", hook: Hook::Multi("landlock_log_denial") }],
            needs: &[
                "landlock_request_type",
                "landlock_request_audit",
                "landlock_request_access",
                "landlock_request_access_size",
                "landlock_subject_domain",
                "landlock_domain_hierarchy",
                "landlock_hierarchy_id",
            ],
            reads: &[
                "landlock_request_",
                "landlock_subject_",
                "landlock_domain_",
                "landlock_hierarchy_",
                "landlock_log_",
            ],
            caveat: Some("does not say whether Landlock logs the denial"),
        },
        Attachment {
            programs: &[Program { name: "landlock_log_denial", hook: Hook::Fentry("landlock_log_denial") }],
            needs: &[
                "landlock_request_type",
                "landlock_request_audit",
                "landlock_request_access",
                "landlock_request_access_size",
                "landlock_subject_domain",
                "landlock_domain_hierarchy",
                "landlock_hierarchy_id",
            ],
            reads: &[
                "landlock_request_",
                "landlock_subject_",
                "landlock_domain_",
                "landlock_hierarchy_",
                "landlock_log_",
            ],
            caveat: Some("does not say whether Landlock logs the denial"),
        },
    ],
    cost: None,
    advice: "use Linux 6.15 or newer: before that, Landlock has no place that only its denials reach",
    advice_if_refused: "use Linux 7.3 or newer, whose tracepoints need no BPF trampolines, or a kernel that allows those",
    decode,
};

/// Decodes a record of Landlock.
pub(super) fn decode<'a>(draft: &mut Draft<'a>, record: &Record<'a>) -> Result<Finished, RecordError> {
    let (body, chunks) = record.body::<Landlock>()?;
    object::describe(draft, &body.object);
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
            // Where the kernel doesn't say whether Landlock logs it, it doesn't give the signal, either.
            if request == LandlockRequest::ScopeSignal && known(body.logged).is_some() {
                draft.event.action.signal = Some(signal::name(body.object.number));
            }
            let by_tracepoint = known(body.logged).is_some();
            if request == LandlockRequest::FsAccess
                && by_tracepoint
                && body.blocked & names::FS_IOCTL_DEV != 0
                && draft.event.action.ioctl_command.is_none()
            {
                draft.missing("action.ioctl_command", "Landlock's tracepoint does not give it");
            }
            draft.event.action.class = Some(names::class(request).into());
            draft.event.action.permissions = names::blockers(request, body.blocked);
        }
        None => draft.missing("action", format!("Landlock's check of number {} is unknown", body.request)),
    }
    if known(body.logged) == Some(true) && draft.event.audit.is_none() {
        draft.missing("audit.serial", "the kernel gives the record its number after Landlock's tracepoint");
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
