//! Paths: of files through mounts, of files of which only the inode is known, and of cgroups.
//!
//! `bpf_d_path` is not allowed in the functions that denyd attaches to, so the dentries are walked here, from the leaf
//! up, as the kernel's `prepend_path` does (fs/d_path.c). User space puts the names in order.

use monitor_common::chunk::{FLAG_ABSOLUTE, FLAG_AMBIGUOUS, FLAG_CUT, FLAG_DELETED, FLAG_FAULT, FLAG_INTERNAL, ChunkKind};

use crate::{
    layout::{known, layout},
    memory::{Address, Fault, at, member, word},
    output::{Chunk, Record},
};

/// Components of a path, mount crossings included, that are followed.
const STEPS: u32 = 40;
/// As [`STEPS`], for paths that matter less.
const SHORT_STEPS: u32 = 16;
/// Mounts of one file system that are looked at for one that the process sees.
const MOUNTS: u32 = 16;
/// Steps up from a file to the root of a bind mount that are followed.
const BIND_STEPS: u32 = 16;
/// Controllers whose cgroup is looked at on a machine that doesn't use the default hierarchy.
const CONTROLLERS: u32 = 14;

/// Appends the path of a `struct path` at this address. False if there is none.
#[inline(always)]
pub fn path(record: &mut Record, kind: ChunkKind, path: Address) -> bool {
    let (Ok(mount), Ok(dentry)) =
        (member::<Address>(path, layout!(path_mnt)), member::<Address>(path, layout!(path_dentry)))
    else {
        record.fault();
        return false;
    };
    if dentry == 0 {
        return false;
    }
    walk(record, kind, mount, dentry, 0);
    true
}

/// Appends the path of a dentry whose mount the kernel didn't say: that of a mount of its file system that `task`
/// sees, else relative to the file system's root.
#[inline(always)]
pub fn dentry(record: &mut Record, kind: ChunkKind, dentry: Address, task: Address) {
    let (mount, flags) = visible_mount(dentry, task);
    walk(record, kind, mount, dentry, flags);
}

/// Appends the path of an inode by one of its dentries, as for [`dentry`]. False if it has none.
#[inline(always)]
pub fn inode(record: &mut Record, kind: ChunkKind, inode: Address, task: Address) -> bool {
    let Ok(alias) = inode_dentry(inode) else { return false };
    let next = member::<Address>(alias + u64::from(layout!(dentry_alias)), layout!(hlist_node_next)).unwrap_or(0);
    let links = member::<u32>(inode, layout!(inode_nlink)).unwrap_or(1);
    let mode = member::<u16>(inode, layout!(inode_mode)).unwrap_or(0);
    let (mount, mut flags) = visible_mount(alias, task);
    // A directory counts its subdirectories as links, but has one name.
    if next != 0 || (links > 1 && mode & S_IFMT != S_IFDIR) {
        flags |= FLAG_AMBIGUOUS;
    }
    walk(record, kind, mount, alias, flags);
    true
}

const S_IFMT: u16 = 0o170_000;
const S_IFDIR: u16 = 0o040_000;

/// The inode's first dentry.
#[inline(always)]
fn inode_dentry(inode: Address) -> Result<Address, Fault> {
    let first = member::<Address>(inode, layout!(inode_dentries))?;
    if first == 0 || !known!(dentry_alias) {
        return Err(Fault);
    }
    Ok(first.wrapping_sub(u64::from(layout!(dentry_alias))))
}

/// Appends the names from `dentry` up to the root of the mount namespace, or, with `mount` 0, of the file system.
#[inline(always)]
fn walk(record: &mut Record, kind: ChunkKind, vfsmount: Address, dentry: Address, flags: u8) {
    let Some(chunk) = record.begin(kind) else { return };
    if flags != 0 {
        record.flag(chunk, flags);
    }
    if unhashed(dentry) {
        record.flag(chunk, FLAG_DELETED);
    }
    let steps = if kind as u8 == ChunkKind::AncestorExe as u8 { SHORT_STEPS } else { STEPS };
    climb(record, chunk, vfsmount, dentry, steps);
    record.end(chunk);
}

