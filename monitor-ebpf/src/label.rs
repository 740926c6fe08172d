//! Labels: SELinux contexts from the kernel's own SID table, AppArmor profiles.

use monitor_common::chunk::{ChunkKind, FLAG_CUT};

use crate::{
    layout::{layout, setting},
    memory::{Address, Fault, at, member},
    output::{Chunk, Record},
    repeat::{Next, Step, repeat},
    task,
};

// Indices into `policydb.sym_val_to_name` (security/selinux/ss/policydb.h).
const SYM_ROLES: u32 = 2;
const SYM_TYPES: u32 = 3;
const SYM_USERS: u32 = 4;
const SYM_LEVELS: u32 = 6;

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
    let Ok(policy) = policy() else { return };
    let Ok(context) = find_sid(policy, sid) else {
        record.fault();
        return;
    };
    let Some(chunk) = record.begin(kind) else { return };
    record.value(sid);
    if names(record, policy, context).is_err() {
        record.cancel(chunk);
        record.fault();
        return;
    }
    record.end(chunk);
    if let Ok(range) = at(context, layout!(context_range)) {
        categories(record, ChunkKind::CategoriesLow, range);
        categories(record, ChunkKind::CategoriesHigh, range + u64::from(layout!(mls_level_size)));
    }
}

/// The loaded policy; a fault where `selinux_state`'s address is unknown.
#[inline(always)]
fn policy() -> Result<Address, Fault> {
    let policy = member::<Address>(setting!(selinux_state), layout!(selinux_state_policy))?;
    if policy == 0 { Err(Fault) } else { Ok(policy) }
}

/// The `struct context` of a SID (`sidtab_search_entry`, security/selinux/ss/sidtab.c).
#[inline(always)]
fn find_sid(policy: Address, sid: u32) -> Result<Address, Fault> {
    let sidtab = member::<Address>(policy, layout!(selinux_policy_sidtab))?;
    let initial = layout!(sidtab_isids_count);
    if sid == 0 {
        return Err(Fault);
    }
    if sid <= initial {
        let table = at(sidtab, layout!(sidtab_isids))?;
        let entry = table + u64::from(sid - 1) * u64::from(layout!(sidtab_isid_entry_size));
        return at(at(entry, layout!(sidtab_isid_entry))?, layout!(sidtab_entry_context));
    }
    let index = sid - initial - 1;
    let (leaf_count, inner_count) = (layout!(sidtab_leaf_count), layout!(sidtab_inner_count));
    if index >= member::<u32>(sidtab, layout!(sidtab_count))? || leaf_count == 0 || inner_count == 0 {
        return Err(Fault);
    }
    let leaf_index = index / leaf_count;
    // Each level above the leaves multiplies by `inner_count`; four levels hold every SID.
    let roots = at(sidtab, layout!(sidtab_roots))?;
    let leaf = if leaf_index == 0 {
        member::<Address>(roots, 0)?
    } else if leaf_index < inner_count {
        member::<Address>(member(roots, 8)?, leaf_index * 8)?
    } else if leaf_index / inner_count < inner_count {
        let inner = member::<Address>(member(roots, 16)?, leaf_index / inner_count * 8)?;
        member::<Address>(inner, leaf_index % inner_count * 8)?
    } else {
        let upper = leaf_index / inner_count;
        let inner = member::<Address>(member(roots, 24)?, upper / inner_count * 8)?;
        let inner = member::<Address>(inner, upper % inner_count * 8)?;
        member::<Address>(inner, leaf_index % inner_count * 8)?
    };
    let entry = at(leaf, layout!(sidtab_leaf_entries))?
        + u64::from(index % leaf_count) * u64::from(layout!(sidtab_entry_size));
    // A table that is being converted to a new policy may be freed under us.
    if member::<u32>(entry, layout!(sidtab_entry_sid))? != sid {
        return Err(Fault);
    }
    at(entry, layout!(sidtab_entry_context))
}

/// Appends the names that a context is made of, each with its NUL.
#[inline(always)]
fn names(record: &mut Record, policy: Address, context: Address) -> Result<(), Fault> {
    // A context that the policy doesn't know (any more) is kept as text.
    if member::<u32>(context, layout!(context_len))? != 0 {
        record.string(member(context, layout!(context_str))?)?;
        return Ok(());
    }
    symbol(record, policy, SYM_USERS, member(context, layout!(context_user))?)?;
    symbol(record, policy, SYM_ROLES, member(context, layout!(context_role))?)?;
    symbol(record, policy, SYM_TYPES, member(context, layout!(context_type))?)?;
    if member::<u32>(policy, layout!(selinux_policy_mls_enabled))? != 0 {
        let range = at(context, layout!(context_range))?;
        symbol(record, policy, SYM_LEVELS, member(range, layout!(mls_level_sens))?)?;
        let high = range + u64::from(layout!(mls_level_size));
        symbol(record, policy, SYM_LEVELS, member(high, layout!(mls_level_sens))?)?;
    }
    Ok(())
}

