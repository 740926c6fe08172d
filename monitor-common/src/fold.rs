//! Folding: repeats of one denial are counted in the kernel and not sent.
//!
//! The first of each goes to user space at once, and before that a [`Slot`] is put up with the [`crate::Head::fold`] that
//! its record carries: whoever reads the record finds the slot. What is the same while the slot is there is counted in it.
//! User space closes it when the window ends, and reports what was counted.

use core::mem::offset_of;

use crate::{
    Apparmor, BpfLsm, Head, Ipe, Landlock, Object, SeccompCall, Selinux, SourceId, Task, Tomoyo, Yama,
    counter::ROWS,
};

/// Slots that are looked at for a denial, from the one on that its key selects.
pub const WAYS: u32 = 4;

/// Process ids that a slot has room for.
pub const PIDS: usize = 6;

/// Set in [`Slot::count`] while repeats are counted in the slot. Whoever takes it away closes the slot, and is the only one
/// that does.
pub const OPEN: u64 = 1 << 63;

/// Set in [`Slot::count`] by user space when it closes a slot in which something was counted, until it frees the slot: see
/// [`closed`].
pub const CLOSED: u64 = 1 << 62;

/// Bits of a closed slot's [`Slot::count`] that programs may still add to, more than they do until a daemon is back.
const LATE: u32 = 28;

/// The bits of [`Slot::count`] that are the number of repeats. Those between and [`OPEN`] are of the key: who counts sees from
/// the same word whether it is the right slot.
pub const REPEATS: u64 = (1 << 40) - 1;

/// [`Slot::count`] of a slot that is just put up for a denial.
#[must_use]
pub const fn opened(key: u64) -> u64 {
    OPEN | (key << 8 & !REPEATS)
}

/// [`Slot::count`] of a slot that is closed after this many repeats. What programs still add does not change them, so that
/// they are there until the slot is freed, even if who closed it is gone.
#[must_use]
pub const fn closed(repeats: u64) -> u64 {
    const MOST: u64 = (CLOSED >> LATE) - 1;
    CLOSED | (if repeats > MOST { MOST } else { repeats }) << LATE
}

/// How many repeats there were in a slot of this [`Slot::count`]: `None` if it isn't [`closed`].
#[must_use]
pub const fn repeats_of_closed(count: u64) -> Option<u64> {
    if count & (OPEN | CLOSED) == CLOSED { Some((count & !CLOSED) >> LATE) } else { None }
}

/// A slot's [`Slot::count`], which programs and user space change at the same time.
pub trait Count {
    /// Adds 1, and gives what it was.
    fn add_one(&self) -> u64;

    /// Sets it if it is `from`, and gives what it was.
    fn set_if(&self, from: u64, to: u64) -> u64;
}

/// How often [`count_repeat`] tries to take back what it counted in another denial's slot.
const TRIES: u32 = 4;

/// Counts a repeat of this key's denial in a slot that was found to be the key's, and gives how many there were before; `None`
/// if nothing was counted, since the slot was closed meanwhile.
///
/// Whatever others do meanwhile, the repeat is counted once if it is counted, and in no slot if it isn't. If the slot was
/// closed and put up for another denial, and that is closed just now or many count in it, the repeat is counted as one of
/// that denial's.
#[expect(clippy::inline_always, reason = "a program's stack has no room for another call")]
#[inline(always)]
pub fn count_repeat(count: &impl Count, key: u64) -> Option<u64> {
    let before = count.add_one();
    if before & OPEN == 0 {
        // What is added to a closed slot is written over when the slot is put up again.
        return None;
    }
    if before & !REPEATS != opened(key) && take_back(count, before + 1) {
        return None;
    }
    Some(before & REPEATS)
}

/// Takes one repeat back from a slot whose count was this, if the slot is still up for the same denial.
#[expect(clippy::inline_always, reason = "as above")]
#[inline(always)]
fn take_back(count: &impl Count, mut was: u64) -> bool {
    let slot = was & !REPEATS;
    for _ in 0..TRIES {
        if was & !REPEATS != slot || was & REPEATS == 0 {
            return false;
        }
        let is = count.set_if(was, was - 1);
        if is == was {
            return true;
        }
        was = is;
    }
    false
}

