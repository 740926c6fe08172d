//! Landlock: its denials, also those that its domains' flags keep out of the log.
//!
//! From 7.3 on there are tracepoints that say all; from 6.15 on `landlock_log_denial` is called for each denial.

use aya_ebpf::{
    macros::{btf_tracepoint, fentry},
    programs::{BtfTracePointContext, FEntryContext},
};
use monitor_common::{
    Flags, Landlock, LandlockRequest, ObjectKind, SourceId, chunk::ChunkKind, counter::Counter, layout::ABSENT,
};

use crate::{
    label,
    layout::layout,
    memory::{Address, Fault, argument, at, member, read},
    object,
    output::{Record, count},
    repeat::{Next, Step, repeat},
    task,
};

/// Parents of a domain that are followed: a domain has at most 16 layers.
const LAYERS: u32 = 16;
/// Access rights of one kind, at most (security/landlock/access.h).
const ACCESS_BITS: u32 = 17;

/// `landlock_deny_access_fs(hierarchy, same_exec, logged, blockers, path, pathname)`
/// (include/trace/events/landlock.h, 7.3).
#[btf_tracepoint(function = "landlock_deny_access_fs")]
pub fn landlock_access_fs(context: BtfTracePointContext) -> i32 {
    if let Some(mut record) = traced(LandlockRequest::FsAccess, Arguments::of(&context)) {
        if fs_object(&mut record, argument(&context, 3), argument(&context, 4)).is_err() {
            record.fault();
        }
        finish(record);
    }
    0
}

/// `landlock_deny_access_net(hierarchy, same_exec, logged, blockers, sk, family, address, addrlen)`
/// (include/trace/events/landlock.h, 7.3).
#[btf_tracepoint(function = "landlock_deny_access_net")]
pub fn landlock_access_net(context: BtfTracePointContext) -> i32 {
    if let Some(mut record) = traced(LandlockRequest::NetAccess, Arguments::of(&context)) {
        let address = argument(&context, 6);
        let len = argument(&context, 7).unwrap_or(0) as u32;
        if net_object(&mut record, argument(&context, 3), argument(&context, 4), address, len).is_err() {
            record.fault();
        }
        finish(record);
    }
    0
}

/// `landlock_deny_ptrace(hierarchy, same_exec, logged, tracee_domain_id, tracee, tracer)`
/// (include/trace/events/landlock.h, 7.3).
#[btf_tracepoint(function = "landlock_deny_ptrace")]
pub fn landlock_ptrace(context: BtfTracePointContext) -> i32 {
    if let Some(mut record) = traced(LandlockRequest::Ptrace, Arguments::of(&context)) {
        if argument(&context, 5) != Ok(task::current()) {
            record.set(Flags::NOT_SUBJECT);
        }
        task_object(&mut record, argument(&context, 4));
        finish(record);
    }
    0
}

/// `landlock_deny_scope_signal(hierarchy, same_exec, logged, target_domain_id, target, signal)`
/// (include/trace/events/landlock.h, 7.3).
#[btf_tracepoint(function = "landlock_deny_scope_signal")]
pub fn landlock_scope_signal(context: BtfTracePointContext) -> i32 {
    if let Some(mut record) = traced(LandlockRequest::ScopeSignal, Arguments::of(&context)) {
        record.object::<Landlock>().number = argument(&context, 5).unwrap_or(0) as u32;
        task_object(&mut record, argument(&context, 4));
        finish(record);
    }
    0
}

/// `landlock_deny_scope_abstract_unix_socket(hierarchy, same_exec, logged, peer_domain_id, peer_sk)`
/// (include/trace/events/landlock.h, 7.3).
#[btf_tracepoint(function = "landlock_deny_scope_abstract_unix_socket")]
pub fn landlock_scope_unix(context: BtfTracePointContext) -> i32 {
    if let Some(mut record) = traced(LandlockRequest::ScopeAbstractUnixSocket, Arguments::of(&context)) {
        record.object::<Landlock>().kind = ObjectKind::Net as u8;
        if argument(&context, 4).and_then(|sock| object::socket::<Landlock>(&mut record, sock)).is_err() {
            record.fault();
        }
        finish(record);
    }
    0
}

/// The first three arguments, which all tracepoints share.
struct Arguments {
    hierarchy: Result<Address, Fault>,
    same_exec: u32,
    logged: u32,
}

