//! The ring buffer, the record under construction, and the counters.

use core::ffi::c_void;

use aya_ebpf::{
    bindings::BPF_F_MMAPABLE,
    helpers::generated,
    macros::map,
    maps::{Array, RingBuf},
};
use monitor_common::{
    ABI, Apparmor, BUFFERS, BpfLsm, Flags, Head, Ipe, Landlock, OFFSET_MASK, Object, RECORD_SIZE, Selinux,
    SourceId, TaskField, Tomoyo, WRITE_MAX, Yama,
    chunk::{self, ChunkKind},
    counter::{self, Counter, CpuCounters, ROWS},
    layout::ABSENT,
};

use crate::{
    atomic, fold,
    layout::setting,
    log,
    memory::{Address, Fault},
    repeat::{Next, Step, repeat},
    share,
};

/// Records on their way to user space, which sets the size.
#[map]
pub static EVENTS: RingBuf = RingBuf::with_byte_size(1 << 24, 0);

/// One element a CPU; user space sets their number, and maps them.
#[map]
static COUNTERS: Array<CpuCounters> = Array::with_max_entries(1, BPF_F_MMAPABLE);

/// Adds one to a source's counter.
#[inline(always)]
pub fn count(source: SourceId, counted: Counter) {
    count_more(source, counted, 1);
}

/// Adds to a source's counter.
#[inline(always)]
fn count_more(source: SourceId, counted: Counter, number: u64) {
    // SAFETY: the helper has no preconditions.
    let cpu = unsafe { generated::bpf_get_smp_processor_id() };
    let Some(counters) = COUNTERS.get_ptr_mut(cpu) else { return };
    let index = masked::<{ ROWS * counter::COUNTERS - 1 }>(
        (source as usize * counter::COUNTERS + counted as usize) as u64,
    );
    // SAFETY: the index is below the table's length.
    let value = unsafe { (&raw mut (*counters).values).cast::<u64>().add(index) };
    // An atomic addition, since a program may be preempted by another on the same CPU.
    // SAFETY: `value` points into a map's value.
    unsafe { atomic::add(value, number.cast_signed()) };
}

/// Where records are built: [`BUFFERS`] for each CPU; user space sets their number. A record is copied into the ring
/// buffer as long as it is, which for most is a fifth of what it might become.
#[map]
static RECORDS: Array<Buffer> = Array::with_max_entries(BUFFERS, 0);

/// A place where a record is built.
#[repr(C)]
struct Buffer {
    /// Programs that want it, or have it: the first has it. Several programs may be at work on one CPU, of which each
    /// interrupted another.
    claims: u64,
    bytes: [u64; RECORD_SIZE / 8],
}

/// Bytes that [`Record::bytes`] and [`Record::user_bytes`] append at once, at most: a mask, so that the verifier sees
/// the bound.
pub const BYTES_MAX: u64 = 0x3ff;

/// Bytes of a path that the kernel gives as one string. Such a path has up to 4096 bytes.
const PATH_ROOM: u64 = WRITE_MAX as u64 - 1;

/// Parts of such a path that are read to find its length.
const PATH_PARTS: u32 = 5;

/// How long a kernel string is.
struct Length {
    /// Where its parts are read to: what is there is written over later.
    room: *mut u8,
    address: Address,
    len: u64,
}

impl Step for Length {
    #[inline(always)]
    fn step(&mut self) -> Next {
        // SAFETY: `room` has `WRITE_MAX` bytes, and the helper checks the address.
        let read = unsafe {
            generated::bpf_probe_read_kernel_str(
                self.room.cast(),
                WRITE_MAX as u32,
                (self.address + self.len) as *const _,
            )
        };
        if read <= 0 {
            return Next::Stop;
        }
        self.len += read as u64 - 1;
        if read == WRITE_MAX as i64 { Next::Continue } else { Next::Stop }
    }
}

