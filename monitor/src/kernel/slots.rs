//! The slots in which the programs count repeats of denials.

use std::{
    io,
    os::fd::AsFd,
    sync::atomic::{AtomicU32, AtomicU64, Ordering},
};

use monitor_common::fold::{CLOSED, OPEN, PIDS, REPEATS, Slot, WAYS, closed, repeats_of_closed};

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
        let ended = |count| (count & OPEN != 0).then(|| closed(count & REPEATS));
        if slot.count.fetch_update(Ordering::AcqRel, Ordering::Acquire, ended).is_err() && !slot.is_closed() {
            return Closing::Later;
        }
        let repeats = slot.repeats();
        if repeats.is_none() {
            slot.free();
        }
        Closing::Ended(repeats)
    }

    fn closed(&self, key: u64) -> Option<Repeats> {
        self.find(key)?.repeats()
    }

    fn free(&mut self, key: u64) {
        if let Some(slot) = self.find(key).filter(|slot| slot.is_closed()) {
            slot.free();
        }
    }

    fn keys(&mut self) -> Vec<u64> {
        let mut keys = Vec::new();
        for slot in self.0.iter() {
            let key = slot.key.load(Ordering::Acquire);
            if key == 0 {
                continue;
            }
            if slot.count.load(Ordering::Acquire) & (OPEN | CLOSED) != 0 {
                keys.push(key);
            } else {
                slot.free();
            }
        }
        keys
    }
}

impl SharedSlot {
    fn is_closed(&self) -> bool {
        repeats_of_closed(self.count.load(Ordering::Acquire)).is_some()
    }

    /// What was counted in it, if it is closed and anything was.
    fn repeats(&self) -> Option<Repeats> {
        let count = repeats_of_closed(self.count.load(Ordering::Acquire)).filter(|count| *count > 0)?;
        let len = self.pids_len.load(Ordering::Relaxed) as usize;
        let mut pids: Vec<_> = self.pids.iter().take(len).map(|pid| pid.load(Ordering::Relaxed)).collect();
        pids.sort_unstable();
        pids.dedup();
        let [first, last] = [&self.first, &self.last].map(|time| time.load(Ordering::Relaxed));
        Some(Repeats { count, first, last, pids })
    }

    /// Lets another denial have it.
    fn free(&self) {
        self.count.store(0, Ordering::Relaxed);
        self.pids_len.store(0, Ordering::Relaxed);
        self.last_pid.store(0, Ordering::Relaxed);
        self.key.store(0, Ordering::Release);
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

    fn slot_of(slots: &SharedSlots, key: u64) -> &SharedSlot {
        slots.find(key).unwrap()
    }

    #[test]
    fn what_was_counted_is_there_until_the_slot_is_freed() {
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
        assert_eq!(slots.closed(key), None);
        assert_eq!(slots.close(key), Closing::Ended(Some(repeats.clone())));
        // Until it is freed, whoever adds to it and whoever looks.
        slot_of(&slots, key).count.fetch_add(1000, Ordering::Relaxed);
        assert_eq!(slots.keys(), [key]);
        assert_eq!(slots.closed(key), Some(repeats.clone()));
        assert_eq!(slots.close(key), Closing::Ended(Some(repeats)));
        slots.free(key);
        assert!(!slots.has(key));
        assert_eq!(slots.close(key), Closing::Ended(None));
    }

    #[test]
    fn a_slot_that_is_open_is_not_freed() {
        let (_file, mut slots) = slots();
        let key = 0x8000_0000_0000_0001;
        open(&slots, key, 0);
        slots.free(key);
        assert!(slots.has(key));
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
    fn a_slot_that_was_left_half_freed_is_freed_and_the_others_are_named() {
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
        open(&slots, key, 0).count.fetch_add(3, Ordering::Relaxed);
        slots.close(key);
        let slot = &slots.0[2];
        assert_eq!(slot.count.fetch_add(1, Ordering::Relaxed) & OPEN, 0);
    }
}
