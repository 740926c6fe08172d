//! The kernel's own records of denials, and their comparison with events.
//!
//! The record is what denyd is measured by: every field of it must be in the event. A field that this module doesn't
//! know fails the test, so that nothing is passed over.

mod compare;
mod record;

pub use self::{
    compare::{compare, compare_system_call},
    record::{Kind, Record, RecordError},
};
