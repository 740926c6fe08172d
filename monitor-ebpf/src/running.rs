//! The running task, and where its credentials and registers are.

use aya_ebpf::helpers::generated;

use crate::{
    layout::layout,
    memory::{Address, follow},
};

/// The address of the running task's `task_struct`.
#[inline(always)]
pub fn current() -> Address {
    // SAFETY: the helper has no preconditions.
    unsafe { generated::bpf_get_current_task() }
}

/// The credentials of a task that are its own, whatever it acts with at the moment (`task->real_cred`).
#[inline(always)]
pub fn own_credentials(task: Address) -> Address {
    follow(task, layout!(task_real_cred))
}

/// The credentials that a task acts with, which the kernel borrows for it at times (`task->cred`).
#[inline(always)]
pub fn acting_credentials(task: Address) -> Address {
    follow(task, layout!(task_cred))
}

/// Where the running task's registers are, as they were when it entered the kernel.
#[cfg(not(feature = "bounded-loops"))]
#[inline(always)]
pub fn registers() -> Address {
    // SAFETY: the helper has no preconditions.
    let task = unsafe { generated::bpf_get_current_task_btf() };
    // SAFETY: the task is the running one.
    unsafe { generated::bpf_task_pt_regs(task) as Address }
}

/// Unknown: the helper is of Linux 5.15.
#[cfg(feature = "bounded-loops")]
#[inline(always)]
pub fn registers() -> Address {
    0
}
