//! AppArmor: DENIED, ALLOWED (complain mode) and KILLED.
//!
//! `common_lsm_audit` is called for each, before audit can drop it, and also with `audit=0`. (`aa_audit_msg`, which its
//! name suggests, is inlined into its callers by GCC.)

use aya_ebpf::{
    macros::{fexit, kprobe},
    programs::{FExitContext, ProbeContext},
};
use monitor_common::{Apparmor, Flags, ObjectKind, SourceId, chunk::ChunkKind, counter::Counter};

use crate::{
    call, finish, label,
    layout::{known, layout},
    lookup,
    memory::{Address, Fault, argument, follow, member, word},
    object,
    output::{Record, count},
    probe, target, task,
};

// `enum audit_type` (security/apparmor/include/audit.h), the same from 5.10 to 7.3.
const AUDIT_APPARMOR_ALLOWED: u32 = 1;
pub const AUDIT_APPARMOR_DENIED: u32 = 2;
pub const AUDIT_APPARMOR_KILL: u32 = 6;

/// `void common_lsm_audit(struct common_audit_data *a, ...)` (`security/lsm_audit.c`).
#[fexit(function = "common_lsm_audit")]
pub fn apparmor_fexit(context: FExitContext) -> i32 {
    denial(argument(&context, 0));
    0
}

probe::session!(apparmor_session at "common_lsm_audit");

/// As [`apparmor_fexit`], without being preempted.
fn apparmor_session(context: ProbeContext) -> probe::AtExit {
    probe::at_exit(&context, |data| denial(Ok(data)))
}

/// As [`apparmor_fexit`], where the kernel refuses trampolines.
#[kprobe(function = "common_lsm_audit")]
pub fn apparmor_kprobe(context: ProbeContext) -> u32 {
    denial(context.arg::<u64>(0).ok_or(Fault));
    0
}

#[inline(always)]
fn denial(data: Result<Address, Fault>) {
    let details = data.and_then(|data| Ok((data, member::<Address>(data, layout!(audit_data_apparmor))?)));
    let kind = details
        .and_then(|(data, details)| Ok((data, details, member::<u32>(details, layout!(apparmor_type))?)));
    let Ok((data, details, kind)) = kind else {
        count(SourceId::Apparmor, Counter::Seen);
        count(SourceId::Apparmor, Counter::Unreadable);
        return;
    };
    // The others are grants that the policy wants logged, policy loads, hints.
    if kind != AUDIT_APPARMOR_ALLOWED && kind != AUDIT_APPARMOR_DENIED && kind != AUDIT_APPARMOR_KILL {
        count(SourceId::Apparmor, Counter::Skipped);
        return;
    }
    let Some(mut record) = Record::reserve::<Apparmor>(SourceId::Apparmor) else { return };
    task::describe(&mut record);
    if kind == AUDIT_APPARMOR_ALLOWED {
        record.set(Flags::PERMITTED);
    }
    record.read_body::<Apparmor, _>(|body| &mut body.audit_type, details, layout!(apparmor_type));
    record.read_body::<Apparmor, _>(|body| &mut body.error, details, layout!(apparmor_error));
    record.read_body::<Apparmor, _>(|body| &mut body.requested, details, layout!(apparmor_request));
    record.read_body::<Apparmor, _>(|body| &mut body.denied, details, layout!(apparmor_denied));
    label::subject_label(&mut record, follow(details, layout!(apparmor_label)));
    describe(&mut record, data, details);
    finish::submit(record);
}

