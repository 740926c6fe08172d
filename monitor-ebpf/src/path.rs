//! Paths: of files through mounts, of files of which only the inode is known, and of cgroups.
//!
//! `bpf_d_path` is not allowed in the functions that denyd attaches to, so the dentries are walked here, from the leaf
//! up, as the kernel's `prepend_path` does (`fs/d_path.c`). User space puts the names in order.

use monitor_common::{
    TaskField,
    chunk::{
        ChunkKind, FLAG_ABSOLUTE, FLAG_AMBIGUOUS, FLAG_CUT, FLAG_DELETED, FLAG_ELSEWHERE, FLAG_FAULT,
        FLAG_INTERNAL, FLAG_UNSEARCHED,
    },
    layout::ABSENT,
};

use crate::{
    layout::{known, layout},
    memory::{Address, follow, word},
    output::{Chunk, Record},
    repeat::{Next, Step, repeat, zero},
    running,
};

/// Components of a path, mount crossings included, that are followed.
const STEPS: u32 = if cfg!(feature = "bounded-loops") { 40 } else { 64 };
/// As [`STEPS`], for paths that matter less.
const SHORT_STEPS: u32 = 16;
/// Mounts of one file system that are looked at for one that the process sees.
const MOUNTS: u32 = if cfg!(feature = "bounded-loops") { 16 } else { 4096 };
/// Bytes of the object's path, and of that of the working directory; names that end in them are kept whole.
const ROOM: u64 = 1536;
/// As [`ROOM`], for paths that matter less.
const SHORT_ROOM: u64 = 512;
/// The bit of `SB_KERNMOUNT` (include/linux/fs.h), the same from 5.10 to 7.3: a file system of the kernel's own.
const SB_KERNMOUNT_BIT: u32 = 22;
/// Steps up from a file to the root of a bind mount that are followed.
const BIND_STEPS: u32 = if cfg!(feature = "bounded-loops") { 16 } else { STEPS };
/// Controllers whose cgroup is looked at on a machine that doesn't use the default hierarchy.
const CONTROLLERS: u32 = 14;

/// Appends the path of a `struct path` at this address. Nothing if there is none.
#[inline(always)]
pub fn path(record: &mut Record, kind: ChunkKind, path: Address) {
    let dentry = follow(path, layout!(path_dentry));
    if dentry != 0 {
        walk(record, kind, follow(path, layout!(path_mnt)), dentry, 0);
    }
}

/// Appends the path at which a `struct vfsmount` is mounted.
#[inline(always)]
pub fn mount_root(record: &mut Record, kind: ChunkKind, mount: Address) {
    walk(record, kind, mount, follow(mount, layout!(vfsmount_root)), 0);
}

/// Appends the path of a dentry whose mount the kernel didn't say: that of a mount of its file system that `task`
/// sees, else relative to the file system's root.
#[inline(always)]
pub fn dentry(record: &mut Record, kind: ChunkKind, dentry: Address, task: Address) {
    let (mount, flags) = visible_mount(dentry, task);
    walk(record, kind, mount, dentry, flags);
}

/// Appends the path of an inode by one of its dentries, as for [`dentry`]. Nothing if it has none.
#[inline(always)]
pub fn inode(record: &mut Record, kind: ChunkKind, inode: Address, task: Address) {
    let first = follow(inode, layout!(inode_dentries));
    if first == 0 || !known!(dentry_alias) {
        return;
    }
    let alias = first.wrapping_sub(u64::from(layout!(dentry_alias)));
    let (mount, mut flags) = visible_mount(alias, task);
    let links = follow(inode, layout!(inode_nlink)) as u32;
    let mode = follow(inode, layout!(inode_mode)) as u16;
    // A directory counts its subdirectories as links, but has one name.
    if follow(first, layout!(hlist_node_next)) != 0 || (links > 1 && mode & S_IFMT != S_IFDIR) {
        flags |= FLAG_AMBIGUOUS;
    }
    walk(record, kind, mount, alias, flags);
}

const S_IFMT: u16 = 0o170_000;
const S_IFDIR: u16 = 0o040_000;

