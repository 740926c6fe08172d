//! What a cgroup's path shows: the systemd unit and the container.
//!
//! These are functions of the path alone, as the probe read it: from the root of the hierarchy, whatever cgroup
//! namespace denyd or the process is in. `/proc` is never asked. They take [`Text`](crate::event::Text), in which a
//! backslash is doubled; no escape holds a slash, so that a part of it is whole.
//!
//! Names in a path are as trustworthy as who may make cgroups there: within a delegated subtree (a user's manager, a
//! container) that is not root alone.

mod container;
mod pod;
mod unit;

use crate::event::{Container, Unit};

/// The unit and the container, as far as the path shows them.
#[must_use]
pub fn read(path: &str) -> (Option<Unit<'_>>, Option<Container<'_>>) {
    // Without its start, a path can't tell which manager a unit belongs to.
    let unit = path.strip_prefix('/').and_then(unit::find);
    (unit, container::find(path))
}

/// Whether this is what runtimes make their ids of: 64 hexadecimal digits.
fn is_long_id(text: &str) -> bool {
    text.len() == 64 && is_hex(text)
}

fn is_hex(text: &str) -> bool {
    text.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::text;

    /// Paths made of what real ones are made of, in any order, and of anything else.
    fn paths() -> impl Strategy<Value = String> {
        let hex = "[0-9a-f]{64}";
        let component = prop_oneof![
            "(docker|cri-containerd|crio|libpod|libpod-payload|nerdctl|crio-conmon)-[0-9a-f]{64}(\\.scope)?",
            "(kubelet-)?kubepods(-besteffort|-burstable)?-pod[0-9a-f]{8}_[0-9a-f]{4}_[0-9a-f]{4}_[0-9a-f]{4}_[0-9a-f]{12}\\.slice",
            "pod[0-9a-f]{32}",
            "machine-[a-z]{1,3}(\\\\x2d)?[a-z]{0,3}\\.scope",
            "user-[0-9]{1,11}\\.slice",
            "user@[0-9]{1,11}\\.service",
            "(a|a-b|_cpu|system|machine|-)\\.slice",
            "(lxc\\.payload\\.|crun-|runc-|session-|_)?[a-z0-9@_.:\\\\-]{0,8}(\\.scope|\\.service|\\.slice)?",
            "(kubepods|burstable|besteffort|docker|lxc|lxc.payload|payload|k8s.io|libpod_parent|container|ns)",
            hex,
            "[^/\0]{0,20}",
        ];
        (any::<bool>(), prop::collection::vec(component, 0..8)).prop_map(|(rooted, components)| {
            (if rooted { "/" } else { "" }).to_owned() + &components.join("/")
        })
    }

    proptest! {
        #[test]
        fn nothing_is_told_that_the_path_does_not_say(path in paths()) {
            let path = text::escape(path.as_bytes());
            let (unit, container) = read(&path);
            let raw = String::from_utf8(text::unescape(&path).unwrap().into_owned()).unwrap();
            let says = |name: &str| name == "-.slice" || raw.contains(name);
            if let Some(unit) = unit {
                for name in [&unit.name, &unit.slice, &unit.user_unit, &unit.user_slice, &unit.session] {
                    prop_assert!(name.as_ref().is_none_or(|name| !name.is_empty() && says(name)), "{name:?}");
                }
                prop_assert!(unit.owner.is_none_or(|uid| path.contains(&uid.to_string())));
            }
            if let Some(container) = container {
                let unescaped = raw.replace(r"\x2d", "-");
                for id in [container.id].into_iter().flatten().chain(container.parents.into_iter().map(|parent| parent.id)) {
                    let id = String::from_utf8(text::unescape(&id).unwrap().into_owned()).unwrap();
                    prop_assert!(!id.is_empty() && (raw.contains(&id) || unescaped.contains(&id)), "{id:?}");
                }
                if let Some(pod) = container.pod {
                    let uid = pod.uid.unwrap();
                    prop_assert!(says(&uid) || says(&uid.replace('-', "_")), "{uid:?}");
                }
            }
        }

        #[test]
        fn any_bytes_are_read(path: Vec<u8>) {
            let _any = read(&text::escape(&path));
        }
    }
}
