//! Landlock: its denials, also those that its domains' flags keep out of the log.
//!
//! From 6.15 on `landlock_log_denial` is called for each denial. From 7.3 on it tells `landlock_trace_denial` all that it
//! found out, whether or not that has somebody to tell it on to, by tracepoints.

use aya_ebpf::{
    EbpfContext,
    macros::{btf_tracepoint, fentry, kprobe},
    programs::{BtfTracePointContext, FEntryContext, ProbeContext},
};
use monitor_common::{
    Flags, Landlock, LandlockRequest, ObjectKind, SourceId, chunk::ChunkKind, counter::Counter,
};

use crate::{
    finish, label,
    layout::{known, layout, setting},
    memory::{Address, Arguments as _, follow, word},
    object,
    output::{Record, count},
    repeat::{Next, Step, repeat},
    task,
};

/// Parents of a domain that are followed: a domain has at most 16 layers.
const LAYERS: u32 = 16;
/// Access rights of one kind, at most (security/landlock/access.h).
const ACCESS_BITS: u32 = 17;

/// `void landlock_trace_denial(const struct landlock_request *request, const struct landlock_hierarchy *youngest_denied,
/// access_mask_t missing, bool same_exec, bool logged)` (security/landlock/trace.c, 7.3).
#[kprobe(function = "landlock_trace_denial")]
pub fn landlock_told(context: ProbeContext) -> u32 {
    let request = context.word(layout!(landlock_told_request));
    let kind = follow(request, layout!(landlock_request_type)) as u32;
    let same_exec = context.word(layout!(landlock_told_same_exec)) & 0xff;
    let logged = context.word(layout!(landlock_told_logged)) & 0xff;
    if let Some(mut record) = told(kind, same_exec, logged) {
        let blocked = context.word(layout!(landlock_told_missing)) & 0xffff_ffff;
        record.body::<Landlock>().blocked = blocked;
        asked_for(&mut record, request, kind, blocked);
        submit(record, context.word(layout!(landlock_told_denier)));
    }
    0
}

/// Fills in the object of a request, as the tracepoints have it.
#[inline(always)]
fn asked_for(record: &mut Record, request: Address, kind: u32, blocked: u64) {
    let is = |wanted: LandlockRequest| kind == wanted as u32;
    let audit = request + u64::from(layout!(landlock_request_audit));
    if is(LandlockRequest::NetAccess) || is(LandlockRequest::ScopeAbstractUnixSocket) {
        record.object::<Landlock>().kind = ObjectKind::Net as u8;
        let net = follow(audit, layout!(audit_data_union));
        object::socket::<Landlock>(record, follow(net, layout!(net_audit_sock)));
        if is(LandlockRequest::NetAccess) {
            let net = follow(request, layout!(landlock_told_net));
            let len = follow(net, layout!(landlock_told_net_len)) as u32;
            address(record, follow(net, layout!(landlock_told_net_address)), len, blocked);
        }
        return;
    }
    if is(LandlockRequest::Ptrace) {
        let trace = follow(request, layout!(landlock_told_ptrace));
        if follow(trace, layout!(landlock_told_tracer)) != task::current() {
            record.set(Flags::NOT_SUBJECT);
        }
    }
    object::describe::<Landlock>(record, audit, false);
    if is(LandlockRequest::ScopeSignal) {
        let trace = follow(request, layout!(landlock_told_signal));
        record.object::<Landlock>().number = follow(trace, layout!(landlock_told_signal_number)) as u32;
    }
}

/// Fills in the address that a socket was to be bound or connected to.
#[inline(always)]
fn address(record: &mut Record, address: Address, len: u32, blocked: u64) {
    if address != 0 && len >= 8 {
        // Bind accesses are the even bits (`LANDLOCK_ACCESS_NET_BIND_TCP` is 1 << 0), connects and sends the odd.
        object::socket_address::<Landlock>(record, address, len, blocked & 0b0101 != 0);
    }
}