/// Appends the names from `dentry` up to the root of the mount namespace, or, with `vfsmount` 0, of the file system.
///
/// A function of its own, so that each program holds it once.
#[inline(never)]
fn walk(record: &mut Record, kind: ChunkKind, vfsmount: Address, dentry: Address, flags: u8) {
    let is = |wanted: ChunkKind| kind as u8 == wanted as u8;
    let steps = if is(ChunkKind::AncestorExe) { SHORT_STEPS } else { STEPS };
    let room = if is(ChunkKind::ObjectPath) || is(ChunkKind::Cwd) { ROOM } else { SHORT_ROOM };
    let Some(chunk) = record.begin(kind) else { return };
    record.flag(chunk, flags | deleted(dentry) | FLAG_CUT);
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
    let namespace = own_namespace(running::current());
    let mut climb = Climb { record, chunk, room, namespace, mount, dentry };
    repeat(steps, &mut climb);
    record.end(chunk);
}

/// Where a path is on its way up.
struct Climb<'a> {
    record: &'a mut Record,
    chunk: Chunk,
    /// Bytes that it may have.
    room: u64,
    /// The running task's mount namespace.
    namespace: Address,
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
        if self.record.len(self.chunk) > self.room
            || self.record.string(word(self.dentry + u64::from(layout!(dentry_name)))).is_err()
        {
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
        let namespace = word(self.mount + u64::from(layout!(mount_namespace)));
        let flags = if is_error(namespace) {
            FLAG_INTERNAL
        } else if namespace == 0 || is_anonymous(namespace) {
            FLAG_ELSEWHERE
        } else if namespace == self.namespace || self.namespace == 0 {
            FLAG_ABSOLUTE
        } else {
            FLAG_ABSOLUTE | FLAG_ELSEWHERE
        };
        self.record.flag(self.chunk, flags);
    }

    /// Ends the path at the root of the file system where no mount is known, or at a dentry that hangs below no root:
    /// one that is disconnected from its mount, or a pipe's, a socket's, a memfd's, whose name is all there is.
    #[inline(always)]
    fn at_file_system_root(&mut self) {
        self.record.unflag(self.chunk, FLAG_CUT);
        let super_block = word(self.dentry + u64::from(layout!(dentry_sb)));
        if !known!(super_block_root, super_block_flags)
            || word(super_block + u64::from(layout!(super_block_root))) == self.dentry
        {
            return;
        }
        let flags = word(super_block + u64::from(layout!(super_block_flags)));
        if flags >> SB_KERNMOUNT_BIT & 1 != 0 {
            self.record.flag(self.chunk, FLAG_INTERNAL | FLAG_ELSEWHERE);
        }
        let _ = self.record.string(word(self.dentry + u64::from(layout!(dentry_name))));
    }
}

/// Whether a mount's namespace is `MNT_NS_INTERNAL` (fs/mount.h), an error pointer: the mount is the kernel's own.
#[inline(always)]
fn is_error(namespace: Address) -> bool {
    (-4095..0).contains(&(namespace as i64))
}

/// Whether a mount namespace is one that no process is in, which a detached tree of mounts has (`is_anon_ns`, fs/mount.h).
#[inline(always)]
fn is_anonymous(namespace: Address) -> bool {
    if known!(mnt_namespace_is_anonymous) {
        word(namespace + u64::from(layout!(mnt_namespace_is_anonymous))) & 0xff != 0
    } else {
        known!(mnt_namespace_sequence) && word(namespace + u64::from(layout!(mnt_namespace_sequence))) == 0
    }
}

/// A task's mount namespace; 0 if it is on its way out and has none any more.
#[inline(always)]
fn own_namespace(task: Address) -> Address {
    follow(follow(task, layout!(task_nsproxy)), layout!(nsproxy_mnt_ns))
}

/// [`FLAG_DELETED`] if the dentry was unlinked (`d_unlinked`, include/linux/dcache.h).
#[inline(always)]
fn deleted(dentry: Address) -> u8 {
    let unhashed = known!(dentry_hash_pprev) && follow(dentry, layout!(dentry_hash_pprev)) == 0;
    let is_root = follow(dentry, layout!(dentry_parent)) == dentry;
    if unhashed && !is_root { FLAG_DELETED } else { 0 }
}

