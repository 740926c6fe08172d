//! AppArmor: changes of its policy.
//!
//! One write to AppArmor's files loads, replaces or removes one profile, or many. What changes is noted while the kernel
//! works through it, and becomes one record at the end. None of these functions runs for anything else, but that
//! learning profiles (`null-...`), which complain mode makes and drops, are added and removed as well.

use core::ffi::c_void;

use aya_ebpf::{
    helpers::generated,
    macros::{fentry, fexit, kprobe, map},
    maps::{Array, HashMap},
    programs::{FEntryContext, FExitContext, ProbeContext},
};
use monitor_common::{
    ApparmorPolicy, ParameterId, SourceId,
    chunk::{ChunkHead, ChunkKind, FLAG_CUT, FLAG_FAULT},
    counter::Counter,
};

use crate::{
    finish, label,
    layout::layout,
    memory::{Address, Arguments, follow, member},
    output::{BYTES_MAX, Record, count, masked},
    probe, task,
};

/// Bytes of a profile's name that are taken, with the NUL.
const NAME_MAX: u32 = 320;
/// Bytes of a namespace's name that are taken, with the NUL.
const NAMESPACE_MAX: u32 = 128;

/// The last offset in a page at which a change starts. A change is shorter than this, so that a page is never longer than
/// what is copied at once.
const START_MASK: usize = 0x1ff;
const PAGE: usize = 0x500;
const PAGES: usize = 4;

const _: () = assert!(
    START_MASK + size_of::<ChunkHead>() + 2 + (NAME_MAX + NAMESPACE_MAX) as usize <= BYTES_MAX as usize
);

/// What a task has changed so far: chunks, in pages.
#[repr(C)]
pub struct Changes {
    count: u32,
    page: u32,
    used: [u32; PAGES],
    pages: [[u8; PAGE]; PAGES],
}

/// The tasks that are changing policy: one at a time in a namespace.
#[map]
static CHANGES: HashMap<u64, Changes> = HashMap::with_max_entries(32, 0);

/// What a task starts with: nothing.
#[map]
static NO_CHANGES: Array<Changes> = Array::with_max_entries(1, 0);

/// The tasks that are setting a parameter, and what it was.
#[map]
static PARAMETERS: HashMap<u64, u32> = HashMap::with_max_entries(32, 0);

#[inline(always)]
fn this_task() -> u64 {
    // SAFETY: the helper has no preconditions.
    unsafe { generated::bpf_get_current_pid_tgid() }
}

/// `static void __add_profile(struct list_head *list, struct aa_profile *profile)` (security/apparmor/policy.c).
#[fentry(function = "__add_profile")]
pub fn apparmor_policy_added(context: FEntryContext) -> i32 {
    added(context.word(1));
    0
}

/// As [`apparmor_policy_added`], without being preempted.
#[kprobe(function = "__add_profile")]
pub fn apparmor_policy_added_kprobe(context: ProbeContext) -> u32 {
    added(context.word(1));
    0
}

#[inline(always)]
fn added(profile: Address) {
    if !is_learning(profile) {
        note(ApparmorPolicy::NONE, mode(profile), profile);
    }
}

/// `void __aafs_profile_migrate_dents(struct aa_profile *old, struct aa_profile *new)` (security/apparmor/apparmorfs.c),
/// which each replacement of a profile calls.
#[fentry(function = "__aafs_profile_migrate_dents")]
pub fn apparmor_policy_replaced(context: FEntryContext) -> i32 {
    replaced(context.word(0), context.word(1));
    0
}

/// As [`apparmor_policy_replaced`], without being preempted.
#[kprobe(function = "__aafs_profile_migrate_dents")]
pub fn apparmor_policy_replaced_kprobe(context: ProbeContext) -> u32 {
    replaced(context.word(0), context.word(1));
    0
}

#[inline(always)]
fn replaced(old: Address, new: Address) {
    note(mode(old), mode(new), new);
}

