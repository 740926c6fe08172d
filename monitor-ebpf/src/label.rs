//! Labels: SELinux contexts from the kernel's own SID table, AppArmor profiles.

use monitor_common::chunk::{ChunkKind, FLAG_CUT};

use crate::{
    layout::{known, layout, setting},
    memory::{Address, Fault, follow, word},
    output::{Chunk, Record},
    repeat::{Next, Step, repeat},
    task,
};

// Indices into `policydb.sym_val_to_name` (security/selinux/ss/policydb.h).
const SYM_ROLES: u64 = 2;
const SYM_TYPES: u64 = 3;
const SYM_USERS: u64 = 4;
const SYM_LEVELS: u64 = 6;

/// The initial SID of what has no label, or none that the policy knows (security/selinux/include/flask.h).
const SECINITSID_UNLABELED: u32 = 3;

/// Nodes of a category bitmap that are taken: each holds 384 categories, and a policy has at most 1024 in practice.
const CATEGORY_NODES: u32 = 4;
/// Profiles of a compound AppArmor label that are taken.
const PROFILES: u32 = 4;

/// Appends the SELinux context of a SID, in the form that [`ChunkKind::SubjectContext`] documents. Nothing if the
/// kernel's SID table can't be read.
///
/// This reads what `security_sid_to_context` (security/selinux/ss/services.c) would: the kernel calls that function
/// only to write an audit record, and here the context is wanted without one.
#[inline(never)]
pub fn context(record: &mut Record, kind: ChunkKind, sid: u32) {
    if !known!(
        selinux_state_policy,
        selinux_policy_sidtab,
        selinux_policy_mls_enabled,
        selinux_policy_names,
        sidtab_roots,
        sidtab_count,
        sidtab_isids,
        sidtab_isids_count,
        sidtab_isid_entry_size,
        sidtab_isid_entry,
        sidtab_leaf_count,
        sidtab_leaf_entries,
        sidtab_inner_count,
        sidtab_entry_size,
        sidtab_entry_sid,
        sidtab_entry_context,
        context_user,
        context_role,
        context_type,
        context_len,
        context_str,
        context_range,
        mls_level_size,
        mls_level_sens,
        mls_level_categories,
        ebitmap_first,
        ebitmap_node_size,
        ebitmap_node_next,
    ) || setting!(selinux_state) == 0
    {
        return;
    }
    // 0 before the first policy is loaded; then nothing below can be read either.
    let policy = word(setting!(selinux_state) + u64::from(layout!(selinux_state_policy)));
    let Some(context) = find_sid(policy, sid) else { return record.fault() };
    // A context that the policy doesn't know (any more) is kept as text, and taken for another
    // (`sidtab_search`, security/selinux/ss/sidtab.c).
    let known = word(context + u64::from(layout!(context_len))) as u32 == 0;
    if !known {
        unknown(record, kind, word(context + u64::from(layout!(context_str))));
    }
    let sid_in_force = if known { sid } else { SECINITSID_UNLABELED };
    let Some(context) = find_sid(policy, sid_in_force) else { return record.fault() };
    let Some(chunk) = record.begin(kind) else { return };
    record.value(sid);
    if names(record, policy, context).is_err() {
        record.cancel(chunk);
        return record.fault();
    }
    record.end(chunk);
    let low = context + u64::from(layout!(context_range));
    categories(record, ChunkKind::CategoriesLow, low);
    categories(record, ChunkKind::CategoriesHigh, low + u64::from(layout!(mls_level_size)));
}

/// Appends the text of a context that the policy doesn't know.
#[inline(always)]
fn unknown(record: &mut Record, kind: ChunkKind, text: Address) {
    if kind as u8 == ChunkKind::SubjectContext as u8 {
        record.string_chunk(ChunkKind::SubjectContextText, text);
    } else if kind as u8 == ChunkKind::ObjectContext as u8 {
        record.string_chunk(ChunkKind::ObjectContextText, text);
    }
}

