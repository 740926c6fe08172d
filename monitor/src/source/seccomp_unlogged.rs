//! The records of what seccomp refuses and the kernel does not log.

use monitor_common::{SeccompAction as Action, SeccompUnlogged, SeccompWay as Way, SourceId};

use crate::{
    event::{Kind, Module},
    record::{Record, RecordError},
    source::{
        Attachment, Hook, Program, Source,
        draft::{Draft, Finished},
        names::{seccomp as names, signal},
        seccomp::{READS as CALL, describe_call, describe_result},
    },
};

const LOGGED_KPROBE: Program =
    Program { name: "seccomp_unlogged_but_logged_kprobe", hook: Hook::Multi("audit_seccomp") };
const SIGNAL_KPROBE: Program =
    Program { name: "seccomp_unlogged_signal_kprobe", hook: Hook::Multi("force_sig_seccomp") };
const FILTER_SESSION: Program =
    Program { name: "seccomp_unlogged_session", hook: Hook::Session("__seccomp_filter") };
const LOGGED: Program = Program { name: "seccomp_unlogged_but_logged", hook: Hook::Fentry("audit_seccomp") };
const SIGNAL: Program = Program { name: "seccomp_unlogged_signal", hook: Hook::Fentry("force_sig_seccomp") };
const FILTER: Program = Program { name: "seccomp_unlogged_fexit", hook: Hook::Fexit("__seccomp_filter") };

/// What there is to know of it before it is attached.
pub(super) const SOURCE: Source = Source {
    id: SourceId::SeccompUnlogged,
    name: "seccomp-unlogged",
    module: Module::Seccomp,
    lsm: None,
    kind: Kind::Denial,
    silent: false,
    about: "system calls that seccomp refused and the kernel does not log",
    attachments: &[
        Attachment {
            programs: &[LOGGED_KPROBE, SIGNAL_KPROBE, FILTER_SESSION],
            needs: NEEDS,
            reads: READS,
            caveat: None,
        },
        Attachment { programs: &[LOGGED, SIGNAL, FILTER], needs: NEEDS, reads: READS, caveat: None },
        Attachment {
            programs: &[LOGGED_KPROBE, FILTER_SESSION],
            needs: NEEDS,
            reads: READS,
            caveat: Some(NO_SIGNAL),
        },
        Attachment { programs: &[LOGGED, FILTER], needs: NEEDS, reads: READS, caveat: Some(NO_SIGNAL) },
    ],
    cost: Some("runs at every system call of a process that has a filter"),
    advice: super::FEXIT,
    advice_if_refused: super::FEXIT,
    decode,
};

const NO_SIGNAL: &str = "does not tell a trap from an error";
const NEEDS: &[&str] = &["seccomp_filter_arguments", "seccomp_filter_return_size"];
const READS: &[&str] = &["seccomp_", CALL[0], CALL[1]];

/// `SIGSYS`, which is what `force_sig_seccomp` (kernel/signal.c) sends.
const SIGSYS: u32 = libc::SIGSYS.unsigned_abs();

/// Decodes a record of a call that the kernel does not log.
pub(super) fn decode<'a>(draft: &mut Draft<'a>, record: &Record<'a>) -> Result<Finished, RecordError> {
    let (body, chunks) = record.body::<SeccompUnlogged>()?;
    for chunk in chunks {
        draft.take(&chunk?)?;
    }
    describe_call(draft, &body.call);
    if body.way == Way::Skipped as u32 {
        describe_result(draft, &body.call);
    } else {
        draft.event.action.signal = Some(signal::name(SIGSYS));
    }
    match candidates(body, draft.event.action.errno).as_slice() {
        [action] => draft.event.action.seccomp_action = Some(names::name(*action).into()),
        several => {
            let several: Vec<_> = several.iter().map(|&action| names::name(action)).collect();
            let reason = format!("the kernel does not tell which it was of {}", several.join(", "));
            draft.missing("action.seccomp_action", reason);
        }
    }
    Ok(draft.finish())
}

/// The actions that have this outcome.
fn candidates(body: &SeccompUnlogged, errno: Option<u32>) -> Vec<Action> {
    if body.way == Way::Trapped as u32 {
        return vec![Action::Trap];
    }
    if body.way == Way::Killed as u32 {
        return vec![Action::KillProcess, Action::KillThread];
    }
    let mut actions = vec![Action::Errno];
    // A call that is to be traced, and isn't, fails with ENOSYS.
    if body.traced != 0 || body.call.has_registers == 0 || errno == Some(libc::ENOSYS.unsigned_abs()) {
        actions.push(Action::Trace);
    }
    if body.supervised != 0 {
        actions.push(Action::UserNotif);
    }
    actions
}
