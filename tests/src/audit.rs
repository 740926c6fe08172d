//! The kernel's own records of denials, and their comparison with events.
//!
//! The record is what denyd is measured by: every field of it must be in the event. A field that this module doesn't
//! know fails the test, so that nothing is passed over.

mod changes;
mod compare;
mod record;

pub use self::{
    changes::compare_changes,
    compare::{compare, compare_system_call},
    record::{Field, Kind, Record, RecordError},
};
