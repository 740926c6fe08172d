//! IPE's record.

use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout};

use crate::Object;

/// The body of IPE's record, from `struct ipe_eval_ctx` (security/ipe/eval.h). The numbers are those of the running
/// kernel's enums; the properties of the rule, and a digest among them, are chunks.
#[derive(Clone, Copy, Debug, FromBytes, IntoBytes, Immutable, KnownLayout)]
#[repr(C)]
pub struct Ipe {
    /// What was to be done: `enum ipe_op_type` (security/ipe/policy.h).
    pub operation: u32,
    /// The hook: `enum ipe_hook_type` (security/ipe/hooks.h).
    pub hook: u32,
    /// What decided: `enum ipe_match` (security/ipe/eval.h): a rule, the operation's default, the policy's.
    pub matched: u32,
    /// [`Self::UNKNOWN`], or `enforce` (security/ipe/eval.c).
    pub enforcing: u32,
    /// The file that was judged.
    pub object: Object,
}

impl Ipe {
    /// It is not known whether IPE only reports.
    pub const UNKNOWN: u32 = 2;
}
