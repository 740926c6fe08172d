//! Yama: what it refuses to trace.

use aya_ebpf::{
    macros::{fentry, kprobe},
    programs::{FEntryContext, ProbeContext},
};
use monitor_common::{Flags, ObjectKind, SourceId, Yama, chunk::ChunkKind, counter::Counter};

use crate::{
    finish, label,
    layout::setting,
    memory::{Fault, argument, read},
    object,
    output::{Record, count},
    task,
};

/// `void report_access(const char *access, struct task_struct *target, struct task_struct *agent)`
/// (`security/yama/yama_lsm.c`), by which Yama logs a refusal.
#[fentry(function = "report_access")]
pub fn yama_fentry(context: FEntryContext) -> i32 {
    refused(argument(&context, 0), argument(&context, 1), argument(&context, 2));
    0
}

/// As [`yama_fentry`], where the kernel refuses trampolines.
#[kprobe(function = "report_access")]
pub fn yama_kprobe(context: ProbeContext) -> u32 {
    let argument = |index| context.arg::<u64>(index).ok_or(Fault);
    refused(argument(0), argument(1), argument(2));
    0
}

#[inline(always)]
fn refused(access: Result<u64, Fault>, target: Result<u64, Fault>, agent: Result<u64, Fault>) {
    let (Ok(access), Ok(target), Ok(agent)) = (access, target, agent) else {
        count(SourceId::Yama, Counter::Seen);
        count(SourceId::Yama, Counter::Unreadable);
        return;
    };
    let Some(mut record) = Record::reserve::<Yama>(SourceId::Yama) else { return };
    task::describe(&mut record);
    label::task(&mut record);
    // Who asks its parent to trace it runs itself; Yama's subject is the parent.
    if agent != task::current() {
        record.set(Flags::NOT_SUBJECT);
    }
    let body: &mut Yama = record.body();
    body.scope = read(setting!(yama_ptrace_scope)).unwrap_or(u32::MAX);
    body.object.kind = ObjectKind::Task as u8;
    record.string_chunk(ChunkKind::Operation, access);
    object::target_task::<Yama>(&mut record, target);
    finish::submit(record);
}
