//! The name of a network interface.
//!
//! Where SELinux judges a packet there is the index of the interface and not its network namespace
//! (`selinux_socket_sock_rcv_skb`, security/selinux/hooks.c); audit names the one that the first namespace has by this index
//! (`dump_common_audit_data`, `security/lsm_audit.c`). The name is certain if no namespace has another by this index, as
//! for the loopback device, or where there is but one namespace.

use monitor_common::chunk::ChunkKind;

use crate::{
    layout::{known, layout, setting},
    memory::{Address, follow, word},
    output::Record,
    repeat::{Next, Step, repeat, zero},
};

/// Steps of the search: one for each namespace, and one for each interface that shares a place in its table.
const STEPS: u32 = if cfg!(feature = "bounded-loops") { 24 } else { 1024 };

/// Appends the name of the interface that has this index in each network namespace that has one.
#[inline(never)]
pub fn name(record: &mut Record, index: u32) {
    let namespaces = setting!(net_namespaces);
    if index == 0
        || namespaces == 0
        || !known!(net_list, net_interfaces, net_device_in_index, net_device_index, net_device_name)
    {
        return;
    }
    let mut search =
        Search { namespaces, namespace: namespaces, device: zero(), index, found: zero(), is_certain: false };
    repeat(STEPS, &mut search);
    if search.is_certain && search.found != 0 {
        record.string_chunk(ChunkKind::Interface, search.found + u64::from(layout!(net_device_name)));
    }
}

/// A search for an index in all network namespaces.
struct Search {
    /// The head of the list of namespaces (`net_namespace_list`, `net/core/net_namespace.c`), and the place in it.
    namespaces: Address,
    namespace: Address,
    /// The place in a namespace's table of interfaces (`dev_get_by_index_rcu`, net/core/dev.c); 0: go on to the next.
    device: Address,
    index: u32,
    /// A `struct net_device` of this index.
    found: Address,
    /// All namespaces have been looked at.
    is_certain: bool,
}

impl Step for Search {
    #[inline(always)]
    fn step(&mut self) -> Next {
        if self.device == 0 {
            self.namespace = word(self.namespace);
            if self.namespace == 0 || self.namespace == self.namespaces {
                self.is_certain = self.namespace != 0;
                return Next::Stop;
            }
            let namespace = self.namespace.wrapping_sub(u64::from(layout!(net_list)));
            // The table has 256 places (`NETDEV_HASHENTRIES`, include/linux/netdevice.h).
            self.device = word(follow(namespace, layout!(net_interfaces)) + u64::from(self.index & 255) * 8);
            return Next::Continue;
        }
        let device = self.device.wrapping_sub(u64::from(layout!(net_device_in_index)));
        self.device = word(self.device);
        if word(device + u64::from(layout!(net_device_index))) as u32 != self.index {
            return Next::Continue;
        }
        self.device = 0;
        if self.found != 0 && name_of(self.found) != name_of(device) {
            return Next::Stop;
        }
        self.found = device;
        Next::Continue
    }
}

/// The 16 bytes of an interface's name (`IFNAMSIZ`, include/uapi/linux/if.h).
#[inline(always)]
fn name_of(device: Address) -> [u64; 2] {
    let name = device + u64::from(layout!(net_device_name));
    [word(name), word(name + 8)]
}
