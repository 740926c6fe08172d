//! Lines over a stream: what was sent whole, and whether anyone is still there.

use std::io;

use bytes::Bytes;
use tokio::io::{AsyncWrite, AsyncWriteExt as _};

use super::transport::SendError;

/// A stream of which can be asked, without waiting, whether the other side has closed it.
pub(super) trait Peeked: AsyncWrite + Unpin + Send {
    /// Reads what is there.
    fn try_read(&self, into: &mut [u8]) -> io::Result<usize>;
}

impl Peeked for tokio::net::UnixStream {
    fn try_read(&self, into: &mut [u8]) -> io::Result<usize> {
        Self::try_read(self, into)
    }
}

impl Peeked for tokio::net::TcpStream {
    fn try_read(&self, into: &mut [u8]) -> io::Result<usize> {
        Self::try_read(self, into)
    }
}

/// Sends these lines, each with this in front of it.
pub(super) async fn send(
    stream: &mut impl Peeked,
    lines: &[Bytes],
    prefix: impl Fn(&Bytes) -> String,
) -> (usize, Result<(), SendError>) {
    if is_closed(stream) {
        return (0, Err(SendError::Broken(io::ErrorKind::BrokenPipe.into())));
    }
    let mut buffer = Vec::new();
    let ends: Vec<_> = lines
        .iter()
        .map(|line| {
            buffer.extend_from_slice(prefix(line).as_bytes());
            buffer.extend_from_slice(line);
            buffer.len()
        })
        .collect();
    let mut written = 0;
    while written < buffer.len() {
        match stream.write(&buffer[written..]).await {
            Ok(0) => return (whole(&ends, written), Err(io::Error::from(io::ErrorKind::WriteZero).into())),
            Ok(count) => written += count,
            Err(error) => return (whole(&ends, written), Err(error.into())),
        }
    }
    (lines.len(), Ok(()))
}

/// How many lines that end there are whole within so many bytes.
fn whole(ends: &[usize], bytes: usize) -> usize {
    ends.partition_point(|&end| end <= bytes)
}

/// Whether the other side has closed the stream. What it says is read and forgotten.
fn is_closed(stream: &impl Peeked) -> bool {
    let mut said = [0; 512];
    loop {
        match stream.try_read(&mut said) {
            Ok(0) => return true,
            Ok(_) => {}
            Err(error) => return error.kind() != io::ErrorKind::WouldBlock,
        }
    }
}