/// Where repeats of one denial are counted. Programs and user space change it at the same time, by atomic instructions.
#[repr(C, align(64))]
pub struct Slot {
    /// The denial: [`crate::Head::fold`] of its first record; 0 if the slot is free.
    pub key: u64,
    /// Repeats, [`OPEN`] and a part of the key: see [`opened`] and [`closed`]. Anything if the slot is free, but not [`OPEN`]
    /// or [`CLOSED`].
    pub count: u64,
    /// When the first of them was: nanoseconds since boot.
    pub first: u64,
    /// When the last of them was.
    pub last: u64,
    /// Process ids that were wanted to be noted, of which [`Self::pids`] has the first.
    pub pids_len: u32,
    /// The process id that was noted last.
    pub last_pid: u32,
    /// Process ids of the first repeats.
    pub pids: [u32; PIDS],
}

/// Bytes of a record, from its start, of which some may not be part of the key.
const MASKED: usize = 512;

/// Words of a record, from its start, of which some bits may not be part of the key.
pub const MASKED_WORDS: usize = MASKED / 8;

/// For each source, the bits of its records' first words that make two denials the same. What is behind these words are
/// labels, paths and names, which all do.
pub const MASKS: [[u64; MASKED_WORDS]; ROWS] = masks();

/// Where a key has its source's number.
const SOURCE_SHIFT: u32 = 56;
/// The bits of that number.
const SOURCE_MASK: u64 = 0x7f;

/// The key of a source's denial of this hash. Never 0.
#[must_use]
pub const fn key(source: SourceId, hash: u64) -> u64 {
    let hash = hash & !(SOURCE_MASK << SOURCE_SHIFT);
    hash | (source as u64) << SOURCE_SHIFT | 1 << 63
}

/// The source of a key.
#[must_use]
pub fn source(key: u64) -> Option<SourceId> {
    let number = key >> SOURCE_SHIFT & SOURCE_MASK;
    SourceId::ALL.into_iter().find(|source| *source as u64 == number)
}

/// Whether denials of this source are folded. A change of a policy is no repeat of another.
#[must_use]
pub const fn folds(source: SourceId) -> bool {
    !matches!(source, SourceId::SelinuxPolicy | SourceId::ApparmorPolicy)
}

const fn masks() -> [[u64; MASKED_WORDS]; ROWS] {
    let mut masks = [[0; MASKED_WORDS]; ROWS];
    let mut index = 0;
    while index < SourceId::ALL.len() {
        masks[index] = Mask::new(SourceId::ALL[index]).words();
        index += 1;
    }
    masks
}

/// The bits that are part of the key.
struct Mask([u8; MASKED]);

