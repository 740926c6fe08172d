//! What an output is to be, as the configuration says it.

use std::path::PathBuf;

use xxhash_rust::xxh3::Xxh3;

use super::{
    Encoding,
    syslog::{Address, Header},
};
pub use super::{
    journald::SOCKET as JOURNAL_SOCKET,
    syslog::{Address as SyslogAddress, AddressError as SyslogAddressError, Facility},
};
use crate::{filter::Filter, format::Format};

/// Events that may wait for an output, unless the configuration says otherwise. An event is about 2 KiB.
pub const DEFAULT_QUEUE: usize = 8192;

/// An output.
#[derive(Clone, Debug, PartialEq)]
pub struct Spec {
    /// Its name, under which its losses are counted.
    pub name: String,
    /// Which events it gets; none: all.
    pub filter: Option<Filter>,
    /// Events that may wait for it.
    pub queue: usize,
    /// Whether they have the field `advice`.
    pub advice: bool,
    /// Where they go.
    pub target: Target,
}

/// Where events go.
#[cfg_attr(
    feature = "otlp",
    expect(clippy::large_enum_variant, reason = "there are a few, made when the configuration is read")
)]
#[derive(Clone, Debug, PartialEq)]
pub enum Target {
    /// Standard output.
    Stdout(Format),
    /// The end of a file.
    File {
        /// Its path.
        path: PathBuf,
        /// The form of a line.
        format: Format,
    },
    /// A unix socket that someone else listens on.
    Unix {
        /// Its path.
        path: PathBuf,
        /// Who may own it, beside root and denyd's own user.
        owner: Option<u32>,
        /// The form of a line or datagram.
        format: Format,
    },
    /// The journal.
    Journald {
        /// The journal's socket.
        path: PathBuf,
    },
    /// A receiver of RFC 5424.
    Syslog {
        /// Where.
        address: Address,
        /// What the messages are filed under.
        facility: Facility,
        /// The form of their text.
        format: Format,
    },
    /// A collector of OpenTelemetry.
    #[cfg(feature = "otlp")]
    Otlp {
        /// Where: `http://HOST:PORT`.
        endpoint: Collector,
    },
}

/// The address of a collector.
#[cfg(feature = "otlp")]
#[derive(Clone, Debug)]
pub struct Collector(pub tonic::transport::Endpoint);

#[cfg(feature = "otlp")]
impl PartialEq for Collector {
    fn eq(&self, other: &Self) -> bool {
        self.0.uri() == other.0.uri()
    }
}

/// A number for the output of this name at this place, the same in every process; not 0.
#[must_use]
pub(crate) fn output_id(name: &str, place: &[u8]) -> u64 {
    let mut hash = Xxh3::new();
    hash.update(name.as_bytes());
    hash.update(&[0]);
    hash.update(place);
    hash.digest() | 1
}

impl Spec {
    /// Standard output.
    #[must_use]
    pub fn stdout(format: Format, filter: Option<Filter>) -> Self {
        Self {
            name: "stdout".to_owned(),
            filter,
            queue: DEFAULT_QUEUE,
            advice: false,
            target: Target::Stdout(format),
        }
    }

    /// The form in which it takes events.
    #[must_use]
    pub fn encoding(&self) -> Encoding {
        match &self.target {
            Target::Stdout(format) | Target::File { format, .. } | Target::Unix { format, .. } => {
                Encoding::Line(*format)
            }
            Target::Journald { .. } => Encoding::Journal,
            Target::Syslog { facility, format, .. } => Encoding::Syslog(Header::new(*facility), *format),
            #[cfg(feature = "otlp")]
            Target::Otlp { .. } => Encoding::Otlp,
        }
    }

    /// A number that tells it from other outputs, also in other processes; not 0.
    #[must_use]
    pub(crate) fn id(&self) -> u64 {
        let place = match &self.target {
            Target::File { path, .. } => path.as_os_str().as_encoded_bytes(),
            _ => &[],
        };
        output_id(&self.name, place)
    }

    /// Whether the other is the same but for its filter.
    #[must_use]
    pub fn differs_by_filter_only(&self, other: &Self) -> bool {
        (&self.name, self.queue, self.advice, &self.target)
            == (&other.name, other.queue, other.advice, &other.target)
    }
}
