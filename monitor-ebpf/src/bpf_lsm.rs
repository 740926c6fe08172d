//! What other BPF LSM programs refuse.
//!
//! The kernel runs them in the trampoline of the hook's function `bpf_lsm_HOOK` (`kernel/bpf/bpf_lsm.c`), before the
//! programs at its exit, which see what they returned. Which hooks have programs, user space finds out: a hook gets one
//! of the programs here, which are all the same. They run at each call of the hook, also an allowed one.

use aya_ebpf::{
    macros::fexit,
    programs::{FExitContext, ProbeContext},
};
use monitor_common::{BPF_LSM_SLOTS, BpfLsm, HookArgument, HookCall, ObjectKind, SourceId};

use crate::{
    finish, label,
    layout::{known, layout},
    memory::{Address, Arguments as _, follow},
    object,
    output::Record,
    probe, task,
};

/// How the hooks are called; set by user space before load.
#[unsafe(no_mangle)]
static HOOKS: [HookCall; BPF_LSM_SLOTS] =
    [HookCall { arguments: 0, object: 0, kind: 0, reserved: 0 }; BPF_LSM_SLOTS];

macro_rules! slots {
    ($($name:ident, $session:ident = $slot:literal,)+) => {
        $(
            /// One of the programs: the end of a hook.
            #[fexit]
            pub fn $name(context: FExitContext) -> i32 {
                let HookCall { arguments, object, .. } = hook($slot);
                ended($slot, context.word(arguments) as i32, context.word(object));
                0
            }

            probe::session!($session);

            /// As the one before, without being preempted.
            fn $session(context: ProbeContext) -> probe::AtExit {
                probe::both(
                    &context,
                    |context| Some(context.word(hook($slot).object)),
                    |context, object| ended($slot, probe::returned(context), object),
                )
            }
        )+

        const _: () = assert!([$($slot),+].len() == BPF_LSM_SLOTS, "a program for each slot");
    };
}

slots! {
    bpf_lsm_0, bpf_lsm_0_session = 0,
    bpf_lsm_1, bpf_lsm_1_session = 1,
    bpf_lsm_2, bpf_lsm_2_session = 2,
    bpf_lsm_3, bpf_lsm_3_session = 3,
    bpf_lsm_4, bpf_lsm_4_session = 4,
    bpf_lsm_5, bpf_lsm_5_session = 5,
    bpf_lsm_6, bpf_lsm_6_session = 6,
    bpf_lsm_7, bpf_lsm_7_session = 7,
}

#[inline(always)]
fn hook(slot: usize) -> HookCall {
    // SAFETY: a reference to a static is valid; volatile because user space changes the value before load.
    unsafe { core::ptr::read_volatile(&raw const HOOKS[slot]) }
}

#[inline(always)]
fn ended(slot: usize, error: i32, object: Address) {
    if error < 0 {
        refused(slot as u32, error, hook(slot).kind, object);
    }
}

#[inline(never)]
fn refused(slot: u32, error: i32, kind: u32, object: Address) {
    let Some(mut record) = Record::reserve::<BpfLsm>(SourceId::BpfLsm) else { return };
    task::describe(&mut record);
    label::task(&mut record);
    let body: &mut BpfLsm = record.body();
    body.error = error;
    body.slot = slot;
    describe(&mut record, kind, object);
    finish::submit(record);
}

#[inline(always)]
fn describe(record: &mut Record, kind: u32, object: Address) {
    // A chain of comparisons: a match on many values becomes a jump table, which BPF doesn't have.
    let is = |wanted: HookArgument| kind == wanted as u32;
    let set = |record: &mut Record, kind: ObjectKind| record.object::<BpfLsm>().kind = kind as u8;
    if is(HookArgument::File) || is(HookArgument::Program) {
        if !known!(file_path, bpf_lsm_binprm_file) {
            return record.fault();
        }
        let file = if is(HookArgument::File) { object } else { follow(object, layout!(bpf_lsm_binprm_file)) };
        set(record, ObjectKind::File);
        object::path_object::<BpfLsm>(record, file.wrapping_add(u64::from(layout!(file_path))));
    } else if is(HookArgument::Path) {
        set(record, ObjectKind::Path);
        object::path_object::<BpfLsm>(record, object);
    } else if is(HookArgument::Dentry) {
        set(record, ObjectKind::Dentry);
        object::dentry_object::<BpfLsm>(record, object);
    } else if is(HookArgument::Inode) {
        object::inode::<BpfLsm>(record, object);
    } else if is(HookArgument::Socket) || is(HookArgument::Sock) {
        let sock = if is(HookArgument::Sock) { object } else { follow(object, layout!(bpf_lsm_socket_sock)) };
        set(record, ObjectKind::Net);
        object::socket::<BpfLsm>(record, sock);
    } else if is(HookArgument::Task) {
        set(record, ObjectKind::Task);
        object::target_task::<BpfLsm>(record, object);
    }
}