/// Whether it is the turn of a fault that was asked for: to see that losses are counted.
#[inline(always)]
fn has_fault() -> bool {
    let each = setting!(fault_ring_full);
    // SAFETY: the helper has no preconditions.
    each != 0 && u64::from(unsafe { generated::bpf_get_prandom_u32() }) % each == 0
}

/// A record under construction.
///
/// What changes while it is filled (its size, flags, what is missing) is kept in the record's own memory and accessed
/// with volatile reads and writes. The verifier doesn't follow values through that memory; in registers it would follow
/// each combination of them separately, and give up.
pub struct Record {
    buffer: *mut Buffer,
    source: SourceId,
}

/// Adds to the claims of a buffer.
#[inline(always)]
fn claim(buffer: *mut Buffer, claims: i64) {
    // SAFETY: a field of a map's value.
    unsafe { atomic::add(&raw mut (*buffer).claims, claims) };
}

impl Drop for Record {
    #[inline(always)]
    fn drop(&mut self) {
        claim(self.buffer, -1);
    }
}

/// A body that has an [`Object`].
pub trait WithObject {
    /// Where in the body.
    const OFFSET: usize;
}

macro_rules! with_object {
    ($($body:ty),+) => {
        $(impl WithObject for $body {
            const OFFSET: usize = core::mem::offset_of!($body, object);
        })+
    };
}

with_object!(Selinux, Apparmor, Landlock, Yama, Tomoyo, BpfLsm, Ipe);

/// A chunk under construction: where its head is.
#[derive(Clone, Copy)]
pub struct Chunk {
    start: u64,
}

impl Record {
    /// Counts a denial as seen and finds a buffer for its record.
    ///
    /// The body of type `B` is zeroed; the head is written by [`Record::submit`]'s caller through [`Record::head`].
    #[inline(always)]
    pub fn reserve<B>(source: SourceId) -> Option<Self> {
        count(source, Counter::Seen);
        let Some(buffer) = free_buffer() else {
            count(source, Counter::NoBuffer);
            return None;
        };
        let mut record = Self { buffer, source };
        for index in 0..(size_of::<Head>() + size_of::<B>()) / 8 {
            // SAFETY: head and body lie within the record. Volatile, or it would become a call of `memset`, which
            // writes, and is verified, byte by byte.
            unsafe { (&raw mut (*record.buffer).bytes).cast::<u64>().add(index).write_volatile(0) };
        }
        record.set_used((size_of::<Head>() + size_of::<B>()) as u64);
        Some(record)
    }

    #[inline(always)]
    fn base(&mut self) -> *mut u8 {
        // SAFETY: a field of the buffer.
        unsafe { (&raw mut (*self.buffer).bytes).cast() }
    }

    /// Which source's it is.
    #[inline(always)]
    pub fn source(&self) -> SourceId {
        self.source
    }

    /// How many words are used so far; what is behind its end in the last of them is zeroed.
    #[inline(always)]
    pub fn close_words(&mut self) -> u64 {
        let used = self.used();
        let end = bounded::<{ RECORD_SIZE - 8 }>(used) as usize;
        // SAFETY: within the record.
        unsafe { self.base().add(end).cast::<u64>().write_unaligned(0) };
        used.div_ceil(8)
    }

    /// One of its words.
    #[inline(always)]
    pub fn word(&mut self, index: u64) -> u64 {
        let index = bounded::<{ RECORD_SIZE / 8 - 1 }>(index) as usize;
        // SAFETY: within the record. Volatile, since it was written that way.
        unsafe { (&raw mut (*self.buffer).bytes).cast::<u64>().add(index).read_volatile() }
    }

    /// Bytes that are used so far.
    #[inline(always)]
    fn used(&mut self) -> u64 {
        // SAFETY: a field of the head.
        u64::from(unsafe { (&raw const self.head().size).read_volatile() })
    }

