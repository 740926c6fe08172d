//! Shares of the ring buffer: a subject that floods it leaves room for others, and what that costs it is counted.

use aya_ebpf::{
    bindings::{BPF_F_MMAPABLE, BPF_RB_CONS_POS, BPF_RB_PROD_POS, BPF_RB_RING_SIZE},
    macros::map,
    maps::Array,
};
use monitor_common::share::{LOSSES, PER_FREE, SHARES, Share, SubjectLoss, WAYS};

use crate::{atomic, output::EVENTS};

/// What each subject has; user space maps it.
#[map]
static SHARED: Array<Share> = Array::with_max_entries(SHARES, BPF_F_MMAPABLE);

/// What each subject lost; user space maps it.
#[map]
static LOST: Array<SubjectLoss> = Array::with_max_entries(LOSSES, BPF_F_MMAPABLE);

/// A number of a subject.
#[inline(always)]
fn number(cgroup: u64, uid: u32) -> u64 {
    (cgroup ^ u64::from(uid) << 32).wrapping_mul(0x9e37_79b9_7f4a_7c15)
}

/// Counts denials that this subject lost. Where others have all its places, only the sources' counters have it.
///
/// A function of its own, as [`admits`] is.
#[inline(never)]
pub fn lose(cgroup: u64, uid: u32, denials: u64) {
    // The atomic instructions came with Linux 5.12.
    if cfg!(feature = "bounded-loops") {
        return;
    }
    let key = number(cgroup, uid) | 1;
    for way in 0..WAYS {
        let place = ((key >> 32) as u32).wrapping_add(way) & (LOSSES - 1);
        let Some(loss) = LOST.get_ptr_mut(place) else { return };
        // SAFETY: a field of a map's value.
        let before = unsafe { atomic::set_if(&raw mut (*loss).key, 0, key) };
        if before != 0 && before != key {
            continue;
        }
        // SAFETY: fields of a map's value. All that write the first two write the same.
        unsafe {
            (&raw mut (*loss).cgroup).write_volatile(cgroup);
            (&raw mut (*loss).uid).write_volatile(uid.into());
            atomic::add(&raw mut (*loss).lost, denials.cast_signed());
        }
        return;
    }
}

/// Whether a record of this subject and length may go into the ring buffer. It is counted as being there.
///
/// A function of its own: whatever way led to the record, the verifier follows this once.
#[inline(never)]
pub fn admits(cgroup: u64, uid: u32, len: u64) -> bool {
    let place = (number(cgroup, uid) >> 32) as u32 & (SHARES - 1);
    let Some(share) = SHARED.get_ptr_mut(place) else { return true };
    let (end, read) = (EVENTS.query(BPF_RB_PROD_POS.into()), EVENTS.query(BPF_RB_CONS_POS.into()));
    let free = EVENTS.query(BPF_RB_RING_SIZE.into()).wrapping_sub(end.wrapping_sub(read));
    // SAFETY: a map's value. Volatile, since others change it.
    let (has_left, is_same, uses) = unsafe {
        let is_same = (&raw const (*share).cgroup).read_volatile() == cgroup
            && (&raw const (*share).uid).read_volatile() == uid;
        let used = (&raw const (*share).used).read_volatile();
        (read >= (&raw const (*share).end).read_volatile(), is_same, used != 0)
    };
    // SAFETY: as above. Two that write at the same time are off by what one of them writes.
    unsafe {
        if has_left {
            if !(is_same && uses) {
                (&raw mut (*share).cgroup).write_volatile(cgroup);
                (&raw mut (*share).uid).write_volatile(uid);
                (&raw mut (*share).used).write_volatile(1);
            }
            (&raw mut (*share).before).write_volatile(0);
            (&raw mut (*share).bytes).write_volatile(0);
            (&raw mut (*share).start).write_volatile(end);
        } else if read >= (&raw const (*share).start).read_volatile() {
            let bytes = (&raw const (*share).bytes).read_volatile();
            (&raw mut (*share).before).write_volatile(bytes);
            (&raw mut (*share).bytes).write_volatile(0);
            (&raw mut (*share).start).write_volatile(end);
        }
        let bytes = (&raw const (*share).bytes).read_volatile().wrapping_add(len);
        let all = (&raw const (*share).before).read_volatile().wrapping_add(bytes);
        if all > free.wrapping_mul(PER_FREE) {
            return false;
        }
        (&raw mut (*share).bytes).write_volatile(bytes);
        (&raw mut (*share).end).write_volatile(end.wrapping_add(len));
    }
    true
}
