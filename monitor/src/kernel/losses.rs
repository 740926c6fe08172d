//! What subjects lost for want of room in the ring buffer, in memory shared with the programs.

use std::{
    io,
    os::fd::AsFd,
    sync::atomic::{AtomicU64, Ordering},
};

use monitor_common::share::{LOSSES, SubjectLoss};

use crate::shared::{Access, Atomics, Shared};

/// A [`SubjectLoss`] as it is while programs change it.
#[repr(C, align(32))]
struct SharedLoss {
    key: AtomicU64,
    lost: AtomicU64,
    cgroup: AtomicU64,
    uid: AtomicU64,
}

const _: () = assert!(
    size_of::<SharedLoss>() == size_of::<SubjectLoss>()
        && align_of::<SharedLoss>() == align_of::<SubjectLoss>()
);

// SAFETY: atomics alone, without padding.
unsafe impl Atomics for SharedLoss {}

/// What subjects lost since the programs were attached.
pub struct Losses(Shared<SharedLoss>);

impl Losses {
    /// Maps the array, which has [`LOSSES`] elements.
    pub(super) fn map(map: impl AsFd) -> io::Result<Self> {
        Shared::map(map, LOSSES as usize, Access::Read).map(Self)
    }

    /// Those of all that lost something.
    pub fn read(&self) -> impl Iterator<Item = SubjectLoss> {
        let places = self.0.iter().map(|place| {
            // First what is written last.
            let lost = place.lost.load(Ordering::Acquire);
            let word = |word: &AtomicU64| word.load(Ordering::Relaxed);
            SubjectLoss { lost, key: word(&place.key), cgroup: word(&place.cgroup), uid: word(&place.uid) }
        });
        places.filter(|place| place.lost != 0)
    }
}

#[cfg(test)]
mod tests {
    use std::{fs::File, io::Write as _};

    use super::*;

    #[test]
    fn only_those_that_lost_something_are_read() {
        let mut file: File = tempfile::tempfile().unwrap();
        file.set_len(u64::from(LOSSES) * size_of::<SubjectLoss>() as u64).unwrap();
        let (claimed, lost) = ([5_u64, 0, 0, 0], [7_u64, 3, 4711, 1000]);
        for word in claimed.into_iter().chain(lost) {
            file.write_all(&word.to_ne_bytes()).unwrap();
        }
        let losses = Losses::map(&file).unwrap();
        let read: Vec<_> = losses.read().collect();
        assert_eq!(read, [SubjectLoss { key: 7, lost: 3, cgroup: 4711, uid: 1000 }]);
    }
}
