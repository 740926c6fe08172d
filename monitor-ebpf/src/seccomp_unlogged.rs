//! seccomp: the system calls that a filter refuses, and of which the kernel writes no record.
//!
//! No function is reached by these alone, so this source's program runs at every system call of a process that has a
//! filter. It is therefore not among the default sources.

use aya_ebpf::{
    helpers::generated,
    macros::{fentry, fexit, kprobe, map},
    maps::LruHashMap,
    programs::{FEntryContext, FExitContext, ProbeContext},
};
use monitor_common::{Flags, SeccompAction, SeccompCall, SeccompUnlogged, SeccompWay, SourceId};

use crate::{
    finish, label,
    layout::layout,
    memory::{Address, Arguments, follow},
    output::Record,
    probe,
    repeat::{Next, Step, repeat},
    seccomp, task,
};

/// Threads of which a refusal is under way at once.
const THREADS: u32 = 1024;
/// Filters of a thread that are looked at for a supervisor.
const FILTERS: u32 = 64;
/// `PTRACE_O_TRACESECCOMP` in `task_struct.ptrace` (include/linux/ptrace.h: `PT_TRACE_SECCOMP`).
const PT_TRACE_SECCOMP: u64 = 1 << 10;

/// What is already known of a thread's refusal that is under way.
#[derive(Clone, Copy)]
#[repr(C)]
struct UnderWay {
    /// When the thread started: one that was killed leaves its entry behind, and its number goes to another.
    start_time: u64,
    /// [`TOLD`], or a [`SeccompWay`].
    what: u64,
}

/// It is in a record already: in the kernel's, or in one of this source's.
const TOLD: u64 = 100;
/// Nothing was noted of it.
const NOTHING: u64 = u64::MAX;

/// By process and thread id.
#[map]
static UNDER_WAY: LruHashMap<u64, UnderWay> = LruHashMap::with_max_entries(THREADS, 0);

#[inline(always)]
fn note(what: u64) {
    let noted = UnderWay { start_time: follow(task::current(), layout!(task_start_boottime)), what };
    // If there is no room, the refusal is reported twice or without its way.
    let _full = UNDER_WAY.insert(thread(), noted, 0);
}

/// What was noted of the running thread's refusal: [`TOLD`], a [`SeccompWay`] or [`NOTHING`].
#[inline(always)]
fn noted() -> u64 {
    // SAFETY: nothing but the running thread writes its entry.
    let Some(noted) = (unsafe { UNDER_WAY.get(thread()) }) else { return NOTHING };
    if noted.start_time == follow(task::current(), layout!(task_start_boottime)) {
        noted.what
    } else {
        NOTHING
    }
}

#[inline(always)]
fn thread() -> u64 {
    // SAFETY: the helper has no preconditions.
    unsafe { generated::bpf_get_current_pid_tgid() }
}

/// `void audit_seccomp(unsigned long syscall, long signr, int code)` (kernel/auditsc.c): the kernel logs this one.
#[fentry(function = "audit_seccomp")]
pub fn seccomp_unlogged_but_logged(context: FEntryContext) -> i32 {
    logged(&context);
    0
}

/// As [`seccomp_unlogged_but_logged`], without being preempted.
#[kprobe(function = "audit_seccomp")]
pub fn seccomp_unlogged_but_logged_kprobe(context: ProbeContext) -> u32 {
    logged(&context);
    0
}

#[inline(always)]
fn logged(arguments: &impl Arguments) {
    // A call that only is logged goes on.
    if arguments.word(2) as u32 != SeccompAction::Log as u32 {
        note(TOLD);
    }
}

/// `int force_sig_seccomp(int syscall, int reason, bool force_coredump)` (kernel/signal.c). It comes before a trap is
/// logged, and after a kill is.
#[fentry(function = "force_sig_seccomp")]
pub fn seccomp_unlogged_signal(context: FEntryContext) -> i32 {
    signalled(&context);
    0
}

