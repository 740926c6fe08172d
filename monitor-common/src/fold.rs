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

/// Where repeats of one denial are counted. Programs and user space change it at the same time, by atomic instructions.
#[repr(C, align(64))]
pub struct Slot {
    /// The denial: [`crate::Head::fold`] of its first record; 0 if the slot is free.
    pub key: u64,
    /// Repeats, and [`OPEN`].
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
