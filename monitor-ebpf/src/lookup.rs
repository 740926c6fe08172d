//! The file that a capability was wanted for: the one that the task is looking up.

use monitor_common::chunk::ChunkKind;

use crate::{
    layout::{known, layout},
    memory::follow,
    output::Record,
    path, task,
};

const CAP_DAC_OVERRIDE: u32 = 1;
const CAP_DAC_READ_SEARCH: u32 = 2;

/// Appends the path at which the task's lookup (`struct nameidata`, fs/namei.c) stands, if the capability is one that a
/// lookup asks for: the directory that is being searched, or the file that is being opened.
#[inline(always)]
pub fn describe(record: &mut Record, capability: u32) {
    if (capability == CAP_DAC_OVERRIDE || capability == CAP_DAC_READ_SEARCH)
        && known!(task_nameidata, nameidata_path)
    {
        looked_up(record);
    }
}

#[inline(never)]
fn looked_up(record: &mut Record) {
    let lookup = follow(task::current(), layout!(task_nameidata));
    if lookup != 0 {
        path::path(record, ChunkKind::ObjectPath, lookup + u64::from(layout!(nameidata_path)));
    }
}