/// Fills what was asked for, by AppArmor's data and the `common_audit_data` that goes with it.
#[inline(always)]
pub fn describe(record: &mut Record, data: Address, details: Address) {
    record.read_body::<Apparmor, _>(|body| &mut body.details, details, layout!(apparmor_details));
    // Not there before 6.7.
    if known!(apparmor_class) {
        record.read_body::<Apparmor, _>(|body| &mut body.class, details, layout!(apparmor_class));
    }
    let operation_at = follow(details, layout!(apparmor_op));
    let operation = Operation::of(operation_at);
    record.string_chunk(ChunkKind::Operation, operation_at);
    record.path_chunk(ChunkKind::Name, follow(details, layout!(apparmor_name)));
    record.string_chunk(ChunkKind::Info, follow(details, layout!(apparmor_info)));
    if operation == Operation::Mount {
        record.string_chunk(ChunkKind::MountSource, follow(details, layout!(apparmor_mount_source)));
        record.string_chunk(ChunkKind::MountType, follow(details, layout!(apparmor_mount_type)));
        record.string_chunk(ChunkKind::MountTransition, follow(details, layout!(apparmor_mount_transition)));
        record.string_chunk(ChunkKind::MountData, follow(details, layout!(apparmor_mount_data)));
    } else if operation != Operation::Other {
        label::profile(record, ChunkKind::Peer, follow(details, layout!(apparmor_peer)));
        if operation == Operation::File {
            record.path_chunk(ChunkKind::Target, follow(details, layout!(apparmor_fs_target)));
        }
    }
    // For a unix socket, or one that is not yet made, the type says "none", and the union holds the socket all the
    // same.
    object::describe::<Apparmor>(record, data, operation == Operation::Socket);
    let registers = call::registers();
    if registers != 0 {
        record.body::<Apparmor>().call_plus_one = call::number(registers) as u16 + 1;
    }
    if operation == Operation::Process {
        target_process(record, details);
    } else if operation == Operation::File {
        // Of a file that hangs below no root, AppArmor has no name, or information on why it has none.
        let unnamed = is_root(follow(details, layout!(apparmor_name)));
        if unnamed || follow(details, layout!(apparmor_info)) != 0 {
            lookup::executed(record);
        }
    }
    if record.body::<Apparmor>().object.kind == ObjectKind::Capability as u8 {
        let capability = record.body::<Apparmor>().object.number;
        lookup::describe(record, capability);
    }
}

/// Whether a name is `/`: that of the file system's root, and of a file that hangs below none.
#[inline(always)]
fn is_root(name: Address) -> bool {
    const ROOT: u64 = b'/' as u64;
    name != 0 && word(name) & 0xffff == ROOT
}

/// Fills the object from the process that the system call names, if its label is one of the two that were judged.
#[inline(always)]
fn target_process(record: &mut Record, details: Address) {
    let target = target::of_system_call();
    let label = label::label(task::own_credentials(target));
    let judged = [layout!(apparmor_label), layout!(apparmor_peer)].map(|offset| follow(details, offset));
    if target != 0 && label != 0 && (label == judged[0] || label == judged[1]) {
        target::describe::<Apparmor>(record, target);
    }
}

/// What the union at the end of `apparmor_audit_data` holds: that depends on the operation, by name
/// (`OP_*`, security/apparmor/include/audit.h).
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Operation {
    File,
    Mount,
    Socket,
    Process,
    Other,
}

impl Operation {
    /// Shows the operation by the first eight bytes of its name.
    #[inline(always)]
    pub fn of(name: Address) -> Self {
        // The names are literals in the kernel's image, so that eight bytes can be read of a shorter one, too. Compared
        // as one number, since each branch costs the verifier.
        let bytes = word(name);
        let is = |prefix: &[u8]| {
            let (mut wanted, mut mask) = ([0; 8], [0; 8]);
            let mut index = 0;
            while index < prefix.len() {
                wanted[index] = prefix[index];
                mask[index] = 0xff;
                index += 1;
            }
            bytes & u64::from_ne_bytes(mask) == u64::from_ne_bytes(wanted)
        };
        if is(b"mount\0") || is(b"umount\0") || is(b"pivotroo") {
            Self::Mount
        } else if is(b"signal\0") || is(b"ptrace\0") {
            Self::Process
        } else if is(b"create\0")
            || is(b"post_cre")
            || is(b"bind\0")
            || is(b"connect\0")
            || is(b"listen\0")
            || is(b"accept\0")
            || is(b"sendmsg\0")
            || is(b"recvmsg\0")
            || is(b"getsock")
            || is(b"getpeern")
            || is(b"setsock")
            || is(b"socket_s")
        {
            Self::Socket
        } else if is(b"capable\0") || is(b"setrlimi") || is(b"profile_") || is(b"uring_") {
            Self::Other
        } else {
            Self::File
        }
    }
}
