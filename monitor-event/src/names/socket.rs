//! Address families, socket types and protocols, as AppArmor's log writes them: from `AF_*` and `SOCK_*` of
//! include/linux/socket.h and include/linux/net.h, and `IPPROTO_*` of include/uapi/linux/in.h.

use std::borrow::Cow;

use crate::event::Text;

/// `AF_UNIX`.
pub const UNIX: u16 = 1;
/// `AF_INET`.
pub const INET: u16 = 2;
/// `AF_INET6`.
pub const INET6: u16 = 10;

/// By number. (`AF_DECnet`, 12, has no name in AppArmor's table, which takes only capitals.)
const FAMILIES: [&str; 46] = [
    "unspec",
    "unix",
    "inet",
    "ax25",
    "ipx",
    "appletalk",
    "netrom",
    "bridge",
    "atmpvc",
    "x25",
    "inet6",
    "rose",
    "",
    "netbeui",
    "security",
    "key",
    "netlink",
    "packet",
    "ash",
    "econet",
    "atmsvc",
    "rds",
    "sna",
    "irda",
    "pppox",
    "wanpipe",
    "llc",
    "ib",
    "mpls",
    "can",
    "tipc",
    "bluetooth",
    "iucv",
    "rxrpc",
    "isdn",
    "phonet",
    "ieee802154",
    "caif",
    "alg",
    "nfc",
    "vsock",
    "kcm",
    "qipcrtr",
    "smc",
    "xdp",
    "mctp",
];

const KINDS: [&str; 11] = ["", "stream", "dgram", "raw", "rdm", "seqpacket", "dccp", "", "", "", "packet"];

/// A family's name, or `unknown(NN)`.
#[must_use]
pub fn family(number: u16) -> Text<'static> {
    lookup(&FAMILIES, number.into())
}

/// A socket type's name, or `unknown(NN)`.
#[must_use]
pub fn kind(number: u32) -> Text<'static> {
    lookup(&KINDS, number)
}

fn lookup(names: &'static [&str], number: u32) -> Text<'static> {
    match names.get(number as usize) {
        Some(name) if !name.is_empty() => Cow::Borrowed(name),
        _ => Cow::Owned(format!("unknown({number})")),
    }
}

/// A protocol's name in the IP families, `tcp`, else its number; `None` for 0, which stands for none.
#[must_use]
pub fn protocol(family: u16, number: u32) -> Option<Text<'static>> {
    let name = match number {
        0 => return None,
        _ if family != INET && family != INET6 => None,
        1 => Some("icmp"),
        2 => Some("igmp"),
        4 => Some("ipip"),
        6 => Some("tcp"),
        17 => Some("udp"),
        33 => Some("dccp"),
        41 => Some("ipv6"),
        47 => Some("gre"),
        50 => Some("esp"),
        51 => Some("ah"),
        58 => Some("ipv6-icmp"),
        103 => Some("pim"),
        108 => Some("comp"),
        132 => Some("sctp"),
        136 => Some("udplite"),
        255 => Some("raw"),
        262 => Some("mptcp"),
        _ => None,
    };
    Some(name.map_or_else(|| number.to_string().into(), Cow::Borrowed))
}