/// `landlock_deny_access_fs(hierarchy, same_exec, logged, blockers, path, pathname)`
/// (include/trace/events/landlock.h, 7.3).
#[btf_tracepoint(function = "landlock_deny_access_fs")]
pub fn landlock_access_fs(context: BtfTracePointContext) -> i32 {
    if let Some(mut record) = traced(LandlockRequest::FsAccess, &context) {
        let blockers = word_of(&context, 3);
        // A change of the topology comes through the same tracepoint; then the blockers say so and name no access.
        record.read_body::<Landlock, _>(|body| &mut body.request, blockers, layout!(landlock_blockers_type));
        let body: &mut Landlock = record.body();
        body.blocked = follow(blockers, layout!(landlock_blockers_access)) & 0xffff_ffff;
        body.object.kind = ObjectKind::Path as u8;
        object::path_object::<Landlock>(&mut record, word_of(&context, 4));
        submit(record, word_of(&context, 0));
    }
    0
}

/// `landlock_deny_access_net(hierarchy, same_exec, logged, blockers, sk, family, address, addrlen)`
/// (include/trace/events/landlock.h, 7.3).
#[btf_tracepoint(function = "landlock_deny_access_net")]
pub fn landlock_access_net(context: BtfTracePointContext) -> i32 {
    if let Some(mut record) = traced(LandlockRequest::NetAccess, &context) {
        let blocked = follow(word_of(&context, 3), layout!(landlock_blockers_access)) & 0xffff_ffff;
        let body: &mut Landlock = record.body();
        body.blocked = blocked;
        body.object.kind = ObjectKind::Net as u8;
        object::socket::<Landlock>(&mut record, word_of(&context, 4));
        address(&mut record, word_of(&context, 6), word_of(&context, 7) as u32, blocked);
        submit(record, word_of(&context, 0));
    }
    0
}

/// `landlock_deny_ptrace(hierarchy, same_exec, logged, tracee_domain_id, tracee, tracer)`
/// (include/trace/events/landlock.h, 7.3).
#[btf_tracepoint(function = "landlock_deny_ptrace")]
pub fn landlock_ptrace(context: BtfTracePointContext) -> i32 {
    if let Some(mut record) = traced(LandlockRequest::Ptrace, &context) {
        if word_of(&context, 5) != task::current() {
            record.set(Flags::NOT_SUBJECT);
        }
        record.object::<Landlock>().kind = ObjectKind::Task as u8;
        object::target_task::<Landlock>(&mut record, word_of(&context, 4));
        submit(record, word_of(&context, 0));
    }
    0
}

/// `landlock_deny_scope_signal(hierarchy, same_exec, logged, target_domain_id, target, signal)`
/// (include/trace/events/landlock.h, 7.3).
#[btf_tracepoint(function = "landlock_deny_scope_signal")]
pub fn landlock_scope_signal(context: BtfTracePointContext) -> i32 {
    if let Some(mut record) = traced(LandlockRequest::ScopeSignal, &context) {
        let object = record.object::<Landlock>();
        object.kind = ObjectKind::Task as u8;
        object.number = word_of(&context, 5) as u32;
        object::target_task::<Landlock>(&mut record, word_of(&context, 4));
        submit(record, word_of(&context, 0));
    }
    0
}

/// `landlock_deny_scope_abstract_unix_socket(hierarchy, same_exec, logged, peer_domain_id, peer_sk)`
/// (include/trace/events/landlock.h, 7.3).
#[btf_tracepoint(function = "landlock_deny_scope_abstract_unix_socket")]
pub fn landlock_scope_unix(context: BtfTracePointContext) -> i32 {
    if let Some(mut record) = traced(LandlockRequest::ScopeAbstractUnixSocket, &context) {
        record.object::<Landlock>().kind = ObjectKind::Net as u8;
        object::socket::<Landlock>(&mut record, word_of(&context, 4));
        submit(record, word_of(&context, 0));
    }
    0
}

