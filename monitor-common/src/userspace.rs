//! The record of what an object manager refused.

use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout};

/// The body of the record of what an object manager refused.
#[derive(Clone, Copy, Debug, FromBytes, IntoBytes, Immutable, KnownLayout)]
#[repr(C)]
pub struct Userspace {
    /// Bytes of the manager's message, of which the record may have fewer.
    pub len: u32,
    /// Unused, zero.
    pub reserved: u32,
}
