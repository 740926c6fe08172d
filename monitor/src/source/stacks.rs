//! Stacks: from what the probe read to frames that have no names yet.

use monitor_common::chunk::{
    ChunkKind, FLAG_CUT, FLAG_FAULT, USER_FRAME_ADDRESS, USER_FRAME_FILE, UserFrame,
};
use zerocopy::FromBytes as _;

use crate::{
    event::Frame,
    record::{Chunk, RecordError},
    source::draft::Draft,
    text,
};

/// Takes a stack.
pub(super) fn take<'a>(draft: &mut Draft<'a>, chunk: &Chunk<'a>) -> Result<(), RecordError> {
    let error = RecordError::ChunkForm(chunk.kind);
    let stack = draft.event.stack.get_or_insert_default();
    let field = if chunk.kind == ChunkKind::KernelStack {
        let (addresses, rest) = chunk.bytes.as_chunks();
        if !rest.is_empty() {
            return Err(error);
        }
        stack.kernel = addresses.iter().map(|&address| at(u64::from_le_bytes(address))).collect();
        "stack.kernel"
    } else {
        let frames = <[UserFrame]>::ref_from_bytes(chunk.bytes).map_err(|_| error)?;
        // In code without frame pointers the kernel takes for the caller's address what isn't one, and may place it in
        // the next file by an offset before its start. What comes after that is as wrong.
        let sane = |frame: &&UserFrame| frame.place.get() >> 63 == 0;
        stack.user = frames.iter().take_while(sane).filter_map(user).collect();
        "stack.user"
    };
    if chunk.has(FLAG_FAULT) {
        draft.missing(field, "the kernel could not walk it");
    } else if chunk.has(FLAG_CUT) {
        draft.missing(field, "its outer frames did not fit");
    }
    Ok(())
}

/// A frame of a user stack; nothing for what the kernel left empty.
fn user(frame: &UserFrame) -> Option<Frame<'static>> {
    match frame.status.get() {
        USER_FRAME_FILE => Some(Frame {
            build_id: Some(text::hex(&frame.build_id).into()),
            file_offset: Some(format!("{:#x}", frame.place.get()).into()),
            ..Frame::default()
        }),
        USER_FRAME_ADDRESS => Some(at(frame.place.get())),
        _ => None,
    }
}

fn at(address: u64) -> Frame<'static> {
    Frame { address: Some(format!("{address:#x}").into()), ..Frame::default() }
}
