//! Lockdown: what a locked-down kernel refuses.
//!
//! The kernel has no function that only a refusal reaches, so this source's program also runs when what is asked for is
//! allowed. It is therefore not among the default sources.

use aya_ebpf::{
    macros::fexit,
    programs::{FExitContext, ProbeContext},
};
use monitor_common::{Lockdown, SourceId, counter::Counter};

use crate::{
    finish, label,
    memory::{Arguments as _, Fault, argument},
    output::{Record, count},
    probe, task,
};

/// `int lockdown_is_locked_down(enum lockdown_reason what)` (security/lockdown/lockdown.c).
#[fexit(function = "lockdown_is_locked_down")]
pub fn lockdown_fexit(context: FExitContext) -> i32 {
    // The context of an fexit: the argument, then the return value.
    if argument(&context, 1).map(|error| error as i32) != Ok(0) {
        refused(argument(&context, 0), argument(&context, 1));
    }
    0
}

probe::session!(lockdown_session at "lockdown_is_locked_down");

/// As [`lockdown_fexit`], without being preempted.
fn lockdown_session(context: ProbeContext) -> probe::AtExit {
    probe::both(
        &context,
        |context| Some(context.word(0)),
        |context, reason| {
            let error = probe::returned(context);
            if error != 0 {
                refused(Ok(reason), Ok(error as u64));
            }
        },
    )
}

#[inline(always)]
fn refused(reason: Result<u64, Fault>, error: Result<u64, Fault>) {
    let (Ok(reason), Ok(error)) = (reason, error) else {
        count(SourceId::Lockdown, Counter::Seen);
        count(SourceId::Lockdown, Counter::Unreadable);
        return;
    };
    let Some(mut record) = Record::reserve::<Lockdown>(SourceId::Lockdown) else { return };
    task::describe(&mut record);
    label::task(&mut record);
    let body: &mut Lockdown = record.body();
    body.reason = reason as u32;
    body.error = error as i32;
    finish::submit(record);
}
