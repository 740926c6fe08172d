//! SELinux: denials that the policy keeps out of the log (`dontaudit`, `neveraudit`).
//!
//! What is refused passes `avc_denied`, which has what the policy says of it, but no object. From 6.17 on a task
//! remembers what was decided on the last directories, and `selinux_inode_permission` then refuses without
//! `avc_denied`. So there its exit is watched, too. Since that has the inode, it reports all that is refused in it, and
//! `avc_denied` leaves that to it.

use aya_ebpf::{
    EbpfContext,
    helpers::generated,
    macros::{fexit, kprobe, map},
    maps::LruHashMap,
    programs::{FExitContext, ProbeContext},
};
use monitor_common::{Flags, Selinux, SourceId, counter::Counter};

use crate::{
    callers::called_within,
    finish, label,
    layout::{layout, setting},
    memory::{Address, Arguments, Fault, argument, follow, member},
    object,
    output::{Record, count},
    probe,
    repeat::{Next, Step, repeat},
    selinux, task,
};

const SOURCE: SourceId = SourceId::SelinuxSilent;

const EACCES: i32 = 13;
/// Permissive mode doesn't count (security/selinux/include/avc.h).
const AVC_STRICT: u32 = 1;
/// The permission is a whole class of them, of which `driver` and `xperm` name one (security/selinux/include/avc.h).
const AVC_EXTENDED_PERMS: u32 = 2;
/// The subject is permissive (security/selinux/include/security.h).
const AVD_FLAGS_PERMISSIVE: u32 = 1;
/// Nothing that the subject is refused is to be logged (security/selinux/include/security.h). From 6.17 on.
const AVD_FLAGS_NEVERAUDIT: u32 = 2;
// include/linux/fs.h.
const MAY_EXEC_BIT: u32 = 0;
const MAY_WRITE_BIT: u32 = 1;
const MAY_READ_BIT: u32 = 2;
const MAY_ACCESS_BIT: u32 = 4;

/// What was asked for, and what the policy says of it.
#[derive(Clone, Copy)]
struct Decision {
    ssid: u32,
    tsid: u32,
    tclass: u32,
    requested: u32,
    denied: u32,
    /// What of it is logged.
    logged: u32,
    /// `AVD_FLAGS_`.
    flags: u32,
    /// The ioctl command or netlink message type, and `AVC_` flags above these 16 bits.
    extended: u32,
}

/// What `avc_denied` refused within `selinux_inode_permission`, by thread, until that reports it.
#[map]
static DECIDED: LruHashMap<u64, Decision> = LruHashMap::with_max_entries(1024, 0);

/// `int avc_denied(u32 ssid, u32 tsid, u16 tclass, u32 requested, u8 driver, [u8 base_perm,] u8 xperm,
/// unsigned int flags, struct av_decision *avd)` (security/selinux/avc.c).
#[fexit(function = "avc_denied")]
pub fn selinux_silent_fexit(context: FExitContext) -> i32 {
    let (decision, result) = (decision(&context), result(&context));
    if let Ok(decision) = decision {
        report_unless_probe(&context, &decision, result);
    }
    0
}

/// As [`selinux_silent_fexit`], where [`selinux_silent_inode_fexit`] is attached, too.
#[fexit(function = "avc_denied")]
pub fn selinux_silent_beside_fexit(context: FExitContext) -> i32 {
    let (decision, result) = (decision(&context), result(&context));
    let Ok(decision) = decision else { return 0 };
    // What is permitted can't be distinguished from what is allowed when that function returns.
    if result != 0 && within_inode_permission(&context) {
        // Without an entry, the exit takes the refusal for a remembered one.
        let _ = DECIDED.insert(thread(), decision, 0);
    } else {
        report_unless_probe(&context, &decision, result);
    }
    0
}

/// As [`selinux_silent_fexit`], where trampolines can't take that many arguments (before 6.6).
#[kprobe(function = "avc_denied")]
pub fn selinux_silent_kprobe(context: ProbeContext) -> u32 {
    if let Ok(decision) = decision(&context) {
        // As the function is about to decide.
        let enforcing = follow(setting!(selinux_state), layout!(selinux_state_enforcing)) as u8 != 0;
        let permissive = !enforcing || decision.flags & AVD_FLAGS_PERMISSIVE != 0;
        let permitted = permissive && decision.extended >> 16 & AVC_STRICT == 0;
        report_unless_probe(&context, &decision, if permitted { 0 } else { -EACCES });
    }
    0
}

/// `int selinux_inode_permission(struct inode *inode, int requested)` (security/selinux/hooks.c). This runs at each step
/// of a path walk, and returns at once if that is allowed.
#[fexit(function = "selinux_inode_permission")]
pub fn selinux_silent_inode_fexit(context: FExitContext) -> i32 {
    if argument(&context, 2).map(|result| result as i32) == Ok(-EACCES) {
        let inode = argument(&context, 0).unwrap_or(0);
        refused_inode(inode, argument(&context, 1).unwrap_or(0) as u32);
    }
    0
}

