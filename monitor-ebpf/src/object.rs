//! The object: what `struct common_audit_data` (include/linux/lsm_audit.h) says the request was about.
//!
//! The kernel's own reading of it is `dump_common_audit_data` (security/lsm_audit.c); this follows that function.

use monitor_common::{Object, ObjectKind, chunk::ChunkKind};

use crate::{
    layout::layout,
    memory::{Address, Fault, at, member},
    output::{Record, WithObject},
    path, task,
};

const AF_UNIX: u16 = 1;
const AF_INET: u16 = 2;
const AF_INET6: u16 = 10;

/// Fills `object`, which lies in the record's body, from the `common_audit_data` at `data`, and appends its chunks.
///
/// `net` says that the union holds a socket although the type doesn't (AppArmor leaves it at "none" for some).
#[inline(always)]
pub fn describe<B: WithObject>(record: &mut Record, data: Address, net: bool) {
    let Ok(kind) = member::<u8>(data, layout!(audit_data_type)) else {
        record.fault();
        return;
    };
    let kind = if net { ObjectKind::Net as u8 } else { kind };
    record.object::<B>().kind = kind;
    let Ok(union) = at(data, layout!(audit_data_union)) else { return };
    if fill::<B>(record, kind, union, data).is_err() {
        record.fault();
    }
}

#[inline(always)]
fn fill<B: WithObject>(
    record: &mut Record,
    kind: u8,
    union: Address,
    data: Address,
) -> Result<(), Fault> {
    // A chain of comparisons: a match on many values becomes a jump table, which BPF doesn't have.
    let is = |wanted: ObjectKind| kind == wanted as u8;
    if is(ObjectKind::Path) {
        path_object::<B>(record, union)
    } else if is(ObjectKind::File) {
        let file = member::<Address>(union, 0)?;
        path_object::<B>(record, at(file, layout!(file_path))?)
    } else if is(ObjectKind::Ioctl) {
        let operation = member::<Address>(union, 0)?;
        record.object::<B>().number = u32::from(member::<u16>(operation, layout!(ioctl_command))?);
        path_object::<B>(record, at(operation, layout!(ioctl_path))?)
    } else if is(ObjectKind::Dentry) {
        let dentry = member::<Address>(union, 0)?;
        inode_fields(record.object::<B>(), member(dentry, layout!(dentry_inode))?)?;
        path::dentry(record, ChunkKind::ObjectPath, dentry, task::current());
        Ok(())
    } else if is(ObjectKind::Inode) {
        let inode = member::<Address>(union, 0)?;
        inode_fields(record.object::<B>(), inode)?;
        path::inode(record, ChunkKind::ObjectPath, inode, task::current());
        Ok(())
    } else if is(ObjectKind::Net) {
        network::<B>(record, member(union, 0)?)
    } else if is(ObjectKind::Task) {
        target_task::<B>(record, member(union, 0)?)
    } else if is(ObjectKind::Capability) || is(ObjectKind::Ipc) || is(ObjectKind::Lockdown) {
        record.object::<B>().number = member(union, 0)?;
        Ok(())
    } else if is(ObjectKind::NetlinkMessage) {
        record.object::<B>().number = u32::from(member::<u16>(union, 0)?);
        Ok(())
    } else if is(ObjectKind::Key) {
        record.object::<B>().number = member(union, 0)?;
        record.string_chunk(ChunkKind::ObjectName, member(data, layout!(audit_data_key_description))?);
        Ok(())
    } else if is(ObjectKind::KernelModule) || is(ObjectKind::AnonInode) {
        record.string_chunk(ChunkKind::ObjectName, member(union, 0)?);
        Ok(())
    } else {
        Ok(())
    }
}

/// Fills the object from a `struct path`.
#[inline(always)]
pub fn path_object<B: WithObject>(
    record: &mut Record,
    path: Address,
) -> Result<(), Fault> {
    let dentry = member::<Address>(path, layout!(path_dentry))?;
    let inode = member::<Address>(dentry, layout!(dentry_inode))?;
    // A file that is yet to be made has no inode; its file system is known by the dentry.
    if inode == 0 {
        device_fields(record.object::<B>(), member(dentry, layout!(dentry_sb))?)?;
    } else {
        inode_fields(record.object::<B>(), inode)?;
    }
    path::path(record, ChunkKind::ObjectPath, path);
    Ok(())
}

#[inline(always)]
fn inode_fields(object: &mut Object, inode: Address) -> Result<(), Fault> {
    object.inode = member(inode, layout!(inode_ino))?;
    object.mode = member(inode, layout!(inode_mode))?;
    object.owner = member(inode, layout!(inode_uid))?;
    object.has_inode = 1;
    device_fields(object, member(inode, layout!(inode_sb))?)
}

#[inline(always)]
fn device_fields(object: &mut Object, super_block: Address) -> Result<(), Fault> {
    object.device = member(super_block, layout!(super_block_dev))?;
    object.device_name = member(super_block, layout!(super_block_id))?;
    Ok(())
}

