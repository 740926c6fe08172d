//! The container that a process is in.

use serde::{Deserialize, Serialize};

use super::Text;

/// A container.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct Container<'a> {
    /// Its id: 64 hexadecimal digits, or the name where the runtime has only names. Absent if only the pod is known.
    #[serde(default, borrow, skip_serializing_if = "Option::is_none")]
    pub id: Option<Text<'a>>,
    /// Its name, as its runtime told it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<Text<'a>>,
    /// The image that it was started from, as its runtime told it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub image: Option<Text<'a>>,
    /// What runs it, where the path shows.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub runtime: Option<Runtime>,
    /// The pod that it is in.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pod: Option<Pod<'a>>,
    /// The containers that it is nested in, the nearest first.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub parents: Vec<OuterContainer<'a>>,
    /// How it was found.
    pub found_by: FoundBy,
}

/// A container in which there is another.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct OuterContainer<'a> {
    /// Its id.
    #[serde(borrow)]
    pub id: Text<'a>,
    /// What runs it, where the path shows.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub runtime: Option<Runtime>,
}

/// What runs a container.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "kebab-case")]
pub enum Runtime {
    /// Docker.
    Docker,
    /// containerd, by Kubernetes or nerdctl.
    Containerd,
    /// CRI-O.
    CriO,
    /// Podman.
    Podman,
    /// systemd-nspawn.
    SystemdNspawn,
    /// LXC, LXD and Incus.
    Lxc,
    /// crun, by itself.
    Crun,
    /// runc, by itself.
    Runc,
}

/// A pod.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct Pod<'a> {
    /// Its UID in Kubernetes, its id in Podman; absent if the path doesn't tell it.
    #[serde(default, borrow, skip_serializing_if = "Option::is_none")]
    pub uid: Option<Text<'a>>,
    /// Its name in Kubernetes, as the container's runtime told it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<Text<'a>>,
    /// Its namespace in Kubernetes, as the container's runtime told it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub namespace: Option<Text<'a>>,
    /// Its quality of service; Kubernetes's alone.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub qos: Option<QosClass>,
}

/// Quality of service of a Kubernetes pod.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "lowercase")]
pub enum QosClass {
    /// Every container has limits that are its requests.
    Guaranteed,
    /// Some container has a request or limit.
    Burstable,
    /// None has.
    Besteffort,
}

/// How a container was found.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum FoundBy {
    /// The path of the process's cgroup says so.
    Cgroup,
    /// Inferred: a process of the subject's SELinux level was in it earlier.
    SelinuxLevel,
}
