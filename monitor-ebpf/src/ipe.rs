//! IPE: what its policy refuses, or would.
//!
//! Each judgement under a policy comes to the function that records it, also one that allows, which it finds out itself.
//! So the program runs for allowed accesses, too, and returns at once there; it is not among the default sources.

use aya_ebpf::{
    macros::{fentry, kprobe},
    programs::{FEntryContext, ProbeContext},
};
use monitor_common::{Flags, Ipe, ObjectKind, SourceId, chunk::ChunkKind};

use crate::{
    finish, label,
    layout::{known, layout, setting},
    memory::{Address, Arguments, follow, read, word},
    object,
    output::Record,
    repeat::{Next, Step, repeat},
    task,
};

/// The properties of a rule that are read, at most: more than IPE knows.
const PROPERTIES: u32 = 16;

/// The longest digest of those that the kernel computes, SHA-512's.
const DIGEST_MAX: u64 = 64;

/// `void ipe_audit_match(const struct ipe_eval_ctx *const ctx, enum ipe_match match_type, enum ipe_action_type act, const
/// struct ipe_rule *const r)` (security/ipe/audit.c).
#[fentry(function = "ipe_audit_match")]
pub fn ipe_fentry(context: FEntryContext) -> i32 {
    judged(&context);
    0
}

/// As [`ipe_fentry`], where the kernel refuses trampolines.
#[kprobe(function = "ipe_audit_match")]
pub fn ipe_kprobe(context: ProbeContext) -> u32 {
    judged(&context);
    0
}

#[inline(always)]
fn judged(arguments: &impl Arguments) {
    let (context, matched) = (arguments.word(0), arguments.word(1) as u32);
    let (action, rule) = (arguments.word(2) as u32, arguments.word(3));
    if action == layout!(ipe_deny) {
        refused(context, matched, rule);
    }
}

#[inline(always)]
fn refused(context: Address, matched: u32, rule: Address) {
    let Some(mut record) = Record::reserve::<Ipe>(SourceId::Ipe) else { return };
    task::describe(&mut record);
    label::task(&mut record);
    record.read_body::<Ipe, _>(|body| &mut body.operation, context, layout!(ipe_context_operation));
    record.read_body::<Ipe, _>(|body| &mut body.hook, context, layout!(ipe_context_hook));
    let enforcing = read::<u8>(setting!(ipe_enforce)).map_or(Ipe::UNKNOWN, u32::from);
    let body: &mut Ipe = record.body();
    body.matched = matched;
    body.enforcing = enforcing;
    if enforcing == 0 {
        record.set(Flags::PERMITTED);
    }
    if matched == layout!(ipe_matched_rule) {
        properties(&mut record, rule);
    }
    let file = follow(context, layout!(ipe_context_file));
    if file != 0 && known!(file_path) {
        record.object::<Ipe>().kind = ObjectKind::File as u8;
        object::path_object::<Ipe>(&mut record, file + u64::from(layout!(file_path)));
    }
    finish::submit(record);
}

/// Appends the properties of a rule (`audit_rule`, security/ipe/audit.c).
#[inline(always)]
fn properties(record: &mut Record, rule: Address) {
    if !known!(ipe_rule_properties, ipe_property_next, ipe_property_type, ipe_property_value) {
        return record.fault();
    }
    let end = rule + u64::from(layout!(ipe_rule_properties));
    let Some(chunk) = record.begin(ChunkKind::IpeProperties) else { return };
    let mut list = Properties { record, end, next: word(end), digest: 0 };
    repeat(PROPERTIES, &mut list);
    let digest = list.digest;
    record.end(chunk);
    if digest != 0 {
        self::digest(record, digest);
    }
}

/// Where a list of properties is.
struct Properties<'a> {
    record: &'a mut Record,
    /// The list's head, which its last member points to.
    end: Address,
    next: Address,
    /// The `struct digest_info` of the one that has a digest; 0 if none has.
    digest: Address,
}

impl Step for Properties<'_> {
    #[inline(always)]
    fn step(&mut self) -> Next {
        if self.next == 0 || self.next == self.end {
            return Next::Stop;
        }
        let property = self.next - u64::from(layout!(ipe_property_next));
        let kind = follow(property, layout!(ipe_property_type)) as u32;
        self.record.value(kind);
        if kind == layout!(ipe_root_hash) || kind == layout!(ipe_file_digest) {
            self.digest = follow(property, layout!(ipe_property_value));
        }
        self.next = word(self.next);
        Next::Continue
    }
}

/// Appends a `struct digest_info` (security/ipe/digest.h).
#[inline(always)]
fn digest(record: &mut Record, digest: Address) {
    record.string_chunk(ChunkKind::DigestAlgorithm, follow(digest, layout!(ipe_digest_algorithm)));
    let len = follow(digest, layout!(ipe_digest_len));
    let Some(chunk) = record.begin(ChunkKind::Digest) else { return };
    let len = if len > DIGEST_MAX { DIGEST_MAX } else { len };
    if record.bytes(follow(digest, layout!(ipe_digest_bytes)), len).is_err() {
        record.cancel(chunk);
        return record.fault();
    }
    record.end(chunk);
}
