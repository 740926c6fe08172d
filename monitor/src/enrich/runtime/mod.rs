//! Names of containers and pods, from the sockets of their runtimes.
//!
//! Off unless the user names a socket: what listens there may start containers as root, and whoever may ask it may do
//! that, too. denyd only ever asks for one container by its id. What comes back is bounded in size and time, and is not
//! trusted: an answer for another container, or one that can't be read, is an error.

#[cfg(feature = "containers")]
mod answer;
#[cfg(feature = "containers")]
mod cri;
#[cfg(feature = "containers")]
mod docker;
#[cfg(feature = "containers")]
mod lookup;
#[cfg(all(test, feature = "containers"))]
mod tests;

use std::{fmt, path::PathBuf, str::FromStr};

#[cfg(feature = "containers")]
pub use self::{
    answer::{ANSWER_LIMIT, NAME_LIMIT, SIZE_LIMIT},
    lookup::serve,
};
use crate::event::Runtime;

/// A container's id, as runtimes make them.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct ContainerId([u8; 32]);

impl ContainerId {
    /// Of 64 hexadecimal digits. Names, which users choose, are no ids.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let mut id = [0; 32];
        let digits = text.as_bytes();
        if digits.len() != 64 {
            return None;
        }
        let value = |digit: u8| match digit {
            b'0'..=b'9' => Some(digit - b'0'),
            b'a'..=b'f' => Some(digit - b'a' + 10),
            _ => None,
        };
        for (byte, digits) in id.iter_mut().zip(digits.chunks_exact(2)) {
            *byte = value(digits[0])? << 4 | value(digits[1])?;
        }
        Some(Self(id))
    }
}

impl fmt::Display for ContainerId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl fmt::Debug for ContainerId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// A container to look up.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Question {
    /// Its id.
    pub id: ContainerId,
    /// What runs it, if that is known.
    pub runtime: Option<Runtime>,
}

/// What a runtime says of a container; each is a [`Text`](crate::event::Text).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Named {
    /// Its name.
    pub name: Option<Box<str>>,
    /// The image that it was started from, as it was asked for.
    pub image: Option<Box<str>>,
    /// The name of its pod.
    pub pod_name: Option<Box<str>>,
    /// The namespace of its pod.
    pub pod_namespace: Option<Box<str>>,
}

/// What is spoken on a runtime's socket.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Api {
    /// Docker's HTTP, which Podman speaks, too.
    Docker,
    /// Kubernetes's Container Runtime Interface: gRPC.
    Cri,
}

impl Api {
    /// Whether it may know the containers of this runtime.
    fn suits(self, runtime: Option<Runtime>) -> bool {
        match runtime {
            None => true,
            Some(Runtime::Docker | Runtime::Podman) => self == Self::Docker,
            Some(Runtime::Containerd | Runtime::CriO) => self == Self::Cri,
            Some(Runtime::SystemdNspawn | Runtime::Lxc | Runtime::Crun | Runtime::Runc) => false,
        }
    }
}

/// A runtime's socket.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Socket {
    /// What is spoken there.
    pub api: Api,
    /// Where it is.
    pub path: PathBuf,
}

impl Socket {
    /// Whether it is worth asking about this container.
    #[must_use]
    pub fn suits(&self, question: &Question) -> bool {
        self.api.suits(question.runtime)
    }
}

/// A text that names no socket.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SocketError {
    /// It doesn't start with an API's name.
    #[error("start with `docker:` (Docker, Podman) or `cri:` (containerd, CRI-O)")]
    Api,
    /// What follows is no absolute path.
    #[error("give the socket's absolute path")]
    Path,
    /// Nothing can be asked.
    #[cfg(not(feature = "containers"))]
    #[error(
        "this denyd was built without the feature `containers`: leave it out, or use a build that has it"
    )]
    NotBuilt,
}

/// `docker:/run/docker.sock`, `cri:/run/containerd/containerd.sock`.
impl FromStr for Socket {
    type Err = SocketError;

    #[cfg(feature = "containers")]
    fn from_str(text: &str) -> Result<Self, SocketError> {
        let (api, path) = text.split_once(':').ok_or(SocketError::Api)?;
        let api = match api {
            "docker" => Api::Docker,
            "cri" => Api::Cri,
            _ => return Err(SocketError::Api),
        };
        let path = PathBuf::from(path);
        if path.is_absolute() { Ok(Self { api, path }) } else { Err(SocketError::Path) }
    }

    #[cfg(not(feature = "containers"))]
    fn from_str(_text: &str) -> Result<Self, SocketError> {
        Err(SocketError::NotBuilt)
    }
}