/// `void __aafs_profile_rmdir(struct aa_profile *profile)` (security/apparmor/apparmorfs.c), which each removal calls.
#[fentry(function = "__aafs_profile_rmdir")]
pub fn apparmor_policy_removed(context: FEntryContext) -> i32 {
    removed(context.word(0));
    0
}

/// As [`apparmor_policy_removed`], without being preempted.
#[kprobe(function = "__aafs_profile_rmdir")]
pub fn apparmor_policy_removed_kprobe(context: ProbeContext) -> u32 {
    removed(context.word(0));
    0
}

#[inline(always)]
fn removed(profile: Address) {
    let list = profile + u64::from(layout!(policy_profile_list));
    // One that could not be loaded is cleared away, too, but was never in the list.
    let is_listed = follow(list, 0) != list;
    if is_listed && !is_learning(profile) {
        note(mode(profile), ApparmorPolicy::NONE, profile);
    }
}

#[inline(always)]
fn is_learning(profile: Address) -> bool {
    follow(profile, layout!(policy_profile_flags)) as u32 & layout!(policy_flag_null) != 0
}

/// `enum profile_mode`.
#[inline(always)]
fn mode(profile: Address) -> u8 {
    follow(profile, layout!(policy_profile_mode)) as u8
}

/// Notes a change of a profile. What finds no room is counted all the same.
#[inline(always)]
fn note(before: u8, after: u8, profile: Address) {
    let task = this_task();
    if CHANGES.get_ptr(task).is_none() {
        let Some(nothing) = NO_CHANGES.get(0) else { return };
        // Where there is no room for one more task, nothing is found below.
        let _full = CHANGES.insert(task, nothing, 0);
    }
    let Some(changes) = CHANGES.get_ptr_mut(task) else {
        count(SourceId::ApparmorPolicy, Counter::Seen);
        count(SourceId::ApparmorPolicy, Counter::RingFull);
        return;
    };
    let namespace = follow(profile, layout!(aa_profile_ns));
    // The root namespace's name is left out: where there is nothing to read, it is empty.
    let is_inner = u64::from(follow(namespace, layout!(aa_ns_parent)) != 0);
    let change = Change {
        before,
        after,
        name: follow(profile, layout!(aa_profile_hname)),
        namespace: follow(namespace, layout!(aa_ns_hname)) * is_inner,
    };
    // SAFETY: an element of the map, which only this task uses.
    unsafe { append(changes, &change) };
}

/// A change of a profile, with the addresses of its name and its namespace's.
struct Change {
    before: u8,
    after: u8,
    name: Address,
    namespace: Address,
}

/// # Safety
///
/// `changes` points to an element of the map that nobody else uses.
#[inline(always)]
unsafe fn append(changes: *mut Changes, change: &Change) {
    // SAFETY: as the caller promises; volatile, so that the verifier follows no values through the map's memory, and the
    // masks keep every access inside it.
    unsafe {
        let count = &raw mut (*changes).count;
        count.write_volatile(count.read_volatile() + 1);
        let page_at = &raw mut (*changes).page;
        let useds = (&raw mut (*changes).used).cast::<u32>();
        let used_of = |page: u32| useds.add(masked::<{ PAGES - 1 }>(page.into()));
        let mut page = page_at.read_volatile();
        if page < PAGES as u32 && used_of(page).read_volatile() as usize > START_MASK {
            page += 1;
            page_at.write_volatile(page);
        }
        if page >= PAGES as u32 {
            return;
        }
        let used = used_of(page).read_volatile();
        let start = masked::<{ PAGES - 1 }>(page.into()) * PAGE + masked::<START_MASK>(used.into());
        let chunk = (&raw mut (*changes).pages).cast::<u8>().add(start);
        let modes = chunk.add(size_of::<ChunkHead>());
        modes.write(change.before);
        modes.add(1).write(change.after);
        let name = modes.add(2);
        let name_len = read_name(name, NAME_MAX, change.name);
        let namespace = name.add(masked::<START_MASK>(name_len));
        let namespace_len = read_name(namespace, NAMESPACE_MAX, change.namespace);
        let is_cut = name_len == NAME_MAX.into() || namespace_len == NAMESPACE_MAX.into();
        let len = 2 + name_len + namespace_len;
        chunk.write(ChunkKind::ProfileChange as u8);
        chunk.add(1).write((u8::from(is_cut) * FLAG_CUT) | (u8::from(name_len == 1) * FLAG_FAULT));
        chunk.add(2).write(len as u8);
        chunk.add(3).write((len >> 8) as u8);
        used_of(page).write_volatile(used + size_of::<ChunkHead>() as u32 + len as u32);
    }
}