    #[inline(always)]
    fn set_used(&mut self, used: u64) {
        // SAFETY: a field of the head.
        unsafe { (&raw mut self.head().size).write_volatile(used as u16) };
    }

    /// The head.
    #[inline(always)]
    pub fn head(&mut self) -> &mut Head {
        // SAFETY: the record starts with a head, which `reserve` zeroed.
        unsafe { &mut *self.base().cast() }
    }

    /// The body, of the type that the record was reserved for.
    #[inline(always)]
    pub fn body<B>(&mut self) -> &mut B {
        // SAFETY: the body follows the head; `reserve` zeroed it.
        unsafe { &mut *self.base().add(size_of::<Head>()).cast() }
    }

    /// The object in the body.
    #[inline(always)]
    pub fn object<B: WithObject>(&mut self) -> &mut Object {
        // SAFETY: as for `body`; the trait's constant is the member's offset.
        unsafe { &mut *self.base().add(size_of::<Head>() + B::OFFSET).cast() }
    }

    /// Sets flags.
    #[inline(always)]
    pub fn set(&mut self, flags: Flags) {
        let all = &raw mut self.head().flags;
        // SAFETY: a field of the head.
        unsafe { all.write_volatile(all.read_volatile() | flags) };
    }

    /// Reads a member of a kernel object into a field of the head. If it can't be read or this kernel doesn't have it,
    /// the field stays 0, and [`Head::missing`] says so.
    #[inline(always)]
    pub fn read<T>(
        &mut self,
        field: impl FnOnce(&mut Head) -> &mut T,
        base: Address,
        offset: u32,
        member: TaskField,
    ) {
        let missing = read_to(field(self.head()), base, offset);
        self.miss(missing, member);
    }

    /// As [`Self::read`], into a field of the body, which has no bit of its own.
    #[inline(always)]
    pub fn read_body<B, T>(&mut self, field: impl FnOnce(&mut B) -> &mut T, base: Address, offset: u32) {
        let missing = read_to(field(self.body()), base, offset);
        self.set(Flags::FAULT.when(missing));
    }

    /// As [`Self::read_body`], into a field of the object.
    #[inline(always)]
    pub fn read_object<B: WithObject, T>(
        &mut self,
        field: impl FnOnce(&mut Object) -> &mut T,
        base: Address,
        offset: u32,
    ) {
        let missing = read_to(field(self.object::<B>()), base, offset);
        self.set(Flags::FAULT.when(missing));
    }

    /// Notes that a member of the task is missing, if `missing` is 1 and not 0.
    #[inline(always)]
    pub fn miss(&mut self, missing: u64, member: TaskField) {
        let at = &raw mut self.head().missing;
        // SAFETY: a field of the head.
        unsafe { at.write_volatile(at.read_volatile() | (missing * member.bit())) };
        self.set(Flags::FAULT.when(missing));
    }

    /// Notes that something could not be read.
    #[inline(always)]
    pub fn fault(&mut self) {
        self.set(Flags::FAULT);
    }

    /// Where the next [`WRITE_MAX`] bytes go, if there is room.
    #[inline(always)]
    fn room(&mut self) -> Option<*mut u8> {
        let used = self.used();
        if used > OFFSET_MASK as u64 {
            self.set(Flags::FULL);
            return None;
        }
        let offset = masked::<OFFSET_MASK>(used);
        // SAFETY: `OFFSET_MASK + WRITE_MAX <= RECORD_SIZE`.
        Some(unsafe { self.base().add(offset) })
    }

    /// Starts a chunk; `None` if the record is full.
    #[inline(always)]
    pub fn begin(&mut self, kind: ChunkKind) -> Option<Chunk> {
        let start = self.used();
        // Room for the head and what comes after it: a chunk that has less is none.
        if start > (OFFSET_MASK - size_of::<chunk::ChunkHead>()) as u64 {
            self.set(Flags::FULL);
            return None;
        }
        let room = self.room()?;
        // SAFETY: `room` has `WRITE_MAX` bytes.
        unsafe {
            room.write(kind as u8);
            room.add(1).write_volatile(0);
        }
        self.set_used(start + size_of::<chunk::ChunkHead>() as u64);
        Some(Chunk { start })
    }