/// Appends the names, as [`walk`] says, following at most `steps`.
///
/// A function of its own, so that each program holds it once.
#[inline(never)]
fn climb(record: &mut Record, chunk: Chunk, vfsmount: Address, dentry: Address, steps: u32) {
    if !known!(
        mount_vfsmount,
        mount_parent,
        mount_mountpoint,
        mount_namespace,
        vfsmount_root,
        dentry_parent,
        dentry_name,
    ) {
        return record.flag(chunk, FLAG_FAULT);
    }
    let to_vfsmount = u64::from(layout!(mount_vfsmount));
    let to_root = to_vfsmount + u64::from(layout!(vfsmount_root));
    let mut dentry = dentry;
    // From `struct vfsmount` to the `struct mount` that holds it. Without a mount it is an address that can't be read.
    let mut mount = vfsmount.wrapping_sub(to_vfsmount);
    for index in 0..STEPS {
        if index >= steps {
            break;
        }
        if word(mount.wrapping_add(to_root)) == dentry {
            let parent = word(mount + u64::from(layout!(mount_parent)));
            if parent == mount {
                return at_root(record, chunk, mount, dentry);
            }
            dentry = word(mount + u64::from(layout!(mount_mountpoint)));
            mount = parent;
        } else {
            let parent = word(dentry + u64::from(layout!(dentry_parent)));
            // The root of the file system with no mount known, or a dentry that is disconnected from its mount.
            if parent == dentry {
                return;
            }
            if record.string(word(dentry + u64::from(layout!(dentry_name)))).is_err() {
                return record.flag(chunk, FLAG_CUT);
            }
            dentry = parent;
        }
    }
    record.flag(chunk, FLAG_CUT);
}

/// Ends a path at the root of the topmost mount.
#[inline(always)]
fn at_root(record: &mut Record, chunk: Chunk, mount: Address, dentry: Address) {
    // A mount in no namespace is the kernel's own, or was detached.
    let namespace = word(mount + u64::from(layout!(mount_namespace))) as i64;
    if namespace == 0 || (-4095..0).contains(&namespace) {
        record.flag(chunk, FLAG_INTERNAL);
        let _ = name(record, dentry);
    } else {
        record.flag(chunk, FLAG_ABSOLUTE);
    }
}

/// Appends the dentry's name with its NUL.
#[inline(always)]
fn name(record: &mut Record, dentry: Address) -> Result<u64, Fault> {
    record.string(member::<Address>(dentry, layout!(dentry_name))?)
}

/// Whether the dentry was unlinked (`d_unlinked`, include/linux/dcache.h).
#[inline(always)]
fn unhashed(dentry: Address) -> bool {
    let pprev = member::<Address>(dentry, layout!(dentry_hash_pprev)).unwrap_or(1);
    let parent = member::<Address>(dentry, layout!(dentry_parent)).unwrap_or(dentry);
    pprev == 0 && parent != dentry
}

/// The `struct vfsmount` of a mount of the dentry's file system in the task's mount namespace that shows the dentry,
/// 0 if there is none; and [`FLAG_AMBIGUOUS`] if there are more.
#[inline(always)]
fn visible_mount(dentry: Address, task: Address) -> (Address, u8) {
    let packed = pack_visible_mount(dentry, task);
    (packed & !1, if packed & 1 != 0 { FLAG_AMBIGUOUS } else { 0 })
}

/// [`visible_mount`] as one number, since a BPF function returns one register: the address, which is even, and 1 if
/// there are more.
#[inline(never)]
fn pack_visible_mount(dentry: Address, task: Address) -> u64 {
    let (found, count) = visible_mounts(dentry, task).unwrap_or((0, 0));
    found | u64::from(count > 1)
}

