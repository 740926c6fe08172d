//! Yama's record.

use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout};

use crate::Object;

/// The body of Yama's record. What was tried, `attach` or `traceme`, is a chunk.
#[derive(Clone, Copy, Debug, FromBytes, IntoBytes, Immutable, KnownLayout)]
#[repr(C)]
pub struct Yama {
    /// `kernel.yama.ptrace_scope`; `u32::MAX` where it can't be read.
    pub scope: u32,
    /// Unused, zero.
    pub reserved: u32,
    /// The process that was to be traced.
    pub object: Object,
}
