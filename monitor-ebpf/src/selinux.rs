//! SELinux: audited denials, and permitted ones in permissive mode.
//!
//! `common_lsm_audit` is called for each, before audit can drop it, and also with `audit=0`. Its exit, and not its entry,
//! since by then audit has given the system call's record its serial number.

use aya_ebpf::{
    macros::{fexit, kprobe},
    programs::{FExitContext, ProbeContext},
};
use monitor_common::{Flags, ObjectKind, Selinux, SourceId, chunk::ChunkKind, counter::Counter};

use crate::{
    finish, label,
    layout::layout,
    lookup,
    memory::{Address, Fault, argument, follow, member},
    object,
    output::{Record, count},
    probe, target, task,
};

/// `void common_lsm_audit(struct common_audit_data *a, ...)` (`security/lsm_audit.c`).
#[fexit(function = "common_lsm_audit")]
pub fn selinux_fexit(context: FExitContext) -> i32 {
    denial(argument(&context, 0));
    0
}

probe::session!(selinux_session at "common_lsm_audit");

/// As [`selinux_fexit`], without being preempted.
fn selinux_session(context: ProbeContext) -> probe::AtExit {
    probe::at_exit(&context, |data| denial(Ok(data)))
}

/// As [`selinux_fexit`], where the kernel refuses trampolines.
#[kprobe(function = "common_lsm_audit")]
pub fn selinux_kprobe(context: ProbeContext) -> u32 {
    denial(context.arg::<u64>(0).ok_or(Fault));
    0
}

#[inline(always)]
fn denial(data: Result<Address, Fault>) {
    let details = data.and_then(|data| Ok((data, member::<Address>(data, layout!(audit_data_selinux))?)));
    let denied = details
        .and_then(|(data, details)| Ok((data, details, member::<u32>(details, layout!(selinux_denied))?)));
    let Ok((data, details, denied)) = denied else {
        count(SourceId::Selinux, Counter::Seen);
        count(SourceId::Selinux, Counter::Unreadable);
        return;
    };
    // A grant that the policy wants logged (auditallow).
    if denied == 0 {
        count(SourceId::Selinux, Counter::Skipped);
        return;
    }
    let Some(mut record) = Record::reserve::<Selinux>(SourceId::Selinux) else { return };
    task::describe(&mut record);
    record.body::<Selinux>().denied = denied;
    record.read_body::<Selinux, _>(|body| &mut body.ssid, details, layout!(selinux_ssid));
    record.read_body::<Selinux, _>(|body| &mut body.tsid, details, layout!(selinux_tsid));
    record.read_body::<Selinux, _>(|body| &mut body.requested, details, layout!(selinux_requested));
    record.read_body::<Selinux, _>(|body| &mut body.audited, details, layout!(selinux_audited));
    record.read_body::<Selinux, _>(|body| &mut body.result, details, layout!(selinux_result));
    record.body::<Selinux>().tclass = follow(details, layout!(selinux_tclass)) as u32 & 0xffff;
    if record.body::<Selinux>().result == 0 {
        record.set(Flags::PERMITTED);
    }
    labels(&mut record);
    object::describe::<Selinux>(&mut record, data, false);
    // What is asked of processes has no audit data: the target is the system call's argument.
    if record.body::<Selinux>().object.kind == ObjectKind::None as u8 {
        let (target, tsid) = (target::of_system_call(), record.body::<Selinux>().tsid);
        if target != 0 && label::sid(task::own_credentials(target)) == tsid {
            target::describe::<Selinux>(&mut record, target);
        }
    }
    if record.body::<Selinux>().object.kind == ObjectKind::Capability as u8 {
        let capability = record.body::<Selinux>().object.number;
        lookup::describe(&mut record, capability);
    }
    finish::submit(record);
}

/// Appends the contexts of the body's subject and object, and the running task's, if that is another.
#[inline(always)]
pub fn labels(record: &mut Record) {
    let (ssid, tsid) = (record.body::<Selinux>().ssid, record.body::<Selinux>().tsid);
    label::context(record, ChunkKind::SubjectContext, ssid);
    label::context(record, ChunkKind::ObjectContext, tsid);
    let sid = label::sid(task::own_credentials(task::current()));
    if sid != 0 && sid != ssid {
        record.set(Flags::NOT_SUBJECT);
        label::context(record, ChunkKind::TaskContext, sid);
    }
}
