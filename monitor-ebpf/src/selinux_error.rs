//! SELinux's refusals that are no decision about permissions: contexts that the policy doesn't know, bounds, transitions.
//!
//! The kernel has no function that all of them reach but the one that ends an audit record. From Linux 6.18 on that is
//! inlined where a record is written with one call, as that of a bounded transition is, which has a program of its own.

use aya_ebpf::{
    helpers::generated,
    macros::{fentry, fexit, kprobe, map},
    maps::HashMap,
    programs::{FEntryContext, FExitContext, ProbeContext},
};
use monitor_common::{SourceId, Userspace, chunk::ChunkKind};

use crate::{
    finish, label,
    layout::{known, layout},
    memory::{Address, Arguments, argument_word, follow, word},
    output::Record,
    probe, task, userspace,
};

const SOURCE: SourceId = SourceId::SelinuxError;
/// `AUDIT_SELINUX_ERR` (include/uapi/linux/audit.h).
const SELINUX_ERR: u64 = 1401;
/// The length of a `struct nlmsghdr`, and where its type stands in it.
const NLMSG_HDRLEN: u64 = 16;
const NLMSG_TYPE: u64 = 4;

/// The threads whose bounded transition has just been written to audit, until the function that refused it ends.
#[map]
static WRITTEN: HashMap<u64, u8> = HashMap::with_max_entries(1024, 0);

/// `void audit_log_end(struct audit_buffer *ab)` (kernel/audit.c).
#[fentry(function = "audit_log_end")]
pub fn selinux_error_record(context: FEntryContext) -> i32 {
    ended(argument_word(&context, 0));
    0
}

/// As [`selinux_error_record`], without being preempted.
#[kprobe(function = "audit_log_end")]
pub fn selinux_error_kprobe(context: ProbeContext) -> u32 {
    ended(context.word(0));
    0
}

#[inline(always)]
fn ended(buffer: Address) {
    if buffer == 0 || !known!(audit_buffer_skb, sk_buff_data, sk_buff_len) {
        return;
    }
    let skb = follow(buffer, layout!(audit_buffer_skb));
    let message = follow(skb, layout!(sk_buff_data));
    if word(message + NLMSG_TYPE) & 0xffff == SELINUX_ERR {
        let len = (follow(skb, layout!(sk_buff_len)) & 0xffff_ffff).saturating_sub(NLMSG_HDRLEN);
        refused(message + NLMSG_HDRLEN, len);
    }
}

#[inline(always)]
fn refused(text: Address, len: u64) {
    // Where there is no room, a bounded transition is reported twice.
    let _full = WRITTEN.insert(this_thread(), 0, 0);
    let Some(mut record) = Record::reserve::<Userspace>(SOURCE) else { return };
    task::describe(&mut record);
    label::task(&mut record);
    record.body::<Userspace>().len = len as u32;
    userspace::message(&mut record, text, len);
    finish::submit(record);
}

/// `int security_bounded_transition(u32 old_sid, u32 new_sid)` (security/selinux/ss/services.c; before 6.4 with a
/// `struct selinux_state *` before them).
#[fexit(function = "security_bounded_transition")]
pub fn selinux_error_bounds(context: FExitContext) -> i32 {
    if known!(bounded_old_sid, bounded_new_sid, bounded_arguments) {
        let [old, new] = sids(&context);
        bounds_decided(old, new, argument_word(&context, layout!(bounded_arguments)) as i32);
    }
    0
}

probe::session!(selinux_error_bounds_session at "security_bounded_transition");

/// As [`selinux_error_bounds`], without being preempted.
fn selinux_error_bounds_session(context: ProbeContext) -> probe::AtExit {
    probe::both(
        &context,
        |context| {
            let [old, new] = sids(context);
            Some(u64::from(old) << 32 | u64::from(new))
        },
        |context, kept| bounds_decided((kept >> 32) as u32, kept as u32, probe::returned(context)),
    )
}

/// Those of the two labels of `security_bounded_transition`.
#[inline(always)]
fn sids(arguments: &impl Arguments) -> [u32; 2] {
    [layout!(bounded_old_sid), layout!(bounded_new_sid)].map(|place| arguments.word(place) as u32)
}

/// Reports a bounded transition that was refused, unless audit's record of it is reported already.
#[inline(always)]
fn bounds_decided(old: u32, new: u32, result: i32) {
    let written = WRITTEN.remove(this_thread()).is_ok();
    if written || result == 0 {
        return;
    }
    let Some(mut record) = Record::reserve::<Userspace>(SOURCE) else { return };
    task::describe(&mut record);
    label::context(&mut record, ChunkKind::SubjectContext, old);
    label::context(&mut record, ChunkKind::ObjectContext, new);
    label::task(&mut record);
    finish::submit(record);
}

#[inline(always)]
fn this_thread() -> u64 {
    // SAFETY: the helper has no preconditions.
    unsafe { generated::bpf_get_current_pid_tgid() }
}
