//! The object of a denial, as the kernel's `struct common_audit_data` (`include/linux/lsm_audit.h`) holds it.

use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout, TryFromBytes};

/// What kind of thing an [`Object`] is: the kernel's `LSM_AUDIT_DATA_*`, which have not changed from 5.10 to 7.3.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Immutable, KnownLayout, TryFromBytes)]
#[repr(u8)]
pub enum ObjectKind {
    /// The kernel gave no object.
    Unknown = 0,
    /// A file, by `struct path`.
    Path = 1,
    /// A socket or a packet.
    Net = 2,
    /// A capability.
    Capability = 3,
    /// A System V IPC object.
    Ipc = 4,
    /// A process.
    Task = 5,
    /// A key.
    Key = 6,
    /// Nothing.
    None = 7,
    /// A kernel module, by name.
    KernelModule = 8,
    /// A file, of which only the inode is known.
    Inode = 9,
    /// A file, by `struct dentry`.
    Dentry = 10,
    /// A file and an ioctl command.
    Ioctl = 11,
    /// An open file.
    File = 12,
    /// An Infiniband partition key.
    InfinibandPkey = 13,
    /// An Infiniband end port.
    InfinibandEndport = 14,
    /// The kernel is locked down; the reason's number.
    Lockdown = 15,
    /// A notification (a watch).
    Notification = 16,
    /// An anonymous inode of a class.
    AnonInode = 17,
    /// A netlink message type.
    NetlinkMessage = 18,
}

/// The fixed part of the object; its path and names are chunks.
#[derive(Clone, Copy, Debug, FromBytes, IntoBytes, Immutable, KnownLayout)]
#[repr(C)]
pub struct Object {
    /// Inode number; 0 if there is none.
    pub inode: u64,
    /// The target process's start: nanoseconds since boot.
    pub start_time: u64,
    /// Device number of the file system, as the kernel has it (20 bits of minor).
    pub device: u32,
    /// User id of the file's owner, in the initial namespace.
    pub owner: u32,
    /// Process id of the target process.
    pub pid: u32,
    /// Thread id of the target.
    pub tid: u32,
    /// A number that the kind gives: the capability, the IPC key, the key's serial, the ioctl command, the netlink
    /// message type.
    pub number: u32,
    /// File type and permissions.
    pub mode: u16,
    /// An [`ObjectKind`].
    pub kind: u8,
    /// 1 if the inode's fields are valid.
    pub has_inode: u8,
    /// The file system's magic number (`super_block.s_magic`, include/uapi/linux/magic.h).
    pub magic: u32,
    /// Unused, zero.
    pub reserved: u32,
    /// The file system's name as audit prints it (`super_block.s_id`: `sda1`, `tmpfs`), NUL-padded.
    pub device_name: [u8; 32],
    /// The target process's name, NUL-padded.
    pub comm: [u8; 16],
    /// The socket.
    pub socket: Socket,
}

/// A directory, in a chunk of [`crate::chunk::ChunkKind::Parent`].
#[derive(Clone, Copy, Debug, FromBytes, IntoBytes, Immutable, KnownLayout)]
#[repr(C)]
pub struct Directory {
    /// Inode number.
    pub inode: u64,
    /// User id of the owner, in the initial namespace.
    pub owner: u32,
    /// File type and permissions.
    pub mode: u32,
}

/// A socket and the addresses of the request. Addresses are in network byte order, an IPv4 one in the first 4 bytes;
/// ports are in host byte order, 0 for none.
#[derive(Clone, Copy, Debug, FromBytes, IntoBytes, Immutable, KnownLayout)]
#[repr(C)]
pub struct Socket {
    /// The address that the request names as source.
    pub source: [u8; 16],
    /// The address that the request names as destination.
    pub destination: [u8; 16],
    /// The address that the socket is bound to.
    pub local: [u8; 16],
    /// The address that the socket is connected to.
    pub remote: [u8; 16],
    /// Port of [`Self::source`].
    pub source_port: u16,
    /// Port of [`Self::destination`].
    pub destination_port: u16,
    /// Port of [`Self::local`].
    pub local_port: u16,
    /// Port of [`Self::remote`].
    pub remote_port: u16,
    /// Address family of the request (`AF_*`).
    pub family: u16,
    /// Address family of the socket (`AF_*`); 0 if there is no socket.
    pub socket_family: u16,
    /// `SOCK_*`; 0 where not readable.
    pub socket_type: u16,
    /// `IPPROTO_*`.
    pub protocol: u16,
    /// Index of the network interface; 0 for none.
    pub interface: u32,
    /// Unused, zero.
    pub reserved: u32,
}
