//! Shares: whoever floods the ring buffer leaves room for others.
//!
//! A **subject** is a user in a cgroup. Its records may take up to [`PER_FREE`] times as much of the ring buffer as is still
//! free: alone, it has four fifths of it; where many flood, all have less, and something is always left for one that does
//! not.

/// How many subjects are told apart: a power of two.
pub const SHARES: u32 = 1024;

/// How often the free bytes a subject's records may take.
pub const PER_FREE: u64 = 4;

/// What a subject has in the ring buffer. Programs on several CPUs change it at the same time, and are off by a record then.
#[repr(C, align(64))]
pub struct Share {
    /// The subject's cgroup: [`crate::Task::cgroup_id`].
    pub cgroup: u64,
    /// Its user: [`crate::Task::uid`].
    pub uid: u32,
    /// 1 if somebody has this place.
    pub used: u32,
    /// Bytes that it handed in since the ring buffer's end was at `start`.
    pub bytes: u64,
    /// Bytes that it handed in before that, as far as they may still be there.
    pub before: u64,
    /// The ring buffer's end when `bytes` was 0.
    pub start: u64,
    /// The ring buffer's end after its last record: when that is read, it has nothing there.
    pub end: u64,
}

/// How many subjects' losses are kept apart: a power of two.
pub const LOSSES: u32 = 1024;

/// Places that are looked at for a subject's losses, from the one on that its key selects.
pub const WAYS: u32 = 8;

/// What a subject lost for want of room in the ring buffer. It stays as long as the map: a subject never loses its place to
/// another.
#[repr(C, align(32))]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SubjectLoss {
    /// The subject; 0 if nobody has this place.
    pub key: u64,
    /// Denials.
    pub lost: u64,
    /// Its cgroup: [`crate::Task::cgroup_id`].
    pub cgroup: u64,
    /// Its user: [`crate::Task::uid`]. The upper half is 0.
    pub uid: u64,
}
