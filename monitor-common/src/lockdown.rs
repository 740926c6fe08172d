//! Lockdown's record.

use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout};

/// The body of lockdown's record.
#[derive(Clone, Copy, Debug, FromBytes, IntoBytes, Immutable, KnownLayout)]
#[repr(C)]
pub struct Lockdown {
    /// What was tried: `enum lockdown_reason` (include/linux/security.h), as this kernel numbers it.
    pub reason: u32,
    /// A negative errno.
    pub error: i32,
}
