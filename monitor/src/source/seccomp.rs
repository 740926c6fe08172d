//! seccomp's records.

use monitor_common::{Seccomp, SeccompAction as Action, SeccompCall, SourceId};

use crate::{
    event::{Kind, Module},
    record::{Record, RecordError},
    source::{
        Attachment, Hook, Program, Source,
        draft::{Draft, Finished},
        names::{
            seccomp as names, signal,
            syscall::{self, Abi},
        },
    },
};

/// What there is to know of it before it is attached.
pub(super) const SOURCE: Source = Source {
    id: SourceId::Seccomp,
    name: "seccomp",
    module: Module::Seccomp,
    lsm: None,
    kind: Kind::Denial,
    silent: false,
    about: "system calls that seccomp refused, as far as the kernel logs them",
    attachments: &[
        Attachment {
            programs: &[Program { name: "seccomp_kprobe", hook: Hook::Multi("audit_seccomp") }],
            needs: &[],
            reads: READS,
            caveat: None,
        },
        Attachment {
            programs: &[Program { name: "seccomp_fentry", hook: Hook::Fentry("audit_seccomp") }],
            needs: &[],
            reads: READS,
            caveat: None,
        },
        Attachment {
            programs: &[Program { name: "seccomp_kprobe", hook: Hook::Kprobe("audit_seccomp") }],
            needs: &[],
            reads: READS,
            caveat: None,
        },
    ],
    cost: None,
    advice: super::TRAMPOLINES,
    advice_if_refused: super::TRAMPOLINES,
    decode,
};

/// Entries of the layout that only the sources of seccomp use.
pub(super) const READS: &[&str] = &["thread_info_", "registers_"];

/// Decodes a record of seccomp.
pub(super) fn decode<'a>(draft: &mut Draft<'a>, record: &Record<'a>) -> Result<Finished, RecordError> {
    let (body, chunks) = record.body::<Seccomp>()?;
    for chunk in chunks {
        draft.take(&chunk?)?;
    }
    describe_call(draft, &body.call);
    draft.event.action.signal = (body.signal != 0).then(|| signal::name(body.signal));
    match names::action(body.action) {
        Some(action) => {
            draft.event.action.seccomp_action = Some(names::name(action).into());
            if matches!(action, Action::Errno | Action::UserNotif | Action::Trace) {
                describe_result(draft, &body.call);
            }
        }
        None => draft.missing("action.seccomp_action", format!("action {:#x} is unknown", body.action)),
    }
    Ok(draft.finish())
}

/// Says which call was made, and from where.
pub(super) fn describe_call(draft: &mut Draft<'_>, call: &SeccompCall) {
    // seccomp is asked before audit gives the call a serial number.
    draft.event.audit = None;
    let abi = Abi::new(call.number, call.thread_flags, call.thread_status);
    let name = syscall::name(abi, call.number);
    let action = &mut draft.event.action;
    action.class = Some("syscall".into());
    action.permissions = vec![name.clone()];
    action.syscall = Some(name);
    action.syscall_number = Some(call.number);
    action.syscall_arch = Some(abi.name().into());
    if call.has_registers == 0 {
        draft.missing("action.instruction_pointer", NO_REGISTERS);
    } else {
        action.instruction_pointer = Some(format!("{:#x}", call.instruction_pointer).into());
    }
}

/// Says how a call ended that was skipped: with what the register has for the program.
pub(super) fn describe_result(draft: &mut Draft<'_>, call: &SeccompCall) {
    /// The largest errno, as the kernel counts them (include/linux/err.h).
    const MAX_ERRNO: i64 = 4095;
    if call.has_registers == 0 {
        draft.missing("action.errno", NO_REGISTERS);
    } else if (-MAX_ERRNO..0).contains(&call.result) {
        draft.event.action.errno = u32::try_from(call.result.unsigned_abs()).ok();
    }
}

const NO_REGISTERS: &str = "this kernel does not tell the task's registers";
