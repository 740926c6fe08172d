//! The end of a record: what describes a denial, behind what decides it.
//!
//! Whoever is refused chooses how long its arguments, its working directory and the paths of its programs are. What was
//! refused to whom comes before all that, so that it has its room whatever these lengths are.

use crate::{fold, output::Record, stack, task};

/// Counts the denial if it is a repeat. Else appends what describes the running task, in the order of its worth, and hands
/// the record to user space.
#[inline(always)]
pub fn submit(record: Record) {
    submit_with(record, |_record| {});
}

/// As [`submit`], with more that comes first and in which repeats may differ.
#[inline(always)]
pub fn submit_with(mut record: Record, more: impl FnOnce(&mut Record)) {
    if monitor_common::fold::folds(record.source()) && fold::is_repeat(&mut record) {
        return;
    }
    more(&mut record);
    task::describe_more(&mut record);
    stack::describe(&mut record);
    record.submit();
}