    /// The head of a chunk that [`Self::begin`] started.
    #[inline(always)]
    fn chunk_head(&mut self, chunk: Chunk) -> *mut u8 {
        let offset = masked::<OFFSET_MASK>(chunk.start);
        // SAFETY: `begin` had room for the chunk's head at this offset.
        unsafe { self.base().add(offset) }
    }

    /// Sets flags of a chunk.
    #[inline(always)]
    pub fn flag(&mut self, chunk: Chunk, flags: u8) {
        // SAFETY: the second byte of the chunk's head.
        unsafe {
            let at = self.chunk_head(chunk).add(1);
            at.write_volatile(at.read_volatile() | flags);
        }
    }

    /// Takes flags of a chunk back.
    #[inline(always)]
    pub fn unflag(&mut self, chunk: Chunk, flags: u8) {
        // SAFETY: the second byte of the chunk's head.
        unsafe {
            let at = self.chunk_head(chunk).add(1);
            at.write_volatile(at.read_volatile() & !flags);
        }
    }

    /// Ends a chunk that [`Self::begin`] started.
    #[inline(always)]
    pub fn end(&mut self, chunk: Chunk) {
        let len = self.used() - chunk.start - size_of::<chunk::ChunkHead>() as u64;
        let head = self.chunk_head(chunk);
        // SAFETY: the second byte of the chunk's head.
        let flags = unsafe { head.add(1).read_volatile() };
        // SAFETY: the third and fourth byte of the chunk's head.
        unsafe {
            head.add(2).write(len as u8);
            head.add(3).write((len >> 8) as u8);
        }
        // Without branches, each of which would double the verifier's work.
        self.set(Flags::CUT.when(u64::from(flags / chunk::FLAG_CUT)));
        self.set(Flags::FAULT.when(u64::from(flags / chunk::FLAG_FAULT)));
    }

    /// Bytes of a chunk that [`Self::begin`] started, so far.
    #[inline(always)]
    pub fn len(&mut self, chunk: Chunk) -> u64 {
        self.used().wrapping_sub(chunk.start)
    }

    /// Takes back a chunk that [`Self::begin`] started.
    #[inline(always)]
    pub fn cancel(&mut self, chunk: Chunk) {
        self.set_used(chunk.start);
    }

    /// Notes that `len` more bytes were written.
    #[inline(always)]
    fn grow(&mut self, len: u64) {
        let used = self.used();
        self.set_used(used + len);
    }

    /// Appends a kernel string with its NUL, at most [`WRITE_MAX`] bytes. Returns the number of bytes.
    #[inline(always)]
    pub fn string(&mut self, address: Address) -> Result<u64, Fault> {
        let room = self.room().ok_or(Fault)?;
        // SAFETY: `room` has `WRITE_MAX` bytes, and the helper checks the address.
        let len = unsafe {
            generated::bpf_probe_read_kernel_str(room.cast(), WRITE_MAX as u32, address as *const _)
        };
        if len <= 0 {
            return Err(Fault);
        }
        self.grow(len as u64);
        Ok(len as u64)
    }

    /// Appends `len` bytes of kernel memory, at most [`BYTES_MAX`].
    #[inline(always)]
    pub fn bytes(&mut self, address: Address, len: u64) -> Result<(), Fault> {
        // SAFETY: `copy` gives room for the length, and the helper checks the address.
        self.copy(len, |to, len| unsafe { generated::bpf_probe_read_kernel(to, len, address as *const _) })
    }

