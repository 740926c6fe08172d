//! The running task: who it is, what it runs, where it comes from.

use aya_ebpf::helpers::generated;
use monitor_common::{
    Ancestor, Credentials, Flags, TaskField,
    chunk::{ChunkKind, FLAG_CUT, FLAG_FAULT},
};

pub use crate::running::{acting_credentials, current, own_credentials, registers};
use crate::{
    layout::{known, layout, setting},
    memory::{Address, follow, word},
    output::{BYTES_MAX, Record},
    path,
    repeat::{Next, Step, repeat},
};

/// Generations that are followed.
const ANCESTORS: u32 = 8;
/// The bit of the preemption count that is set while a software interrupt is served (`SOFTIRQ_OFFSET`,
/// include/linux/preempt.h).
const SOFTIRQ_BIT: u32 = 8;
/// The bit of `PF_KTHREAD` (include/linux/sched.h), the same from 5.10 to 7.3.
const PF_KTHREAD_BIT: u32 = 21;

/// Fills the record's head.
///
/// A source calls this first. What follows differs from denial to denial, and the verifier would follow all of this
/// again for each way through it.
#[inline(always)]
pub fn describe(record: &mut Record) {
    let task = current();
    let leader = follow(task, layout!(task_group_leader));
    identity(record, task, leader);
    namespaces(record, task, leader);
    // SAFETY: the helper has no preconditions.
    record.head().time = unsafe { generated::bpf_ktime_get_boot_ns() };
    interrupted(record, task);
    borrowed(record, task);
}

/// Notes that the running task was interrupted by what is being refused, where the kernel shows that.
#[inline(always)]
fn interrupted(record: &mut Record, task: Address) {
    // Where the task has no count of its own, as on x86, the CPU has.
    let count = if known!(thread_info_preempt_count) {
        follow(task, layout!(thread_info_preempt_count))
    } else if setting!(per_cpu_offset) != 0 && setting!(preempt_count) != 0 {
        // SAFETY: the helper has no preconditions.
        let cpu = unsafe { generated::bpf_get_smp_processor_id() };
        let base = word(setting!(per_cpu_offset) + u64::from(cpu) * 8);
        word(base.wrapping_add(setting!(preempt_count)))
    } else {
        return;
    };
    let serves = (count >> SOFTIRQ_BIT) & 1;
    record.set((Flags::IN_INTERRUPT | Flags::NOT_SUBJECT).when(serves));
}

/// Appends the credentials that the task acts with, if they are not its own.
#[inline(always)]
fn borrowed(record: &mut Record, task: Address) {
    let cred = acting_credentials(task);
    if cred == own_credentials(task) {
        return;
    }
    let Some(chunk) = record.begin(ChunkKind::Credentials) else { return };
    let id = |offset| follow(cred, offset) as u32;
    record.value(Credentials {
        cap_effective: follow(cred, layout!(cred_cap_effective)),
        uid: id(layout!(cred_uid)),
        euid: id(layout!(cred_euid)),
        fsuid: id(layout!(cred_fsuid)),
        gid: id(layout!(cred_gid)),
        egid: id(layout!(cred_egid)),
        fsgid: id(layout!(cred_fsgid)),
    });
    record.end(chunk);
}

/// Appends the running task's chunks: first those by which a unit, a container and a program are known.
///
/// A function of its own, with one argument: whatever way led to the record, it looks the same from here, so that the
/// verifier follows this once.
#[inline(never)]
pub fn describe_more(record: &mut Record) {
    let task = current();
    path::cgroup(record, task);
    executable(record, ChunkKind::Exe, task);
    command_line(record, task);
    if known!(fs_pwd) {
        path::path(record, ChunkKind::Cwd, follow(task, layout!(task_fs)) + u64::from(layout!(fs_pwd)));
    }
    if known!(fs_root) {
        path::path(record, ChunkKind::Root, follow(task, layout!(task_fs)) + u64::from(layout!(fs_root)));
    }
    let leader = follow(task, layout!(task_group_leader));
    repeat(ANCESTORS, &mut Ancestors { record, child: leader });
}

/// Fills what stands in `task_struct` and `cred`.
#[inline(always)]
fn identity(record: &mut Record, task: Address, leader: Address) {
    // SAFETY: the helper has no preconditions.
    let pid_tgid = unsafe { generated::bpf_get_current_pid_tgid() };
    let out = &mut record.head().task;
    out.pid = (pid_tgid >> 32) as u32;
    out.tid = pid_tgid as u32;
    let kernel_thread = (follow(task, layout!(task_flags)) >> PF_KTHREAD_BIT) & 1;
    record.set(Flags::KERNEL_THREAD.when(kernel_thread));
    record.read(|head| &mut head.task.comm, task, layout!(task_comm), TaskField::Comm);
    record.read(|head| &mut head.task.start_time, leader, layout!(task_start_boottime), TaskField::StartTime);
    let parent = follow(leader, layout!(task_real_parent));
    record.read(|head| &mut head.task.ppid, parent, layout!(task_tgid), TaskField::Ppid);
    record.read(|head| &mut head.task.loginuid, task, layout!(task_loginuid), TaskField::Loginuid);
    record.read(|head| &mut head.task.session, task, layout!(task_sessionid), TaskField::Session);
    let cred = own_credentials(task);
    record.read(
        |head| &mut head.task.cap_effective,
        cred,
        layout!(cred_cap_effective),
        TaskField::CapEffective,
    );
    record.read(|head| &mut head.task.uid, cred, layout!(cred_uid), TaskField::Ids);
    record.read(|head| &mut head.task.euid, cred, layout!(cred_euid), TaskField::Ids);
    record.read(|head| &mut head.task.fsuid, cred, layout!(cred_fsuid), TaskField::Ids);
    record.read(|head| &mut head.task.gid, cred, layout!(cred_gid), TaskField::Ids);
    record.read(|head| &mut head.task.egid, cred, layout!(cred_egid), TaskField::Ids);
    record.read(|head| &mut head.task.fsgid, cred, layout!(cred_fsgid), TaskField::Ids);
    // An unsigned int through 6.18 and in `audit_stamp` after it. 0 for a task that is not audited, whose context is
    // null.
    let context = follow(task, layout!(task_audit_context));
    record.head().task.audit_serial = follow(context, layout!(audit_context_serial)) & 0xffff_ffff;
}