/// Reads a string with its NUL, and says how long it is; where it can't be read it is empty.
///
/// # Safety
///
/// There must be `max` bytes at `to`.
#[inline(always)]
unsafe fn read_name(to: *mut u8, max: u32, from: Address) -> u64 {
    // SAFETY: as the caller promises; the helper checks `from`.
    let len = unsafe { generated::bpf_probe_read_kernel_str(to.cast(), max, from as *const c_void) };
    // The helper writes a NUL where it fails.
    if len <= 0 { 1 } else { len as u64 }
}

/// `ssize_t aa_replace_profiles(struct aa_ns *policy_ns, struct aa_label *label, ...)` (security/apparmor/policy.c).
#[fexit(function = "aa_replace_profiles")]
pub fn apparmor_policy_written(context: FExitContext) -> i32 {
    changed(context.word(layout!(aa_replace_profiles_label)));
    0
}

probe::session!(apparmor_policy_written_session at "aa_replace_profiles");

/// As [`apparmor_policy_written`], without being preempted.
fn apparmor_policy_written_session(context: ProbeContext) -> probe::AtExit {
    let label = |context: &ProbeContext| Some(context.word(layout!(aa_replace_profiles_label)));
    probe::both(&context, label, |_context, label| changed(label))
}

/// `ssize_t aa_remove_profiles(struct aa_ns *policy_ns, struct aa_label *subj, ...)` (security/apparmor/policy.c).
#[fexit(function = "aa_remove_profiles")]
pub fn apparmor_policy_erased(context: FExitContext) -> i32 {
    changed(context.word(layout!(aa_remove_profiles_subject)));
    0
}

probe::session!(apparmor_policy_erased_session at "aa_remove_profiles");

/// As [`apparmor_policy_erased`], without being preempted.
fn apparmor_policy_erased_session(context: ProbeContext) -> probe::AtExit {
    let label = |context: &ProbeContext| Some(context.word(layout!(aa_remove_profiles_subject)));
    probe::both(&context, label, |_context, label| changed(label))
}

/// `void __aa_remove_ns(struct aa_ns *ns)` (`security/apparmor/policy_ns.c`): with a namespace go its profiles.
#[fexit(function = "__aa_remove_ns")]
pub fn apparmor_policy_namespace(_context: FExitContext) -> i32 {
    changed(own_label());
    0
}

probe::session!(apparmor_policy_namespace_session at "__aa_remove_ns");

/// As [`apparmor_policy_namespace`], without being preempted.
fn apparmor_policy_namespace_session(context: ProbeContext) -> probe::AtExit {
    probe::both(&context, |_context| Some(0), |_context, _kept| changed(own_label()))
}

#[inline(always)]
fn own_label() -> Address {
    label::label(task::acting_credentials(task::current()))
}