impl Mask {
    /// Those of a source's records: all but those that say when it was, by which process, and which of several files of
    /// one name.
    const fn new(source: SourceId) -> Self {
        const BODY: usize = size_of::<Head>();
        const TASK: usize = offset_of!(Head, task);
        let mask = Self([u8::MAX; MASKED])
            .without(offset_of!(Head, size), offset_of!(Head, source))
            .without(offset_of!(Head, cpu), TASK)
            .without(TASK, TASK + offset_of!(Task, uid))
            .without(TASK + offset_of!(Task, session), TASK + offset_of!(Task, namespaces));
        match source {
            SourceId::Selinux | SourceId::SelinuxSilent => {
                mask.without_instance(BODY + offset_of!(Selinux, object))
            }
            SourceId::Apparmor | SourceId::ApparmorSilent => {
                mask.without_instance(BODY + offset_of!(Apparmor, object))
            }
            // Each sandbox has a domain of its own.
            SourceId::Landlock => mask
                .without(BODY + offset_of!(Landlock, domain), BODY + offset_of!(Landlock, blocked))
                .without_instance(BODY + offset_of!(Landlock, object)),
            SourceId::Seccomp | SourceId::SeccompUnlogged => mask
                .without(
                    BODY + offset_of!(SeccompCall, instruction_pointer),
                    BODY + offset_of!(SeccompCall, result),
                )
                .without(
                    BODY + offset_of!(SeccompCall, thread_flags),
                    BODY + offset_of!(SeccompCall, thread_status),
                ),
            SourceId::Yama => mask.without_instance(BODY + offset_of!(Yama, object)),
            SourceId::Tomoyo => mask.without_instance(BODY + offset_of!(Tomoyo, object)),
            SourceId::BpfLsm => mask.without_instance(BODY + offset_of!(BpfLsm, object)),
            SourceId::Ipe => mask.without_instance(BODY + offset_of!(Ipe, object)),
            SourceId::Capability
            | SourceId::Lockdown
            | SourceId::SelinuxPolicy
            | SourceId::ApparmorPolicy
            | SourceId::SelinuxUserspace
            | SourceId::ApparmorUserspace
            | SourceId::SelinuxError => mask,
        }
    }

    /// Without what tells an object from another of the same name: the inode, the process.
    const fn without_instance(self, object: usize) -> Self {
        self.without(object + offset_of!(Object, inode), object + offset_of!(Object, device))
            .without(object + offset_of!(Object, pid), object + offset_of!(Object, number))
    }

    /// Without the bytes from `start` to before `end`.
    const fn without(mut self, start: usize, end: usize) -> Self {
        let mut index = start;
        while index < end {
            self.0[index] = 0;
            index += 1;
        }
        self
    }

    const fn words(&self) -> [u64; MASKED_WORDS] {
        let mut words = [0; MASKED_WORDS];
        let mut index = 0;
        while index < MASKED {
            words[index / 8] |= (self.0[index] as u64) << (index % 8 * 8);
            index += 1;
        }
        words
    }
}

const _: () = {
    let largest = size_of::<Head>() + size_of::<Apparmor>();
    assert!(largest >= size_of::<Head>() + size_of::<Tomoyo>());
    assert!(largest <= MASKED, "a body reaches beyond the mask");
    assert!(offset_of!(Object, start_time) < offset_of!(Object, device), "both are left out");
};

#[cfg(test)]
mod tests {
    extern crate std;

    use std::{cell::RefCell, vec, vec::Vec};

    use super::*;

    const KEYS: [u64; 2] =
        [key(SourceId::Selinux, 0x1234_5678_9abc_0001), key(SourceId::Selinux, 0x8765_4321_0fed_0001)];

    /// What somebody else does to the slot.
    #[derive(Clone, Copy, Debug, PartialEq)]
    enum Other {
        /// User space closes it, and takes what was counted.
        Close,
        /// A program puts it up for this denial.
        Open(usize),
        /// A program counts a repeat of the denial that it is up for.
        Repeat,
    }

    /// A slot that others change before each access.
    struct Watched {
        state: RefCell<State>,
    }

    struct State {
        count: u64,
        up_for: Option<usize>,
        /// What others are still to do, each before this access.
        others: Vec<(usize, Other)>,
        accesses: usize,
        /// What user space took, by denial.
        taken: [u64; 2],
        /// Repeats of others.
        repeats: [u64; 2],
    }

    impl State {
        fn act(&mut self, other: Other) {
            match (other, self.up_for) {
                (Other::Close, Some(denial)) => {
                    let repeats = self.count & REPEATS;
                    self.taken[denial] += repeats;
                    self.count = closed(repeats);
                    self.up_for = None;
                }
                (Other::Open(denial), None) => {
                    self.count = opened(KEYS[denial]);
                    self.up_for = Some(denial);
                }
                (Other::Repeat, Some(denial)) => {
                    self.count += 1;
                    self.repeats[denial] += 1;
                }
                _ => {}
            }
        }

