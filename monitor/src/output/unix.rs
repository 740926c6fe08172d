//! Events to a unix socket that someone else listens on, stream or datagram.
//!
//! Who may make files where the socket is to be could listen in its place. So the socket's owner must be root, denyd's
//! own user, or the one that the configuration names; for a stream, so must be who listens.

use std::{
    fs, io,
    os::unix::fs::{FileTypeExt as _, MetadataExt as _},
    path::{Path, PathBuf},
};

use bytes::Bytes;
use tokio::net::{UnixDatagram, UnixStream};

use super::{
    stream,
    transport::{SendError, Transport},
};

/// A unix socket.
#[derive(Debug)]
pub(super) struct Unix {
    path: PathBuf,
    /// Who may own it, beside root and denyd's own user.
    owner: Option<u32>,
    connection: Option<Connection>,
}

#[derive(Debug)]
enum Connection {
    Stream(UnixStream),
    Datagram(UnixDatagram),
}

impl Unix {
    /// The socket at this path.
    pub(super) fn new(path: PathBuf, owner: Option<u32>) -> Self {
        Self { path, owner, connection: None }
    }

    fn check(&self, uid: u32, what: &str) -> io::Result<()> {
        if uid == 0 || uid == rustix::process::geteuid().as_raw() || self.owner == Some(uid) {
            return Ok(());
        }
        let reason = format!(
            "{what} is user {uid}, who is neither root, denyd nor the configured owner: name it as `owner` if it may have the \
             events"
        );
        Err(io::Error::new(io::ErrorKind::PermissionDenied, reason))
    }

    async fn connected(&self) -> io::Result<Connection> {
        let about = fs::metadata(&self.path)?;
        if !about.file_type().is_socket() {
            return Err(io::Error::other("it is no socket: name one on which somebody listens"));
        }
        self.check(about.uid(), "its owner")?;
        match UnixStream::connect(&self.path).await {
            Ok(stream) => {
                self.check(stream.peer_cred()?.uid(), "who listens on it")?;
                Ok(Connection::Stream(stream))
            }
            Err(error) if error.raw_os_error() == Some(libc::EPROTOTYPE) => {
                Ok(Connection::Datagram(datagram(&self.path)?))
            }
            Err(error) => Err(error),
        }
    }
}

impl Transport for Unix {
    async fn connect(&mut self) -> io::Result<()> {
        self.connection = None;
        let about =
            |error: io::Error| io::Error::new(error.kind(), format!("{}: {error}", self.path.display()));
        self.connection = Some(self.connected().await.map_err(about)?);
        Ok(())
    }

    async fn send(&mut self, lines: &[Bytes]) -> (usize, Result<(), SendError>) {
        match &mut self.connection {
            Some(Connection::Stream(stream)) => stream::send(stream, lines, |_| String::new()).await,
            Some(Connection::Datagram(socket)) => send_datagrams(socket, lines).await,
            None => (0, Err(io::Error::from(io::ErrorKind::NotConnected).into())),
        }
    }
}

/// A socket connected to the datagram socket at this path.
pub(super) fn datagram(path: &Path) -> io::Result<UnixDatagram> {
    let socket = UnixDatagram::unbound()?;
    socket
        .connect(path)
        .map_err(|error| io::Error::new(error.kind(), format!("{}: {error}", path.display())))?;
    Ok(socket)
}

/// Sends a datagram a line.
pub(super) async fn send_datagrams(socket: &UnixDatagram, lines: &[Bytes]) -> (usize, Result<(), SendError>) {
    for (sent, line) in lines.iter().enumerate() {
        if let Err(error) = socket.send(line).await {
            return (sent, Err(error.into()));
        }
    }
    (lines.len(), Ok(()))
}

/// The journal's socket, whose path is root's alone to make.
#[derive(Debug)]
pub(super) struct Journal {
    path: PathBuf,
    socket: Option<UnixDatagram>,
}

impl Journal {
    /// The journal that listens there.
    pub(super) fn new(path: PathBuf) -> Self {
        Self { path, socket: None }
    }
}

impl Transport for Journal {
    async fn connect(&mut self) -> io::Result<()> {
        self.socket = None;
        self.socket = Some(datagram(&self.path)?);
        Ok(())
    }

    async fn send(&mut self, lines: &[Bytes]) -> (usize, Result<(), SendError>) {
        match &self.socket {
            Some(socket) => send_datagrams(socket, lines).await,
            None => (0, Err(io::Error::from(io::ErrorKind::NotConnected).into())),
        }
    }
}