/// A tracepoint's argument. The context can always be read.
#[inline(always)]
fn word_of(context: &impl EbpfContext, index: u64) -> u64 {
    word(context.as_ptr() as Address + index * 8)
}

/// Reserves a record and fills in who.
#[inline(always)]
fn reserve() -> Option<Record> {
    let mut record = Record::reserve::<Landlock>(SourceId::Landlock)?;
    task::describe(&mut record);
    label::task(&mut record);
    Some(record)
}

/// Reserves a record and fills in what the first three arguments say, which all tracepoints share.
#[inline(always)]
fn traced(request: LandlockRequest, context: &BtfTracePointContext) -> Option<Record> {
    told(request as u32, word_of(context, 1) & 0xff, word_of(context, 2) & 0xff)
}

/// Reserves a record of a denial of which the kernel tells all.
#[inline(always)]
fn told(request: u32, same_exec: u64, logged: u64) -> Option<Record> {
    if logged == 0 && setting!(silent) == 0 {
        count(SourceId::Landlock, Counter::Skipped);
        return None;
    }
    let mut record = reserve()?;
    if logged == 0 {
        record.set(Flags::SILENT);
    }
    let body: &mut Landlock = record.body();
    body.request = request;
    body.same_exec = same_exec as u32;
    body.logged = logged as u32;
    body.domain_is_exact = 1;
    Some(record)
}

/// Hands the record on, with the denying domain and its parents: each sandbox has domains of its own, and they don't make
/// a denial another one.
#[inline(always)]
fn submit(record: Record, hierarchy: Address) {
    finish::submit_with(record, |record| domains(record, hierarchy));
}

/// Appends the ids of a domain and its parents.
#[inline(never)]
fn domains(record: &mut Record, hierarchy: Address) {
    record.read_body::<Landlock, _>(|body| &mut body.domain, hierarchy, layout!(landlock_hierarchy_id));
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
        if self.hierarchy == 0 {
            return Next::Stop;
        }
        self.record.value(follow(self.hierarchy, layout!(landlock_hierarchy_id)));
        self.hierarchy = follow(self.hierarchy, layout!(landlock_hierarchy_parent));
        Next::Continue
    }
}

/// `void landlock_log_denial(const struct landlock_cred_security *subject, const struct landlock_request *request)`
/// (security/landlock/audit.c, 6.15 to 7.2).
#[fentry(function = "landlock_log_denial")]
pub fn landlock_log_denial(context: FEntryContext) -> i32 {
    denied(word_of(&context, 0), word_of(&context, 1));
    0
}

/// As [`landlock_log_denial`], without being preempted.
#[kprobe(function = "landlock_log_denial")]
pub fn landlock_kprobe(context: ProbeContext) -> u32 {
    denied(context.word(0), context.word(1));
    0
}

#[inline(always)]
fn denied(subject: Address, request: Address) {
    let access = follow(request, layout!(landlock_request_access));
    let access =
        if layout!(landlock_request_access_size) == 2 { access & 0xffff } else { access & 0xffff_ffff };
    let denier = Denier::of(subject, request, access);
    let logged = denier.logged();
    if logged == 0 && setting!(silent) == 0 {
        count(SourceId::Landlock, Counter::Skipped);
        return;
    }
    if let Some(mut record) = reserve() {
        if logged == 0 {
            record.set(Flags::SILENT);
        }
        record.body::<Landlock>().logged = logged;
        logged_denial(&mut record, request, &denier);
        submit(record, denier.hierarchy);
    }
}

#[inline(always)]
fn logged_denial(record: &mut Record, request: Address, denier: &Denier) {
    record.read_body::<Landlock, _>(|body| &mut body.request, request, layout!(landlock_request_type));
    let body: &mut Landlock = record.body();
    body.blocked = denier.blocked;
    body.same_exec = denier.same_exec;
    body.domain_is_exact = u32::from(denier.layer != 0);
    if known!(landlock_request_audit) {
        object::describe::<Landlock>(record, request + u64::from(layout!(landlock_request_audit)), false);
    }
}

