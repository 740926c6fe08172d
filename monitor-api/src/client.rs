//! The other side: asks the daemon for events and reads them.

use std::{
    io::{self, BufRead as _, BufReader, Write as _},
    net::Shutdown,
    os::unix::net::UnixStream,
    path::{Path, PathBuf},
    time::Duration,
};

use monitor_explain::report::Report;

use crate::protocol::{Control, Cursor, Hello, Line, ProtocolError, Refusal, Request, StatusNow};

/// The longest line that is read: longer ones are no event's.
const LINE_MAX: usize = 4 << 20;

/// Why there are no events.
#[derive(Debug, thiserror::Error)]
pub enum ClientError {
    /// No daemon listens.
    #[error("no denyd listens on {0}")]
    NoDaemon(PathBuf),
    /// The socket may not be used.
    #[error(
        "may not connect to {0}: run it as root, or have yourself added to the group denyd (usermod -aG denyd USER) and log \
         in again"
    )]
    NotAllowed(PathBuf),
    /// The daemon said no.
    #[error("{}", .0.message)]
    Refused(Refusal),
    /// The connection broke.
    #[error("the connection to denyd broke: {0}: try again")]
    Io(#[source] io::Error),
    /// The daemon does not answer.
    #[error(
        "denyd did not answer in time: it is overloaded or hangs; see what it says (journalctl -u denyd)"
    )]
    Late,
    /// What came is not denyd's.
    #[error("{0}: does something else listen on that socket?")]
    Protocol(#[from] ProtocolError),
    /// What came instead of a hello.
    #[error("no hello from denyd: does something else listen on that socket?")]
    NoHello,
}

/// A connection on which events come.
#[derive(Debug)]
pub struct Client {
    stream: BufReader<UnixStream>,
    line: Vec<u8>,
    /// The number of the next event, if the daemon says no other.
    next: Option<u64>,
    /// Who answers.
    pub hello: Hello,
}

/// Ends a connection from another thread.
#[derive(Debug)]
pub struct Closer(UnixStream);

impl Closer {
    /// Ends it: the next read says that there is nothing more.
    pub fn close(&self) {
        // One that is closed already is as well.
        let _closed = self.0.shutdown(Shutdown::Both);
    }
}

/// What a read gave.
#[derive(Debug, PartialEq, Eq)]
pub enum Read<'a> {
    /// A line.
    Line(Line<'a>),
    /// Nothing came in time.
    Quiet,
    /// The connection is closed.
    Closed,
}

impl Client {
    /// Connects to a daemon, and asks.
    ///
    /// # Errors
    ///
    /// If there is none, or it refuses.
    pub fn connect(path: &Path, request: &Request) -> Result<Self, ClientError> {
        let stream = UnixStream::connect(path).map_err(|error| match error.kind() {
            io::ErrorKind::NotFound | io::ErrorKind::ConnectionRefused => {
                ClientError::NoDaemon(path.to_owned())
            }
            io::ErrorKind::PermissionDenied => ClientError::NotAllowed(path.to_owned()),
            _ => ClientError::Io(error),
        })?;
        Self::ask(stream, request)
    }

    /// Asks on a connection.
    ///
    /// # Errors
    ///
    /// If the other side refuses.
    pub fn ask(mut stream: UnixStream, request: &Request) -> Result<Self, ClientError> {
        // A daemon that refuses does not wait for the request: its answer says more than an error here.
        let asked = stream.write_all(&request.line());
        let hello = Hello { version: 0, denyd: String::new(), schema: 0, boot: String::new() };
        let mut client = Self { stream: BufReader::new(stream), line: Vec::new(), next: None, hello };
        match client.read() {
            Ok(Read::Line(Line::Control(Control::Hello(hello)))) => {
                client.hello = hello;
                Ok(client)
            }
            Ok(Read::Line(Line::Control(Control::Error(refusal)))) => Err(ClientError::Refused(refusal)),
            Ok(_) => Err(asked.map_or_else(ClientError::Io, |()| ClientError::NoHello)),
            Err(error) => Err(error),
        }
    }

