//! Labels of ports, interfaces, addresses and files that have none of their own.

use std::net::IpAddr;

use crate::selinux::policy::{ClassId, Context, Policy, TypeId};

/// Names of the kernel's initial SIDs (`initial_sid_to_string.h`), by their numbers.
pub const INITIAL_SIDS: [&str; 28] = [
    "null",
    "kernel",
    "security",
    "unlabeled",
    "fs",
    "file",
    "file_labels",
    "init",
    "any_socket",
    "port",
    "netif",
    "netmsg",
    "node",
    "igmp_packet",
    "icmp_socket",
    "tcp_socket",
    "sysctl_modprobe",
    "sysctl",
    "sysctl_fs",
    "sysctl_kernel",
    "sysctl_net",
    "sysctl_net_unix",
    "sysctl_vm",
    "sysctl_dev",
    "kmod",
    "policy",
    "scmp_packet",
    "devnull",
];

/// A label, and whether the policy names what it is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LabelOf<'p> {
    /// The label; none if the policy lacks that of the initial SID, too.
    pub context: Option<&'p Context>,
    /// Whether it is only that of the initial SID, which all have that the policy doesn't name.
    pub by_default: bool,
}

impl Policy {
    /// The label of an initial SID.
    #[must_use]
    pub fn initial(&self, name: &str) -> Option<&Context> {
        let number = INITIAL_SIDS.iter().position(|known| *known == name)?;
        let initial = self.labels.initial.iter().find(|(sid, _)| usize::try_from(*sid) == Ok(number));
        initial.map(|(_, context)| context)
    }

    fn or_initial<'p>(&'p self, found: Option<&'p Context>, initial: &str) -> LabelOf<'p> {
        LabelOf { context: found.or_else(|| self.initial(initial)), by_default: found.is_none() }
    }

    /// The label of a port of the protocol with this number (`security_port_sid()`, security/selinux/ss/services.c).
    #[must_use]
    pub fn port(&self, protocol: u32, port: u16) -> LabelOf<'_> {
        let port = u32::from(port);
        let found = self
            .labels
            .ports
            .iter()
            .find(|known| known.protocol == protocol && known.first <= port && port <= known.last);
        self.or_initial(found.map(|port| &port.context), "port")
    }

    /// The label of a network interface (`security_netif_sid()`).
    #[must_use]
    pub fn interface(&self, name: &str) -> LabelOf<'_> {
        let wildcards = self.has_capability("netif_wildcard");
        let matches =
            |known: &str| if wildcards { fits(known.as_bytes(), name.as_bytes()) } else { known == name };
        let found = self.labels.interfaces.iter().find(|(known, ..)| matches(known));
        self.or_initial(found.map(|(_, context, _)| context), "netif")
    }

    /// The label of a node's address (`security_node_sid()`).
    #[must_use]
    pub fn node(&self, address: IpAddr) -> LabelOf<'_> {
        let matches = |known: &[u8], mask: &[u8], address: &[u8]| {
            known.iter().zip(mask).zip(address).all(|((known, mask), octet)| *known == octet & mask)
        };
        let found = match address {
            IpAddr::V4(address) => {
                let octets = address.octets();
                self.labels
                    .nodes
                    .iter()
                    .find(|(known, mask, _)| matches(known, mask, &octets))
                    .map(|node| &node.2)
            }
            IpAddr::V6(address) => {
                let octets = address.octets();
                let nodes = &self.labels.nodes_v6;
                nodes.iter().find(|(known, mask, _)| matches(known, mask, &octets)).map(|node| &node.2)
            }
        };
        self.or_initial(found, "node")
    }

    /// The label of a file by its path within a file system whose files have none (`security_genfs_sid()`).
    #[must_use]
    pub fn path(&self, file_system: &str, path: &[u8], class: ClassId) -> Option<&Context> {
        let slashes = path.iter().take_while(|byte| **byte == b'/').count();
        let path = path.get(slashes.saturating_sub(1)..)?;
        let labels = self.labels.paths.get(file_system)?;
        let wildcards = self.has_capability("genfs_seclabel_wildcard");
        let matches = |beginning: &[u8]| {
            // The kernel puts `*` behind patterns, so that they are beginnings, too.
            if wildcards { fits(&[beginning, b"*"].concat(), path) } else { path.starts_with(beginning) }
        };
        let found =
            labels.iter().find(|label| label.class.is_none_or(|only| only == class) && matches(&label.path));
        found.map(|label| &label.context)
    }

    /// The label of a file system itself, and how its files get theirs (`security_fs_use()`); without a rule for it,
    /// by the path `/`.
    #[must_use]
    pub fn file_system(&self, name: &str) -> Option<(Option<u32>, &Context)> {
        if let Some(known) = self.labels.file_systems.iter().find(|known| *known.name == *name) {
            return Some((Some(known.behavior), &known.context));
        }
        let directory = self.class("dir")?;
        self.path(name, b"/", directory).map(|context| (None, context))
    }

    /// Whether files of this type have it by their file system, which keeps no labels: NFS, FAT, or one that is mounted
    /// with `context=`.
    #[must_use]
    pub fn is_of_unlabelled_files(&self, type_: TypeId) -> bool {
        let mut labels = self.labels.paths.iter().filter(|(name, _)| !PSEUDO.contains(&&***name));
        labels
            .any(|(_, paths)| paths.iter().any(|label| &*label.path == b"/" && label.context.type_ == type_))
    }
}

/// File systems of which no file is anybody's data, and whose labels files elsewhere may have, too.
const PSEUDO: [&str; 1] = ["rootfs"];

/// Whether `text` fits `pattern`, in which `?` is any byte and `*` any bytes (`match_wildcard()`, lib/parser.c).
fn fits(pattern: &[u8], text: &[u8]) -> bool {
    let (mut at, mut place) = (0, 0);
    // Where the last `*` is, and how far it reaches.
    let mut star = None;
    while let Some(byte) = text.get(place) {
        match pattern.get(at) {
            Some(b'*') => {
                star = Some((at, place));
                at += 1;
            }
            Some(known) if known == byte || *known == b'?' => {
                at += 1;
                place += 1;
            }
            _ => {
                let Some((before, reach)) = star else { return false };
                star = Some((before, reach + 1));
                at = before + 1;
                place = reach + 1;
            }
        }
    }
    pattern.get(at..).is_none_or(|rest| rest.iter().all(|byte| *byte == b'*'))
}

#[cfg(test)]
mod tests {
    use super::fits;

    #[test]
    fn wildcards_fit() {
        for (pattern, text, expected) in [
            ("eth0", "eth0", true),
            ("eth0", "eth01", false),
            ("eth?", "eth1", true),
            ("eth?", "eth", false),
            ("eth*", "eth", true),
            ("*", "", true),
            ("", "", true),
            ("", "a", false),
            ("/a/*/b*", "/a/x/y/bc", true),
            ("/a/*/b*", "/a/x/y/c", false),
            ("*ab", "aab", true),
            ("a*b?c", "axxbxbyc", true),
        ] {
            assert_eq!(fits(pattern.as_bytes(), text.as_bytes()), expected, "{pattern} {text}");
        }
    }
}
