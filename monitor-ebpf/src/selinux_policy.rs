//! SELinux: changes of its policy: a switch between enforcing and permissive, a policy loaded, booleans set.
//!
//! The kernel makes each change of the policy under `selinux_state.policy_mutex`. What is about to change is noted
//! where the kernel still has what was before, and reported once it is done.

use aya_ebpf::{
    macros::{fentry, fexit, kprobe, map},
    maps::Array,
    programs::{FEntryContext, FExitContext, ProbeContext},
};
use monitor_common::{BOOLEANS, PolicyChange, SelinuxPolicy, SourceId, chunk::ChunkKind, counter::Counter};

use crate::{
    finish, label,
    layout::{layout, setting},
    memory::{Address, Arguments, follow, word},
    output::{Record, count},
    probe,
    repeat::{Next, Step, repeat},
    task,
};

const SOURCE: SourceId = SourceId::SelinuxPolicy;

/// Booleans of a policy that are looked at.
const ALL_BOOLEANS: u32 = 1024;
/// The index into `policydb.sym_val_to_name` (security/selinux/ss/policydb.h).
const SYM_BOOLS: u64 = 5;

/// What is about to change.
#[repr(C)]
struct Noted {
    /// A [`PolicyChange`]; 0 for nothing.
    change: u32,
    /// The policy's sequence number; 0 if none was loaded.
    before: u32,
    /// The sequence number that it got; 0 while it is not in force.
    after: u32,
    /// How many booleans change.
    booleans: u32,
    /// Those booleans by number, as many as there is room for.
    numbers: [u32; BOOLEANS],
}

#[map]
static NOTED: Array<Noted> = Array::with_max_entries(1, 0);

/// `int security_set_bools(u32 len, const int *values)` (security/selinux/ss/services.c).
#[fentry(function = "security_set_bools")]
pub fn selinux_policy_booleans_fentry(context: FEntryContext) -> i32 {
    note_booleans(&context);
    0
}

/// As [`selinux_policy_booleans_fentry`], where the kernel refuses trampolines.
#[kprobe(function = "security_set_bools")]
pub fn selinux_policy_booleans_kprobe(context: ProbeContext) -> u32 {
    note_booleans(&context);
    0
}

/// `void selinux_policy_commit(struct selinux_load_state *load_state)` (security/selinux/ss/services.c): a policy is
/// put in force.
#[fentry(function = "selinux_policy_commit")]
pub fn selinux_policy_commit_fentry(_context: FEntryContext) -> i32 {
    note_load();
    0
}

/// As [`selinux_policy_commit_fentry`], where the kernel refuses trampolines.
#[kprobe(function = "selinux_policy_commit")]
pub fn selinux_policy_commit_kprobe(_context: ProbeContext) -> u32 {
    note_load();
    0
}

/// `void selinux_status_update_policyload(u32 seqno)` (security/selinux/status.c): the policy is in force.
#[fentry(function = "selinux_status_update_policyload")]
pub fn selinux_policy_in_force_fentry(context: FEntryContext) -> i32 {
    // A load is reported when the system call ends, by when audit has given its record a serial number.
    in_force(&context, false);
    0
}

/// As [`selinux_policy_in_force_fentry`], without being preempted.
#[kprobe(function = "selinux_status_update_policyload")]
pub fn selinux_policy_in_force_beside(context: ProbeContext) -> u32 {
    in_force(&context, false);
    0
}

/// As [`selinux_policy_in_force_fentry`], where the end of the system call is not watched.
#[kprobe(function = "selinux_status_update_policyload")]
pub fn selinux_policy_in_force_kprobe(context: ProbeContext) -> u32 {
    in_force(&context, true);
    0
}

/// `ssize_t sel_write_load(struct file *file, const char __user *buf, size_t count, loff_t *ppos)`
/// (security/selinux/selinuxfs.c).
#[fexit(function = "sel_write_load")]
pub fn selinux_policy_loaded_fexit(_context: FExitContext) -> i32 {
    loaded();
    0
}

probe::session!(selinux_policy_loaded_session at "sel_write_load");

/// As [`selinux_policy_loaded_fexit`], without being preempted.
fn selinux_policy_loaded_session(context: ProbeContext) -> probe::AtExit {
    probe::both(&context, |_context| Some(0), |_context, _kept| loaded())
}

/// Reports a load that was noted, if the policy is in force.
#[inline(always)]
fn loaded() {
    let Some(noted) = NOTED.get(0) else { return };
    if noted.change == PolicyChange::Load as u32 && noted.after != 0 {
        report(noted.change, noted.before, noted.after);
        note(0, 0);
    }
}

/// `void selinux_status_update_setenforce(bool enforcing)` (security/selinux/status.c): called only if that is new.
#[fentry(function = "selinux_status_update_setenforce")]
pub fn selinux_policy_mode_fentry(context: FEntryContext) -> i32 {
    mode(&context);
    0
}

/// As [`selinux_policy_mode_fentry`], where the kernel refuses trampolines.
#[kprobe(function = "selinux_status_update_setenforce")]
pub fn selinux_policy_mode_kprobe(context: ProbeContext) -> u32 {
    mode(&context);
    0
}

/// Notes which booleans change.
#[inline(always)]
fn note_booleans(arguments: &impl Arguments) {
    let len = arguments.word(layout!(set_booleans_len)) as u32;
    let values = arguments.word(layout!(set_booleans_values));
    note(PolicyChange::Booleans as u32, sequence());
    let Some(noted) = NOTED.get_ptr_mut(0) else { return };
    let data = follow(policy(), layout!(selinux_policy_booleans));
    repeat(ALL_BOOLEANS, &mut Compare { noted, values, data, len, number: 0 });
}

