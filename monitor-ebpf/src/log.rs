//! What the programs log, for those who debug denyd: by aya-log, and only if user space sets the level before load.
//!
//! Functions of their own: inlined, they would take of each program's small stack, also of one that doesn't log.

use aya_log_ebpf::{debug, trace};
use monitor_common::SourceId;

/// A record found no room in the ring buffer.
#[inline(never)]
pub fn no_room(source: SourceId) {
    debug!((), "source {}: no room in the ring buffer", source as u32);
}

/// Something could not be read: the bits of `Head::missing`.
#[inline(never)]
pub fn unreadable(source: SourceId, missing: u64) {
    debug!((), "source {}: could not be read: {:x}", source as u32, missing);
}

/// A record was submitted.
#[inline(never)]
pub fn submitted(source: SourceId, bytes: u64) {
    trace!((), "source {}: a record of {} bytes", source as u32, bytes);
}