probe::session!(selinux_silent_beside_session at "avc_denied");

/// As [`selinux_silent_beside_fexit`], without being preempted.
fn selinux_silent_beside_session(context: ProbeContext) -> probe::AtExit {
    probe::both(
        &context,
        |context| {
            let Ok(decision) = decision(context) else { return None };
            if DECIDED.insert(thread(), decision, 0).is_err() {
                unreadable();
                return None;
            }
            Some(u64::from(within_inode_permission(context)))
        },
        |context, within| {
            let result = probe::returned(context);
            if result != 0 && within != 0 {
                return;
            }
            let Some(&decision) = found(thread()) else { return unreadable() };
            let _ = DECIDED.remove(thread());
            report_unless_probe(context, &decision, result);
        },
    )
}

probe::session!(selinux_silent_inode_session at "selinux_inode_permission");

/// As [`selinux_silent_inode_fexit`], without being preempted.
fn selinux_silent_inode_session(context: ProbeContext) -> probe::AtExit {
    probe::both(
        &context,
        |context| Some(inode_and_mask(context.word(0), context.word(1))),
        |context, kept| {
            if probe::returned(context) == -EACCES {
                let access = (kept >> 63) << MAY_ACCESS_BIT;
                refused_inode(kept & !LOW | 1 << 63, (kept & LOW | access) as u32);
            }
        },
    )
}

/// Bits of an address that are 0, since an inode begins at a word: `MAY_EXEC`, `MAY_WRITE` and `MAY_READ` have the same.
const LOW: u64 = 7;

/// An inode's address and the mask in one word: `MAY_ACCESS` takes the sign, which is set in each of the kernel's addresses.
#[inline(always)]
fn inode_and_mask(inode: Address, mask: u64) -> u64 {
    inode & !(1 << 63) | (mask >> MAY_ACCESS_BIT & 1) << 63 | mask & LOW
}

/// What `avc_denied` was given. What can't be read is counted.
#[inline(always)]
fn decision(arguments: &impl Arguments) -> Result<Decision, Fault> {
    let read = read_decision(arguments);
    if read.is_err() {
        unreadable();
    }
    read
}

#[inline(always)]
fn read_decision(arguments: &impl Arguments) -> Result<Decision, Fault> {
    let avd = arguments.get(layout!(avc_denied_avd))?;
    let requested = arguments.get(layout!(avc_denied_requested))? as u32;
    let allowed: u32 = member(avd, layout!(av_decision_allowed))?;
    let flags = arguments.get(layout!(avc_denied_flags))? as u32;
    let driver = arguments.get(layout!(avc_denied_driver))? as u32 & 0xff;
    let permission = arguments.get(layout!(avc_denied_xperm))? as u32 & 0xff;
    Ok(Decision {
        ssid: arguments.get(layout!(avc_denied_ssid))? as u32,
        tsid: arguments.get(layout!(avc_denied_tsid))? as u32,
        tclass: arguments.get(layout!(avc_denied_tclass))? as u32 & 0xffff,
        requested,
        denied: requested & !allowed,
        logged: member(avd, layout!(av_decision_auditdeny))?,
        flags: member(avd, layout!(av_decision_flags))?,
        extended: flags << 16 | driver << 8 | permission,
    })
}

/// What `avc_denied` returns: 0 in permissive mode.
#[inline(always)]
fn result(context: &FExitContext) -> i32 {
    argument(context, layout!(avc_denied_result)).unwrap_or(0) as i32
}

/// The running thread, as a key.
#[inline(always)]
fn thread() -> u64 {
    // SAFETY: the helper has no preconditions.
    unsafe { generated::bpf_get_current_pid_tgid() }
}

#[inline(always)]
fn within_inode_permission(context: &impl EbpfContext) -> bool {
    called_within(context, setting!(selinux_inode_permission), setting!(selinux_inode_permission_end))
}

/// Reports what was decided, except what the kernel asks at each allocation of memory: may the process have more, since
/// it has `CAP_SYS_ADMIN`? (`selinux_vm_enough_memory`, security/selinux/hooks.c.) Nothing is refused then.
#[inline(always)]
fn report_unless_probe(context: &impl EbpfContext, decision: &Decision, result: i32) {
    if decision.is_silent()
        && !(decision.tclass == setting!(selinux_capability)
            && called_within(context, setting!(vm_enough_memory), setting!(vm_enough_memory_end)))
    {
        report(decision, result, 0);
    } else {
        count(SOURCE, Counter::Skipped);
    }
}

