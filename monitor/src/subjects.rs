//! Who lost denials for want of room in the ring buffer: users in cgroups, whose paths the events show.

use std::{
    collections::HashMap,
    num::NonZeroUsize,
    sync::{Mutex, PoisonError},
};

use lru::LruCache;
use monitor_api::snapshot::SubjectNow;

use crate::{event::Event, kernel::Losses};

/// Cgroups whose paths are kept; the one of which nothing came for the longest time goes first.
const CGROUPS: NonZeroUsize = NonZeroUsize::new(4096).expect("it is not 0");

/// What the kernel counts by subject, and the paths of their cgroups.
pub struct Subjects {
    losses: Losses,
    seen: Mutex<Seen>,
}

/// What is known beside the counts.
struct Seen {
    /// Paths of cgroups, by id.
    paths: LruCache<u64, Box<str>>,
    /// Keys of the subjects that lost something, in the order in which that was found.
    order: Vec<u64>,
}

impl Subjects {
    /// Those of these losses.
    #[must_use]
    pub fn new(losses: Losses) -> Self {
        Self { losses, seen: Mutex::new(Seen { paths: LruCache::new(CGROUPS), order: Vec::new() }) }
    }

    /// Keeps the path of an event's cgroup: what its subject loses later comes without one.
    pub(crate) fn see(&self, event: &Event<'_>) {
        let Some(cgroup) = &event.process.cgroup else { return };
        let Some(path) = &cgroup.path else { return };
        let paths = &mut self.seen.lock().unwrap_or_else(PoisonError::into_inner).paths;
        if paths.get(&cgroup.id).is_none_or(|known| **known != **path) {
            paths.put(cgroup.id, (**path).into());
        }
    }

    /// What each lost, the one whose loss was found first at the front.
    #[must_use]
    pub fn now(&self) -> Vec<SubjectNow> {
        let mut seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        let Seen { paths, order } = &mut *seen;
        let losses: HashMap<_, _> = self.losses.read().map(|loss| (loss.key, loss)).collect();
        let mut new: Vec<_> = losses.keys().copied().filter(|key| !order.contains(key)).collect();
        new.sort_unstable();
        order.append(&mut new);
        let losses = order.iter().filter_map(|key| losses.get(key)).map(|loss| SubjectNow {
            uid: u32::try_from(loss.uid).unwrap_or(u32::MAX),
            cgroup: loss.cgroup,
            path: paths.peek(&loss.cgroup).map(|path| path.clone().into_string()),
            lost: loss.lost,
        });
        losses.collect()
    }
}
