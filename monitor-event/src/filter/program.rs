//! A filter, ready to be used.

use serde::Serialize as _;

use super::{
    place::{Condition, Place},
    walk::Walk,
};
use crate::event::Event;

/// What is to be compared, and what must be true of it.
#[derive(Debug)]
pub(super) struct Program {
    /// The event's place.
    pub root: Place,
    /// What must be true.
    pub condition: Condition,
}

impl Program {
    /// Whether it is true of this event.
    pub(super) fn matches(&self, event: &Event<'_>) -> bool {
        let mut hits = 0;
        if event.serialize(Walk { place: &self.root, hits: &mut hits }).is_err() {
            // A walk fails only where a value refuses to be serialised, and none of an event's does.
            return false;
        }
        self.condition.holds(hits)
    }
}
