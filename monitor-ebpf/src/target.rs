//! The process that a system call is about.
//!
//! SELinux and AppArmor judge signals, tracing and scheduling of another process by its label, and keep no pointer to it.
//! The system call names it by number, in the caller's pid namespace. Whoever uses the process that is found compares its
//! label with the judged one.

use monitor_common::ObjectKind;

use crate::{
    call,
    layout::{known, layout},
    memory::{Address, follow, word},
    object,
    output::{Record, WithObject},
    repeat::{Next, Step, repeat},
    task,
};

/// Numbers of system calls (`arch/x86/entry/syscalls/syscall_64.tbl`).
#[cfg(bpf_target_arch = "x86_64")]
mod calls {
    /// Calls whose first argument is a process: kill, tkill, ptrace's and scheduling's kin.
    pub(super) const FIRST: [u64; 22] = [
        62,  // kill
        109, // setpgid
        121, // getpgid
        124, // getsid
        129, // rt_sigqueueinfo
        142, // sched_setparam
        143, // sched_getparam
        144, // sched_setscheduler
        145, // sched_getscheduler
        148, // sched_rr_get_interval
        200, // tkill
        203, // sched_setaffinity
        204, // sched_getaffinity
        256, // migrate_pages
        274, // get_robust_list
        279, // move_pages
        302, // prlimit64
        310, // process_vm_readv
        311, // process_vm_writev
        312, // kcmp
        314, // sched_setattr
        315, // sched_getattr
    ];

    /// Calls whose second argument is a process.
    pub(super) const SECOND: [u64; 3] = [
        101, // ptrace
        234, // tgkill
        297, // rt_tgsigqueueinfo
    ];

    /// Calls whose second argument is a process if the first is this number.
    pub(super) const SECOND_IF: [(u64, u64); 4] = [
        (140, 0), // getpriority: PRIO_PROCESS
        (141, 0), // setpriority
        (251, 1), // ioprio_set: IOPRIO_WHO_PROCESS
        (252, 1), // ioprio_get
    ];
}

/// Numbers of system calls (`scripts/syscall.tbl`).
#[cfg(bpf_target_arch = "aarch64")]
mod calls {
    /// Calls whose first argument is a process: kill, tkill, ptrace's and scheduling's kin.
    pub(super) const FIRST: [u64; 22] = [
        129, // kill
        154, // setpgid
        155, // getpgid
        156, // getsid
        138, // rt_sigqueueinfo
        118, // sched_setparam
        121, // sched_getparam
        119, // sched_setscheduler
        120, // sched_getscheduler
        127, // sched_rr_get_interval
        130, // tkill
        122, // sched_setaffinity
        123, // sched_getaffinity
        238, // migrate_pages
        100, // get_robust_list
        239, // move_pages
        261, // prlimit64
        270, // process_vm_readv
        271, // process_vm_writev
        272, // kcmp
        274, // sched_setattr
        275, // sched_getattr
    ];

    /// Calls whose second argument is a process.
    pub(super) const SECOND: [u64; 3] = [
        117, // ptrace
        131, // tgkill
        240, // rt_tgsigqueueinfo
    ];

    /// Calls whose second argument is a process if the first is this number.
    pub(super) const SECOND_IF: [(u64, u64); 4] = [
        (141, 0), // getpriority: PRIO_PROCESS
        (140, 0), // setpriority
        (30, 1),  // ioprio_set: IOPRIO_WHO_PROCESS
        (31, 1),  // ioprio_get
    ];
}

/// Levels of the tree that holds a namespace's processes, by number.
const LEVELS: u32 = 6;

/// The task that the running system call names as the one it is about; 0 if it names none, or several.
#[inline(never)]
pub fn of_system_call() -> Address {
    let registers = call::registers();
    if registers == 0 {
        return 0;
    }
    let call = call::number(registers);
    let [first, second] = call::arguments(registers);
    let mut number = 0;
    for known in calls::FIRST {
        number |= u64::from(call == known) * first;
    }
    for known in calls::SECOND {
        number |= u64::from(call == known) * second;
    }
    for (known, which) in calls::SECOND_IF {
        number |= u64::from(call == known && first & 0xffff_ffff == which) * second;
    }
    let number = number as u32;
    // Several processes, or the caller itself.
    if number as i32 <= 0 {
        return 0;
    }
    by_number(number)
}

/// The task of a process or thread id in the running task's pid namespace (`find_task_by_vpid`, kernel/pid.c).
#[inline(always)]
fn by_number(number: u32) -> Address {
    if !known!(
        pid_level,
        pid_numbers,
        upid_size,
        pid_namespace_pids,
        xa_node_shift,
        xa_node_slots,
        pid_tasks,
        task_pid_links,
    ) || layout!(xa_node_slots_count) != 64
    {
        return 0;
    }
    let pid = follow(task::current(), layout!(task_thread_pid));
    let level = follow(pid, layout!(pid_level)) & 31;
    let upid = pid + u64::from(layout!(pid_numbers)) + level * u64::from(layout!(upid_size));
    let namespace = follow(upid, layout!(upid_ns));
    let mut search = PidSearch { entry: follow(namespace, layout!(pid_namespace_pids)), number, found: 0 };
    repeat(LEVELS, &mut search);
    // The first of the tasks that have this number as their own (`PIDTYPE_PID`, which is 0).
    let link = if search.found == 0 { 0 } else { word(search.found + u64::from(layout!(pid_tasks))) };
    if link == 0 { 0 } else { link - u64::from(layout!(task_pid_links)) }
}

/// The bits of an xarray's entry that say what it is (`include/linux/xarray.h`), and those of a pointer to a node.
const MARKS: u64 = 3;
const NODE: u64 = 2;

/// A search in an xarray (`xa_load`, lib/xarray.c).
struct PidSearch {
    entry: u64,
    number: u32,
    found: Address,
}

impl Step for PidSearch {
    #[inline(always)]
    fn step(&mut self) -> Next {
        if self.entry & MARKS != NODE {
            return Next::Stop;
        }
        let node = self.entry - NODE;
        let shift = word(node + u64::from(layout!(xa_node_shift))) & 0x3f;
        // The root's slots are the highest bits of the largest number; those above must be 0.
        let index = u64::from(self.number) >> shift;
        let entry = word(node + u64::from(layout!(xa_node_slots)) + (index & 63) * 8);
        if shift == 0 {
            // A pointer to a `struct pid`; what else could be there is marked by the lower bits.
            self.found = if entry & MARKS == 0 { entry } else { 0 };
            return Next::Stop;
        }
        self.entry = entry;
        Next::Continue
    }
}

/// Fills the object from a process.
#[inline(always)]
pub fn describe<B: WithObject>(record: &mut Record, target: Address) {
    record.object::<B>().kind = ObjectKind::Task as u8;
    object::target_task::<B>(record, target);
}
