//! Repeats: a denial that is the same as one of a moment ago is counted, and not sent.

use aya_ebpf::{bindings::BPF_F_MMAPABLE, macros::map, maps::Array};
use monitor_common::{
    RECORD_SIZE, SourceId,
    counter::{Counter, ROWS},
    fold::{Count, MASKED_WORDS, MASKS, OPEN, PIDS, REPEATS, Slot, WAYS, count_repeat, opened},
};

use crate::{
    atomic,
    layout::{layout, setting},
    memory::follow,
    output::{Record, count, masked},
    repeat::{Next, Step, repeat, zero},
    task,
};

/// The slots; user space sets their number, and maps them.
#[map]
static FOLDS: Array<Slot> = Array::with_max_entries(1, BPF_F_MMAPABLE);

/// Which bits of a record's first words make two denials the same, by source.
#[unsafe(no_mangle)]
static FOLD_MASKS: [[u64; MASKED_WORDS]; ROWS] = MASKS;

/// Odd, with as many ones as zeros, and no pattern: multipliers that spread each bit over those above it
/// (<https://nullprogram.com/blog/2018/07/31/>).
const MULTIPLIERS: [u64; 2] = [0xd6e8_feb8_6659_fd93, 0x9e37_79b9_7f4a_7c15];

/// Kernel addresses start with as many ones on every machine. They differ from call to call, and what they point to is in
/// the chunks.
const ADDRESS_SHIFT: u32 = 48;
/// Those ones.
const ADDRESS: u64 = 0xffff;

/// Counts the denial if it is the repeat of one, and says whether it is. Else the record gets its key.
///
/// A function of its own: whatever way led to the record, the verifier follows this once.
#[inline(never)]
pub fn is_repeat(record: &mut Record) -> bool {
    // The atomic instructions came with Linux 5.12, and `bpf_loop` with 5.17.
    if cfg!(feature = "bounded-loops") || setting!(fold_secret) == 0 {
        return false;
    }
    let key = key(record);
    record.head().fold = key;
    for way in 0..WAYS {
        let Some(slot) = slot(key, way) else { return false };
        if key_of(slot) == key {
            let Some(before) = count_repeat(&Word(slot), key) else { return false };
            let (time, pid) = (record.head().time, record.head().task.pid);
            note(slot, before == 0, time, pid);
            count(record.source(), Counter::Folded);
            return true;
        }
    }
    false
}

/// Puts up a slot for the repeats of a denial whose record is about to be sent: who reads that looks for it. Returns whether
/// there was none.
#[inline(never)]
pub fn open(source: SourceId, key: u64) -> bool {
    if cfg!(feature = "bounded-loops") || key == 0 {
        return false;
    }
    for way in 0..WAYS {
        let Some(slot) = slot(key, way) else { return false };
        let before = set_if_free(slot, key);
        if before == 0 {
            // SAFETY: a field of the slot. Until here it was closed, so that nothing was counted.
            unsafe { (&raw mut (*slot).count).write_volatile(opened(key)) };
            return true;
        }
        if before == key {
            return false;
        }
    }
    count(source, Counter::NoSlot);
    false
}

/// Takes down the slot that was put up for a denial whose record could not be sent, and gives how many repeats were counted
/// in it meanwhile.
#[inline(never)]
pub fn abandon(key: u64) -> u64 {
    for way in 0..WAYS {
        let Some(slot) = slot(key, way) else { return 0 };
        if key_of(slot) != key {
            continue;
        }
        // SAFETY: fields of the slot, which is this program's alone once it has closed it.
        unsafe {
            let before = atomic::swap(&raw mut (*slot).count, 0);
            if before & OPEN == 0 {
                return 0;
            }
            (&raw mut (*slot).pids_len).write_volatile(0);
            (&raw mut (*slot).last_pid).write_volatile(0);
            (&raw mut (*slot).key).write_volatile(0);
            return before & REPEATS;
        }
    }
    0
}

#[inline(always)]
fn slot(key: u64, way: u32) -> Option<*mut Slot> {
    FOLDS.get_ptr_mut((key as u32).wrapping_add(way) & setting!(fold_slots_mask))
}

#[inline(always)]
fn key_of(slot: *mut Slot) -> u64 {
    // SAFETY: a field of a map's value. Volatile, since others change it.
    unsafe { (&raw const (*slot).key).read_volatile() }
}

