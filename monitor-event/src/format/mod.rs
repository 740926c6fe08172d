//! The formats in which an event is printed. docs/formats.md says where each field goes.
//!
//! All are one JSON object a line, written in one pass over the event: a format is a view that borrows from it. What
//! another format has no place for is kept under its native name (`except`), so that no format loses anything.

mod activity;
mod ecs;
mod except;
mod file;
mod message;
mod ocsf;

use std::{
    fmt::{self, Write as _},
    io,
};

use serde::{Serialize, Serializer};

use crate::{
    event::{Event, Process, Text},
    names,
};

/// How an event is printed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, clap::ValueEnum)]
pub enum Format {
    /// denyd's own (docs/events.md).
    #[default]
    Json,
    /// Elastic Common Schema.
    Ecs,
    /// Open Cybersecurity Schema Framework.
    Ocsf,
}

impl Format {
    /// Every format, in the order of their numbers.
    pub const ALL: [Self; 3] = [Self::Json, Self::Ecs, Self::Ocsf];

    /// Writes an event, without a newline.
    ///
    /// # Errors
    ///
    /// If writing fails.
    pub fn write(self, event: &Event<'_>, to: impl io::Write) -> serde_json::Result<()> {
        match self {
            Self::Json => serde_json::to_writer(to, event),
            Self::Ecs => serde_json::to_writer(to, &ecs::Document::new(event)),
            Self::Ocsf => serde_json::to_writer(to, &ocsf::OcsfEvent::new(event)),
        }
    }
}

/// The name under which other formats are told whose events these are.
const PRODUCT: &str = "denyd";
const PRODUCT_VERSION: &str = env!("CARGO_PKG_VERSION");

/// A value as a string: other formats have ids, and what is put together here, as strings.
struct Shown<T>(T);

impl<T: fmt::Display> Serialize for Shown<T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(&self.0)
    }
}

/// An event in one sentence, for people who look at a list of them.
#[must_use]
pub fn message<'e>(event: &'e Event<'_>) -> impl fmt::Display + 'e {
    message::Message(event)
}

/// Texts with a separator between them.
struct Joined<'e> {
    parts: &'e [Text<'e>],
    separator: &'static str,
}

impl fmt::Display for Joined<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.parts.iter().enumerate().try_for_each(|(nth, part)| {
            if nth > 0 {
                f.write_str(self.separator)?;
            }
            f.write_str(part)
        })
    }
}

/// A set of capabilities, each as the manual pages write it: `CAP_NET_ADMIN`; one that has no name is its number.
struct Capabilities(u64);

impl Capabilities {
    /// From the event's hexadecimal digits.
    fn new(digits: &Text<'_>) -> Option<Self> {
        u64::from_str_radix(digits, 16).ok().map(Self)
    }
}

impl Serialize for Capabilities {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(names::bits(self.0).map(|number| Shown(Capability(number))))
    }
}

struct Capability(u32);

impl fmt::Display for Capability {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match names::capability::known(self.0) {
            None => write!(f, "{}", self.0),
            Some(name) => {
                f.write_str("CAP_")?;
                name.chars().try_for_each(|c| f.write_char(c.to_ascii_uppercase()))
            }
        }
    }
}

/// A program's name: that of its file if it is known, for the process can't change that, else its thread's.
fn program<'e>(exe: Option<&'e str>, comm: Option<&'e str>) -> Option<&'e str> {
    exe.and_then(file::Path::new).map(|path| path.name).or(comm)
}

/// A path whose start is there.
fn absolute(path: Option<&str>) -> Option<&str> {
    path.filter(|path| path.starts_with('/'))
}

/// Whether the nearest ancestor, if there is one, is the parent.
fn is_parent_known(process: &Process<'_>) -> bool {
    process.ancestors.first().is_none_or(|nearest| Some(nearest.pid) == process.ppid)
}