/// The domain that refuses.
struct Denier {
    hierarchy: Address,
    /// Its layer, counted from 1; 0 where the request doesn't say, and [`Self::hierarchy`] is the innermost domain.
    layer: u32,
    /// The accesses that it blocks.
    blocked: u64,
    /// 1 if the process still runs the program that restricted itself, 0 if not, `u32::MAX` if unknown.
    same_exec: u32,
}

impl Denier {
    #[inline(always)]
    fn of(subject: Address, request: Address, access: u64) -> Self {
        let domain = follow(subject, layout!(landlock_subject_domain));
        let layers = follow(domain, layout!(landlock_domain_num_layers)) as u32;
        let hierarchy = follow(domain, layout!(landlock_domain_hierarchy));
        let (layer, blocked) = denying_layer(request, access);
        if layer == 0 {
            return Self { hierarchy, layer, blocked, same_exec: u32::MAX };
        }
        // `get_hierarchy` (security/landlock/audit.c): the innermost domain is the last layer.
        let mut climb = LayerClimb { hierarchy, left: layers.saturating_sub(layer) };
        repeat(LAYERS, &mut climb);
        let same_exec = if known!(landlock_subject_domain_exec) {
            (follow(subject, layout!(landlock_subject_domain_exec)) >> (layer.wrapping_sub(1) & 15)) as u32
                & 1
        } else {
            u32::MAX
        };
        Self { hierarchy: climb.hierarchy, layer, blocked, same_exec }
    }

    /// 1 if Landlock logs the denial, 0 if the domain's flags ask for no log, `u32::MAX` if unknown
    /// (`landlock_log_denial`, security/landlock/audit.c).
    #[inline(always)]
    fn logged(&self) -> u32 {
        let known = known!(
            landlock_hierarchy_log_status,
            landlock_log_disabled,
            landlock_hierarchy_log_same_exec,
            landlock_hierarchy_log_new_exec,
        );
        if !known || self.same_exec == u32::MAX {
            return u32::MAX;
        }
        let status = follow(self.hierarchy, layout!(landlock_hierarchy_log_status)) as u32;
        let same_exec = bit(self.hierarchy, layout!(landlock_hierarchy_log_same_exec));
        let new_exec = bit(self.hierarchy, layout!(landlock_hierarchy_log_new_exec));
        let wanted = if self.same_exec == 1 { same_exec } else { new_exec };
        wanted & u32::from(status != layout!(landlock_log_disabled))
    }
}

/// A bit field of one bit, by its offset in bits.
#[inline(always)]
fn bit(base: Address, offset: u32) -> u32 {
    (follow(base, offset / 8) >> (offset % 8)) as u32 & 1
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
        self.hierarchy = follow(self.hierarchy, layout!(landlock_hierarchy_parent));
        Next::Continue
    }
}

/// The layer that refuses, counted from 1, or 0 where the request doesn't say; and the accesses that it blocks
/// (`get_denied_layer`, security/landlock/audit.c through 6.19: each access has a mask of the layers that refuse it).
#[inline(always)]
fn denying_layer(request: Address, access: u64) -> (u32, u64) {
    let layer = follow(request, layout!(landlock_request_layer_plus_one)) as u32;
    let masks = follow(request, layout!(landlock_request_layer_masks));
    if layer != 0 || masks == 0 || !known!(landlock_request_layer_masks_size) {
        return (layer, access);
    }
    let mut search = DenyingLayer { masks, access, bit: 0, youngest: 0, blocked: 0 };
    repeat(ACCESS_BITS, &mut search);
    if search.youngest == 0 { (0, access) } else { (search.youngest, search.blocked) }
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
        let mask = word(self.masks + u64::from(self.bit) * 2) as u16;
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