impl Arguments {
    #[inline(always)]
    fn of(context: &BtfTracePointContext) -> Self {
        let flag = |index| argument(context, index).map_or(u32::MAX, |value| u32::from(value & 0xff != 0));
        Self { hierarchy: argument(context, 0), same_exec: flag(1), logged: flag(2) }
    }
}

#[inline(always)]
fn traced(request: LandlockRequest, arguments: Arguments) -> Option<Record> {
    let mut record = Record::reserve::<Landlock>(SourceId::Landlock)?;
    if arguments.logged == 0 {
        record.set(Flags::SILENT);
    }
    let body: &mut Landlock = record.body();
    body.request = request as u32;
    body.same_exec = arguments.same_exec;
    body.logged = arguments.logged;
    body.domain_is_exact = 1;
    match arguments.hierarchy {
        Ok(hierarchy) => domains(&mut record, hierarchy),
        Err(Fault) => record.fault(),
    }
    Some(record)
}

/// Appends the ids of a domain and its parents.
#[inline(never)]
fn domains(record: &mut Record, hierarchy: Address) {
    record.body::<Landlock>().domain = member(hierarchy, layout!(landlock_hierarchy_id)).unwrap_or(0);
    let Some(chunk) = record.begin(ChunkKind::Domains) else { return };
    repeat(LAYERS, &mut Domains { record, hierarchy });
    record.end(chunk);
}

/// Where a line of domains is on its way up.
struct Domains<'a> {
    record: &'a mut Record,
    hierarchy: Address,
}

impl Step for Domains<'_> {
    #[inline(always)]
    fn step(&mut self) -> Next {
        let Ok(id) = member::<u64>(self.hierarchy, layout!(landlock_hierarchy_id)) else { return Next::Stop };
        self.record.value(id);
        self.hierarchy = member::<Address>(self.hierarchy, layout!(landlock_hierarchy_parent)).unwrap_or(0);
        Next::Continue
    }
}

/// Fills the access that was blocked, and the file.
#[inline(always)]
fn fs_object(
    record: &mut Record,
    blockers: Result<Address, Fault>,
    path: Result<Address, Fault>,
) -> Result<(), Fault> {
    let blockers = blockers?;
    // A change of the topology comes through the same tracepoint; then the blockers say so and name no access.
    let request = member::<u32>(blockers, layout!(landlock_blockers_type))?;
    let blocked = u64::from(member::<u32>(blockers, layout!(landlock_blockers_access))?);
    let body: &mut Landlock = record.body();
    body.request = request;
    body.blocked = blocked;
    body.object.kind = ObjectKind::Path as u8;
    object::path_object::<Landlock>(record, path?)
}

/// Fills the access that was blocked, the socket, and the address that it was to be bound or connected to.
#[inline(always)]
fn net_object(
    record: &mut Record,
    blockers: Result<Address, Fault>,
    sock: Result<Address, Fault>,
    address: Result<Address, Fault>,
    len: u32,
) -> Result<(), Fault> {
    let blocked = u64::from(member::<u32>(blockers?, layout!(landlock_blockers_access))?);
    let body: &mut Landlock = record.body();
    body.blocked = blocked;
    body.object.kind = ObjectKind::Net as u8;
    object::socket::<Landlock>(record, sock?)?;
    let address = address?;
    if address == 0 || len < 8 {
        return Ok(());
    }
    // Bind accesses are the even bits (`LANDLOCK_ACCESS_NET_BIND_TCP` is 1 << 0), connects and sends the odd ones.
    object::socket_address::<Landlock>(record, address, len, blocked & 0b0101 != 0)
}

#[inline(always)]
fn task_object(record: &mut Record, target: Result<Address, Fault>) {
    record.object::<Landlock>().kind = ObjectKind::Task as u8;
    if target.and_then(|target| object::target_task::<Landlock>(record, target)).is_err() {
        record.fault();
    }
}

#[inline(always)]
fn finish(mut record: Record) {
    label::task(&mut record);
    task::describe(&mut record);
    record.submit();
}

/// `void landlock_log_denial(const struct landlock_cred_security *subject, const struct landlock_request *request)`
/// (security/landlock/audit.c, 6.15 to 7.2).
#[fentry(function = "landlock_log_denial")]
pub fn landlock_log_denial(context: FEntryContext) -> i32 {
    let (Ok(subject), Ok(request)) = (argument(&context, 0), argument(&context, 1)) else {
        count(SourceId::Landlock, Counter::Seen);
        count(SourceId::Landlock, Counter::Unreadable);
        return 0;
    };
    if let Some(mut record) = Record::reserve::<Landlock>(SourceId::Landlock) {
        if logged_denial(&mut record, subject, request).is_err() {
            record.fault();
        }
        finish(record);
    }
    0
}

