//! Capabilities: checks that failed.
//!
//! The kernel has no function that only a refused check reaches, so this source's program runs at every capability
//! check and returns at once if it was granted. It is therefore not among the default sources.

use aya_ebpf::{
    EbpfContext,
    macros::{btf_tracepoint, fexit},
    programs::{BtfTracePointContext, FExitContext},
};
use monitor_common::{Capability, Flags, SourceId, counter::Counter};

use crate::{
    finish, label,
    layout::layout,
    lookup,
    memory::{Fault, argument},
    output::{Record, count},
    task,
};

/// `CAP_OPT_NOAUDIT` (include/linux/security.h): the caller only wants to know.
const CAP_OPT_NOAUDIT: u32 = 2;

/// `int cap_capable(const struct cred *cred, struct user_namespace *ns, int cap, unsigned int opts)`
/// (security/commoncap.c).
#[fexit(function = "cap_capable")]
pub fn capability_fexit(context: FExitContext) -> i32 {
    // The context of an fexit: four arguments, then the return value.
    if argument(&context, 4).map(|error| error as i32) != Ok(0) {
        let options = argument(&context, 3).unwrap_or(u64::from(u32::MAX)) as u32;
        refused(&context, argument(&context, 2), options, argument(&context, 4));
    }
    0
}

/// `cap_capable(const struct cred *cred, struct user_namespace *target_ns, const struct user_namespace *capable_ns,
/// int cap, int ret)` (include/trace/events/capability.h), from 6.14 on. It doesn't say whether the check was a probe.
#[btf_tracepoint(function = "cap_capable")]
pub fn capability_tracepoint(context: BtfTracePointContext) -> i32 {
    if argument(&context, 4).map(|error| error as i32) != Ok(0) {
        refused(&context, argument(&context, 3), u32::MAX, argument(&context, 4));
    }
    0
}

#[inline(always)]
fn refused(
    context: &impl EbpfContext,
    capability: Result<u64, Fault>,
    options: u32,
    error: Result<u64, Fault>,
) {
    let (Ok(capability), Ok(error)) = (capability, error) else {
        count(SourceId::Capability, Counter::Seen);
        count(SourceId::Capability, Counter::Unreadable);
        return;
    };
    if options != u32::MAX && options & CAP_OPT_NOAUDIT != 0 {
        count(SourceId::Capability, Counter::Skipped);
        return;
    }
    let Some(mut record) = Record::reserve::<Capability>(SourceId::Capability) else { return };
    task::describe(&mut record);
    label::task(&mut record);
    // Credentials that the task does not have now are, for example, those of who opened the file or socket.
    let credentials = argument(context, 0).unwrap_or(0);
    let others = credentials != task::acting_credentials(task::current());
    record.set(Flags::NOT_SUBJECT.when(others.into()));
    let body: &mut Capability = record.body();
    body.capability = capability as u32;
    body.options = options;
    body.error = error as i32;
    record.read_body::<Capability, _>(
        |body| &mut body.user_namespace,
        argument(context, 1).unwrap_or(0),
        layout!(user_namespace_inum),
    );
    lookup::describe(&mut record, capability as u32);
    finish::submit(record);
}