/// The `struct context` of a SID (`sidtab_search_entry`, security/selinux/ss/sidtab.c).
#[inline(always)]
fn find_sid(policy: Address, sid: u32) -> Option<Address> {
    let sidtab = word(policy + u64::from(layout!(selinux_policy_sidtab)));
    let initial = layout!(sidtab_isids_count);
    let entry = if sid <= initial {
        // SID 0 is none; what stands before the table has no number that matches.
        let index = u64::from(sid).wrapping_sub(1).wrapping_mul(u64::from(layout!(sidtab_isid_entry_size)));
        sidtab + u64::from(layout!(sidtab_isids)) + u64::from(layout!(sidtab_isid_entry)) + index
    } else {
        let index = sid - initial - 1;
        let (leaf_count, inner_count) = (layout!(sidtab_leaf_count), layout!(sidtab_inner_count));
        if index >= word(sidtab + u64::from(layout!(sidtab_count))) as u32
            || leaf_count == 0
            || inner_count == 0
        {
            return None;
        }
        // Each level above the leaves multiplies by `inner_count`; the fourth would be for more SIDs than memory holds.
        let leaf_index = index / leaf_count;
        let roots = sidtab + u64::from(layout!(sidtab_roots));
        let leaf = if leaf_index == 0 {
            word(roots)
        } else if leaf_index < inner_count {
            word(word(roots + 8) + u64::from(leaf_index) * 8)
        } else {
            let inner = word(word(roots + 16) + u64::from(leaf_index / inner_count) * 8);
            word(inner + u64::from(leaf_index % inner_count) * 8)
        };
        leaf + u64::from(layout!(sidtab_leaf_entries))
            + u64::from(index % leaf_count) * u64::from(layout!(sidtab_entry_size))
    };
    // A table that is being converted to a new policy may be freed under us. Initial SIDs with a context that another
    // has too carry no number.
    let found = word(entry + u64::from(layout!(sidtab_entry_sid))) as u32;
    (found == sid || sid <= initial).then_some(entry + u64::from(layout!(sidtab_entry_context)))
}

/// Appends the names that a context is made of, each with its NUL.
#[inline(always)]
fn names(record: &mut Record, policy: Address, context: Address) -> Result<(), Fault> {
    symbol(record, policy, SYM_USERS, context + u64::from(layout!(context_user)))?;
    symbol(record, policy, SYM_ROLES, context + u64::from(layout!(context_role)))?;
    symbol(record, policy, SYM_TYPES, context + u64::from(layout!(context_type)))?;
    if word(policy + u64::from(layout!(selinux_policy_mls_enabled))) as u32 != 0 {
        let sensitivity = context + u64::from(layout!(context_range)) + u64::from(layout!(mls_level_sens));
        symbol(record, policy, SYM_LEVELS, sensitivity)?;
        symbol(record, policy, SYM_LEVELS, sensitivity + u64::from(layout!(mls_level_size)))?;
    }
    Ok(())
}

/// Appends the name of a symbol whose number, counted from 1, stands at an address
/// (`sym_name`, security/selinux/ss/policydb.h).
#[inline(always)]
fn symbol(record: &mut Record, policy: Address, kind: u64, value_at: Address) -> Result<(), Fault> {
    let table = word(policy + u64::from(layout!(selinux_policy_names)) + kind * 8);
    let value = word(value_at) & 0xffff_ffff;
    record.string(word(table + value.wrapping_sub(1).wrapping_mul(8)))?;
    Ok(())
}

/// Appends the categories of a `struct mls_level`, if it has any.
#[inline(always)]
fn categories(record: &mut Record, kind: ChunkKind, level: Address) {
    let node = word(level + u64::from(layout!(mls_level_categories)) + u64::from(layout!(ebitmap_first)));
    if node == 0 {
        return;
    }
    let Some(chunk) = record.begin(kind) else { return };
    record.flag(chunk, FLAG_CUT);
    repeat(CATEGORY_NODES, &mut Categories { record, chunk, node });
    record.end(chunk);
}

/// Where a list of category bitmaps is.
struct Categories<'a> {
    record: &'a mut Record,
    chunk: Chunk,
    node: Address,
}

