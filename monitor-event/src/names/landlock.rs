//! Landlock's access rights, as `blockers=` of its audit records names them (security/landlock/audit.c).

use monitor_common::LandlockRequest;

use crate::{event::Text, names};

/// `LANDLOCK_ACCESS_FS_*`, by bit.
const FS: [&str; 17] = [
    "fs.execute",
    "fs.write_file",
    "fs.read_file",
    "fs.read_dir",
    "fs.remove_dir",
    "fs.remove_file",
    "fs.make_char",
    "fs.make_dir",
    "fs.make_reg",
    "fs.make_sock",
    "fs.make_fifo",
    "fs.make_block",
    "fs.make_sym",
    "fs.refer",
    "fs.truncate",
    "fs.ioctl_dev",
    "fs.resolve_unix",
];

/// `LANDLOCK_ACCESS_NET_*`, by bit.
const NET: [&str; 4] = ["net.bind_tcp", "net.connect_tcp", "net.bind_udp", "net.connect_send_udp"];

/// The check of this number.
#[must_use]
pub fn request(number: u32) -> Option<LandlockRequest> {
    use LandlockRequest as Request;
    [
        Request::Ptrace,
        Request::ChangeTopology,
        Request::FsAccess,
        Request::NetAccess,
        Request::ScopeAbstractUnixSocket,
        Request::ScopeSignal,
    ]
    .into_iter()
    .find(|&request| request as u32 == number)
}

/// A check's class.
#[must_use]
pub fn class(request: LandlockRequest) -> &'static str {
    match request {
        LandlockRequest::Ptrace => "ptrace",
        LandlockRequest::ChangeTopology | LandlockRequest::FsAccess => "fs",
        LandlockRequest::NetAccess => "net",
        LandlockRequest::ScopeAbstractUnixSocket | LandlockRequest::ScopeSignal => "scope",
    }
}

/// `LANDLOCK_ACCESS_FS_IOCTL_DEV` (include/uapi/linux/landlock.h).
pub const FS_IOCTL_DEV: u64 = 1 << 15;

/// What a check blocks.
#[must_use]
pub fn blockers(request: LandlockRequest, mask: u64) -> Vec<Text<'static>> {
    let of_table =
        |table: &'static [&str]| names::names_of_bits(mask, |bit| table.get(bit as usize).copied());
    match request {
        LandlockRequest::Ptrace => vec!["ptrace".into()],
        LandlockRequest::ChangeTopology => vec!["fs.change_topology".into()],
        LandlockRequest::FsAccess => of_table(&FS),
        LandlockRequest::NetAccess => of_table(&NET),
        LandlockRequest::ScopeAbstractUnixSocket => vec!["scope.abstract_unix_socket".into()],
        LandlockRequest::ScopeSignal => vec!["scope.signal".into()],
    }
}
