//! The object: what `struct common_audit_data` (`include/linux/lsm_audit.h`) says the request was about.
//!
//! The kernel's own reading of it is `dump_common_audit_data` (`security/lsm_audit.c`); this follows that function.

use monitor_common::{
    Directory, Object, ObjectKind,
    chunk::{ChunkKind, FLAG_FAULT},
};

use crate::{
    interface,
    layout::{known, layout},
    memory::{Address, follow, word},
    output::{Record, WithObject},
    path, task,
};

const AF_UNSPEC: u16 = 0;
const AF_UNIX: u16 = 1;
const AF_INET: u16 = 2;
const AF_INET6: u16 = 10;

/// Fills the body's object from the `common_audit_data` at `data`, and appends its chunks. A source calls this last.
///
/// `net` says that the union holds a socket although the type doesn't (AppArmor leaves it at "none" for some).
#[inline(always)]
pub fn describe<B: WithObject>(record: &mut Record, data: Address, net: bool) {
    if !known!(audit_data_type, audit_data_union) {
        return record.fault();
    }
    let kind = if net { ObjectKind::Net as u8 } else { follow(data, layout!(audit_data_type)) as u8 };
    record.object::<B>().kind = kind;
    let union = data + u64::from(layout!(audit_data_union));
    // A chain of comparisons: a match on many values becomes a jump table, which BPF doesn't have.
    let is = |wanted: ObjectKind| kind == wanted as u8;
    if is(ObjectKind::Path) {
        path_object::<B>(record, union);
    } else if is(ObjectKind::File) {
        path_object::<B>(record, word(union).wrapping_add(u64::from(layout!(file_path))));
    } else if is(ObjectKind::Ioctl) {
        let operation = word(union);
        record.object::<B>().number = follow(operation, layout!(ioctl_command)) as u32 & 0xffff;
        path_object::<B>(record, operation.wrapping_add(u64::from(layout!(ioctl_path))));
    } else if is(ObjectKind::Dentry) {
        dentry_object::<B>(record, word(union));
    } else if is(ObjectKind::Inode) {
        inode::<B>(record, word(union));
    } else if is(ObjectKind::Net) {
        network::<B>(record, word(union));
    } else if is(ObjectKind::Task) {
        target_task::<B>(record, word(union));
    } else if is(ObjectKind::Key) {
        record.object::<B>().number = word(union) as u32;
        record.string_chunk(ChunkKind::ObjectName, follow(data, layout!(audit_data_key_description)));
    } else if is(ObjectKind::KernelModule) || is(ObjectKind::AnonInode) {
        record.string_chunk(ChunkKind::ObjectName, word(union));
    } else if is(ObjectKind::NetlinkMessage) {
        record.object::<B>().number = word(union) as u32 & 0xffff;
    } else if is(ObjectKind::Capability) || is(ObjectKind::Ipc) || is(ObjectKind::Lockdown) {
        record.object::<B>().number = word(union) as u32;
    }
}

/// Fills the object from a `struct inode`.
#[inline(always)]
pub fn inode<B: WithObject>(record: &mut Record, inode: Address) {
    record.object::<B>().kind = ObjectKind::Inode as u8;
    inode_fields::<B>(record, inode);
    path::inode(record, ChunkKind::ObjectPath, inode, task::current());
}

/// Fills the object from a `struct path`.
#[inline(never)]
pub fn path_object<B: WithObject>(record: &mut Record, path: Address) {
    dentry_fields::<B>(record, follow(path, layout!(path_dentry)));
    path::path(record, ChunkKind::ObjectPath, path);
}

/// Fills the object from a `struct dentry`.
#[inline(always)]
pub fn dentry_object<B: WithObject>(record: &mut Record, dentry: Address) {
    dentry_fields::<B>(record, dentry);
    parent(record, follow(follow(dentry, layout!(dentry_parent)), layout!(dentry_inode)));
    path::dentry(record, ChunkKind::ObjectPath, dentry, task::current());
}