/// The `struct vfsmount` of a mount of the dentry's file system in the task's mount namespace that shows the dentry,
/// 0 if there is none; and [`FLAG_AMBIGUOUS`] if there are more, [`FLAG_UNSEARCHED`] if not all were looked at.
#[inline(always)]
fn visible_mount(dentry: Address, task: Address) -> (Address, u8) {
    let packed = pack_visible_mount(dentry, task);
    let flags = ((packed & 1) as u8 * FLAG_AMBIGUOUS) | ((packed >> 1 & 1) as u8 * FLAG_UNSEARCHED);
    (packed & !3, flags)
}

/// [`visible_mount`] as one number, since a BPF function returns one register: the address, which is a multiple of 4; 1 if
/// there are more; and 2 if there may be.
#[inline(never)]
fn pack_visible_mount(dentry: Address, task: Address) -> u64 {
    if !known!(
        mount_next_in_super_block,
        mount_namespace,
        mount_vfsmount,
        vfsmount_root,
        super_block_mounts,
        super_block_mounts_size,
        dentry_parent,
        dentry_sb,
    ) {
        return 0;
    }
    let head = follow(dentry, layout!(dentry_sb)) + u64::from(layout!(super_block_mounts));
    let namespace = own_namespace(task);
    let mut search =
        MountSearch { head, next: word(head), namespace, dentry, found: zero(), count: zero(), ended: false };
    repeat(MOUNTS, &mut search);
    search.found | u64::from(search.count > 1) | u64::from(!search.ended) << 1
}

/// A search among the mounts of a file system.
struct MountSearch {
    head: Address,
    next: Address,
    namespace: Address,
    dentry: Address,
    found: Address,
    count: u64,
    /// No other mount could change the answer.
    ended: bool,
}

impl Step for MountSearch {
    #[inline(always)]
    fn step(&mut self) -> Next {
        if self.next == 0 || self.next == self.head || self.count > 1 {
            self.ended = true;
            return Next::Stop;
        }
        let link = u64::from(layout!(mount_next_in_super_block));
        // Through 6.17 `s_mounts` is a list_head of `mount.mnt_instance`, so that a link points to the next link; from
        // 6.18 it points to the first mount, which points to the next.
        let mount =
            if layout!(super_block_mounts_size) == 16 { self.next.wrapping_sub(link) } else { self.next };
        self.next = word(mount + link);
        if word(mount + u64::from(layout!(mount_namespace))) == self.namespace {
            let vfsmount = mount + u64::from(layout!(mount_vfsmount));
            let root = word(vfsmount + u64::from(layout!(vfsmount_root)));
            // The root of the whole file system is everybody's ancestor.
            let whole = word(root + u64::from(layout!(dentry_parent))) == root;
            let mut ancestry = Ancestry { root, dentry: self.dentry, found: whole };
            if !whole {
                repeat(BIND_STEPS, &mut ancestry);
            }
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

/// Fills in the task's cgroup and appends its path.
///
/// In the default hierarchy (v2); on a machine that only uses v1, in the hierarchy of the first controller whose cgroup
/// is not the root.
#[inline(always)]
pub fn cgroup(record: &mut Record, task: Address) {
    let set = follow(task, layout!(task_cgroups));
    let mut node = follow(follow(set, layout!(css_set_dfl_cgrp)), layout!(cgroup_kn));
    if follow(node, layout!(kernfs_node_parent)) == 0 {
        let mut search = ControllerSearch { set, index: 0, found: node };
        repeat(CONTROLLERS, &mut search);
        node = search.found;
    }
    record.read(|head| &mut head.task.cgroup_id, node, layout!(kernfs_node_id), TaskField::CgroupId);
    kernfs_walk(record, node);
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
        let count = layout!(css_set_subsys_count);
        if count == ABSENT || self.index >= count {
            return Next::Stop;
        }
        let state = follow(self.set + u64::from(self.index) * 8, layout!(css_set_subsys));
        let node = follow(follow(state, layout!(cgroup_subsys_state_cgroup)), layout!(cgroup_kn));
        self.index += 1;
        if follow(node, layout!(kernfs_node_parent)) == 0 {
            return Next::Continue;
        }
        self.found = node;
        Next::Stop
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
