//! seccomp: the system calls that a filter refuses or logs, and of which the kernel writes a record.

use aya_ebpf::{
    macros::{fentry, kprobe},
    programs::{FEntryContext, ProbeContext},
};
use monitor_common::{Flags, Seccomp, SeccompAction, SeccompCall, SourceId};

use crate::{
    finish, label,
    layout::{known, layout},
    memory::Arguments,
    output::Record,
    task,
};

/// `void audit_seccomp(unsigned long syscall, long signr, int code)` (kernel/auditsc.c), which is called for what the
/// filter's flags and `kernel.seccomp.actions_logged` want logged, also with `audit=0`.
#[fentry(function = "audit_seccomp")]
pub fn seccomp_fentry(context: FEntryContext) -> i32 {
    logged(&context);
    0
}

/// As [`seccomp_fentry`], where the kernel refuses trampolines.
#[kprobe(function = "audit_seccomp")]
pub fn seccomp_kprobe(context: ProbeContext) -> u32 {
    logged(&context);
    0
}

#[inline(always)]
fn logged(arguments: &impl Arguments) {
    let (syscall, signal, action) = (arguments.word(0), arguments.word(1), arguments.word(2));
    let Some(mut record) = Record::reserve::<Seccomp>(SourceId::Seccomp) else { return };
    task::describe(&mut record);
    label::task(&mut record);
    describe_call(&mut record, syscall);
    let action = action as u32;
    let body: &mut Seccomp = record.body();
    body.signal = signal as u32;
    body.action = action;
    let asked = action == SeccompAction::UserNotif as u32 || action == SeccompAction::Trace as u32;
    // Who was asked (a supervisor, a tracer) may have done in the call's place what was wanted.
    let done = asked && body.call.has_registers != 0 && body.call.result >= 0;
    if done || action == SeccompAction::Log as u32 {
        record.set(Flags::PERMITTED);
    }
    finish::submit(record);
}

/// Fills in what the body starts with: the call, and what the program will find as its result.
#[inline(always)]
pub fn describe_call(record: &mut Record, number: u64) {
    record.body::<SeccompCall>().number = number as i32;
    let current = task::current();
    if known!(thread_info_flags) {
        record.read_body::<SeccompCall, _>(
            |call| &mut call.thread_flags,
            current,
            layout!(thread_info_flags),
        );
    }
    if known!(thread_info_status) {
        record.read_body::<SeccompCall, _>(
            |call| &mut call.thread_status,
            current,
            layout!(thread_info_status),
        );
    }
    let registers = task::registers();
    if registers != 0 && known!(registers_instruction, registers_result) {
        record.body::<SeccompCall>().has_registers = 1;
        record.read_body::<SeccompCall, _>(
            |call| &mut call.instruction_pointer,
            registers,
            layout!(registers_instruction),
        );
        record.read_body::<SeccompCall, _>(|call| &mut call.result, registers, layout!(registers_result));
    }
}