/// Appends the directory that a dentry is in, by its inode: a module may be asked about that, for an entry of this name.
#[inline(always)]
fn parent(record: &mut Record, inode: Address) {
    let Some(chunk) = record.begin(ChunkKind::Parent) else { return };
    record.value(Directory {
        inode: follow(inode, layout!(inode_ino)),
        owner: follow(inode, layout!(inode_uid)) as u32,
        mode: follow(inode, layout!(inode_mode)) as u32 & 0xffff,
    });
    record.end(chunk);
}

/// Fills the object from the root of a mount, a `struct vfsmount`.
#[inline(always)]
pub fn mount_root<B: WithObject>(record: &mut Record, mount: Address) {
    dentry_fields::<B>(record, follow(mount, layout!(vfsmount_root)));
    path::mount_root(record, ChunkKind::ObjectPath, mount);
}

#[inline(always)]
fn dentry_fields<B: WithObject>(record: &mut Record, dentry: Address) {
    let inode = follow(dentry, layout!(dentry_inode));
    // A file that is yet to be made has no inode; its file system is known by the dentry.
    if inode == 0 {
        device_fields::<B>(record, follow(dentry, layout!(dentry_sb)));
    } else {
        inode_fields::<B>(record, inode);
    }
}

#[inline(always)]
fn inode_fields<B: WithObject>(record: &mut Record, inode: Address) {
    record.read_object::<B, _>(|object| &mut object.inode, inode, layout!(inode_ino));
    record.read_object::<B, _>(|object| &mut object.mode, inode, layout!(inode_mode));
    record.read_object::<B, _>(|object| &mut object.owner, inode, layout!(inode_uid));
    record.object::<B>().has_inode = 1;
    device_fields::<B>(record, follow(inode, layout!(inode_sb)));
}

#[inline(always)]
fn device_fields<B: WithObject>(record: &mut Record, super_block: Address) {
    record.read_object::<B, _>(|object| &mut object.device, super_block, layout!(super_block_dev));
    record.read_object::<B, _>(|object| &mut object.device_name, super_block, layout!(super_block_id));
    record.object::<B>().magic = follow(super_block, layout!(super_block_magic)) as u32;
}

/// Fills the object from a target process.
#[inline(never)]
pub fn target_task<B: WithObject>(record: &mut Record, target: Address) {
    if target == 0 {
        return;
    }
    let leader = follow(target, layout!(task_group_leader));
    record.read_object::<B, _>(|object| &mut object.pid, target, layout!(task_tgid));
    record.read_object::<B, _>(|object| &mut object.tid, target, layout!(task_pid));
    record.read_object::<B, _>(|object| &mut object.comm, target, layout!(task_comm));
    record.read_object::<B, _>(|object| &mut object.start_time, leader, layout!(task_start_boottime));
    task::executable(record, ChunkKind::ObjectExe, target);
}

/// Fills the object from a `struct lsm_network_audit`.
#[inline(always)]
fn network<B: WithObject>(record: &mut Record, net: Address) {
    if net == 0 {
        return;
    }
    let family = follow(net, layout!(net_audit_family)) as u16;
    record.object::<B>().socket.family = family;
    record.read_object::<B, _>(|object| &mut object.socket.interface, net, layout!(net_audit_interface));
    let sock = follow(net, layout!(net_audit_sock));
    interface::name(record, follow(net, layout!(net_audit_interface)) as u32);
    let out = &mut record.object::<B>().socket;
    out.source_port = u16::from_be(follow(net, layout!(net_audit_sport)) as u16);
    out.destination_port = u16::from_be(follow(net, layout!(net_audit_dport)) as u16);
    if family == AF_INET {
        record.read_object::<B, _>(|object| v4(&mut object.socket.source), net, layout!(net_audit_v4_saddr));
        record.read_object::<B, _>(
            |object| v4(&mut object.socket.destination),
            net,
            layout!(net_audit_v4_daddr),
        );
    } else if family == AF_INET6 {
        record.read_object::<B, _>(|object| &mut object.socket.source, net, layout!(net_audit_v6_saddr));
        record.read_object::<B, _>(|object| &mut object.socket.destination, net, layout!(net_audit_v6_daddr));
    }
    socket::<B>(record, sock);
}