/// Appends the name of the `value`th symbol of a kind, counted from 1 (`sym_name`, security/selinux/ss/policydb.h).
#[inline(always)]
fn symbol(record: &mut Record, policy: Address, kind: u32, value: u32) -> Result<(), Fault> {
    let tables = at(policy, layout!(selinux_policy_names))?;
    let table = member::<Address>(tables, kind * 8)?;
    if value == 0 {
        return Err(Fault);
    }
    record.string(member(table, (value - 1) * 8)?)?;
    Ok(())
}

/// Appends the categories of a `struct mls_level`, if it has any.
#[inline(always)]
fn categories(record: &mut Record, kind: ChunkKind, level: Address) {
    let Ok(bitmap) = at(level, layout!(mls_level_categories)) else { return };
    let Ok(node) = member::<Address>(bitmap, layout!(ebitmap_first)) else { return };
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
        self.node = member::<Address>(self.node, layout!(ebitmap_node_next)).unwrap_or(0);
        if self.node == 0 {
            self.record.unflag(self.chunk, FLAG_CUT);
            return Next::Stop;
        }
        Next::Continue
    }
}

/// The SID of the running task's subjective credentials (`cred_sid`, security/selinux/hooks.c).
#[inline(always)]
pub fn task_sid() -> Result<u32, Fault> {
    let blob = setting!(selinux_cred_blob_plus_one);
    if blob == 0 {
        return Err(Fault);
    }
    let cred = member::<Address>(task::current(), layout!(task_cred))?;
    let security = member::<Address>(cred, layout!(cred_security))?;
    member(at(security, blob - 1)?, layout!(selinux_cred_sid))
}

/// Appends the running task's own label, whichever module gave it one.
#[inline(always)]
pub fn task(record: &mut Record) {
    if let Ok(sid) = task_sid() {
        context(record, ChunkKind::TaskContext, sid);
    }
    if let Ok(label) = task_profile() {
        profile(record, ChunkKind::TaskProfile, label);
    }
}

/// The running task's `struct aa_label` (`cred_label`, security/apparmor/include/cred.h).
#[inline(always)]
fn task_profile() -> Result<Address, Fault> {
    let blob = setting!(apparmor_cred_blob_plus_one);
    if blob == 0 {
        return Err(Fault);
    }
    let cred = member::<Address>(task::current(), layout!(task_cred))?;
    let security = member::<Address>(cred, layout!(cred_security))?;
    member::<Address>(security, blob - 1)
}

/// Appends the name of a `struct aa_label`; of a compound one that has no name of its own, a chunk for each profile.
#[inline(always)]
pub fn profile(record: &mut Record, kind: ChunkKind, label: Address) {
    if label == 0 {
        return;
    }
    match member::<Address>(label, layout!(aa_label_hname)) {
        Ok(0) => {}
        Ok(name) => {
            record.string_chunk(kind, name);
            return;
        }
        Err(Fault) => {
            record.fault();
            return;
        }
    }
    let (Ok(size), Ok(profiles)) = (member::<u32>(label, layout!(aa_label_size)), at(label, layout!(aa_label_vec)))
    else {
        record.fault();
        return;
    };
    for index in 0..PROFILES {
        if index >= size {
            break;
        }
        let name = member::<Address>(profiles, index * 8)
            .and_then(|profile| member::<Address>(profile, layout!(aa_profile_hname)));
        if let Ok(name) = name {
            record.string_chunk(kind, name);
        }
    }
}

/// Appends the namespace of a label that is one profile's, unless that is the root namespace
/// (`audit_pre`, security/apparmor/audit.c).
#[inline(always)]
pub fn namespace(record: &mut Record, label: Address) {
    let offset = layout!(aa_profile_label);
    if label == 0 || offset == monitor_common::layout::ABSENT {
        return;
    }
    let profile = label.wrapping_sub(u64::from(offset));
    if let Ok(namespace) = member::<Address>(profile, layout!(aa_profile_ns))
        && let Ok(parent) = member::<Address>(namespace, layout!(aa_ns_parent))
        && parent != 0
        && let Ok(name) = member::<Address>(namespace, layout!(aa_ns_hname))
    {
        record.string_chunk(ChunkKind::Namespace, name);
    }
}
