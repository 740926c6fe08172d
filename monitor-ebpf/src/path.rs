//! Paths: of files through mounts, of files of which only the inode is known, and of cgroups.
//!
//! `bpf_d_path` is not allowed in the functions that denyd attaches to, so the dentries are walked here, from the leaf
//! up, as the kernel's `prepend_path` does (fs/d_path.c). User space puts the names in order.

use monitor_common::chunk::{FLAG_ABSOLUTE, FLAG_AMBIGUOUS, FLAG_CUT, FLAG_DELETED, FLAG_FAULT, FLAG_INTERNAL, ChunkKind};

use crate::{
    layout::{known, layout},
    memory::{Address, Fault, at, member, word},
    output::{Chunk, Record},
    repeat::{Next, Step, repeat},
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

/// Appends the names from `dentry` up to the root of the mount namespace, or, with `vfsmount` 0, of the file system.
///
/// A function of its own, so that each program holds it once.
#[inline(never)]
fn walk(record: &mut Record, kind: ChunkKind, vfsmount: Address, dentry: Address, flags: u8) {
    let short = kind as u8 == ChunkKind::AncestorExe as u8;
    let Some(chunk) = record.begin(kind) else { return };
    let deleted = if unhashed(dentry) { FLAG_DELETED } else { 0 };
    record.flag(chunk, flags | deleted | FLAG_CUT);
    if !known!(
        mount_vfsmount,
        mount_parent,
        mount_mountpoint,
        mount_namespace,
        vfsmount_root,
        dentry_parent,
        dentry_name,
    ) {
        record.flag(chunk, FLAG_FAULT);
        return record.end(chunk);
    }
    // From `struct vfsmount` to the `struct mount` that holds it. Without a mount it is an address that can't be read.
    let mount = vfsmount.wrapping_sub(u64::from(layout!(mount_vfsmount)));
    let mut climb = Climb { record, chunk, has_mount: vfsmount != 0, mount, dentry };
    repeat(if short { SHORT_STEPS } else { STEPS }, &mut climb);
    record.end(chunk);
}

/// Where a path is on its way up.
struct Climb<'a> {
    record: &'a mut Record,
    chunk: Chunk,
    has_mount: bool,
    mount: Address,
    dentry: Address,
}

impl Step for Climb<'_> {
    #[inline(always)]
    fn step(&mut self) -> Next {
        let root = layout!(mount_vfsmount) + layout!(vfsmount_root);
        if word(self.mount + u64::from(root)) == self.dentry {
            let parent = word(self.mount + u64::from(layout!(mount_parent)));
            if parent == self.mount {
                self.at_root();
                return Next::Stop;
            }
            self.dentry = word(self.mount + u64::from(layout!(mount_mountpoint)));
            self.mount = parent;
            return Next::Continue;
        }
        let parent = word(self.dentry + u64::from(layout!(dentry_parent)));
        if parent == self.dentry {
            self.at_file_system_root();
            return Next::Stop;
        }
        if self.record.string(word(self.dentry + u64::from(layout!(dentry_name)))).is_err() {
            return Next::Stop;
        }
        self.dentry = parent;
        Next::Continue
    }
}

impl Climb<'_> {
    /// Ends the path at the root of the topmost mount.
    #[inline(always)]
    fn at_root(&mut self) {
        self.record.unflag(self.chunk, FLAG_CUT);
        if self.is_internal() {
            self.record.flag(self.chunk, FLAG_INTERNAL);
        } else {
            self.record.flag(self.chunk, FLAG_ABSOLUTE);
        }
    }

    /// Ends the path at the root of the file system where no mount is known, or at a dentry that hangs below no root:
    /// one that is disconnected from its mount, or a pipe's, a socket's, a memfd's, whose name is all there is.
    #[inline(always)]
    fn at_file_system_root(&mut self) {
        self.record.unflag(self.chunk, FLAG_CUT);
        if self.has_mount && self.is_internal() {
            self.record.flag(self.chunk, FLAG_INTERNAL);
            let _ = self.record.string(word(self.dentry + u64::from(layout!(dentry_name))));
        }
    }

    /// Whether the mount is in no namespace: the kernel's own (`MNT_NS_INTERNAL`, an error pointer), or detached.
    #[inline(always)]
    fn is_internal(&self) -> bool {
        let namespace = word(self.mount + u64::from(layout!(mount_namespace))) as i64;
        namespace == 0 || (-4095..0).contains(&namespace)
    }
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
    let first = word(head);
    let mut search = MountSearch { head, next: first, namespace, dentry, found: 0, count: 0 };
    repeat(MOUNTS, &mut search);
    Ok((search.found, search.count))
}