/// Makes a record of what the task has changed, if it has changed anything.
#[inline(always)]
fn changed(subject: Address) {
    let task = this_task();
    let Some(changes) = CHANGES.get_ptr_mut(task) else { return };
    if let Some(mut record) = Record::reserve::<ApparmorPolicy>(SourceId::ApparmorPolicy) {
        task::describe(&mut record);
        label::subject_label(&mut record, subject);
        // SAFETY: an element of the map, which only this task uses.
        unsafe {
            record.body::<ApparmorPolicy>().changes = (&raw const (*changes).count).read_volatile();
            for page in 0..PAGES {
                let used = (&raw const (*changes).used).cast::<u32>().add(page).read_volatile();
                let start = (&raw const (*changes).pages).cast::<u8>().add(page * PAGE);
                // What finds no room is known by the count.
                let _full = record.bytes(start as Address, used.into());
            }
        }
        finish::submit(record);
    }
    let _gone = CHANGES.remove(task);
}

/// `static int param_set_mode(const char *val, const struct kernel_param *kp)` (security/apparmor/lsm.c): the mode of all
/// profiles.
#[fentry(function = "param_set_mode")]
pub fn apparmor_policy_mode(context: FEntryContext) -> i32 {
    will_be_set(context.word(1));
    0
}

/// The end of what [`apparmor_policy_mode`] is the start of.
#[fexit(function = "param_set_mode")]
pub fn apparmor_policy_mode_set(context: FExitContext) -> i32 {
    was_set(ParameterId::Mode, context.word(1));
    0
}

probe::session!(apparmor_policy_mode_session at "param_set_mode");

/// As [`apparmor_policy_mode`] and [`apparmor_policy_mode_set`], without being preempted.
fn apparmor_policy_mode_session(context: ProbeContext) -> probe::AtExit {
    is_set(ParameterId::Mode, &context)
}

/// `static int param_set_audit(const char *val, const struct kernel_param *kp)` (security/apparmor/lsm.c): what all profiles
/// log.
#[fentry(function = "param_set_audit")]
pub fn apparmor_policy_audit(context: FEntryContext) -> i32 {
    will_be_set(context.word(1));
    0
}

/// The end of what [`apparmor_policy_audit`] is the start of.
#[fexit(function = "param_set_audit")]
pub fn apparmor_policy_audit_set(context: FExitContext) -> i32 {
    was_set(ParameterId::Audit, context.word(1));
    0
}

probe::session!(apparmor_policy_audit_session at "param_set_audit");

/// As [`apparmor_policy_audit`] and [`apparmor_policy_audit_set`], without being preempted.
fn apparmor_policy_audit_session(context: ProbeContext) -> probe::AtExit {
    is_set(ParameterId::Audit, &context)
}

#[inline(always)]
fn is_set(id: ParameterId, context: &ProbeContext) -> probe::AtExit {
    probe::both(
        context,
        |context| {
            let parameter = context.word(1);
            will_be_set(parameter);
            Some(parameter)
        },
        |_context, parameter| was_set(id, parameter),
    )
}

/// Remembers what a `struct kernel_param` is.
#[inline(always)]
fn will_be_set(parameter: Address) {
    if let Ok(value) = member::<u32>(follow(parameter, layout!(policy_parameter_value)), 0) {
        let _full = PARAMETERS.insert(this_task(), value, 0);
    }
}

/// Makes a record if it is something else now.
#[inline(always)]
fn was_set(id: ParameterId, parameter: Address) {
    let task = this_task();
    // SAFETY: an element of the map, which only this task uses.
    let Some(&before) = (unsafe { PARAMETERS.get(task) }) else { return };
    let _gone = PARAMETERS.remove(task);
    let after = follow(follow(parameter, layout!(policy_parameter_value)), 0) as u32;
    if before == after {
        return;
    }
    let Some(mut record) = Record::reserve::<ApparmorPolicy>(SourceId::ApparmorPolicy) else { return };
    task::describe(&mut record);
    let body = record.body::<ApparmorPolicy>();
    body.parameter = id as u32;
    body.before = before;
    body.after = after;
    body.audit_all = layout!(policy_audit_all);
    label::subject_label(&mut record, own_label());
    finish::submit(record);
}
