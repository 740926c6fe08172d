//! Capabilities: checks that failed.
//!
//! The kernel has no function that only a refused check reaches, so this source's program runs at every capability
//! check and returns at once if it was granted. It is therefore not among the default sources.

use aya_ebpf::{
    EbpfContext,
    macros::{btf_tracepoint, fexit},
    programs::{BtfTracePointContext, FExitContext, ProbeContext},
};
use monitor_common::{Capability, Flags, SourceId, counter::Counter};

use crate::{
    finish, label,
    layout::layout,
    lookup,
    memory::{Address, Arguments as _, Fault, argument},
    output::{Record, count},
    probe, task,
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
        ended(&context, argument(&context, 2), options, argument(&context, 4));
    }
    0
}

probe::session!(capability_session at "cap_capable");

/// As [`capability_fexit`], without being preempted.
fn capability_session(context: ProbeContext) -> probe::AtExit {
    probe::both(
        &context,
        |context| {
            // A namespace's address is a word's, which leaves three bits for the options: there are no others.
            let namespace = context.word(1) & !OPTIONS | context.word(3) & OPTIONS;
            let capability = context.word(2) as u8 & !OTHERS;
            Some(probe::pack(
                namespace,
                if are_others(context.word(0)) { capability | OTHERS } else { capability },
            ))
        },
        |context, kept| {
            let error = probe::returned(context);
            if error != 0 {
                let (namespace, capability) = probe::unpack(kept);
                refused(&Check {
                    others: capability & OTHERS != 0,
                    namespace: namespace & !OPTIONS,
                    capability: u32::from(capability & !OTHERS),
                    options: (kept & OPTIONS) as u32,
                    error,
                });
            }
        },
    )
}

/// `CAP_OPT_*` (include/linux/security.h), where [`capability_session`] keeps them.
const OPTIONS: u64 = 7;
/// [`Check::others`], where [`capability_session`] keeps it.
const OTHERS: u8 = 1 << 7;

/// `cap_capable(const struct cred *cred, struct user_namespace *target_ns, const struct user_namespace *capable_ns,
/// int cap, int ret)` (include/trace/events/capability.h), from 6.14 on. It doesn't say whether the check was a probe.
#[btf_tracepoint(function = "cap_capable")]
pub fn capability_tracepoint(context: BtfTracePointContext) -> i32 {
    if argument(&context, 4).map(|error| error as i32) != Ok(0) {
        ended(&context, argument(&context, 3), u32::MAX, argument(&context, 4));
    }
    0
}

/// A check that failed.
struct Check {
    /// Whether the credentials are others than the task has now: for example, those of who opened the file or socket.
    others: bool,
    /// The `struct user_namespace` that the capability was wanted in.
    namespace: Address,
    capability: u32,
    /// `CAP_OPT_*`, or `u32::MAX`.
    options: u32,
    error: i32,
}

#[inline(always)]
fn are_others(credentials: Address) -> bool {
    credentials != task::acting_credentials(task::current())
}

/// The end of a check, of which the context's first two words are the credentials and the namespace.
#[inline(always)]
fn ended(
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
    refused(&Check {
        others: are_others(argument(context, 0).unwrap_or(0)),
        namespace: argument(context, 1).unwrap_or(0),
        capability: capability as u32,
        options,
        error: error as i32,
    });
}

#[inline(always)]
fn refused(check: &Check) {
    let Check { others, namespace, capability, options, error } = *check;
    if options != u32::MAX && options & CAP_OPT_NOAUDIT != 0 {
        count(SourceId::Capability, Counter::Skipped);
        return;
    }
    let Some(mut record) = Record::reserve::<Capability>(SourceId::Capability) else { return };
    task::describe(&mut record);
    label::task(&mut record);
    record.set(Flags::NOT_SUBJECT.when(others.into()));
    let body: &mut Capability = record.body();
    body.capability = capability;
    body.options = options;
    body.error = error;
    record.read_body::<Capability, _>(
        |body| &mut body.user_namespace,
        namespace,
        layout!(user_namespace_inum),
    );
    lookup::describe(&mut record, capability);
    finish::submit(record);
}
