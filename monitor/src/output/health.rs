//! Whether an output works: said when that changes, and not with every event.

use std::{
    fmt,
    sync::{Arc, atomic::Ordering::Relaxed},
};

use super::OutputCounts;

/// What was last said of an output.
#[derive(Debug)]
pub(super) struct Health {
    counts: Arc<OutputCounts>,
    lost_before: u64,
}

impl Health {
    /// An output of which nothing bad is known.
    pub(super) fn new(counts: &Arc<OutputCounts>) -> Self {
        Self { counts: Arc::clone(counts), lost_before: 0 }
    }

    /// It failed, for this reason.
    pub(super) fn failed(&mut self, reason: &impl fmt::Display) {
        if !self.counts.failing.swap(true, Relaxed) {
            self.lost_before = self.counts.lost_in_all();
            tracing::warn!(output = self.counts.name(), %reason, "output failing; events are queued or lost");
        }
    }

    /// It works.
    pub(super) fn works(&mut self) {
        if self.counts.failing.swap(false, Relaxed) {
            let lost = self.counts.lost_in_all() - self.lost_before;
            tracing::info!(output = self.counts.name(), lost, "output recovered");
        }
    }
}
