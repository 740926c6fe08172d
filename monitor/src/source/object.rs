//! The object, as the kernel's audit data describes it.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use monitor_common::{Directory, ObjectKind as Kind, Socket, chunk::ChunkKind};
use zerocopy::{FromBytes as _, IntoBytes as _, TryFromBytes as _};

use crate::{
    event::{Endpoint, Executable, ObjectKind, PathRoot, TargetProcess},
    path::{MANY_MOUNTS, Path, Searched, Start},
    record::{Chunk, RecordError},
    source::{
        draft::Draft,
        names::{capability, socket},
    },
    text,
};

/// Minor numbers have 20 bits in the kernel's `dev_t`.
const MINOR_BITS: u32 = 20;

/// Fills in what the fixed part says.
pub(super) fn describe<'a>(draft: &mut Draft<'a>, object: &'a monitor_common::Object) {
    let clock = draft.tables.clock;
    draft.magic = object.magic;
    let event = &mut draft.event;
    let to = &mut event.object;
    // A file that is yet to be made has a file system, but no inode.
    if object.has_inode != 0 || object.device != 0 {
        let major = object.device >> MINOR_BITS;
        let minor = object.device & ((1 << MINOR_BITS) - 1);
        to.device = Some(text::escape_padded(&object.device_name));
        to.device_number = Some(format!("{major}:{minor}").into());
    }
    if object.has_inode != 0 {
        to.inode = Some(object.inode);
        to.mode = Some(format!("{:07o}", object.mode).into());
        to.owner = Some(object.owner);
    }
    let Ok(kind) = Kind::try_read_from_bytes(&[object.kind]) else {
        to.kind = ObjectKind::Other;
        draft.missing("object", format!("the kernel's audit data of type {} is unknown", object.kind));
        return;
    };
    to.kind = kind_of(kind);
    match kind {
        Kind::Net => describe_socket(draft, &object.socket),
        Kind::Capability => to.capability = Some(capability::name(object.number)),
        Kind::Ipc => to.ipc_key = Some(object.number.cast_signed()),
        Kind::Task if object.pid != 0 => {
            to.process = Some(TargetProcess {
                pid: object.pid,
                tid: Some(object.tid),
                comm: Some(text::escape_padded(&object.comm)),
                exe: None,
                start_time: (object.start_time != 0).then(|| clock.time_of_day(object.start_time)),
            });
        }
        Kind::Key => to.key_serial = Some(object.number.cast_signed()),
        Kind::Ioctl => event.action.ioctl_command = Some(object.number),
        Kind::NetlinkMessage => to.netlink_message = u16::try_from(object.number).ok(),
        _ => {}
    }
}

fn kind_of(kind: Kind) -> ObjectKind {
    match kind {
        Kind::Unknown | Kind::None => ObjectKind::None,
        Kind::Path | Kind::Inode | Kind::Dentry | Kind::Ioctl | Kind::File => ObjectKind::File,
        Kind::Net | Kind::NetlinkMessage => ObjectKind::Socket,
        Kind::Capability => ObjectKind::Capability,
        Kind::Ipc => ObjectKind::Ipc,
        Kind::Task => ObjectKind::Process,
        Kind::Key => ObjectKind::Key,
        Kind::KernelModule => ObjectKind::KernelModule,
        Kind::AnonInode => ObjectKind::AnonInode,
        Kind::InfinibandPkey | Kind::InfinibandEndport | Kind::Lockdown | Kind::Notification => {
            ObjectKind::Other
        }
    }
}

/// Fills in a socket's family, type, protocol and addresses.
pub(super) fn describe_socket(draft: &mut Draft<'_>, from: &Socket) {
    let to = &mut draft.event.object;
    let family = if from.socket_family == 0 { from.family } else { from.socket_family };
    to.family = (family != 0).then(|| socket::family(family));
    if from.socket_type != 0 {
        to.socket_type = Some(socket::kind(u32::from(from.socket_type)));
        to.protocol = socket::protocol(family, u32::from(from.protocol));
    }
    let request_family = if from.family == 0 { from.socket_family } else { from.family };
    to.source = endpoint(request_family, &from.source, from.source_port);
    to.destination = endpoint(request_family, &from.destination, from.destination_port);
    to.local = endpoint(from.socket_family, &from.local, from.local_port);
    to.remote = endpoint(from.socket_family, &from.remote, from.remote_port);
    if from.interface != 0 {
        draft.missing("object.interface", format!("only its index, {}, is known", from.interface));
    }
}

fn endpoint(family: u16, address: &[u8; 16], port: u16) -> Option<Endpoint<'static>> {
    let address = match family {
        socket::INET => IpAddr::V4(Ipv4Addr::from_octets(*address.first_chunk()?)),
        socket::INET6 => IpAddr::V6(Ipv6Addr::from_octets(*address)),
        _ => return None,
    };
    // Where the kernel judges a port alone, there is no address; and an unspecified one is none.
    let address = (!address.is_unspecified()).then(|| address.to_string().into());
    let port = (port != 0).then_some(port);
    (address.is_some() || port.is_some()).then_some(Endpoint { address, port })
}