    /// Appends `len` bytes of user memory, at most [`BYTES_MAX`].
    #[inline(always)]
    pub fn user_bytes(&mut self, address: Address, len: u64) -> Result<(), Fault> {
        // SAFETY: as for `bytes`.
        self.copy(len, |to, len| unsafe { generated::bpf_probe_read_user(to, len, address as *const _) })
    }

    /// Appends `len` bytes, at most [`BYTES_MAX`], by a helper that returns 0 or a negative errno.
    #[inline(always)]
    fn copy(&mut self, len: u64, read: impl FnOnce(*mut c_void, u32) -> i64) -> Result<(), Fault> {
        let room = self.room().ok_or(Fault)?;
        let len = len.min(BYTES_MAX);
        if read(room.cast(), masked::<{ BYTES_MAX as usize }>(len) as u32) != 0 {
            return Err(Fault);
        }
        self.grow(len);
        Ok(())
    }

    /// Appends what a helper writes, which has room for [`WRITE_MAX`] bytes, and returns their number or a negative
    /// errno.
    #[inline(always)]
    pub fn written(&mut self, write: impl FnOnce(*mut c_void) -> i64) -> i64 {
        let Some(room) = self.room() else { return 0 };
        let len = write(room.cast());
        if len > 0 {
            self.grow(len as u64);
        }
        len
    }

    /// Appends a value.
    #[inline(always)]
    pub fn value<T>(&mut self, value: T) {
        const { assert!(size_of::<T>() <= WRITE_MAX) };
        let Some(room) = self.room() else { return };
        // SAFETY: `room` has `WRITE_MAX` bytes.
        unsafe { room.cast::<T>().write_unaligned(value) };
        self.grow(size_of::<T>() as u64);
    }

    /// Appends a chunk that is one kernel string, if there is one at the address.
    #[inline(always)]
    pub fn string_chunk(&mut self, kind: ChunkKind, address: Address) {
        if address == 0 {
            return;
        }
        let Some(chunk) = self.begin(kind) else { return };
        let Ok(len) = self.string(address) else {
            self.cancel(chunk);
            return self.fault();
        };
        // The NUL is not part of a string chunk.
        let used = self.used();
        self.set_used(used - 1);
        if len == WRITE_MAX as u64 {
            self.flag(chunk, chunk::FLAG_CUT);
        }
        self.end(chunk);
    }

    /// Appends a chunk that is the end of one kernel string, if there is one at the address: of a path that is too long
    /// for its room, the end shows more.
    #[inline(always)]
    pub fn path_chunk(&mut self, kind: ChunkKind, address: Address) {
        if address == 0 {
            return;
        }
        let skipped = self.excess(address);
        let Some(chunk) = self.begin(kind) else { return };
        self.flag(chunk, u8::from(skipped != 0) * chunk::FLAG_CUT);
        if self.string(address + skipped).is_err() {
            self.cancel(chunk);
            return self.fault();
        }
        // The NUL is not part of a string chunk.
        let used = self.used();
        self.set_used(used - 1);
        self.end(chunk);
    }

    /// How much of a kernel string's start has to be left out, so that its end fits into [`PATH_ROOM`].
    #[inline(always)]
    fn excess(&mut self, address: Address) -> u64 {
        let Some(room) = self.room() else { return 0 };
        let mut length = Length { room, address, len: 0 };
        repeat(PATH_PARTS, &mut length);
        length.len.saturating_sub(PATH_ROOM)
    }

    /// Appends a chunk that is these bytes.
    #[inline(always)]
    pub fn literal<const N: usize>(&mut self, kind: ChunkKind, bytes: [u8; N]) {
        let Some(chunk) = self.begin(kind) else { return };
        self.value(bytes);
        self.end(chunk);
    }