    /// How long a read may take before it says [`Read::Quiet`]; none: for ever.
    ///
    /// # Errors
    ///
    /// If the time is zero.
    pub fn set_patience(&self, limit: Option<Duration>) -> io::Result<()> {
        self.stream.get_ref().set_read_timeout(limit)
    }

    /// What ends the connection from another thread.
    ///
    /// # Errors
    ///
    /// If there are too many open files.
    pub fn closer(&self) -> io::Result<Closer> {
        self.stream.get_ref().try_clone().map(Closer)
    }

    /// The place after what was read, from which another connection can go on.
    #[must_use]
    pub fn cursor(&self) -> Option<Cursor> {
        self.next.map(|number| Cursor { boot: self.hello.boot.clone(), number })
    }

    /// Whether more can be read without waiting.
    #[must_use]
    pub fn has_more(&self) -> bool {
        self.stream.buffer().contains(&b'\n')
    }

    /// The status, if that was asked for.
    ///
    /// # Errors
    ///
    /// If it does not come in time, the connection breaks, or the daemon has none.
    pub fn status(mut self) -> Result<StatusNow, ClientError> {
        loop {
            match self.read()? {
                Read::Line(Line::Control(Control::Status(status))) => return Ok(*status),
                Read::Line(Line::Control(Control::Error(refusal))) => {
                    return Err(ClientError::Refused(refusal));
                }
                Read::Line(_) => {}
                Read::Quiet => return Err(ClientError::Late),
                Read::Closed => return Err(ClientError::Io(io::ErrorKind::UnexpectedEof.into())),
            }
        }
    }

    /// The findings, if they were asked for.
    ///
    /// # Errors
    ///
    /// If the connection breaks or is too quiet, or the daemon can't explain.
    pub fn report(mut self) -> Result<Report, ClientError> {
        let mut findings = Vec::new();
        loop {
            match self.read()? {
                Read::Line(Line::Control(Control::Finding(finding))) => findings.push(*finding),
                Read::Line(Line::Control(Control::Explained(report))) => {
                    return Ok(Report { findings, ..*report });
                }
                Read::Line(Line::Control(Control::Error(refusal))) => {
                    return Err(ClientError::Refused(refusal));
                }
                Read::Line(_) => {}
                Read::Quiet => return Err(ClientError::Late),
                Read::Closed => return Err(ClientError::Io(io::ErrorKind::UnexpectedEof.into())),
            }
        }
    }

    /// The next line.
    ///
    /// # Errors
    ///
    /// If the connection breaks, or something else is at its other end.
    pub fn read(&mut self) -> Result<Read<'_>, ClientError> {
        if self.line.last() == Some(&b'\n') {
            self.line.clear();
        }
        loop {
            let available = match self.stream.fill_buf() {
                Ok([]) => return Ok(Read::Closed),
                Ok(available) => available,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(Read::Quiet),
                Err(error) if error.kind() == io::ErrorKind::ConnectionReset => return Ok(Read::Closed),
                Err(error) => return Err(ClientError::Io(error)),
            };
            let newline = available.iter().position(|&byte| byte == b'\n');
            let length = newline.map_or(available.len(), |at| at + 1);
            self.line.extend_from_slice(&available[..length]);
            self.stream.consume(length);
            if newline.is_some() {
                let line = Line::parse(&self.line[..self.line.len() - 1])?;
                match &line {
                    Line::Event(_) => self.next = self.next.map(|number| number + 1),
                    Line::Control(Control::At(number)) => self.next = Some(*number),
                    Line::Control(_) => {}
                }
                return Ok(Read::Line(line));
            }
            if self.line.len() > LINE_MAX {
                let error = io::Error::new(io::ErrorKind::InvalidData, "a line is too long");
                return Err(ClientError::Io(error));
            }
        }
    }
}
