//! The running task's stacks, if they are asked for.

use aya_ebpf::{
    bindings::{BPF_F_USER_BUILD_ID, BPF_F_USER_STACK},
    helpers::generated,
};
use monitor_common::{
    WRITE_MAX,
    chunk::{ChunkKind, FLAG_CUT, FLAG_FAULT, STACK_FRAMES, UserFrame},
};

use crate::{layout::setting, output::Record};

/// Appends the kernel's and the user's stack. They come last of all, so that a full record loses these first.
///
/// `bpf_get_task_stack`, and not `bpf_get_stack`, which wants the program's own context. It shows the frames of the
/// program itself, too.
#[inline(always)]
pub fn describe(record: &mut Record) {
    if setting!(stack) != 0 {
        stack::<{ STACK_FRAMES * size_of::<u64>() }>(record, ChunkKind::KernelStack, 0);
        let flags = u64::from(BPF_F_USER_STACK | BPF_F_USER_BUILD_ID);
        stack::<{ STACK_FRAMES * size_of::<UserFrame>() }>(record, ChunkKind::UserStack, flags);
    }
}

/// Appends one stack of at most `SIZE` bytes.
#[inline(always)]
fn stack<const SIZE: usize>(record: &mut Record, kind: ChunkKind, flags: u64) {
    const { assert!(SIZE <= WRITE_MAX, "a write is bounded") };
    let Some(chunk) = record.begin(kind) else { return };
    let len = record.written(|room| {
        // SAFETY: the helpers have no preconditions but that `room` has `SIZE` bytes.
        unsafe {
            generated::bpf_get_task_stack(generated::bpf_get_current_task_btf(), room, SIZE as u32, flags)
        }
    });
    if len < 0 {
        record.flag(chunk, FLAG_FAULT);
    }
    if len == SIZE as i64 {
        record.flag(chunk, FLAG_CUT);
    }
    record.end(chunk);
}
