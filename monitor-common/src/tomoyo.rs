//! TOMOYO's record.

use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout};

use crate::Object;

/// What is asked of TOMOYO: `enum tomoyo_acl_entry_type_index` (security/tomoyo/common.h), the same from 5.10 to 7.3.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum TomoyoRequest {
    /// Something with a path.
    Path = 0,
    /// Something with two paths.
    Path2 = 1,
    /// Something with a path and a number.
    PathNumber = 2,
    /// A device's node.
    Device = 3,
    /// A mount.
    Mount = 4,
    /// A socket of the internet.
    Inet = 5,
    /// A unix socket.
    Unix = 6,
    /// A variable of a new program's environment.
    Environment = 7,
}

/// The body of TOMOYO's record, from `struct tomoyo_request_info`. The domain and the names are chunks.
#[derive(Clone, Copy, Debug, FromBytes, IntoBytes, Immutable, KnownLayout)]
#[repr(C)]
pub struct Tomoyo {
    /// [`TomoyoRequest::PathNumber`]: the number; [`TomoyoRequest::Mount`]: the flags.
    pub number: u64,
    /// [`TomoyoRequest::Device`]: the node's mode, major and minor.
    pub device: [u32; 3],
    /// [`TomoyoRequest::Inet`]: the port, in host byte order.
    pub port: u16,
    /// A [`TomoyoRequest`].
    pub request: u8,
    /// The operation, as the request numbers it.
    pub operation: u8,
    /// `enum tomoyo_mode_index`: 1 learning, 2 permissive, 3 enforcing.
    pub mode: u8,
    /// The number of the domain's profile.
    pub profile: u8,
    /// The profile's setting of this operation: a mode, and whether refusals are logged; 255: that of the category.
    pub config: u8,
    /// That of the categories file, network and misc; 255: the default.
    pub category_configs: [u8; 3],
    /// That of all else.
    pub default_config: u8,
    /// 1 if the three settings are known.
    pub has_configs: u8,
    /// 1 if an administrator, who may allow it after all, is asked (`tomoyo_query_observers`).
    pub asks: u8,
    /// 1 if a socket's address is one of IPv6.
    pub is_ipv6: u8,
    /// A socket's type.
    pub protocol: u8,
    /// Unused, zero.
    pub reserved: [u8; 5],
    /// What was asked for.
    pub object: Object,
}