/// Fills the object from a `struct sock`, if there is one.
#[inline(never)]
pub fn socket<B: WithObject>(record: &mut Record, sock: Address) {
    if sock == 0 {
        return;
    }
    let family = follow(sock, layout!(sock_family)) as u16;
    record.object::<B>().socket.socket_family = family;
    record.read_object::<B, _>(|object| &mut object.socket.socket_type, sock, layout!(sock_type));
    record.read_object::<B, _>(|object| &mut object.socket.protocol, sock, layout!(sock_protocol));
    if family == AF_UNIX {
        return unix_name(record, sock);
    }
    if family == AF_INET {
        record.read_object::<B, _>(|object| v4(&mut object.socket.local), sock, layout!(sock_rcv_saddr));
        record.read_object::<B, _>(|object| v4(&mut object.socket.remote), sock, layout!(sock_daddr));
    } else if family == AF_INET6 {
        record.read_object::<B, _>(|object| &mut object.socket.local, sock, layout!(sock_v6_rcv_saddr));
        record.read_object::<B, _>(|object| &mut object.socket.remote, sock, layout!(sock_v6_daddr));
    } else {
        return;
    }
    let out = &mut record.object::<B>().socket;
    out.local_port = follow(sock, layout!(sock_num)) as u16;
    out.remote_port = u16::from_be(follow(sock, layout!(sock_dport)) as u16);
}

/// Appends what a unix socket is bound to: a path or a name.
#[inline(always)]
fn unix_name(record: &mut Record, sock: Address) {
    if !known!(unix_sock_path, unix_sock_addr, unix_address_len, unix_address_name) {
        return record.fault();
    }
    let bound = sock + u64::from(layout!(unix_sock_path));
    if follow(bound, layout!(path_dentry)) != 0 {
        return path::path(record, ChunkKind::ObjectPath, bound);
    }
    let address = follow(sock, layout!(unix_sock_addr));
    // `len` counts the two bytes of `sun_family` before the name.
    let len = (follow(address, layout!(unix_address_len)) & 0xffff_ffff).wrapping_sub(2);
    if address == 0 || len == 0 || len > 108 {
        return;
    }
    let Some(chunk) = record.begin(ChunkKind::UnixName) else { return };
    if record.bytes(address + u64::from(layout!(unix_address_name)) + 2, len).is_err() {
        record.flag(chunk, FLAG_FAULT);
    }
    record.end(chunk);
}

/// The first four bytes, for an IPv4 address.
#[inline(always)]
fn v4(address: &mut [u8; 16]) -> &mut [u8; 4] {
    // SAFETY: four bytes of sixteen, of the same alignment.
    unsafe { &mut *(&raw mut *address).cast() }
}

/// Fills the request's source or destination from a kernel copy of a `struct sockaddr` of `len` bytes.
#[inline(always)]
pub fn socket_address<B: WithObject>(record: &mut Record, address: Address, len: u32, is_source: bool) {
    // The layout of sockaddr_in and sockaddr_in6 is the ABI's: family, port, then the address (IPv6: after flowinfo).
    let start = word(address);
    // An address without a family is an IPv4 one to some calls (`inet_dgram_connect`, net/ipv4/af_inet.c).
    let family = if start as u16 == AF_UNSPEC { AF_INET } else { start as u16 };
    let port = u16::from_be((start >> 16) as u16);
    let out = &mut record.object::<B>().socket;
    out.family = family;
    if is_source {
        out.source_port = port;
    } else {
        out.destination_port = port;
    }
    if family == AF_INET6 && len >= 24 {
        record.read_object::<B, _>(|object| end(object, is_source), address, 8);
    } else if family == AF_INET {
        record.read_object::<B, _>(|object| v4(end(object, is_source)), address, 4);
    }
}

/// Fills the request's source or destination from an IPv4 or IPv6 address alone.
#[inline(always)]
pub fn address<B: WithObject>(record: &mut Record, address: Address, is_ipv6: bool, is_source: bool) {
    if is_ipv6 {
        record.read_object::<B, _>(|object| end(object, is_source), address, 0);
    } else {
        record.read_object::<B, _>(|object| v4(end(object, is_source)), address, 0);
    }
}

#[inline(always)]
fn end(object: &mut Object, is_source: bool) -> &mut [u8; 16] {
    if is_source { &mut object.socket.source } else { &mut object.socket.destination }
}