impl Step for Categories<'_> {
    #[inline(always)]
    fn step(&mut self) -> Next {
        if self.record.bytes(self.node, u64::from(layout!(ebitmap_node_size))).is_err() {
            return Next::Stop;
        }
        self.node = word(self.node + u64::from(layout!(ebitmap_node_next)));
        if self.node == 0 {
            self.record.unflag(self.chunk, FLAG_CUT);
            return Next::Stop;
        }
        Next::Continue
    }
}

/// A module's part of the security blob of credentials; 0 where that is unknown.
#[inline(always)]
fn blob(credentials: Address, offset_plus_one: u32) -> Address {
    if offset_plus_one == 0 {
        return 0;
    }
    let security = follow(credentials, layout!(cred_security));
    if security == 0 { 0 } else { security + u64::from(offset_plus_one - 1) }
}

/// The SID of credentials (`cred_sid`, security/selinux/hooks.c); 0 if unknown.
#[inline(always)]
pub fn sid(credentials: Address) -> u32 {
    follow(blob(credentials, setting!(selinux_cred_blob_plus_one)), layout!(selinux_cred_sid)) as u32
}

/// Appends the running task's own label, whichever module gave it one.
#[inline(always)]
pub fn task(record: &mut Record) {
    if setting!(selinux_cred_blob_plus_one) != 0 {
        context(record, ChunkKind::TaskContext, sid(task::own_credentials(task::current())));
    }
    if setting!(apparmor_cred_blob_plus_one) != 0 {
        profile(record, ChunkKind::TaskProfile, label(task::own_credentials(task::current())));
    }
}

/// The AppArmor label of credentials (`cred_label`, security/apparmor/include/cred.h); 0 if unknown.
#[inline(always)]
pub fn label(credentials: Address) -> Address {
    follow(blob(credentials, setting!(apparmor_cred_blob_plus_one)), 0)
}

/// Appends the name of a `struct aa_label`; of a compound one that has no name of its own, a chunk for each profile.
#[inline(never)]
pub fn profile(record: &mut Record, kind: ChunkKind, label: Address) {
    if label == 0 {
        return;
    }
    let name = follow(label, layout!(aa_label_hname));
    if name != 0 {
        return record.string_chunk(kind, name);
    }
    repeat(PROFILES, &mut Profiles { record, kind, label, index: 0 });
}

/// Where a list of a label's profiles is.
struct Profiles<'a> {
    record: &'a mut Record,
    kind: ChunkKind,
    label: Address,
    index: u32,
}

impl Step for Profiles<'_> {
    #[inline(always)]
    fn step(&mut self) -> Next {
        if self.index >= follow(self.label, layout!(aa_label_size)) as u32 {
            return Next::Stop;
        }
        let profile = follow(self.label + u64::from(self.index) * 8, layout!(aa_label_vec));
        self.record.string_chunk(self.kind, follow(profile, layout!(aa_profile_hname)));
        self.index += 1;
        Next::Continue
    }
}

/// Appends a label as the subject's; if it is one profile's, also the profile's namespace
/// (`audit_pre`, security/apparmor/audit.c).
#[inline(always)]
pub fn subject_label(record: &mut Record, label: Address) {
    others(record, label);
    profile(record, ChunkKind::Profile, label);
    if follow(label, layout!(aa_label_size)) as u32 == 1 {
        namespace(record, follow(label, layout!(aa_label_vec)));
    }
}

/// Appends the running task's own label, if it is not the subject's: user space compares the names.
#[inline(always)]
fn others(record: &mut Record, subject: Address) {
    let own = label(task::own_credentials(task::current()));
    if own != subject {
        profile(record, ChunkKind::TaskProfile, own);
    }
}

/// Appends a `struct aa_profile` as the subject.
#[inline(always)]
pub fn subject_profile(record: &mut Record, profile: Address) {
    others(record, 0);
    record.string_chunk(ChunkKind::Profile, follow(profile, layout!(aa_profile_hname)));
    namespace(record, profile);
}

/// Appends the namespace of a profile, unless that is the root one.
#[inline(always)]
fn namespace(record: &mut Record, profile: Address) {
    let namespace = follow(profile, layout!(aa_profile_ns));
    if follow(namespace, layout!(aa_ns_parent)) != 0 {
        record.string_chunk(ChunkKind::Namespace, follow(namespace, layout!(aa_ns_hname)));
    }
}
