//! The forms in which events go to outputs.

use bytes::{BufMut as _, Bytes, BytesMut};

#[cfg(feature = "otlp")]
use super::otlp;
use super::{error::EncodeError, journald, syslog::Header};
use crate::{event::Event, format::Format};

/// Room for an event's line, so that encoding seldom has to grow the buffer.
const LINE_CAPACITY: usize = 4096;

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
    /// Encodes an event; the buffer is empty before and after, unless it fails.
    ///
    /// # Errors
    ///
    /// If the event or the message around it can't be written.
    pub fn encode(&self, event: &Event<'_>, buffer: &mut BytesMut) -> Result<Bytes, EncodeError> {
        buffer.reserve(LINE_CAPACITY);
        match self {
            Self::Line(format) => {
                format.write(event, (&mut *buffer).writer())?;
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