/// As [`seccomp_unlogged_signal`], without being preempted.
#[kprobe(function = "force_sig_seccomp")]
pub fn seccomp_unlogged_signal_kprobe(context: ProbeContext) -> u32 {
    signalled(&context);
    0
}

#[inline(always)]
fn signalled(arguments: &impl Arguments) {
    if noted() != TOLD {
        let kills = arguments.word(2) & 0xff != 0;
        note(if kills { SeccompWay::Killed as u64 } else { SeccompWay::Trapped as u64 });
    }
}

/// `__seccomp_filter(int this_syscall, ...)` (kernel/seccomp.c): the last parameter says whether it is asked again for a
/// call that a tracer has changed. It returns -1 if the call is refused, or, from 7.3 on, false.
#[fexit(function = "__seccomp_filter")]
pub fn seccomp_unlogged_fexit(context: FExitContext) -> i32 {
    if is_refused(context.word(layout!(seccomp_filter_arguments))) {
        unlogged(context.word(0), is_again(&context));
    }
    0
}

probe::session!(seccomp_unlogged_session at "__seccomp_filter");

/// As [`seccomp_unlogged_fexit`], without being preempted.
fn seccomp_unlogged_session(context: ProbeContext) -> probe::AtExit {
    const AGAIN: u64 = 1 << 32;
    probe::both(
        &context,
        |context| Some(context.word(0) & (AGAIN - 1) | if is_again(context) { AGAIN } else { 0 }),
        |context, kept| {
            if is_refused(probe::returned(context) as u64) {
                unlogged(kept & (AGAIN - 1), kept & AGAIN != 0);
            }
        },
    )
}

/// Whether `__seccomp_filter` is asked once more, by its last argument.
#[inline(always)]
fn is_again(arguments: &impl Arguments) -> bool {
    arguments.word(layout!(seccomp_filter_arguments).wrapping_sub(1)) & 0xff != 0
}

/// Whether it refuses, by what it returns.
#[inline(always)]
fn is_refused(returned: u64) -> bool {
    if layout!(seccomp_filter_return_size) == 1 { returned as u8 == 0 } else { returned as i32 != 0 }
}

#[inline(always)]
fn unlogged(syscall: u64, again: bool) {
    let way = noted();
    if again {
        // The call within which this one was made is refused for the same reason.
        note(TOLD);
    } else {
        let _absent = UNDER_WAY.remove(thread());
    }
    if way == TOLD {
        return;
    }
    let Some(mut record) = Record::reserve::<SeccompUnlogged>(SourceId::SeccompUnlogged) else { return };
    task::describe(&mut record);
    label::task(&mut record);
    seccomp::describe_call(&mut record, syscall);
    record.set(Flags::SILENT);
    let mut search = Supervisor { filter: follow(task::current(), layout!(seccomp_filters)), found: 0 };
    repeat(FILTERS, &mut search);
    let body: &mut SeccompUnlogged = record.body();
    body.way = if way == NOTHING { SeccompWay::Skipped as u32 } else { way as u32 };
    body.supervised = search.found;
    body.traced = u32::from(follow(task::current(), layout!(seccomp_task_ptrace)) & PT_TRACE_SECCOMP != 0);
    let asked = body.supervised | body.traced != 0;
    let SeccompCall { has_registers, result, .. } = body.call;
    // Who was asked may have done in the call's place what was wanted.
    if way == NOTHING && asked && has_registers != 0 && result >= 0 {
        record.set(Flags::PERMITTED);
    }
    finish::submit(record);
}

/// A search for a filter with a supervisor.
struct Supervisor {
    filter: Address,
    found: u32,
}

impl Step for Supervisor {
    #[inline(always)]
    fn step(&mut self) -> Next {
        if self.filter == 0 {
            return Next::Stop;
        }
        if follow(self.filter, layout!(seccomp_filter_listener)) != 0 {
            self.found = 1;
            return Next::Stop;
        }
        self.filter = follow(self.filter, layout!(seccomp_filter_previous));
        Next::Continue
    }
}
