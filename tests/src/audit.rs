//! The kernel's own records of denials, and their comparison with events.
//!
//! The record is what denyd is measured by: every field of it must be in the event. A field that this module doesn't
//! know fails the test, so that nothing is passed over.

mod changes;
mod compare;

pub use monitor_audit::{Field, Kind, Record, RecordError};

pub use self::{
    changes::compare_changes,
    compare::{compare, compare_system_call},
};

/// A field's value, escaped as in events.
fn text(field: &Field) -> String {
    crate::report::escape(&field.bytes())
}
