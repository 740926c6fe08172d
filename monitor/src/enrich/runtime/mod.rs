//! Names of containers and pods, from the sockets of their runtimes.
//!
//! Off unless the user names a socket: what listens there may start containers as root, and whoever may ask it may do
//! that, too. denyd only ever asks for one container by its id. What comes back is bounded in size and time, and is not
//! trusted: an answer for another container, or one that can't be read, is an error.

mod cri;
mod docker;
#[cfg(test)]
mod tests;

use std::{
    fmt, io,
    path::{Path, PathBuf},
    str::FromStr,
    sync::Arc,
    time::Duration,
};

use tokio::{task::JoinSet, time::timeout};

use super::cache::{Answer, Desk};
use crate::{event::Runtime, text};

/// How long a runtime has for an answer. An event waits for much less than that.
pub const ANSWER_LIMIT: Duration = Duration::from_secs(5);
/// The largest answer that is read.
pub const SIZE_LIMIT: usize = 1 << 20;
/// The longest name that is taken.
pub const NAME_LIMIT: usize = 1024;
/// Containers that are asked for at the same time.
const AT_ONCE: usize = 8;

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
}

/// `docker:/run/docker.sock`, `cri:/run/containerd/containerd.sock`.
impl FromStr for Socket {
    type Err = SocketError;

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
}

/// Why a runtime could not be asked.
#[derive(Debug, thiserror::Error)]
enum LookupError {
    #[error("cannot connect: {0}")]
    Connect(io::Error),
    #[error("no answer in {} s", ANSWER_LIMIT.as_secs())]
    Late,
    #[error("the answer is too large")]
    TooLarge,
    #[error("the answer can't be read")]
    Malformed,
    #[error("the answer is about another container")]
    Another,
    #[error("the answer is status {0}")]
    Status(u16),
    #[error("the call failed with gRPC status {0:?}")]
    Grpc(tonic::Code),
}

/// Looks containers up until nobody asks any more.
pub async fn serve(mut desk: Desk<Question, Named>, sockets: Vec<Socket>) {
    let sockets: Arc<[Socket]> = sockets.into();
    let mut lookups = JoinSet::new();
    loop {
        tokio::select! {
            question = desk.questions.recv(), if lookups.len() < AT_ONCE => {
                let Some(question) = question else { break };
                let (sockets, answers) = (Arc::clone(&sockets), desk.answers.clone());
                lookups.spawn(async move {
                    let answer = look_up(question, &sockets).await;
                    // Where nobody waits for it any more, it is not needed.
                    let _unheard = answers.send((question, answer)).await;
                });
            }
            Some(_) = lookups.join_next() => {}
        }
    }
}

/// Asks each socket that may know the container, until one does.
async fn look_up(question: Question, sockets: &[Socket]) -> Answer<Named> {
    let mut failure = None;
    for socket in sockets.iter().filter(|socket| socket.suits(&question)) {
        match timeout(ANSWER_LIMIT, ask(socket, question.id)).await.unwrap_or(Err(LookupError::Late)) {
            Ok(Some(named)) => return Ok(Some(named)),
            Ok(None) => {}
            Err(error) => {
                tracing::debug!(socket = %socket.path.display(), id = %question.id, %error, "a lookup failed");
                let reason = format!("{}: {error}", socket.path.display());
                failure.get_or_insert(text::escape(reason.as_bytes()).into());
            }
        }
    }
    failure.map_or(Ok(None), Err)
}

async fn ask(socket: &Socket, id: ContainerId) -> Result<Option<Named>, LookupError> {
    match socket.api {
        Api::Docker => docker::ask(&socket.path, id).await,
        Api::Cri => cri::ask(&socket.path, id).await,
    }
}

/// A name out of an answer; an empty one is none.
fn name(text: &str) -> Result<Option<Box<str>>, LookupError> {
    if text.len() > NAME_LIMIT {
        return Err(LookupError::TooLarge);
    }
    Ok((!text.is_empty()).then(|| text::escape(text.as_bytes()).into()))
}

async fn connect(path: &Path) -> Result<tokio::net::UnixStream, LookupError> {
    tokio::net::UnixStream::connect(path).await.map_err(LookupError::Connect)
}
