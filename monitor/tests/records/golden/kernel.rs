//! What the kernel refuses without a policy: capabilities, seccomp, Yama, lockdown.

use super::*;

fn capability() -> Capability {
    Capability { capability: 21, options: 0, user_namespace: 4_026_531_837, error: -1 }
}

#[test]
fn a_missing_capability_is_named_with_its_namespace() {
    let record = Builder::new(SourceId::Capability, &capability())
        .chunk(ChunkKind::TaskContext, &context(300, "user_u:user_r:user_t:s0:s0"));
    golden("capability", record.task_chunks().flag(Flags::NOT_SUBJECT));
}

#[test]
fn what_could_not_be_read_or_did_not_fit_is_said() {
    let record = Builder::new(SourceId::Capability, &capability())
        .head(|head| head.missing = TaskField::ALL.iter().map(|member| member.bit()).sum())
        .flag(Flags::FULL)
        .flagged(ChunkKind::Argv, FLAG_CUT, b"cat\0/very/lo")
        .flagged(ChunkKind::Cwd, FLAG_FAULT, b"x\0y\0")
        .flagged(ChunkKind::Exe, FLAG_INTERNAL | FLAG_DELETED, b"memfd:x\0/\0");
    golden("missing", record);
}

#[test]
fn a_kernel_thread_has_no_executable_and_that_is_no_defect() {
    let record = Builder::new(SourceId::Capability, &capability()).head(|head| {
        head.task.comm = padded(b"kworker/0:1");
        head.task.loginuid = u32::MAX;
        head.task.ns_pid = 7;
    });
    golden("kernel_thread", record.flag(Flags::KERNEL_THREAD));
}

fn call(number: i32, result: i64) -> SeccompCall {
    SeccompCall {
        instruction_pointer: 0x7f12_3456_789a,
        result,
        thread_flags: 0,
        thread_status: 0,
        number,
        has_registers: 1,
        reserved: 0,
    }
}

#[test]
fn seccomp_denied_call_names_call_action_and_errno() {
    let body = Seccomp { call: call(83, -1), action: SeccompAction::Errno as u32, signal: 0 };
    let record = Builder::new(SourceId::Seccomp, &body).head(|head| head.task.audit_serial = 777);
    golden("seccomp_errno", record.chunk(ChunkKind::TaskProfile, b"unconfined").task_chunks());
}

#[test]
fn seccomp_killed_process_names_the_signal_and_no_errno() {
    let body = Seccomp { call: call(9999, -38), action: SeccompAction::KillProcess as u32, signal: 31 };
    golden("seccomp_kill", Builder::new(SourceId::Seccomp, &body).task_chunks());
}

#[test]
fn seccomp_without_registers_or_with_an_unknown_action_says_what_is_missing() {
    let call = SeccompCall { has_registers: 0, ..call(83, 0) };
    let body = Seccomp { call, action: SeccompAction::UserNotif as u32, signal: 0 };
    golden("seccomp_no_registers", Builder::new(SourceId::Seccomp, &body).task_chunks());
    let body = Seccomp { call, action: 0x1234_0000, signal: 0 };
    golden("seccomp_unknown_action", Builder::new(SourceId::Seccomp, &body).task_chunks());
}

#[test]
fn seccomp_unlogged_call_names_the_action_only_if_it_is_sure() {
    let unlogged = |result, way: SeccompWay, supervised| {
        let call = call(83, result);
        let body = SeccompUnlogged { call, way: way as u32, supervised, traced: 0, reserved: 0 };
        Builder::new(SourceId::SeccompUnlogged, &body).flag(Flags::SILENT).task_chunks()
    };
    golden("seccomp_unlogged_errno", unlogged(-13, SeccompWay::Skipped, 0));
    golden("seccomp_unlogged_errno_or_supervisor", unlogged(-38, SeccompWay::Skipped, 1));
    golden("seccomp_unlogged_trap", unlogged(83, SeccompWay::Trapped, 0));
    golden("seccomp_unlogged_kill", unlogged(83, SeccompWay::Killed, 0));
}

fn yama(scope: u32) -> Yama {
    let object = Object { pid: 99, tid: 99, comm: padded(b"sshd"), ..object(ObjectKind::Task) };
    Yama { scope, reserved: 0, object }
}

#[test]
fn yama_denied_trace_describes_the_target() {
    let record = Builder::new(SourceId::Yama, &yama(1)).chunk(ChunkKind::Operation, b"attach");
    golden("yama", record.task_chunks());
    let record = Builder::new(SourceId::Yama, &yama(u32::MAX)).chunk(ChunkKind::Operation, b"traceme");
    golden("yama_unknown_scope", record.flag(Flags::NOT_SUBJECT).task_chunks());
}

#[test]
fn lockdown_names_the_reason_as_the_kernel_does() {
    let record = |reason| Builder::new(SourceId::Lockdown, &Lockdown { reason, error: -1 }).task_chunks();
    golden("lockdown", record(2));
    golden("lockdown_unknown_reason", record(99));
}