/// Compares what booleans are with what they are to be.
struct Compare {
    noted: *mut Noted,
    values: Address,
    data: Address,
    len: u32,
    number: u32,
}

impl Step for Compare {
    #[inline(always)]
    fn step(&mut self) -> Next {
        let number = self.number;
        if number >= self.len {
            return Next::Stop;
        }
        self.number += 1;
        let wanted = word(self.values + u64::from(number) * 4) as u32 != 0;
        let datum = word(self.data + u64::from(number) * 8);
        let is = follow(datum, layout!(boolean_state)) as u32 != 0;
        if wanted != is {
            // SAFETY: the map's value, which only this program writes now.
            unsafe {
                let booleans = &raw mut (*self.noted).booleans;
                let count = booleans.read_volatile();
                let place = (count as usize) & (BOOLEANS - 1);
                if (count as usize) < BOOLEANS {
                    (&raw mut (*self.noted).numbers).cast::<u32>().add(place).write_volatile(number);
                }
                booleans.write_volatile(count + 1);
            }
        }
        Next::Continue
    }
}

/// Notes that a policy is about to be put in force.
#[inline(always)]
fn note_load() {
    note(PolicyChange::Load as u32, sequence());
}

#[inline(always)]
fn note(change: u32, before: u32) {
    let Some(noted) = NOTED.get_ptr_mut(0) else { return };
    // SAFETY: the map's value; the kernel changes its policy under a mutex.
    unsafe {
        (&raw mut (*noted).change).write_volatile(change);
        (&raw mut (*noted).before).write_volatile(before);
        (&raw mut (*noted).after).write_volatile(0);
        (&raw mut (*noted).booleans).write_volatile(0);
    }
}

/// Reports the booleans that were noted; and a load, if nothing else will.
#[inline(always)]
fn in_force(arguments: &impl Arguments, load: bool) {
    let Some(noted) = NOTED.get_ptr_mut(0) else { return };
    let after = arguments.word(layout!(policy_in_force_sequence)) as u32;
    // SAFETY: the map's value; the kernel changes its policy under a mutex.
    let (change, before, booleans) =
        unsafe { ((*noted).change, (*noted).before, (&raw const (*noted).booleans).read_volatile()) };
    if change == PolicyChange::Load as u32 && !load {
        // SAFETY: as above.
        unsafe { (&raw mut (*noted).after).write_volatile(after) };
        return;
    }
    if change == PolicyChange::Load as u32 || booleans != 0 {
        report(change, before, after);
    } else {
        // What was set is what was.
        count(SOURCE, Counter::Skipped);
    }
    note(0, 0);
}

#[inline(always)]
fn mode(arguments: &impl Arguments) {
    let enforcing = arguments.word(layout!(mode_enforcing)) as u8 != 0;
    report(PolicyChange::Mode as u32, u32::from(!enforcing), u32::from(enforcing));
}

/// Reports a change: what was before and after, as [`SelinuxPolicy`] says; of booleans, those that were noted.
#[inline(always)]
fn report(change: u32, before: u32, after: u32) {
    let Some(mut record) = Record::reserve::<SelinuxPolicy>(SOURCE) else { return };
    let body: &mut SelinuxPolicy = record.body();
    body.change = change;
    body.before = before;
    body.after = after;
    body.ssid = label::sid(task::acting_credentials(task::current()));
    task::describe(&mut record);
    let sid = record.body::<SelinuxPolicy>().ssid;
    label::context(&mut record, ChunkKind::SubjectContext, sid);
    if change == PolicyChange::Booleans as u32
        && let Some(noted) = NOTED.get(0)
    {
        record.body::<SelinuxPolicy>().booleans = noted.booleans;
        let policy = policy();
        let data = follow(policy, layout!(selinux_policy_booleans));
        let names = policy + u64::from(layout!(selinux_policy_names)) + SYM_BOOLS * 8;
        repeat(
            BOOLEANS as u32,
            &mut Append { record: &mut record, noted, names: word(names), data, place: 0 },
        );
    }
    finish::submit(record);
}

/// Appends the booleans that were noted, as they are now.
struct Append<'a> {
    record: &'a mut Record,
    noted: &'a Noted,
    names: Address,
    data: Address,
    place: u32,
}

impl Step for Append<'_> {
    #[inline(always)]
    fn step(&mut self) -> Next {
        if self.place >= self.noted.booleans {
            return Next::Stop;
        }
        let place = self.place as usize & (BOOLEANS - 1);
        self.place += 1;
        // SAFETY: the place is below the array's length.
        let number =
            u64::from(unsafe { (&raw const self.noted.numbers).cast::<u32>().add(place).read_volatile() });
        let Some(chunk) = self.record.begin(ChunkKind::Boolean) else { return Next::Stop };
        let state = follow(word(self.data + number * 8), layout!(boolean_state)) as u32;
        self.record.value(u8::from(state != 0));
        if self.record.string(word(self.names + number * 8)).is_err() {
            self.record.cancel(chunk);
            self.record.fault();
            return Next::Continue;
        }
        self.record.end(chunk);
        Next::Continue
    }
}

/// The policy in force; 0 before the first is loaded.
#[inline(always)]
fn policy() -> Address {
    follow(setting!(selinux_state), layout!(selinux_state_policy))
}

/// Its sequence number; 0 if there is none.
#[inline(always)]
fn sequence() -> u32 {
    follow(policy(), layout!(selinux_policy_sequence)) as u32
}