/// Reports what `selinux_inode_permission` refused.
#[inline(always)]
fn refused_inode(inode: Address, mask: u32) {
    let blob = u64::from(setting!(selinux_inode_blob_plus_one)) - 1;
    let security = follow(inode, layout!(inode_security)).wrapping_add(blob);
    let tsid = follow(security, layout!(inode_security_sid)) as u32;
    let thread = thread();
    // One that was left behind, since this program did not run then, is of another object, or is as right.
    if found(thread).is_none_or(|decision| decision.tsid != tsid) {
        let _ = DECIDED.remove(thread);
        if let Ok(decision) = remembered(security, tsid, mask) {
            // So that the verifier follows what comes once for both.
            let _ = DECIDED.insert(thread, decision, 0);
        }
    }
    let Some(&decision) = found(thread) else { return unreadable() };
    let _ = DECIDED.remove(thread);
    // access(2): the policy may keep just that out of the log (`avc_audit_required`, security/selinux/include/avc.h).
    let access = (mask >> MAY_ACCESS_BIT & 1) * setting!(selinux_audit_access);
    if decision.is_silent() || access & !decision.logged != 0 {
        report(&Decision { extended: 0, ..decision }, -EACCES, inode);
    } else {
        count(SOURCE, Counter::Skipped);
    }
}

/// What was decided for a thread.
#[inline(always)]
fn found<'a>(thread: u64) -> Option<&'a Decision> {
    // SAFETY: only this thread, and only in this program, removes what is under this key.
    unsafe { DECIDED.get(thread) }
}

/// What the task remembers of this directory (`task_avdcache_search`, security/selinux/hooks.c).
#[inline(always)]
fn remembered(security: Address, tsid: u32, mask: u32) -> Result<Decision, Fault> {
    let tclass = member::<u16>(security, layout!(inode_security_class))?;
    if u32::from(tclass) != setting!(selinux_dir) {
        return Err(Fault);
    }
    let blob = u64::from(setting!(selinux_task_blob_plus_one)) - 1;
    let entries = follow(task::current(), layout!(task_security)) + blob + u64::from(layout!(avdcache_dir));
    let mut search = Search { entries, tsid, index: 0, found: 0 };
    repeat(layout!(avdcache_dir_count), &mut search);
    let allowed: u32 = member(search.found, layout!(avdc_entry_allowed))?;
    let logged: u32 = member(search.found, layout!(avdc_entry_audited))?;
    // `file_mask_to_av` (security/selinux/hooks.c).
    let requested = ((mask >> MAY_READ_BIT & 1) * setting!(selinux_dir_read))
        | ((mask >> MAY_WRITE_BIT & 1) * setting!(selinux_dir_write))
        | ((mask >> MAY_EXEC_BIT & 1) * setting!(selinux_dir_search));
    Ok(Decision {
        ssid: label::sid(task::acting_credentials(task::current())),
        tsid,
        tclass: u32::from(tclass),
        requested,
        denied: requested & !allowed,
        // Before 7.3 the entry has what was logged when it was made, for access(2) or not, and that is logged again.
        logged: if layout!(avdc_entry_audited_size) == 4 {
            logged | setting!(selinux_audit_access)
        } else {
            logged
        },
        flags: follow(search.found, layout!(avdc_entry_flags)) as u32,
        extended: 0,
    })
}

/// A search for the entry of a label.
struct Search {
    entries: Address,
    tsid: u32,
    index: u32,
    found: Address,
}

impl Step for Search {
    #[inline(always)]
    fn step(&mut self) -> Next {
        let entry = self.entries + u64::from(self.index) * u64::from(layout!(avdc_entry_size));
        self.index += 1;
        if follow(entry, layout!(avdc_entry_sid)) as u32 == self.tsid {
            self.found = entry;
            return Next::Stop;
        }
        Next::Continue
    }
}

impl Decision {
    /// Whether the policy keeps it out of the log (`avc_audit_required`, security/selinux/include/avc.h).
    #[inline(always)]
    fn is_silent(&self) -> bool {
        self.denied & self.logged == 0 || self.flags & AVD_FLAGS_NEVERAUDIT != 0
    }
}

#[inline(always)]
fn unreadable() {
    count(SOURCE, Counter::Seen);
    count(SOURCE, Counter::Unreadable);
}

/// Reports a decision, and the inode that it was about, 0 if that is unknown.
#[inline(always)]
fn report(decision: &Decision, result: i32, inode: Address) {
    let Some(mut record) = Record::reserve::<Selinux>(SOURCE) else { return };
    let body: &mut Selinux = record.body();
    body.ssid = decision.ssid;
    body.tsid = decision.tsid;
    body.tclass = decision.tclass;
    body.requested = decision.requested;
    body.denied = decision.denied;
    body.result = result;
    if decision.extended >> 16 & AVC_EXTENDED_PERMS != 0 {
        body.extended_plus_one = (decision.extended & 0xffff) + 1;
    }
    record.set(if result == 0 { Flags::SILENT | Flags::PERMITTED } else { Flags::SILENT });
    task::describe(&mut record);
    selinux::labels(&mut record);
    if inode != 0 {
        object::inode::<Selinux>(&mut record, inode);
    }
    finish::submit(record);
}
