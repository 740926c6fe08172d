//! The forms in which events go to outputs.

use std::io;

use bytes::{BufMut as _, Bytes, BytesMut};

#[cfg(feature = "otlp")]
use super::otlp;
use super::{error::EncodeError, journald, syslog::Header};
use crate::{event::Event, format::Format};

/// Room for an event's line, so that encoding seldom has to grow the buffer.
const LINE_CAPACITY: usize = 4096;

/// Bytes that lines share, one after another. A line keeps all of them: what keeps every line, the history, keeps little more
/// than the lines themselves.
const BLOCK: usize = 64 << 10;

/// The form in which an event goes to an output.
#[derive(Clone, Debug, PartialEq)]
pub enum Encoding {
    /// A line of this format, with its newline.
    Line(Format),
    /// A message of the journal's native protocol.
    Journal,
    /// A message of RFC 5424, with the event in this format as its text.
    Syslog(Header, Format),
    /// A log record of OTLP, in protobuf.
    #[cfg(feature = "otlp")]
    Otlp,
}

impl Encoding {
    /// Encodes an event; the buffer is empty before and after, unless it fails. It is to be of this encoding alone.
    ///
    /// # Errors
    ///
    /// If the event or the message around it can't be written.
    pub fn encode(&self, event: &Event<'_>, buffer: &mut BytesMut) -> Result<Bytes, EncodeError> {
        if buffer.capacity() < LINE_CAPACITY {
            buffer.reserve(BLOCK);
        }
        match self {
            Self::Line(format) => {
                format.write(event, Append(buffer))?;
                buffer.put_u8(b'\n');
            }
            Self::Journal => journald::encode(event, buffer)?,
            Self::Syslog(header, format) => header.encode(event, *format, buffer)?,
            #[cfg(feature = "otlp")]
            Self::Otlp => otlp::encode(event, buffer)?,
        }
        Ok(buffer.split().freeze())
    }
}

/// Writes at the end of a buffer.
///
/// JSON is written in pieces, most of one byte. [`bytes::buf::Writer`] takes each as one of any length, and calls functions that
/// copy and fill memory for it: a fifth of the time that an event takes.
pub(super) struct Append<'b>(pub(super) &'b mut BytesMut);

impl io::Write for Append<'_> {
    #[inline]
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.extend_from_slice(bytes);
        Ok(bytes.len())
    }

    #[inline]
    fn write_all(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.0.extend_from_slice(bytes);
        Ok(())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_follow_each_other_in_one_block() {
        let text = r#"{"schema":2,"time":"2026-01-01T00:00:00Z","host":"h","kind":"denial","module":"capability",
            "verdict":"denied","silent":false,"action":{"permissions":[]},"subject":{},"object":{"kind":"none"},"process":{}}"#;
        let event: Event<'_> = serde_json::from_str(text).unwrap();
        let mut buffer = BytesMut::new();
        let encoding = Encoding::Line(Format::Json);
        let lines: Vec<_> = (0..300).map(|_| encoding.encode(&event, &mut buffer).unwrap()).collect();
        let joined = lines.windows(2).filter(|pair| pair[0].as_ptr_range().end == pair[1].as_ptr());
        let blocks = lines.len() - joined.count();
        let needed = lines.iter().map(Bytes::len).sum::<usize>().div_ceil(BLOCK - LINE_CAPACITY);
        assert!(blocks <= needed, "{blocks} blocks, where {needed} are enough");
        assert!(lines.iter().all(|line| line == &lines[0]));
    }
}