/// Fills the object from a target process.
#[inline(always)]
pub fn target_task<B: WithObject>(
    record: &mut Record,
    target: Address,
) -> Result<(), Fault> {
    if target == 0 {
        return Ok(());
    }
    let (pid, tid, start_time, comm) = task::target(target)?;
    let out = record.object::<B>();
    out.pid = pid;
    out.tid = tid;
    out.start_time = start_time;
    out.comm = comm;
    task::executable(record, ChunkKind::ObjectExe, target);
    Ok(())
}

/// Fills the object from a `struct lsm_network_audit`.
#[inline(always)]
fn network<B: WithObject>(record: &mut Record, net: Address) -> Result<(), Fault> {
    if net == 0 {
        return Ok(());
    }
    let family = member::<u16>(net, layout!(net_audit_family))?;
    let out = &mut record.object::<B>().socket;
    out.family = family;
    out.interface = member(net, layout!(net_audit_interface))?;
    out.source_port = u16::from_be(member(net, layout!(net_audit_sport))?);
    out.destination_port = u16::from_be(member(net, layout!(net_audit_dport))?);
    if family == AF_INET {
        copy4(&mut out.source, member(net, layout!(net_audit_v4_saddr))?);
        copy4(&mut out.destination, member(net, layout!(net_audit_v4_daddr))?);
    } else if family == AF_INET6 {
        out.source = member(net, layout!(net_audit_v6_saddr))?;
        out.destination = member(net, layout!(net_audit_v6_daddr))?;
    }
    socket::<B>(record, member(net, layout!(net_audit_sock))?)
}

/// Fills the object from a `struct sock`, if there is one.
#[inline(always)]
pub fn socket<B: WithObject>(
    record: &mut Record,
    sock: Address,
) -> Result<(), Fault> {
    if sock == 0 {
        return Ok(());
    }
    let family = member::<u16>(sock, layout!(sock_family))?;
    let out = &mut record.object::<B>().socket;
    out.socket_family = family;
    out.socket_type = member(sock, layout!(sock_type)).unwrap_or(0);
    out.protocol = member(sock, layout!(sock_protocol)).unwrap_or(0);
    if family == AF_INET {
        copy4(&mut out.local, member(sock, layout!(sock_rcv_saddr))?);
        copy4(&mut out.remote, member(sock, layout!(sock_daddr))?);
    } else if family == AF_INET6 {
        out.local = member(sock, layout!(sock_v6_rcv_saddr))?;
        out.remote = member(sock, layout!(sock_v6_daddr))?;
    }
    if family == AF_INET || family == AF_INET6 {
        out.local_port = member(sock, layout!(sock_num))?;
        out.remote_port = u16::from_be(member(sock, layout!(sock_dport))?);
    }
    if family == AF_UNIX { unix_name(record, sock) } else { Ok(()) }
}

/// Appends what a unix socket is bound to: a path or a name.
#[inline(always)]
fn unix_name(record: &mut Record, sock: Address) -> Result<(), Fault> {
    let bound = at(sock, layout!(unix_sock_path))?;
    if member::<Address>(bound, layout!(path_dentry))? != 0 {
        path::path(record, ChunkKind::ObjectPath, bound);
        return Ok(());
    }
    let address = member::<Address>(sock, layout!(unix_sock_addr))?;
    if address == 0 {
        return Ok(());
    }
    // `len` counts the two bytes of `sun_family` before the name.
    let len = u64::from(member::<u32>(address, layout!(unix_address_len))?).wrapping_sub(2);
    if len == 0 || len > 108 {
        return Ok(());
    }
    let Some(chunk) = record.begin(ChunkKind::UnixName) else { return Ok(()) };
    let result = record.bytes(at(address, layout!(unix_address_name))? + 2, len);
    record.end(chunk);
    result
}

#[inline(always)]
fn copy4(to: &mut [u8; 16], from: [u8; 4]) {
    to[0] = from[0];
    to[1] = from[1];
    to[2] = from[2];
    to[3] = from[3];
}

/// Fills the request's source or destination from a kernel copy of a `struct sockaddr` of `len` bytes.
#[inline(always)]
pub fn socket_address<B: WithObject>(
    record: &mut Record,
    address: Address,
    len: u32,
    is_source: bool,
) -> Result<(), Fault> {
    // The layout of sockaddr_in and sockaddr_in6 is the ABI's: family, port, then the address (IPv6: after flowinfo).
    let family = member::<u16>(address, 0)?;
    let port = u16::from_be(member::<u16>(address, 2)?);
    let mut ip = [0; 16];
    if family == AF_INET6 && len >= 24 {
        ip = member(address, 8)?;
    } else if family == AF_INET {
        copy4(&mut ip, member(address, 4)?);
    }
    let out = &mut record.object::<B>().socket;
    out.family = family;
    if is_source {
        out.source = ip;
        out.source_port = port;
    } else {
        out.destination = ip;
        out.destination_port = port;
    }
    Ok(())
}
