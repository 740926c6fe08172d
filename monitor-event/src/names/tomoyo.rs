//! TOMOYO's words, as its policy and its log write them: the keywords of security/tomoyo/{file,network,util}.c, which have
//! stood in this order from 3.2 to 7.3.

use monitor_common::TomoyoRequest;

/// How a request's number is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Radix {
    /// `0644`.
    Octal,
    /// `1000`.
    Decimal,
    /// `0x5401`.
    Hexadecimal,
}

const PATH: [&str; 11] = [
    "execute", "read", "write", "append", "unlink", "getattr", "rmdir", "truncate", "symlink", "chroot",
    "unmount",
];
const PATH2: [&str; 3] = ["link", "rename", "pivot_root"];
const PATH_NUMBER: [&str; 8] = ["create", "mkdir", "mkfifo", "mksock", "ioctl", "chmod", "chown", "chgrp"];
const DEVICE: [&str; 2] = ["mkblock", "mkchar"];
const SOCKET: [&str; 4] = ["bind", "listen", "connect", "send"];
const MODES: [&str; 4] = ["disabled", "learning", "permissive", "enforcing"];

/// The place of `ioctl` among the requests with a path and a number.
pub const IOCTL: u8 = 4;
/// The last of the socket operations whose address is the socket's own.
pub const LISTEN: u8 = 1;

/// What is asked, by its number; `None` for one that denyd doesn't know.
#[must_use]
pub fn request(number: u8) -> Option<TomoyoRequest> {
    use TomoyoRequest::{Device, Environment, Inet, Mount, Path, Path2, PathNumber, Unix};
    [Path, Path2, PathNumber, Device, Mount, Inet, Unix, Environment]
        .into_iter()
        .find(|&known| known as u8 == number)
}

/// The category of an operation.
#[must_use]
pub fn category(request: TomoyoRequest) -> &'static str {
    match request {
        TomoyoRequest::Inet | TomoyoRequest::Unix => "network",
        TomoyoRequest::Environment => "misc",
        _ => "file",
    }
}

/// The operation's name.
#[must_use]
pub fn operation(request: TomoyoRequest, number: u8) -> Option<&'static str> {
    let names: &[_] = match request {
        TomoyoRequest::Path => &PATH,
        TomoyoRequest::Path2 => &PATH2,
        TomoyoRequest::PathNumber => &PATH_NUMBER,
        TomoyoRequest::Device => &DEVICE,
        TomoyoRequest::Inet | TomoyoRequest::Unix => &SOCKET,
        TomoyoRequest::Mount => return Some("mount"),
        TomoyoRequest::Environment => return Some("env"),
    };
    names.get(usize::from(number)).copied()
}

/// How the number of a request with a path is written (`tomoyo_audit_path_number_log`).
#[must_use]
pub fn radix(operation: u8) -> Radix {
    match operation {
        0..=3 | 5 => Radix::Octal,
        IOCTL => Radix::Hexadecimal,
        _ => Radix::Decimal,
    }
}

/// The mode's name.
#[must_use]
pub fn mode(number: u8) -> Option<&'static str> {
    MODES.get(usize::from(number)).copied()
}
