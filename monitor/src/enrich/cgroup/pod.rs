//! Pods: Kubernetes's, as the kubelet's two cgroup drivers name them, and Podman's.

use std::borrow::Cow;

use super::{is_hex, is_long_id};
use crate::event::{Pod, QosClass};

/// The pod that this component of a path is the cgroup of; before it in the path stand `parents`, the nearest first.
pub(super) fn find<'a>(component: &'a str, parents: [&str; 2]) -> Option<Pod<'a>> {
    match component.strip_suffix(".slice") {
        Some(slice) => in_slice(slice),
        None => in_folder(component, parents),
    }
}

/// `kubepods-burstable-podUID`, with the UID's hyphens as underscores, after the prefix of the kubelet's own slice if
/// it has one: what the systemd driver makes. Or `machine-libpod_pod_ID`: Podman's.
pub(super) fn in_slice(slice: &str) -> Option<Pod<'_>> {
    if let Some((_, id)) = slice.rsplit_once("libpod_pod_") {
        return is_long_id(id).then(|| podman(id));
    }
    let (parent, name) = slice.rsplit_once('-')?;
    let (parent, qos) = match parent.rsplit_once('-') {
        Some((parent, "burstable")) => (parent, QosClass::Burstable),
        Some((parent, "besteffort")) => (parent, QosClass::Besteffort),
        _ => (parent, QosClass::Guaranteed),
    };
    let own = parent.rsplit('-').next();
    let uid = name.strip_prefix("pod").filter(|uid| own == Some("kubepods") && is_uid(uid, '_'))?;
    let uid = if uid.contains('_') { Cow::Owned(uid.replace('_', "-")) } else { Cow::Borrowed(uid) };
    Some(Pod { uid: Some(uid), qos: Some(qos), ..Pod::default() })
}

/// `kubepods/burstable/podUID`: what the cgroupfs driver makes. Or `libpod_parent/ID`: Podman's.
fn in_folder<'a>(component: &'a str, parents: [&str; 2]) -> Option<Pod<'a>> {
    if parents[0] == "libpod_parent" && is_long_id(component) {
        return Some(podman(component));
    }
    let qos = match parents {
        ["kubepods", _] => QosClass::Guaranteed,
        ["burstable", "kubepods"] => QosClass::Burstable,
        ["besteffort", "kubepods"] => QosClass::Besteffort,
        _ => return None,
    };
    let uid = component.strip_prefix("pod").filter(|uid| is_uid(uid, '-'))?;
    Some(Pod { uid: Some(Cow::Borrowed(uid)), qos: Some(qos), ..Pod::default() })
}

fn podman(id: &str) -> Pod<'_> {
    Pod { uid: Some(Cow::Borrowed(id)), ..Pod::default() }
}

/// A UUID with this separator, or the 32 digits that the kubelet gives a pod of its own files.
fn is_uid(uid: &str, separator: char) -> bool {
    let mut groups = uid.split(separator);
    let lens: [usize; 5] = std::array::from_fn(|_| groups.next().map_or(0, str::len));
    matches!(lens, [8, 4, 4, 4, 12] | [32, 0, 0, 0, 0])
        && groups.next().is_none()
        && uid.split(separator).all(is_hex)
}

#[cfg(test)]
mod tests {
    use super::*;

    const UID: &str = "74c13223-5a00-11e9-b385-42010a80018d";

    fn kubernetes(uid: &str, qos: QosClass) -> Pod<'_> {
        Pod { uid: Some(uid.into()), qos: Some(qos), ..Pod::default() }
    }

    #[test]
    fn the_systemd_driver() {
        for (slice, uid, qos) in [
            ("kubepods-pod74c13223_5a00_11e9_b385_42010a80018d", UID, QosClass::Guaranteed),
            ("kubepods-burstable-pod74c13223_5a00_11e9_b385_42010a80018d", UID, QosClass::Burstable),
            (
                "kubelet-kubepods-besteffort-pod74c13223_5a00_11e9_b385_42010a80018d",
                UID,
                QosClass::Besteffort,
            ),
            (
                "kubepods-burstable-pod187bff14cccb94f179e943eacce55bb3",
                "187bff14cccb94f179e943eacce55bb3",
                QosClass::Burstable,
            ),
        ] {
            assert_eq!(in_slice(slice), Some(kubernetes(uid, qos)), "{slice}");
        }
    }

    #[test]
    fn the_cgroupfs_driver() {
        let name = format!("pod{UID}");
        for (parents, qos) in [
            (["kubepods", ""], QosClass::Guaranteed),
            (["burstable", "kubepods"], QosClass::Burstable),
            (["besteffort", "kubepods"], QosClass::Besteffort),
        ] {
            assert_eq!(find(&name, parents), Some(kubernetes(UID, qos)), "{parents:?}");
        }
    }

    #[test]
    fn podmans() {
        let id = "ddf44d54b520f0b4469fcd01c3155ca49e6911dc2175471eb3a7b789187a7a89";
        let pod = Some(Pod { uid: Some(id.into()), ..Pod::default() });
        assert_eq!(in_slice(&format!("machine-libpod_pod_{id}")), pod);
        assert_eq!(in_slice(&format!("user-libpod_pod_{id}")), pod);
        assert_eq!(find(id, ["libpod_parent", ""]), pod);
    }

    #[test]
    fn what_only_looks_like_a_pod() {
        for (component, parents) in [
            ("kubepods-burstable.slice", ["kubepods.slice", ""]),
            ("mykubepods-pod187bff14cccb94f179e943eacce55bb3.slice", ["", ""]),
            ("kubepods-pod123.slice", ["", ""]),
            ("kubepods-pod74c13223-5a00-11e9-b385-42010a80018d.slice", ["", ""]),
            ("pod74c13223-5a00-11e9-b385-42010a80018d", ["burstable", "other"]),
            ("pod74c13223-5a00-11e9-b385-42010a80018d-1", ["kubepods", ""]),
            ("pods", ["kubepods", ""]),
            ("libpod_pod_187b.slice", ["", ""]),
        ] {
            assert_eq!(find(component, parents), None, "{component}");
        }
    }
}