    /// Copies the record into the ring buffer, as it is: sources call [`crate::finish::submit`].
    #[inline(always)]
    pub fn submit(mut self) {
        let source = self.source;
        let head = self.head();
        head.source = source as u8;
        head.abi = ABI;
        // SAFETY: the helper has no preconditions.
        head.cpu = unsafe { generated::bpf_get_smp_processor_id() } as u16;
        let (flags, missing, size, fold) = (head.flags, head.missing, head.size, head.fold);
        let (cgroup, uid) = (head.task.cgroup_id, head.task.uid);
        let len = bounded::<RECORD_SIZE>(size.into());
        if !share::admits(cgroup, uid, u64::from(size)) {
            count(source, Counter::Share);
            share::lose(cgroup, uid, 1);
            log::no_room(source);
            return;
        }
        // SAFETY: the buffer has as many bytes, and nothing else refers to it.
        let bytes = unsafe { core::slice::from_raw_parts(self.base(), len as usize) };
        let has_opened = fold::open(source, fold);
        if has_fault() || EVENTS.output::<[u8]>(bytes, 0).is_err() {
            let lost = 1 + if has_opened { fold::abandon(fold) } else { 0 };
            count_more(source, Counter::RingFull, lost);
            share::lose(cgroup, uid, lost);
            log::no_room(source);
            return;
        }
        log::submitted(source, size.into());
        count(source, Counter::Submitted);
        if flags.contains(Flags::FAULT) {
            count(source, Counter::ReadFault);
            log::unreadable(source, missing);
        }
        if flags.contains(Flags::CUT) {
            count(source, Counter::Cut);
        }
    }
}

/// Claims one of this CPU's buffers.
#[inline(always)]
fn free_buffer() -> Option<*mut Buffer> {
    RECORDS.get_ptr_mut(claim_buffer())
}

/// Claims one of this CPU's buffers, and gives its number; one that no buffer has, if all are in use.
///
/// A function of its own, that gives a number: the verifier then follows what comes after it once, and not for each buffer.
#[inline(never)]
fn claim_buffer() -> u32 {
    // SAFETY: the helper has no preconditions.
    let first = unsafe { generated::bpf_get_smp_processor_id() } * BUFFERS;
    // Counted from 0, so that the verifier sees the end.
    for place in 0..BUFFERS {
        let Some(buffer) = RECORDS.get_ptr_mut(first + place) else { break };
        claim(buffer, 1);
        // SAFETY: a field of the buffer. Volatile, since the claim is not the compiler's.
        if unsafe { (&raw const (*buffer).claims).read_volatile() } == 1 {
            return first + place;
        }
        claim(buffer, -1);
    }
    u32::MAX
}

/// Reads a member of a kernel object to a place in the record. Returns 1 if it can't be read, else 0: a number and not a
/// branch, since the verifier would follow each combination of outcomes.
#[inline(always)]
fn read_to<T>(to: &mut T, base: Address, offset: u32) -> u64 {
    // Known before load, so that the verifier sees one way only.
    if offset == ABSENT {
        return 1;
    }
    let from = base.wrapping_add(u64::from(offset));
    // SAFETY: `to` is as long as is read, and the helper checks the address.
    let error = unsafe {
        generated::bpf_probe_read_kernel((&raw mut *to).cast(), size_of::<T>() as u32, from as *const _)
    };
    (error as u64) >> 63
}

/// The lesser of `number` and `MAX`, so that the verifier sees the bound: as for [`masked`].
#[inline(always)]
fn bounded<const MAX: usize>(number: u64) -> u64 {
    let mut number = number;
    // SAFETY: changes only the register.
    unsafe {
        core::arch::asm!("if {0} <= {max} goto +1", "{0} = {max}", inout(reg) number, max = const MAX);
    }
    number
}

/// `number & MASK`, which must not change it: so that the verifier sees the bound right where it matters, whatever the
/// compiler knows or has forgotten.
#[inline(always)]
pub fn masked<const MASK: usize>(number: u64) -> usize {
    let mut number = number;
    // SAFETY: changes only the register.
    unsafe { core::arch::asm!("{0} &= {1}", inout(reg) number, const MASK) };
    number as usize
}
