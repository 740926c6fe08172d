//! What this machine is called in events.

use std::{env, ffi::OsString};

/// The environment variable that names the node that a container runs on: Kubernetes' name of the machine.
const NODE: &str = "NODE_NAME";

/// The name, as bytes: that of the node if the environment has one, else the kernel's.
pub(crate) fn name() -> OsString {
    use std::os::unix::ffi::OsStringExt as _;

    named(env::var_os(NODE))
        .unwrap_or_else(|| OsString::from_vec(rustix::system::uname().nodename().to_bytes().to_vec()))
}

/// The node's name, unless it is empty.
fn named(node: Option<OsString>) -> Option<OsString> {
    node.filter(|name| !name.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_node_is_called_as_the_cluster_calls_it_and_else_as_the_kernel_does() {
        assert_eq!(named(Some("node-7".into())), Some("node-7".into()));
        assert_eq!(named(Some(OsString::new())), None);
        assert_eq!(named(None), None);
    }
}
