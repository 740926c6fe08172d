//! The running task: who it is, what it runs, where it comes from.

use aya_ebpf::helpers::generated;
use monitor_common::{
    Ancestor, Flags, Task,
    chunk::{ChunkKind, FLAG_CUT, FLAG_FAULT},
};

use crate::{
    layout::layout,
    memory::{Address, Fault, at, member, read},
    output::{BYTES_MAX, Record},
    path,
    repeat::{Next, Step, repeat},
};

/// Generations that are followed.
const ANCESTORS: u32 = 8;
/// Pieces of [`BYTES_MAX`] bytes of the command line that are taken.
const ARGV_PIECES: usize = 3;
/// `PF_KTHREAD` (include/linux/sched.h), the same from 5.10 to 7.3.
const PF_KTHREAD: u32 = 0x0020_0000;

/// The address of the running task's `task_struct`.
#[inline(always)]
pub fn current() -> Address {
    // SAFETY: the helper has no preconditions.
    unsafe { generated::bpf_get_current_task() }
}

/// Fills the record's head and appends the running task's chunks.
#[inline(always)]
pub fn describe(record: &mut Record) {
    let task = current();
    let leader = member::<Address>(task, layout!(task_group_leader)).unwrap_or(task);
    identity(record, task, leader);
    namespaces(record, task, leader);
    // SAFETY: the helper has no preconditions.
    record.head().time = unsafe { generated::bpf_ktime_get_boot_ns() };
    let cgroup = path::cgroup(record, task);
    set(record, |task| &mut task.cgroup_id, cgroup, 1);
    if member::<u32>(task, layout!(task_flags)).unwrap_or(0) & PF_KTHREAD != 0 {
        record.set(Flags::KERNEL_THREAD);
    } else {
        executable(record, ChunkKind::Exe, task);
        command_line(record, task);
    }
    if let Ok(fs) = member::<Address>(task, layout!(task_fs))
        && fs != 0
        && let Ok(pwd) = at(fs, layout!(fs_pwd))
    {
        path::path(record, ChunkKind::Cwd, pwd);
    }
    ancestors(record, leader);
}

/// Fills what stands in `task_struct` and `cred`.
#[inline(always)]
fn identity(record: &mut Record, task: Address, leader: Address) {
    // SAFETY: the helper has no preconditions.
    let pid_tgid = unsafe { generated::bpf_get_current_pid_tgid() };
    let out = &mut record.head().task;
    out.pid = (pid_tgid >> 32) as u32;
    out.tid = pid_tgid as u32;
    out.comm = member(task, layout!(task_comm)).unwrap_or([0; 16]);
    set(record, |task| &mut task.start_time, member(leader, layout!(task_start_boottime)), 0);
    let parent =
        member::<Address>(leader, layout!(task_real_parent)).and_then(|parent| member(parent, layout!(task_tgid)));
    set(record, |task| &mut task.ppid, parent, 3);
    set(record, |task| &mut task.loginuid, member(task, layout!(task_loginuid)), 6);
    set(record, |task| &mut task.session, member(task, layout!(task_sessionid)), 7);
    let cred = member::<Address>(task, layout!(task_cred)).unwrap_or(0);
    set(record, |task| &mut task.cap_effective, member(cred, layout!(cred_cap_effective)), 2);
    set(record, |task| &mut task.uid, member(cred, layout!(cred_uid)), 5);
    set(record, |task| &mut task.euid, member(cred, layout!(cred_euid)), 5);
    set(record, |task| &mut task.fsuid, member(cred, layout!(cred_fsuid)), 5);
    set(record, |task| &mut task.gid, member(cred, layout!(cred_gid)), 5);
    set(record, |task| &mut task.egid, member(cred, layout!(cred_egid)), 5);
    set(record, |task| &mut task.fsgid, member(cred, layout!(cred_fsgid)), 5);
    if let Ok(context) = member::<Address>(task, layout!(task_audit_context))
        && context != 0
    {
        // An unsigned int through 6.18 and in `audit_stamp` after it.
        record.head().task.audit_serial =
            u64::from(member::<u32>(context, layout!(audit_context_serial)).unwrap_or(0));
    }
}

/// Fills the namespaces and the pid inside.
#[inline(always)]
fn namespaces(record: &mut Record, task: Address, leader: Address) {
    let inner = innermost_pid(leader);
    set(record, |task| &mut task.ns_pid, inner.map(|(nr, _)| nr), 4);
    set(record, |task| &mut task.namespaces[0], inner.map(|(_, inum)| inum), 8);
    let nsproxy = member::<Address>(task, layout!(task_nsproxy)).unwrap_or(0);
    let inum = member(nsproxy, layout!(nsproxy_mnt_ns)).and_then(|ns| member(ns, layout!(mnt_namespace_inum)));
    set(record, |task| &mut task.namespaces[1], inum, 8);
    let inum = member(nsproxy, layout!(nsproxy_net_ns)).and_then(|ns| member(ns, layout!(net_inum)));
    set(record, |task| &mut task.namespaces[2], inum, 8);
    let inum = member(task, layout!(task_cred))
        .and_then(|cred| member(cred, layout!(cred_user_ns)))
        .and_then(|ns| member(ns, layout!(user_namespace_inum)));
    set(record, |task| &mut task.namespaces[3], inum, 8);
}

