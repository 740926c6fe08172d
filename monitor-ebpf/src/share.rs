//! Shares of the ring buffer: a subject that floods it leaves room for others.

use aya_ebpf::{
    bindings::{BPF_F_MMAPABLE, BPF_RB_CONS_POS, BPF_RB_PROD_POS, BPF_RB_RING_SIZE},
    macros::map,
    maps::Array,
};
use monitor_common::share::{PER_FREE, SHARES, Share};

use crate::output::EVENTS;

/// What each subject has; user space maps it.
#[map]
static SHARED: Array<Share> = Array::with_max_entries(SHARES, BPF_F_MMAPABLE);

/// Whether a record of this subject and length may go into the ring buffer. It is counted as being there, or as lost.
///
/// A function of its own: whatever way led to the record, the verifier follows this once.
#[inline(never)]
pub fn admits(cgroup: u64, uid: u32, len: u64) -> bool {
    let subject = (cgroup ^ u64::from(uid) << 32).wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 32;
    let Some(share) = SHARED.get_ptr_mut(subject as u32 & (SHARES - 1)) else { return true };
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
                (&raw mut (*share).lost).write_volatile(0);
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
            let lost = (&raw const (*share).lost).read_volatile();
            (&raw mut (*share).lost).write_volatile(lost + 1);
            return false;
        }
        (&raw mut (*share).bytes).write_volatile(bytes);
        (&raw mut (*share).end).write_volatile(end.wrapping_add(len));
    }
    true
}
