//! What lockdown logs for each of its reasons, from the kernel's own table `lockdown_reasons`
//! (security/security.c; before 6.0 security/lockdown/lockdown.c).

use super::memory::{KernelMemory, MemoryError};

/// Longer than any text.
const TEXT_LIMIT: usize = 128;

/// Reads the table at `address`, which has a pointer for each of the `reasons`.
///
/// # Errors
///
/// If it can't be read.
pub(super) fn texts(
    memory: &mut KernelMemory,
    reasons: &[(String, u32)],
    address: u64,
) -> Result<Vec<Option<String>>, MemoryError> {
    let count = reasons.iter().map(|(_, number)| *number).max().map_or(0, |last| u64::from(last) + 1);
    let mut texts = Vec::new();
    for index in 0..count {
        let mut pointer = [0; 8];
        pointer.copy_from_slice(&memory.bytes(address + index * 8, 8)?);
        texts.push(match u64::from_ne_bytes(pointer) {
            0 => None,
            text => Some(memory.string(text, TEXT_LIMIT)?),
        });
    }
    Ok(texts)
}
