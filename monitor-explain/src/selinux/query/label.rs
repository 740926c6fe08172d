//! Labels of ports, interfaces, addresses and files that have none of their own.

use std::net::IpAddr;

use crate::selinux::policy::{ClassId, Context, Policy};

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
        let found = self.labels.interfaces.iter().find(|(known, ..)| **known == *name);
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
        let found = labels
            .iter()
            .find(|label| label.class.is_none_or(|only| only == class) && path.starts_with(&label.path));
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
}
