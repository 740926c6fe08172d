//! The container, by the names that runtimes give its cgroup.

use std::borrow::Cow;

use super::{is_long_id, pod};
use crate::{
    event::{Container, FoundBy, OuterContainer, Runtime, Text},
    text,
};

/// What comes before a long id (64 digits), and after it `.scope` where systemd made the cgroup.
const BEFORE_LONG_ID: [(&str, Runtime); 6] = [
    ("docker-", Runtime::Docker),
    ("cri-containerd-", Runtime::Containerd),
    ("nerdctl-", Runtime::Containerd),
    ("crio-", Runtime::CriO),
    ("libpod-payload-", Runtime::Podman),
    ("libpod-", Runtime::Podman),
];

/// What comes before an id that the user chose, in the name of a scope.
const BEFORE_ANY_ID: [(&str, Runtime); 2] = [("crun-", Runtime::Crun), ("runc-", Runtime::Runc)];

/// The container that a cgroup is in, by its path.
///
/// It is the innermost one, if they are nested. What runs beside a container to watch it (conmon, LXC's monitor,
/// systemd-nspawn itself) is not in it.
pub(super) fn find(path: &str) -> Option<Container<'_>> {
    let mut parents = ["", ""];
    let mut inner = None;
    let mut pod = None;
    let mut outer = Vec::new();
    let mut components = path.split('/').filter(|component| !component.is_empty()).peekable();
    while let Some(component) = components.next() {
        let next = components.peek().copied().unwrap_or_default();
        if let Some(found) = pod::find(component, parents) {
            outer.extend(inner.take());
            pod = Some(found);
        } else if let Some(found) = whole_name(component) {
            outer.extend(inner.take());
            pod = found.pod;
            inner = Some(found.container);
        } else if let Some(found) = one(component, parents[0], next) {
            outer.extend(inner.replace(found));
        }
        parents = [component, parents[0]];
    }
    outer.reverse();
    let (id, runtime) = match inner {
        Some(OuterContainer { id, runtime }) => (Some(id), runtime),
        None if pod.is_some() => (None, None),
        None => return None,
    };
    Some(Container { id, name: None, image: None, runtime, pod, parents: outer, found_by: FoundBy::Cgroup })
}

/// The container that this component is the cgroup of, which stands after `parent` and before `next`.
fn one<'a>(component: &'a str, parent: &str, next: &str) -> Option<OuterContainer<'a>> {
    let container = |id, runtime| Some(OuterContainer { id: Cow::Borrowed(id), runtime });
    let scope = component.strip_suffix(".scope");
    let stem = scope.unwrap_or(component);
    for (before, runtime) in BEFORE_LONG_ID {
        if let Some(id) = stem.strip_prefix(before).filter(|id| is_long_id(id)) {
            return container(id, Some(runtime));
        }
    }
    if is_long_id(component) {
        let runtime = match parent {
            "docker" => Some(Runtime::Docker),
            "k8s.io" => Some(Runtime::Containerd),
            _ => None,
        };
        return container(component, runtime);
    }
    for (before, runtime) in BEFORE_ANY_ID {
        if let Some(id) = scope.and_then(|scope| scope.strip_prefix(before)).filter(|id| !id.is_empty()) {
            return container(id, Some(runtime));
        }
    }
    let lxc = match parent {
        "lxc" | "lxc.payload" => Some(component),
        _ => component.strip_prefix("lxc.payload.").filter(|name| !name.is_empty()),
    };
    if let Some(name) = lxc {
        return container(name, Some(Runtime::Lxc));
    }
    // A machine may be a virtual one, too; a cgroup for what runs inside is only systemd-nspawn's.
    (next == "payload").then(|| machine(component)).flatten()
}

/// A machine of systemd-nspawn: its own scope, or the service that started it.
fn machine(component: &str) -> Option<OuterContainer<'_>> {
    let scope = component.strip_prefix("machine-").and_then(|name| name.strip_suffix(".scope"));
    let id = match scope {
        Some(name) => unescaped(name)?,
        None => Cow::Borrowed(component.strip_prefix("systemd-nspawn@")?.strip_suffix(".service")?),
    };
    (!id.is_empty()).then_some(OuterContainer { id, runtime: Some(Runtime::SystemdNspawn) })
}

/// Undoes systemd's escaping of a name (`\x2d`; `unit_name_unescape` in systemd's `src/basic/unit-name.c`).
fn unescaped(name: &str) -> Option<Text<'_>> {
    let bytes = text::unescape(name).ok()?;
    if matches!(bytes, Cow::Borrowed(_)) {
        return Some(Cow::Borrowed(name));
    }
    // It writes bytes as this program's own texts do, only that there a backslash is never doubled.
    let name = str::from_utf8(&bytes).ok()?;
    let bytes = text::unescape(name).ok()?;
    Some(Cow::Owned(text::escape(&bytes).into_owned()))
}

/// A container and pod told by one component.
struct Whole<'a> {
    container: OuterContainer<'a>,
    pod: Option<crate::event::Pod<'a>>,
}