/// The name of a file that is in no directory, as `/proc/PID/fd` shows it, by the magic number of its file system
/// (include/uapi/linux/magic.h); `None` if it has no form of its own.
fn own_name(magic: u32, inode: Option<u64>, name: &str) -> Option<String> {
    let inode = inode.unwrap_or_default();
    Some(match magic {
        0x5049_5045 => format!("pipe:[{inode}]"),
        0x534f_434b => format!("socket:[{inode}]"),
        0x0904_1934 => format!("anon_inode:{name}"),
        0x5049_4446 => "anon_inode:[pidfd]".to_owned(),
        _ => return None,
    })
}

/// Takes a chunk about the object.
pub(super) fn take<'a>(draft: &mut Draft<'a>, chunk: &Chunk<'a>) -> Result<(), RecordError> {
    match chunk.kind {
        ChunkKind::ObjectPath => {
            let mut path = Path::new(chunk);
            if path.start == Start::Unreadable {
                draft.missing("object.path", "the path's start could not be read");
            }
            if path.searched == Searched::Some && path.root == PathRoot::FileSystem {
                draft.missing("object.path", MANY_MOUNTS);
            }
            if path.is_name
                && let Some(name) =
                    own_name(draft.magic, draft.event.object.inode, path.text.trim_start_matches('/'))
            {
                path.text = name;
                path.deleted = false;
            }
            let to = &mut draft.event.object;
            to.path_cut = path.start != Start::There;
            to.path_ambiguous = path.ambiguous;
            to.deleted = path.deleted;
            to.path_root = (path.start == Start::There).then_some(path.root);
            to.path = Some(path.text.into());
        }
        ChunkKind::UnixName => match chunk.bytes {
            [] => {}
            [0, name @ ..] => {
                draft.event.object.abstract_name = Some(format!("@{}", text::escape(name)).into());
            }
            // A path in the file system, as it was given to bind: the walked path, if there is one, says more.
            name => drop(draft.event.object.path.get_or_insert_with(|| text::escape_padded(name))),
        },
        ChunkKind::ObjectName => {
            draft.note_defect("object", chunk);
            let name = Some(text::escape(chunk.bytes));
            let to = &mut draft.event.object;
            match to.kind {
                ObjectKind::Key => to.key_description = name,
                ObjectKind::KernelModule => to.kernel_module = name,
                ObjectKind::AnonInode => to.anon_class = name,
                _ => to.name = name,
            }
        }
        ChunkKind::ObjectExe => {
            let path = Path::new(chunk);
            if let Some(defect) = path.defect() {
                draft.missing("object.process.exe", defect);
            }
            if let Some(process) = &mut draft.event.object.process {
                process.exe = Some(path.text.into());
            }
        }
        ChunkKind::Interface => {
            draft.event.missing.retain(|missing| missing.field != "object.interface");
            draft.event.object.interface = Some(text::escape(chunk.bytes));
        }
        ChunkKind::Parent => {
            let error = RecordError::ChunkForm(chunk.kind);
            draft.parent = Some(Directory::read_from_bytes(chunk.bytes).map_err(|_| error)?);
        }
        _ => {}
    }
    Ok(())
}

/// Makes the directory the object, and what was the object an entry in it.
pub(super) fn is_parent(draft: &mut Draft<'_>) {
    let Some(parent) = draft.parent else { return };
    let object = &mut draft.event.object;
    object.inode = Some(parent.inode);
    object.owner = Some(parent.owner);
    object.mode = Some(format!("{:07o}", parent.mode).into());
    object.deleted = false;
    if let Some(path) = object.path.take() {
        let (directory, entry) = path.rsplit_once('/').map_or((None, &*path), |(directory, entry)| {
            (Some(if directory.is_empty() { "/" } else { directory }), entry)
        });
        object.entry = Some(entry.to_owned().into());
        object.path = directory.map(|directory| directory.to_owned().into());
        if object.path.is_none() {
            object.path_root = None;
        }
    }
}

/// Makes the process that an execution would make the object, and the file its executable.
pub(super) fn is_new_process(draft: &mut Draft<'_>) {
    let object = &mut draft.event.object;
    if object.kind != ObjectKind::File {
        return;
    }
    object.kind = ObjectKind::Process;
    object.executable = Some(Executable {
        path: object.path.take(),
        path_root: object.path_root.take(),
        device: object.device.take(),
        device_number: object.device_number.take(),
        inode: object.inode.take(),
        mode: object.mode.take(),
        owner: object.owner.take(),
    });
}

/// Whether a source filled in a socket at all.
pub(super) fn has_socket(from: &Socket) -> bool {
    from.as_bytes().iter().any(|&byte| byte != 0)
}
