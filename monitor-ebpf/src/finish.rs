//! The end of a record: what describes a denial, behind what decides it.
//!
//! Whoever is refused chooses how long its arguments, its working directory and the paths of its programs are. What was
//! refused to whom comes before all that, so that it has its room whatever these lengths are.

use crate::{output::Record, stack, task};

/// Appends what describes the running task, in the order of its worth, and hands the record to user space.
#[inline(always)]
pub fn submit(mut record: Record) {
    task::describe_more(&mut record);
    stack::describe(&mut record);
    record.submit();
}
