//! The slots in which the programs count repeats of denials.

use std::{
    io,
    os::fd::AsFd,
    sync::atomic::{AtomicU32, AtomicU64, Ordering},
};

use monitor_common::fold::{OPEN, PIDS, REPEATS, Slot, WAYS};

use crate::{
    fold::{Closing, Repeats, Slots},
    shared::{Access, Atomics, Shared},
};

/// A [`Slot`] as it is while programs change it.
#[repr(C, align(64))]
struct SharedSlot {
    key: AtomicU64,
    count: AtomicU64,
    first: AtomicU64,
    last: AtomicU64,
    pids_len: AtomicU32,
    last_pid: AtomicU32,
    pids: [AtomicU32; PIDS],
}

const _: () =
    assert!(size_of::<SharedSlot>() == size_of::<Slot>() && align_of::<SharedSlot>() == align_of::<Slot>());

// SAFETY: atomics alone, without padding.
unsafe impl Atomics for SharedSlot {}

/// The slots, which programs and this process share.
pub struct SharedSlots(Shared<SharedSlot>);

impl SharedSlots {
    /// Maps the array, which has `len` elements.
    pub(super) fn map(map: impl AsFd, len: u32) -> io::Result<Self> {
        Shared::map(map, len as usize, Access::ReadWrite).map(Self)
    }

    /// The slot of this key.
    fn find(&self, key: u64) -> Option<&SharedSlot> {
        let slots = &self.0;
        #[expect(clippy::cast_possible_truncation, reason = "the low bits select the slot")]
        let first = key as usize;
        (0..WAYS as usize)
            .map(|way| &slots[first.wrapping_add(way) & (slots.len() - 1)])
            .find(|slot| slot.key.load(Ordering::Acquire) == key)
    }
}

impl Slots for SharedSlots {
    fn has(&self, key: u64) -> bool {
        self.find(key).is_some()
    }

    fn close(&mut self, key: u64) -> Closing {
        let Some(slot) = self.find(key) else { return Closing::Ended(None) };
        // What comes from here on is not counted in it.
        let count = slot.count.swap(0, Ordering::AcqRel);
        if count & OPEN == 0 {
            return Closing::Later;
        }
        let count = count & REPEATS;
        let len = slot.pids_len.swap(0, Ordering::Relaxed) as usize;
        let repeats = (count > 0).then(|| {
            let mut pids: Vec<_> =
                slot.pids.iter().take(len).map(|pid| pid.load(Ordering::Relaxed)).collect();
            pids.sort_unstable();
            pids.dedup();
            Repeats {
                count,
                first: slot.first.load(Ordering::Relaxed),
                last: slot.last.load(Ordering::Relaxed),
                pids,
            }
        });
        slot.last_pid.store(0, Ordering::Relaxed);
        // And now another denial may have it.
        slot.key.store(0, Ordering::Release);
        Closing::Ended(repeats)
    }

    fn keys(&mut self) -> Vec<u64> {
        let mut keys = Vec::new();
        for slot in self.0.iter() {
            let key = slot.key.load(Ordering::Acquire);
            if slot.count.load(Ordering::Acquire) & OPEN != 0 {
                keys.push(key);
            } else if key != 0 {
                // What it counted was taken, and what came after that was not folded.
                slot.pids_len.store(0, Ordering::Relaxed);
                slot.last_pid.store(0, Ordering::Relaxed);
                slot.key.store(0, Ordering::Release);
            }
        }
        keys.retain(|key| *key != 0);
        keys
    }
}

#[cfg(test)]
mod tests {
    use std::fs::File;

    use monitor_common::fold::opened;

    use super::*;

    const SLOTS: u32 = 64;

    /// Slots in a file, as a program has them.
    fn slots() -> (File, SharedSlots) {
        let file = tempfile::tempfile().unwrap();
        file.set_len(u64::from(SLOTS) * size_of::<Slot>() as u64).unwrap();
        let slots = SharedSlots::map(&file, SLOTS).unwrap();
        (file, slots)
    }

    /// Puts a slot up as a program does, in the nth place that the key selects.
    fn open(slots: &SharedSlots, key: u64, way: u64) -> &SharedSlot {
        let index = usize::try_from((key + way) % u64::from(SLOTS)).unwrap();
        let slot = &slots.0[index];
        slot.key.store(key, Ordering::Relaxed);
        slot.count.store(opened(key), Ordering::Relaxed);
        slot
    }

    #[test]
    fn what_was_counted_is_given_once_and_the_slot_is_free() {
        let (_file, mut slots) = slots();
        let key = 0x8000_0000_0000_003e;
        let slot = open(&slots, key, 3);
        slot.count.store(opened(key) | 7, Ordering::Relaxed);
        slot.first.store(10, Ordering::Relaxed);
        slot.last.store(20, Ordering::Relaxed);
        for (to, pid) in slot.pids.iter().zip([5, 3, 5]) {
            to.store(pid, Ordering::Relaxed);
        }
        slot.pids_len.store(3, Ordering::Relaxed);
        assert!(slots.has(key));
        let repeats = Repeats { count: 7, first: 10, last: 20, pids: vec![3, 5] };
        assert_eq!(slots.close(key), Closing::Ended(Some(repeats)));
        assert!(!slots.has(key));
        assert_eq!(slots.close(key), Closing::Ended(None));
    }

    #[test]
    fn a_slot_in_which_nothing_was_counted_is_freed_too() {
        let (_file, mut slots) = slots();
        let key = 0x8000_0000_0000_0001;
        open(&slots, key, 0);
        assert_eq!(slots.close(key), Closing::Ended(None));
        assert!(!slots.has(key));
    }

    #[test]
    fn a_slot_that_a_program_is_about_to_open_stays() {
        let (_file, mut slots) = slots();
        let key = 0x8000_0000_0000_0003;
        open(&slots, key, 0).count.store(0, Ordering::Relaxed);
        assert_eq!(slots.close(key), Closing::Later);
        assert!(slots.has(key));
        slots.0[3].count.store(opened(key) | 1, Ordering::Relaxed);
        assert!(matches!(slots.close(key), Closing::Ended(Some(Repeats { count: 1, .. }))));
    }

    #[test]
    fn a_slot_that_was_left_closed_is_freed_and_the_others_are_named() {
        let (_file, mut slots) = slots();
        let (left, other) = (0x8000_0000_0000_0002, 0x8000_0000_0000_0009);
        open(&slots, left, 0).count.store(1, Ordering::Relaxed);
        open(&slots, other, 1);
        assert_eq!(slots.keys(), [other]);
        assert!(!slots.has(left));
    }

    #[test]
    fn a_closed_slot_shows_it_to_the_program_that_counts_late() {
        let (_file, mut slots) = slots();
        let key = 0x8000_0000_0000_0002;
        open(&slots, key, 0);
        slots.close(key);
        let slot = &slots.0[2];
        assert_eq!(slot.count.fetch_add(1, Ordering::Relaxed) & OPEN, 0);
    }
}