#[inline(always)]
fn logged_denial(record: &mut Record, subject: Address, request: Address) -> Result<(), Fault> {
    let access = match layout!(landlock_request_access_size) {
        2 => u64::from(member::<u16>(request, layout!(landlock_request_access))?),
        _ => u64::from(member::<u32>(request, layout!(landlock_request_access))?),
    };
    let (layer, blocked) = denying_layer(request, access);
    let body: &mut Landlock = record.body();
    body.request = member(request, layout!(landlock_request_type))?;
    body.blocked = blocked;
    body.logged = u32::MAX;
    body.same_exec = u32::MAX;
    let domain = member::<Address>(subject, layout!(landlock_subject_domain))?;
    let layers = member::<u32>(domain, layout!(landlock_domain_num_layers))?;
    let mut hierarchy = member::<Address>(domain, layout!(landlock_domain_hierarchy))?;
    if let Some(layer) = layer {
        record.body::<Landlock>().domain_is_exact = 1;
        // `get_hierarchy` (security/landlock/audit.c): the innermost domain is layer `layers - 1`.
        let mut climb = LayerClimb { hierarchy, left: layers.saturating_sub(layer + 1) };
        repeat(LAYERS, &mut climb);
        hierarchy = climb.hierarchy;
    }
    domains(record, hierarchy);
    object::describe::<Landlock>(record, at(request, layout!(landlock_request_audit))?, false);
    Ok(())
}

/// A climb of `left` layers.
struct LayerClimb {
    hierarchy: Address,
    left: u32,
}

impl Step for LayerClimb {
    #[inline(always)]
    fn step(&mut self) -> Next {
        if self.left == 0 {
            return Next::Stop;
        }
        self.left -= 1;
        self.hierarchy = member(self.hierarchy, layout!(landlock_hierarchy_parent)).unwrap_or(0);
        Next::Continue
    }
}

/// The layer that refuses, where the request says so, and the accesses that it blocks (`get_denied_layer`,
/// security/landlock/audit.c through 6.19: each access has a mask of the layers that refuse it).
#[inline(always)]
fn denying_layer(request: Address, access: u64) -> (Option<u32>, u64) {
    if let Ok(layer) = member::<u64>(request, layout!(landlock_request_layer_plus_one))
        && layer != 0
    {
        return (Some(layer as u32 - 1), access);
    }
    let Ok(masks) = member::<Address>(request, layout!(landlock_request_layer_masks)) else { return (None, access) };
    if layout!(landlock_request_layer_masks_size) == ABSENT || masks == 0 {
        return (None, access);
    }
    let mut search = DenyingLayer { masks, access, bit: 0, youngest: 0, blocked: 0 };
    repeat(ACCESS_BITS, &mut search);
    if search.youngest == 0 { (None, access) } else { (Some(search.youngest - 1), search.blocked) }
}

/// A search for the youngest layer that refuses any of the accesses.
struct DenyingLayer {
    masks: Address,
    access: u64,
    bit: u32,
    /// The layer, counted from 1; 0 if none is found yet.
    youngest: u32,
    blocked: u64,
}

impl Step for DenyingLayer {
    #[inline(always)]
    fn step(&mut self) -> Next {
        let access = 1 << (self.bit & 63);
        let mask = read::<u16>(self.masks + u64::from(self.bit) * 2).unwrap_or(0);
        self.bit += 1;
        if self.access & access == 0 || mask == 0 {
            return Next::Continue;
        }
        let layer = highest_bit(mask) + 1;
        if layer > self.youngest {
            self.youngest = layer;
            self.blocked = access;
        } else if layer == self.youngest {
            self.blocked |= access;
        }
        Next::Continue
    }
}

/// The number of the highest bit that is set. (`leading_zeros` would become a table, which BPF's linker can't place.)
#[inline(always)]
fn highest_bit(mask: u16) -> u32 {
    let mut bit = 0;
    let mut rest = u32::from(mask);
    if rest >= 1 << 8 {
        rest >>= 8;
        bit += 8;
    }
    if rest >= 1 << 4 {
        rest >>= 4;
        bit += 4;
    }
    if rest >= 1 << 2 {
        rest >>= 2;
        bit += 2;
    }
    if rest >= 1 << 1 {
        bit += 1;
    }
    bit
}
