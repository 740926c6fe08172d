//! What object managers refuse: programs that ask SELinux's or AppArmor's policy before they do something for others
//! (dbus-daemon, systemd, the X server). They tell audit, as a message of type `USER_AVC`, and here it passes the
//! kernel.

use aya_ebpf::{
    macros::fexit,
    programs::{FExitContext, ProbeContext},
};
use monitor_common::{
    SourceId, Userspace,
    chunk::{ChunkKind, FLAG_CUT},
    counter::Counter,
};

use crate::{
    finish, label,
    memory::{Address, Arguments as _, argument_word, word},
    output::{BYTES_MAX, Record, count},
    probe,
    repeat::{Next, Step, repeat},
    task,
};

// `struct nlmsghdr` (include/uapi/linux/netlink.h), which can't change.
const NLMSG_LEN: u64 = 0;
const NLMSG_TYPE: u64 = 4;
const NLMSG_DATA: u64 = 16;

/// `AUDIT_USER_AVC` (include/uapi/linux/audit.h).
const USER_AVC: u64 = 1107;

/// Where libselinux's word for a denial may begin: what comes before it is short.
const WORD_WITHIN: u32 = 48;

/// `int audit_receive_msg(struct sk_buff *skb, struct nlmsghdr *nlh, bool *ack)` (kernel/audit.c), by what libselinux
/// writes: `avc:  denied  { send_msg } for ...`.
#[fexit(function = "audit_receive_msg")]
pub fn selinux_userspace(context: FExitContext) -> i32 {
    by_trampoline(SourceId::SelinuxUserspace, &context, selinux);
    0
}

probe::session!(selinux_userspace_session at "audit_receive_msg");

/// As [`selinux_userspace`], without being preempted.
fn selinux_userspace_session(context: ProbeContext) -> probe::AtExit {
    by_session(SourceId::SelinuxUserspace, &context, selinux)
}

#[inline(always)]
fn selinux(text: Address) {
    let mut search = Search { at: text, found: 0 };
    repeat(WORD_WITHIN, &mut search);
    take(SourceId::SelinuxUserspace, text, search.found);
}

/// As [`selinux_userspace`], by what dbus-daemon writes where it asks AppArmor: `apparmor="DENIED" ...`.
#[fexit(function = "audit_receive_msg")]
pub fn apparmor_userspace(context: FExitContext) -> i32 {
    by_trampoline(SourceId::ApparmorUserspace, &context, apparmor);
    0
}

probe::session!(apparmor_userspace_session at "audit_receive_msg");

/// As [`apparmor_userspace`], without being preempted.
fn apparmor_userspace_session(context: ProbeContext) -> probe::AtExit {
    by_session(SourceId::ApparmorUserspace, &context, apparmor)
}

#[inline(always)]
fn apparmor(text: Address) {
    let (first, second) = (word(text), word(text + 8));
    let told = second == u64::from_ne_bytes(*b"=\"DENIED") || second == u64::from_ne_bytes(*b"=\"ALLOWE");
    let found = first == u64::from_ne_bytes(*b"apparmor") && told;
    take(SourceId::ApparmorUserspace, text, u64::from(found));
}

#[inline(always)]
fn by_trampoline(source: SourceId, context: &FExitContext, take: impl FnOnce(Address)) {
    let header = argument_word(context, 1);
    // The context of an fexit: three arguments, then the return value.
    ended(source, header, is_user_avc(header), argument_word(context, 3) as i32, take);
}

#[inline(always)]
fn by_session(source: SourceId, context: &ProbeContext, take: impl FnOnce(Address)) -> probe::AtExit {
    probe::both(
        context,
        |context| {
            let header = context.word(1);
            if is_user_avc(header) {
                return Some(header);
            }
            count(source, Counter::Skipped);
            None
        },
        |context, header| ended(source, header, true, probe::returned(context), take),
    )
}

/// Whether a message is of this type.
#[inline(always)]
fn is_user_avc(header: Address) -> bool {
    word(header + NLMSG_TYPE) & 0xffff == USER_AVC
}

/// Takes the text of a message of this type, unless the kernel did not take it: its sender may not write to audit.
#[inline(always)]
fn ended(source: SourceId, header: Address, is_user_avc: bool, error: i32, take: impl FnOnce(Address)) {
    if is_user_avc && error == 0 {
        take(header + NLMSG_DATA);
    } else {
        count(source, Counter::Skipped);
    }
}

/// Takes a message, if it reports a denial (1) and not of a grant or of the manager itself (0).
#[inline(always)]
fn take(source: SourceId, text: Address, denied: u64) {
    if denied == 0 {
        count(source, Counter::Skipped);
        return;
    }
    let Some(mut record) = Record::reserve::<Userspace>(source) else { return };
    task::describe(&mut record);
    label::task(&mut record);
    let len = (word(text - NLMSG_DATA + NLMSG_LEN) & 0xffff_ffff).saturating_sub(NLMSG_DATA);
    record.body::<Userspace>().len = len as u32;
    message(&mut record, text, len);
    finish::submit(record);
}

/// Appends the text, as much of it as fits.
#[inline(never)]
pub fn message(record: &mut Record, text: Address, len: u64) {
    let Some(chunk) = record.begin(ChunkKind::Message) else { return };
    if record.bytes(text, len).is_err() {
        record.fault();
    }
    if len > BYTES_MAX && record.bytes(text + BYTES_MAX, len - BYTES_MAX).is_err() {
        record.fault();
    }
    if len > 2 * BYTES_MAX {
        record.flag(chunk, FLAG_CUT);
    }
    record.end(chunk);
}

/// A search for libselinux's `denied`, before the permissions that follow it.
struct Search {
    at: Address,
    found: u64,
}

impl Step for Search {
    #[inline(always)]
    fn step(&mut self) -> Next {
        const DENIED: u64 = u64::from_ne_bytes(*b"denied \0");
        const SEVEN: u64 = u64::from_ne_bytes([0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0]);
        let here = word(self.at);
        self.at += 1;
        self.found = u64::from(here & SEVEN == DENIED);
        if self.found != 0 || here & 0xff == u64::from(b'{') { Next::Stop } else { Next::Continue }
    }
}