#[inline(always)]
fn visible_mounts(dentry: Address, task: Address) -> Result<(Address, u32), Fault> {
    let super_block = member::<Address>(dentry, layout!(dentry_sb))?;
    let nsproxy = member::<Address>(task, layout!(task_nsproxy))?;
    let namespace = member::<Address>(nsproxy, layout!(nsproxy_mnt_ns))?;
    let head = at(super_block, layout!(super_block_mounts))?;
    if !known!(
        mount_next_in_super_block,
        mount_namespace,
        mount_vfsmount,
        vfsmount_root,
        super_block_mounts_size,
        dentry_parent,
    ) {
        return Err(Fault);
    }
    let link = layout!(mount_next_in_super_block);
    // Through 6.17 `s_mounts` is a list_head of `mount.mnt_instance`, so that a link points to the next link; from 6.18
    // it points to the first mount, which points to the next.
    let back = if layout!(super_block_mounts_size) == 16 { u64::from(link) } else { 0 };
    let mut next = word(head);
    let mut found = 0;
    let mut count = 0;
    for _ in 0..MOUNTS {
        if next == 0 || next == head {
            break;
        }
        let mount = next.wrapping_sub(back);
        if word(mount + u64::from(layout!(mount_namespace))) == namespace {
            let vfsmount = mount + u64::from(layout!(mount_vfsmount));
            if shows(word(vfsmount + u64::from(layout!(vfsmount_root))), dentry) {
                count += 1;
                if found == 0 {
                    found = vfsmount;
                }
            }
        }
        next = word(mount + u64::from(link));
    }
    Ok((found, count))
}

/// Whether `root` is the dentry or one of its ancestors.
#[inline(never)]
fn shows(root: Address, dentry: Address) -> bool {
    let to_parent = u64::from(layout!(dentry_parent));
    // The root of the whole file system is everybody's ancestor.
    if word(root + to_parent) == root {
        return true;
    }
    let mut dentry = dentry;
    for _ in 0..BIND_STEPS {
        if dentry == root {
            return true;
        }
        let parent = word(dentry + to_parent);
        if parent == dentry {
            return false;
        }
        dentry = parent;
    }
    false
}

/// Appends the path of the task's cgroup and returns the cgroup's id.
///
/// In the default hierarchy (v2); on a machine that only uses v1, in the hierarchy of the first controller whose cgroup
/// is not the root.
#[inline(always)]
pub fn cgroup(record: &mut Record, task: Address) -> Result<u64, Fault> {
    let set = member::<Address>(task, layout!(task_cgroups))?;
    let default = member::<Address>(set, layout!(css_set_dfl_cgrp))?;
    let mut node = member::<Address>(default, layout!(cgroup_kn))?;
    if kernfs_parent(node)? == 0 {
        let controllers = layout!(css_set_subsys_count);
        for index in 0..CONTROLLERS {
            if index >= controllers {
                break;
            }
            if let Ok(other) = controller_node(set, index)
                && kernfs_parent(other).unwrap_or(0) != 0
            {
                node = other;
                break;
            }
        }
    }
    kernfs_walk(record, node);
    member::<u64>(node, layout!(kernfs_node_id))
}

#[inline(always)]
fn kernfs_parent(node: Address) -> Result<Address, Fault> {
    member::<Address>(node, layout!(kernfs_node_parent))
}

/// The node of the task's cgroup in the hierarchy of the `index`th controller.
#[inline(always)]
fn controller_node(set: Address, index: u32) -> Result<Address, Fault> {
    let subsys = at(set, layout!(css_set_subsys))?;
    let state = member::<Address>(subsys, index * 8)?;
    let cgroup = member::<Address>(state, layout!(cgroup_subsys_state_cgroup))?;
    member::<Address>(cgroup, layout!(cgroup_kn))
}

#[inline(never)]
fn kernfs_walk(record: &mut Record, node: Address) {
    let Some(chunk) = record.begin(ChunkKind::Cgroup) else { return };
    if !known!(kernfs_node_parent, kernfs_node_name) {
        record.flag(chunk, FLAG_FAULT);
        return record.end(chunk);
    }
    let mut node = node;
    for _ in 0..STEPS {
        let parent = word(node + u64::from(layout!(kernfs_node_parent)));
        // The root, which has no name.
        if parent == 0 {
            record.flag(chunk, FLAG_ABSOLUTE);
            return record.end(chunk);
        }
        if record.string(word(node + u64::from(layout!(kernfs_node_name)))).is_err() {
            break;
        }
        node = parent;
    }
    record.flag(chunk, FLAG_CUT);
    record.end(chunk);
}
