//! Events as messages of RFC 5424, to a local socket or over UDP or TCP.
//!
//! Over TCP the length stands before each message (RFC 6587, octet counting). Over UDP nobody says what got lost on the
//! way: what counts as written was given to the network.

use std::{
    fmt, io,
    net::{Ipv4Addr, Ipv6Addr, SocketAddr},
    path::PathBuf,
    str::FromStr,
};

use bytes::{Bytes, BytesMut};
use clap::ValueEnum;
use syslog_fmt::{
    Severity,
    v5424::{Config, Formatter, Timestamp, write_nil_value},
};
use tokio::net::{TcpStream, UdpSocket, UnixDatagram, lookup_host};

use super::{
    encoding::Append,
    error::EncodeError,
    stream,
    transport::{SendError, Transport},
    unix,
};
use crate::{
    event::{Event, Kind, Verdict},
    format::Format,
};

/// What the messages are filed under.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
#[expect(missing_docs, reason = "the names are those of RFC 5424")]
pub enum Facility {
    User,
    Daemon,
    Auth,
    #[default]
    Authpriv,
    Local0,
    Local1,
    Local2,
    Local3,
    Local4,
    Local5,
    Local6,
    Local7,
}

impl From<Facility> for syslog_fmt::Facility {
    fn from(facility: Facility) -> Self {
        match facility {
            Facility::User => Self::User,
            Facility::Daemon => Self::Daemon,
            Facility::Auth => Self::Auth,
            Facility::Authpriv => Self::Authpriv,
            Facility::Local0 => Self::Local0,
            Facility::Local1 => Self::Local1,
            Facility::Local2 => Self::Local2,
            Facility::Local3 => Self::Local3,
            Facility::Local4 => Self::Local4,
            Facility::Local5 => Self::Local5,
            Facility::Local6 => Self::Local6,
            Facility::Local7 => Self::Local7,
        }
    }
}

/// What stands before each message.
#[derive(Clone)]
pub struct Header {
    facility: Facility,
    formatter: Formatter,
}

impl Header {
    /// The header for this process.
    pub fn new(facility: Facility) -> Self {
        let host = crate::host::name().to_string_lossy().into_owned();
        // RFC 5424 has no other characters there.
        let named = !host.is_empty() && host.bytes().all(|byte| byte.is_ascii_graphic());
        let id = std::process::id().to_string();
        let formatter = Formatter::from_config(Config {
            facility: facility.into(),
            hostname: named.then_some(host.as_str()),
            app_name: Some("denyd"),
            proc_id: Some(&id),
        });
        Self { facility, formatter }
    }

    /// Writes an event as a message.
    pub fn encode(
        &self,
        event: &Event<'_>,
        format: Format,
        buffer: &mut BytesMut,
    ) -> Result<(), EncodeError> {
        let severity =
            if event.verdict == Some(Verdict::Denied) { Severity::Warning } else { Severity::Notice };
        let id = match event.kind {
            Kind::Denial => "denial",
            Kind::Policy => "policy",
        };
        // RFC 5424 allows microseconds at most.
        let time = format!("{:.6}", event.time);
        let mut to = Append(buffer);
        self.formatter.write_header(&mut to, severity, Timestamp::PreformattedStr(&time), Some(id))?;
        write_nil_value(&mut to)?;
        io::Write::write_all(&mut to, b" ")?;
        format.write(event, to)?;
        Ok(())
    }
}

impl PartialEq for Header {
    fn eq(&self, other: &Self) -> bool {
        self.facility == other.facility
    }
}

impl fmt::Debug for Header {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Header").field(&self.facility).finish()
    }
}

/// Where the messages go.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Address {
    /// A datagram socket of this machine.
    Unix(PathBuf),
    /// `HOST:PORT`, over UDP.
    Udp(String),
    /// `HOST:PORT`, over TCP.
    Tcp(String),
}

/// An address that is none.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum AddressError {
    /// Nothing known stands before the first colon.
    #[error("give unix:PATH, udp:HOST:PORT or tcp:HOST:PORT")]
    Kind,
    /// The path is relative.
    #[error("the path must start with /")]
    Relative,
    /// There is no port.
    #[error("give a host and a port, as in 192.0.2.1:514 or [2001:db8::1]:514")]
    NoPort,
}

impl FromStr for Address {
    type Err = AddressError;

    fn from_str(text: &str) -> Result<Self, AddressError> {
        match text.split_once(':') {
            Some(("unix", path)) if path.starts_with('/') => Ok(Self::Unix(path.into())),
            Some(("unix", _)) => Err(AddressError::Relative),
            Some(("udp", host)) => host_and_port(host).map(Self::Udp),
            Some(("tcp", host)) => host_and_port(host).map(Self::Tcp),
            _ => Err(AddressError::Kind),
        }
    }
}

/// Checks that there are a host and a port.
fn host_and_port(text: &str) -> Result<String, AddressError> {
    let (host, port) = text.rsplit_once(':').ok_or(AddressError::NoPort)?;
    let bare = host.strip_prefix('[').and_then(|host| host.strip_suffix(']'));
    let is_host = match bare {
        Some(address) => address.parse::<Ipv6Addr>().is_ok(),
        None => !host.is_empty() && !host.contains(':'),
    };
    let is_port = port.parse::<u16>().is_ok_and(|port| port != 0);
    if is_host && is_port { Ok(text.to_owned()) } else { Err(AddressError::NoPort) }
}

/// A receiver of syslog.
#[derive(Debug)]
pub(super) struct Syslog {
    address: Address,
    connection: Option<Connection>,
}

#[derive(Debug)]
enum Connection {
    Unix(UnixDatagram),
    Udp(UdpSocket),
    Tcp(TcpStream),
}

impl Syslog {
    /// The receiver there.
    pub(super) fn new(address: Address) -> Self {
        Self { address, connection: None }
    }
}

impl Transport for Syslog {
    async fn connect(&mut self) -> io::Result<()> {
        self.connection = None;
        self.connection = Some(match &self.address {
            Address::Unix(path) => Connection::Unix(unix::datagram(path)?),
            Address::Udp(address) => {
                let peer = lookup_host(address).await?.next();
                let peer = peer.ok_or_else(|| io::Error::other(format!("{address} has no address")))?;
                let any = match peer {
                    SocketAddr::V4(_) => SocketAddr::from((Ipv4Addr::UNSPECIFIED, 0)),
                    SocketAddr::V6(_) => SocketAddr::from((Ipv6Addr::UNSPECIFIED, 0)),
                };
                let socket = UdpSocket::bind(any).await?;
                socket.connect(peer).await?;
                Connection::Udp(socket)
            }
            Address::Tcp(address) => Connection::Tcp(TcpStream::connect(address).await?),
        });
        Ok(())
    }

    async fn send(&mut self, lines: &[Bytes]) -> (usize, Result<(), SendError>) {
        match &mut self.connection {
            Some(Connection::Tcp(stream)) => {
                stream::send(stream, lines, |line| format!("{} ", line.len())).await
            }
            Some(Connection::Unix(socket)) => unix::send_datagrams(socket, lines).await,
            Some(Connection::Udp(socket)) => {
                for (sent, line) in lines.iter().enumerate() {
                    if let Err(error) = socket.send(line).await {
                        return (sent, Err(error.into()));
                    }
                }
                (lines.len(), Ok(()))
            }
            None => (0, Err(io::Error::from(io::ErrorKind::NotConnected).into())),
        }
    }
}