/// Notes when the repeat was, which may be the first, and of which process.
#[inline(always)]
fn note(slot: *mut Slot, is_first: bool, time: u64, pid: u32) {
    // SAFETY: fields of the slot, of which two programs may write one at the same time: then one of both stays.
    unsafe {
        if is_first {
            (&raw mut (*slot).first).write_volatile(time);
        }
        (&raw mut (*slot).last).write_volatile(time);
        let (len, last_pid) = (&raw mut (*slot).pids_len, &raw mut (*slot).last_pid);
        let index = len.read_volatile();
        if last_pid.read_volatile() == pid || index >= PIDS as u32 {
            return;
        }
        last_pid.write_volatile(pid);
        len.write_volatile(index + 1);
        let pids = (&raw mut (*slot).pids).cast::<u32>();
        pids.add(masked::<7>(index.into()).min(PIDS - 1)).write_volatile(pid);
    }
}

/// A slot's count.
struct Word(*mut Slot);

impl Count for Word {
    #[inline(always)]
    fn add_one(&self) -> u64 {
        // SAFETY: a field of a map's value.
        unsafe { atomic::fetch_add(&raw mut (*self.0).count, 1) }
    }

    #[inline(always)]
    fn set_if(&self, from: u64, to: u64) -> u64 {
        // SAFETY: a field of a map's value.
        unsafe { atomic::set_if(&raw mut (*self.0).count, from, to) }
    }
}

/// Sets a slot's key if the slot is free, and gives what it was.
#[inline(always)]
fn set_if_free(slot: *mut Slot, key: u64) -> u64 {
    // SAFETY: a field of a map's value.
    unsafe { atomic::set_if(&raw mut (*slot).key, 0, key) }
}

/// What the denial has in common with its repeats, in one number: module, subject, action and object, and who it is that
/// asks: program, user, cgroup. Never 0.
#[inline(always)]
fn key(record: &mut Record) -> u64 {
    let task = task::current();
    let group = follow(follow(task, layout!(task_cgroups)), layout!(css_set_dfl_cgrp));
    let file = follow(follow(task, layout!(task_mm)), layout!(mm_exe_file));
    // The program's file, by its entry in the directory.
    let program = layout!(file_path).saturating_add(layout!(path_dentry));
    let pid = u64::from(record.head().task.pid) * u64::from(setting!(fold_by_process));
    let secret = setting!(fold_secret);
    let mut hash = secret;
    for word in
        [follow(follow(group, layout!(cgroup_kn)), layout!(kernfs_node_id)), follow(file, program), pid]
    {
        hash = mix(hash, word);
    }
    let words = record.close_words();
    let masks = masked::<{ ROWS - 1 }>(record.source() as u64) * MASKED_WORDS;
    let mut hashing = Hashing { record, masks, index: zero(), words, hash };
    repeat((RECORD_SIZE / 8) as u32, &mut hashing);
    let hash = mix(hashing.hash, secret);
    monitor_common::fold::key(hashing.record.source(), hash)
}

#[inline(always)]
fn mix(hash: u64, word: u64) -> u64 {
    let hash = (hash ^ word).wrapping_mul(MULTIPLIERS[0]);
    let hash = (hash ^ hash >> 32).wrapping_mul(MULTIPLIERS[1]);
    hash ^ hash >> 29
}

/// Where a record's words are on their way into the key.
struct Hashing<'a> {
    record: &'a mut Record,
    /// Where the source's masks start.
    masks: usize,
    index: u64,
    words: u64,
    hash: u64,
}

impl Step for Hashing<'_> {
    #[inline(always)]
    fn step(&mut self) -> Next {
        if self.index >= self.words {
            return Next::Stop;
        }
        let word = self.record.word(self.index);
        let word = if word >> ADDRESS_SHIFT == ADDRESS { 0 } else { word };
        let mask = if self.index < MASKED_WORDS as u64 {
            let index = self.masks + masked::<{ MASKED_WORDS - 1 }>(self.index);
            let masks = (&raw const FOLD_MASKS).cast::<u64>();
            // SAFETY: within the table. Volatile, or the compiler would take its words apart.
            unsafe { masks.add(masked::<{ ROWS * MASKED_WORDS - 1 }>(index as u64)).read_volatile() }
        } else {
            u64::MAX
        };
        self.hash = mix(self.hash, word & mask);
        self.index += 1;
        Next::Continue
    }
}
