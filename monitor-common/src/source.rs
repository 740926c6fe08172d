//! The sources, by number.

use zerocopy::{Immutable, KnownLayout, TryFromBytes};

/// Which source wrote a record. The number also indexes [`crate::counter`]'s rows.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Immutable, KnownLayout, TryFromBytes)]
#[repr(u8)]
pub enum SourceId {
    /// SELinux's audited and permissive denials.
    Selinux = 0,
    /// AppArmor's DENIED, ALLOWED and KILLED.
    Apparmor = 1,
    /// Landlock's denials.
    Landlock = 2,
    /// Capability checks that failed.
    Capability = 3,
}

impl SourceId {
    /// Every source, in the order of its number.
    pub const ALL: [Self; 4] = [Self::Selinux, Self::Apparmor, Self::Landlock, Self::Capability];
}