/// Fills the namespaces and the pid inside.
#[inline(always)]
fn namespaces(record: &mut Record, task: Address, leader: Address) {
    // `task_active_pid_ns` (kernel/pid.c).
    let pid = follow(leader, layout!(task_thread_pid));
    let level = follow(pid, layout!(pid_level)) & 31;
    let upid = pid + u64::from(layout!(pid_numbers)) + level * u64::from(layout!(upid_size));
    let known = known!(pid_level, pid_numbers, upid_size);
    record.miss(u64::from(!known), TaskField::NsPid);
    record.read(|head| &mut head.task.ns_pid, upid, layout!(upid_nr), TaskField::NsPid);
    let inner = follow(upid, layout!(upid_ns));
    record.read(
        |head| &mut head.task.namespaces[0],
        inner,
        layout!(pid_namespace_inum),
        TaskField::Namespaces,
    );
    let nsproxy = follow(task, layout!(task_nsproxy));
    let mount = follow(nsproxy, layout!(nsproxy_mnt_ns));
    record.read(
        |head| &mut head.task.namespaces[1],
        mount,
        layout!(mnt_namespace_inum),
        TaskField::Namespaces,
    );
    let net = follow(nsproxy, layout!(nsproxy_net_ns));
    record.read(|head| &mut head.task.namespaces[2], net, layout!(net_inum), TaskField::Namespaces);
    let user = follow(own_credentials(task), layout!(cred_user_ns));
    record.read(
        |head| &mut head.task.namespaces[3],
        user,
        layout!(user_namespace_inum),
        TaskField::Namespaces,
    );
}

/// Appends the path of the task's executable. Nothing for a process that has none: a kernel thread, or one that has
/// given its memory back on its way out.
#[inline(always)]
pub fn executable(record: &mut Record, kind: ChunkKind, task: Address) {
    let mm = follow(task, layout!(task_mm));
    let file = follow(mm, layout!(mm_exe_file));
    if file != 0 && known!(file_path) {
        path::path(record, kind, file + u64::from(layout!(file_path)));
    }
}

/// Appends the command line, as far as it fits and is in memory: a probe can't wait for a page.
#[inline(never)]
fn command_line(record: &mut Record, task: Address) {
    let mm = follow(task, layout!(task_mm));
    let start = follow(mm, layout!(mm_arg_start));
    let len = follow(mm, layout!(mm_arg_end)).wrapping_sub(start);
    if len == 0 {
        return;
    }
    let Some(chunk) = record.begin(ChunkKind::Argv) else { return };
    if len > BYTES_MAX {
        record.flag(chunk, FLAG_CUT);
    }
    record.head().task.argument_count = argument_count(mm);
    if record.user_bytes(start, len).is_err() {
        record.flag(chunk, FLAG_FAULT);
    }
    record.end(chunk);
}

/// The number of arguments that the program was started with, which the kernel put where its stack begins
/// (`create_elf_tables`, `fs/binfmt_elf.c`); 0 if it can't be read.
#[inline(always)]
fn argument_count(mm: Address) -> u32 {
    let mut count = 0_u32;
    let from = follow(mm, layout!(mm_start_stack));
    // SAFETY: the helper checks the address, and writes four bytes.
    unsafe { generated::bpf_probe_read_user((&raw mut count).cast(), 4, from as *const _) };
    count
}

/// Where a line of ancestors is on its way up.
struct Ancestors<'a> {
    record: &'a mut Record,
    child: Address,
}

impl Step for Ancestors<'_> {
    #[inline(always)]
    fn step(&mut self) -> Next {
        let parent = follow(follow(self.child, layout!(task_real_parent)), layout!(task_group_leader));
        let pid = follow(parent, layout!(task_tgid)) as u32;
        // Above pid 1 and kthreadd there is only the idle task.
        if pid == 0 || parent == self.child {
            return Next::Stop;
        }
        let Some(chunk) = self.record.begin(ChunkKind::Ancestor) else { return Next::Stop };
        let comm = layout!(task_comm);
        let [first, second] = [follow(parent, comm), follow(parent, comm.saturating_add(8))];
        self.record.value(Ancestor {
            start_time: follow(parent, layout!(task_start_boottime)),
            pid,
            uid: follow(own_credentials(parent), layout!(cred_uid)) as u32,
            comm: [first, second],
        });
        self.record.end(chunk);
        executable(self.record, ChunkKind::AncestorExe, parent);
        self.child = parent;
        Next::Continue
    }
}