/// Fills a field of the head's task, or notes by its bit that it is missing.
#[inline(always)]
fn set<T>(record: &mut Record, field: impl FnOnce(&mut Task) -> &mut T, value: Result<T, Fault>, bit: u32) {
    match value {
        Ok(value) => *field(&mut record.head().task) = value,
        Err(Fault) => record.miss(bit),
    }
}

/// The pid in the process's own pid namespace, and that namespace's inode number (`task_active_pid_ns`, kernel/pid.c).
#[inline(always)]
fn innermost_pid(leader: Address) -> Result<(u32, u32), Fault> {
    let pid = member::<Address>(leader, layout!(task_thread_pid))?;
    let level = member::<u32>(pid, layout!(pid_level))? & 31;
    let upid = at(pid, layout!(pid_numbers))? + u64::from(level) * u64::from(layout!(upid_size));
    let namespace = member::<Address>(upid, layout!(upid_ns))?;
    Ok((member(upid, layout!(upid_nr))?, member(namespace, layout!(pid_namespace_inum))?))
}

/// Appends the path of the task's executable. Nothing for a process that has none any more.
#[inline(always)]
pub fn executable(record: &mut Record, kind: ChunkKind, task: Address) {
    if let Ok(mm) = member::<Address>(task, layout!(task_mm))
        && mm != 0
        && let Ok(file) = member::<Address>(mm, layout!(mm_exe_file))
        && file != 0
        && let Ok(at) = at(file, layout!(file_path))
    {
        path::path(record, kind, at);
    }
}

/// Appends the command line, as far as it fits and is in memory: a probe can't wait for a page.
#[inline(never)]
fn command_line(record: &mut Record, task: Address) {
    let Ok(mm) = member::<Address>(task, layout!(task_mm)) else { return };
    let (Ok(start), Ok(end)) =
        (member::<Address>(mm, layout!(mm_arg_start)), member::<Address>(mm, layout!(mm_arg_end)))
    else {
        return;
    };
    let Some(chunk) = record.begin(ChunkKind::Argv) else { return };
    let mut at = start;
    for _ in 0..ARGV_PIECES {
        if at >= end {
            return record.end(chunk);
        }
        let len = (end - at).min(BYTES_MAX);
        if record.user_bytes(at, len).is_err() {
            record.flag(chunk, FLAG_FAULT);
            return record.end(chunk);
        }
        at += len;
    }
    if at < end {
        record.flag(chunk, FLAG_CUT);
    }
    record.end(chunk);
}

/// Appends the parent, its parent, and so on.
#[inline(always)]
fn ancestors(record: &mut Record, leader: Address) {
    repeat(ANCESTORS, &mut Ancestors { record, child: leader });
}

/// Where a line of ancestors is on its way up.
struct Ancestors<'a> {
    record: &'a mut Record,
    child: Address,
}

impl Step for Ancestors<'_> {
    #[inline(always)]
    fn step(&mut self) -> Next {
        let Ok(parent) = member::<Address>(self.child, layout!(task_real_parent))
            .and_then(|parent| member::<Address>(parent, layout!(task_group_leader)))
        else {
            self.record.fault();
            return Next::Stop;
        };
        let pid = member::<u32>(parent, layout!(task_tgid)).unwrap_or(0);
        // Above pid 1 and kthreadd there is only the idle task.
        if pid == 0 || parent == self.child {
            return Next::Stop;
        }
        let Some(chunk) = self.record.begin(ChunkKind::Ancestor) else { return Next::Stop };
        let uid = member(parent, layout!(task_cred)).and_then(|cred| member(cred, layout!(cred_uid)));
        self.record.value(Ancestor {
            start_time: member(parent, layout!(task_start_boottime)).unwrap_or(0),
            pid,
            uid: uid.unwrap_or(u32::MAX),
            comm: member(parent, layout!(task_comm)).unwrap_or([0; 16]),
        });
        self.record.end(chunk);
        executable(self.record, ChunkKind::AncestorExe, parent);
        self.child = parent;
        Next::Continue
    }
}

/// What identifies another task: pid, tid, start time, name.
#[inline(always)]
pub fn target(task: Address) -> Result<(u32, u32, u64, [u8; 16]), Fault> {
    let leader = member::<Address>(task, layout!(task_group_leader))?;
    Ok((
        member(task, layout!(task_tgid))?,
        member(task, layout!(task_pid))?,
        member(leader, layout!(task_start_boottime))?,
        read(at(task, layout!(task_comm))?)?,
    ))
}