        fn let_others(&mut self) {
            let access = self.accesses;
            self.accesses += 1;
            while let Some((_, other)) = self.others.first().copied().filter(|(at, _)| *at <= access) {
                self.others.remove(0);
                self.act(other);
            }
        }
    }

    impl Count for Watched {
        fn add_one(&self) -> u64 {
            let mut state = self.state.borrow_mut();
            state.let_others();
            let before = state.count;
            state.count += 1;
            before
        }

        fn set_if(&self, from: u64, to: u64) -> u64 {
            let mut state = self.state.borrow_mut();
            state.let_others();
            let before = state.count;
            if before == from {
                state.count = to;
            }
            before
        }
    }

    /// All ways to do these one after another before the first to the last access.
    fn interleavings(actions: &[Other], accesses: usize) -> Vec<Vec<(usize, Other)>> {
        let Some((first, rest)) = actions.split_first() else { return vec![Vec::new()] };
        let mut all = Vec::new();
        for at in 0..=accesses {
            for later in interleavings(rest, accesses) {
                if later.first().is_none_or(|(next, _)| *next >= at) {
                    all.push([vec![(at, *first)], later].concat());
                }
            }
        }
        all
    }

    #[test]
    fn whatever_others_do_meanwhile_a_repeat_is_counted_once_or_not_at_all() {
        let scripts: [&[Other]; 6] = [
            &[Other::Close],
            &[Other::Close, Other::Open(0), Other::Close],
            &[Other::Close, Other::Open(1), Other::Close],
            &[Other::Close, Other::Open(1), Other::Repeat, Other::Repeat, Other::Close],
            &[Other::Close, Other::Open(1), Other::Repeat, Other::Close, Other::Open(1), Other::Repeat],
            &[Other::Close, Other::Open(1), Other::Close, Other::Open(0), Other::Repeat, Other::Close],
        ];
        for script in scripts {
            for others in interleavings(script, 6) {
                let state = State {
                    count: opened(KEYS[0]),
                    up_for: Some(0),
                    others: others.clone(),
                    accesses: 0,
                    taken: [0; 2],
                    repeats: [0; 2],
                };
                let slot = Watched { state: RefCell::new(state) };
                let counted = count_repeat(&slot, KEYS[0]).is_some();
                let mut state = slot.state.into_inner();
                let accesses = state.accesses;
                state.accesses = usize::MAX - 1;
                state.let_others();
                state.act(Other::Close);
                let all: u64 = state.repeats.iter().sum::<u64>() + u64::from(counted);
                assert_eq!(state.taken.iter().sum::<u64>(), all, "{others:?}");
                // It is one of another denial's only if that was closed before it could be taken back.
                let elsewhere = counted && state.taken[0] != state.repeats[0] + 1;
                let closings = others.iter().filter(|(at, other)| *at < accesses && *other == Other::Close);
                assert!(!elsewhere || closings.count() > 1, "{others:?}");
            }
        }
    }

    #[test]
    fn a_closed_slot_keeps_its_repeats_whatever_is_added() {
        for repeats in [0, 1, 4711, REPEATS] {
            let is = repeats_of_closed(closed(repeats)).unwrap();
            assert!(is == repeats || repeats == REPEATS && is == (1 << 34) - 1, "{repeats}");
            assert_eq!(repeats_of_closed(closed(repeats) + (1 << LATE) - 1), Some(is));
            assert_eq!(closed(repeats) & OPEN, 0);
        }
        for open in [0, 5, opened(KEYS[0]), opened(KEYS[1]) | 7, opened(u64::MAX)] {
            assert_eq!(repeats_of_closed(open), None, "{open:#x}");
        }
    }

    #[test]
    fn a_slot_says_whose_it_is_as_long_as_it_is_up() {
        for key in KEYS {
            assert_eq!(opened(key) & OPEN, OPEN);
            assert_eq!(opened(key) & REPEATS, 0);
        }
        assert_ne!(opened(KEYS[0]), opened(KEYS[1]));
    }
}