/// `SLICE:PREFIX:ID`: what the systemd driver is told to make, where the runtime takes it for a folder's name.
fn whole_name(component: &str) -> Option<Whole<'_>> {
    let mut parts = component.split(':');
    let (Some(slice), Some(prefix), Some(id), None) =
        (parts.next(), parts.next(), parts.next(), parts.next())
    else {
        return None;
    };
    let slice = slice.strip_suffix(".slice")?;
    let &(_, runtime) = BEFORE_LONG_ID.iter().find(|(before, _)| before.strip_suffix('-') == Some(prefix))?;
    is_long_id(id).then(|| Whole {
        container: OuterContainer { id: Cow::Borrowed(id), runtime: Some(runtime) },
        pod: pod::in_slice(slice),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::QosClass;

    const A: &str = "ee4b20e90ac7f42a10bd004d05646b13d8ab5e2c5e7cbc01abf8006bac016459";
    const B: &str = "81950eac55062e5d8e7b5567d1036e4b146dfe212bdc9263c97347e6ce86b904";

    /// A path, with the ids above for `{A}` and `{B}`.
    fn path(form: &str) -> String {
        form.replace("{A}", A).replace("{B}", B)
    }

    #[track_caller]
    fn is(form: &str, id: &str, runtime: Option<Runtime>) {
        let path = path(form);
        let container = find(&path).unwrap_or_else(|| panic!("{path} has no container"));
        assert_eq!((container.id.as_deref(), container.runtime), (Some(id), runtime), "{path}");
        assert_eq!(
            (container.parents.as_slice(), container.found_by),
            ([].as_slice(), FoundBy::Cgroup),
            "{path}"
        );
    }

    #[track_caller]
    fn is_in_pod(form: &str, id: &str, runtime: Option<Runtime>, uid: &str, qos: Option<QosClass>) {
        is(form, id, runtime);
        let path = path(form);
        let pod = find(&path).unwrap().pod.unwrap_or_else(|| panic!("{path} has no pod"));
        assert_eq!((pod.uid.as_deref(), pod.qos), (Some(uid), qos), "{path}");
    }

    #[test]
    fn docker() {
        let docker = Some(Runtime::Docker);
        is("/system.slice/docker-{A}.scope", A, docker);
        is("/docker/{A}", A, docker);
        is("/user.slice/user-1000.slice/user@1000.service/user.slice/docker-{A}.scope", A, docker);
        is("/actions_job/{A}", A, None);
        is("/{A}", A, None);
    }

    #[test]
    fn podman() {
        let podman = Some(Runtime::Podman);
        is("/machine.slice/libpod-{A}.scope/container", A, podman);
        is("/machine.slice/libpod-{A}.scope", A, podman);
        is("/libpod_parent/libpod-{A}", A, podman);
        is("/system.slice/quadlet-minimal.service/libpod-payload-{A}", A, podman);
        is("/user.slice/user-1000.slice/user@1000.service/user.slice/libpod-{A}.scope/container", A, podman);
        is_in_pod(
            "/machine.slice/machine-libpod_pod_{B}.slice/libpod-{A}.scope/container",
            A,
            podman,
            B,
            None,
        );
        is_in_pod("/libpod_parent/{B}/libpod-{A}", A, podman, B, None);
    }

    #[test]
    fn containerd() {
        let containerd = Some(Runtime::Containerd);
        is("/system.slice/nerdctl-{A}.scope", A, containerd);
        is("/k8s.io/{A}", A, containerd);
        is("/default/{A}", A, None);
        is_in_pod(
            "/kubepods.slice/kubepods-burstable.slice/kubepods-burstable-pod414cbe69_8d5a_4d9f_8ad4_6606f7f69e33.slice/cri-containerd-{A}.scope",
            A,
            containerd,
            "414cbe69-8d5a-4d9f-8ad4-6606f7f69e33",
            Some(QosClass::Burstable),
        );
        for before in ["/", "/system.slice/containerd.service/"] {
            is_in_pod(
                &format!(
                    "{before}kubepods-besteffort-pod0125ec2f_b64a_4868_8f5b_94b56cbab864.slice:cri-containerd:{{A}}"
                ),
                A,
                containerd,
                "0125ec2f-b64a-4868-8f5b-94b56cbab864",
                Some(QosClass::Besteffort),
            );
        }
    }

    #[test]
    fn cri_o() {
        is_in_pod(
            "/kubepods.slice/kubepods-burstable.slice/kubepods-burstable-poda5c1f8d5_1919_434d_add7_4afaafdaef89.slice/crio-{A}.scope/container",
            A,
            Some(Runtime::CriO),
            "a5c1f8d5-1919-434d-add7-4afaafdaef89",
            Some(QosClass::Burstable),
        );
        is_in_pod(
            "/kubepods/podb0c4be06-e12d-4a52-8c5a-4d7e43a31fd2/crio-{A}",
            A,
            Some(Runtime::CriO),
            "b0c4be06-e12d-4a52-8c5a-4d7e43a31fd2",
            Some(QosClass::Guaranteed),
        );
    }

    #[test]
    fn a_pods_container_of_an_unknown_runtime() {
        is_in_pod(
            "/kubepods/besteffort/pod74c13223-5a00-11e9-b385-42010a80018d/{A}",
            A,
            None,
            "74c13223-5a00-11e9-b385-42010a80018d",
            Some(QosClass::Besteffort),
        );
    }

    #[test]
    fn lxc() {
        let lxc = Some(Runtime::Lxc);
        is("/lxc.payload.web", "web", lxc);
        is(
            "/lxc.payload.snapcraft_some-container/system.slice/cron.service",
            "snapcraft_some-container",
            lxc,
        );
        is("/lxc.payload/c1", "c1", lxc);
        is("/lxc/101/ns/init.scope", "101", lxc);
        is(
            "/user.slice/user-1000.slice/session-3.scope/lxc/privileged-container",
            "privileged-container",
            lxc,
        );
    }

    #[test]
    fn systemd_nspawn() {
        let nspawn = Some(Runtime::SystemdNspawn);
        is("/machine.slice/machine-web.scope/payload/system.slice/cron.service", "web", nspawn);
        is(
            r"/machine.slice/machine-TEST\\x2d13\\x2dNSPAWN.machinectl\\x2dbind.7ye.scope/payload/init.scope",
            "TEST-13-NSPAWN.machinectl-bind.7ye",
            nspawn,
        );
        is("/machine.slice/systemd-nspawn@jessie.service/payload", "jessie", nspawn);
    }

    #[test]
    fn a_runtime_alone() {
        is("/system.slice/runc-web_1.scope", "web_1", Some(Runtime::Runc));
        is("/system.slice/crun-test.scope/container", "test", Some(Runtime::Crun));
    }

    #[test]
    fn nested_containers() {
        let form = path(
            "/system.slice/docker-{A}.scope/kubelet.slice/kubelet-kubepods.slice/kubelet-kubepods-besteffort.slice/kubelet-kubepods-besteffort-pod1e597579_417e_482f_bf65_5fe170c3aebd.slice/cri-containerd-{B}.scope",
        );
        let container = find(&form).unwrap();
        assert_eq!((container.id.as_deref(), container.runtime), (Some(B), Some(Runtime::Containerd)));
        assert_eq!(container.pod.unwrap().uid.as_deref(), Some("1e597579-417e-482f-bf65-5fe170c3aebd"));
        assert_eq!(container.parents, [OuterContainer { id: A.into(), runtime: Some(Runtime::Docker) }]);

        let form = path("/machine.slice/libpod-{A}.scope/docker/{B}/lxc/x");
        let container = find(&form).unwrap();
        assert_eq!(container.id.as_deref(), Some("x"));
        assert_eq!(
            container.parents.iter().map(|parent| &*parent.id).collect::<Vec<_>>(),
            [B, A],
            "the nearest first",
        );
    }

    #[test]
    fn what_watches_a_container_is_not_in_it() {
        for form in [
            "/machine.slice/libpod-conmon-{A}.scope",
            "/system.slice/crio-conmon-{A}.scope",
            "/system.slice/quadlet-minimal.service/runtime",
            "/lxc.monitor.web",
            "/machine.slice/machine-web.scope/supervisor",
        ] {
            assert_eq!(find(&path(form)), None, "{form}");
        }
        let form = path(
            "/kubepods.slice/kubepods-besteffort.slice/kubepods-besteffort-podc8bad552_5c99_4d4f_b71c_c426c0cde014.slice/crio-conmon-{A}.scope",
        );
        let container = find(&form).unwrap();
        assert_eq!((container.id, container.runtime), (None, None), "but it may be in the pod");
        assert_eq!(container.pod.unwrap().uid.as_deref(), Some("c8bad552-5c99-4d4f-b71c-c426c0cde014"));
    }

    #[test]
    fn what_is_no_container() {
        for form in [
            "",
            "/",
            "/system.slice/docker.service",
            "/system.slice/containerd.service",
            "/docker/buildkit/x2k1",
            "/docker/81950eac5506",
            r"/machine.slice/machine-qemu\\x2d1\\x2ddebian.scope/libvirt/emulator",
            "/user.slice/user-1000.slice/user@1000.service/user.slice/podman-6696.scope",
            "/user.slice/user-1000.slice/user@1000.service/user.slice/podman-pause-23c87985.scope",
            "/system.slice/runc-.scope",
            "/lxc.payload.",
            "/lxc",
            "/machine.slice/machine-.scope/payload",
            "/kubepods.slice/kubepods-burstable.slice",
            "/system.slice/docker-81950EAC55062e5d8e7b5567d1036e4b146dfe212bdc9263c97347e6ce86b904.scope",
        ] {
            assert_eq!(find(form), None, "{form}");
        }
    }
}