/// A search among the mounts of a file system.
struct MountSearch {
    head: Address,
    next: Address,
    namespace: Address,
    dentry: Address,
    found: Address,
    count: u32,
}

impl Step for MountSearch {
    #[inline(always)]
    fn step(&mut self) -> Next {
        if self.next == 0 || self.next == self.head {
            return Next::Stop;
        }
        let link = u64::from(layout!(mount_next_in_super_block));
        // Through 6.17 `s_mounts` is a list_head of `mount.mnt_instance`, so that a link points to the next link; from
        // 6.18 it points to the first mount, which points to the next.
        let mount = if layout!(super_block_mounts_size) == 16 { self.next.wrapping_sub(link) } else { self.next };
        self.next = word(mount + link);
        if word(mount + u64::from(layout!(mount_namespace))) == self.namespace {
            let vfsmount = mount + u64::from(layout!(mount_vfsmount));
            let root = word(vfsmount + u64::from(layout!(vfsmount_root)));
            let mut ancestry = Ancestry { root, dentry: self.dentry, found: false };
            repeat(BIND_STEPS, &mut ancestry);
            if ancestry.found {
                self.count += 1;
                if self.found == 0 {
                    self.found = vfsmount;
                }
            }
        }
        Next::Continue
    }
}

/// A search for `root` among a dentry and its ancestors.
struct Ancestry {
    root: Address,
    dentry: Address,
    found: bool,
}

impl Step for Ancestry {
    #[inline(always)]
    fn step(&mut self) -> Next {
        if self.dentry == self.root {
            self.found = true;
            return Next::Stop;
        }
        let parent = word(self.dentry + u64::from(layout!(dentry_parent)));
        if parent == self.dentry {
            return Next::Stop;
        }
        self.dentry = parent;
        Next::Continue
    }
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
        let mut search = ControllerSearch { set, index: 0, found: node };
        repeat(CONTROLLERS, &mut search);
        node = search.found;
    }
    kernfs_walk(record, node);
    member::<u64>(node, layout!(kernfs_node_id))
}

#[inline(always)]
fn kernfs_parent(node: Address) -> Result<Address, Fault> {
    member::<Address>(node, layout!(kernfs_node_parent))
}

/// A search for a controller in whose hierarchy the task is not in the root cgroup.
struct ControllerSearch {
    set: Address,
    index: u32,
    found: Address,
}

impl Step for ControllerSearch {
    #[inline(always)]
    fn step(&mut self) -> Next {
        if self.index >= layout!(css_set_subsys_count) {
            return Next::Stop;
        }
        let node = self.node();
        self.index += 1;
        match node {
            Ok(node) if kernfs_parent(node).unwrap_or(0) != 0 => {
                self.found = node;
                Next::Stop
            }
            _ => Next::Continue,
        }
    }
}

impl ControllerSearch {
    #[inline(always)]
    fn node(&self) -> Result<Address, Fault> {
        let subsys = at(self.set, layout!(css_set_subsys))?;
        let state = member::<Address>(subsys, self.index * 8)?;
        let cgroup = member::<Address>(state, layout!(cgroup_subsys_state_cgroup))?;
        member::<Address>(cgroup, layout!(cgroup_kn))
    }
}

#[inline(never)]
fn kernfs_walk(record: &mut Record, node: Address) {
    let Some(chunk) = record.begin(ChunkKind::Cgroup) else { return };
    if !known!(kernfs_node_parent, kernfs_node_name) {
        record.flag(chunk, FLAG_FAULT);
        return record.end(chunk);
    }
    record.flag(chunk, FLAG_CUT);
    let mut climb = KernfsClimb { record, chunk, node };
    repeat(STEPS, &mut climb);
    record.end(chunk);
}

/// Where a cgroup's path is on its way up.
struct KernfsClimb<'a> {
    record: &'a mut Record,
    chunk: Chunk,
    node: Address,
}

impl Step for KernfsClimb<'_> {
    #[inline(always)]
    fn step(&mut self) -> Next {
        let parent = word(self.node + u64::from(layout!(kernfs_node_parent)));
        // The root, which has no name.
        if parent == 0 {
            self.record.unflag(self.chunk, FLAG_CUT);
            self.record.flag(self.chunk, FLAG_ABSOLUTE);
            return Next::Stop;
        }
        if self.record.string(word(self.node + u64::from(layout!(kernfs_node_name)))).is_err() {
            return Next::Stop;
        }
        self.node = parent;
        Next::Continue
    }
}
