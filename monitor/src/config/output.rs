//! `[[output]]`: a kind, and what that kind needs.

use std::path::PathBuf;

use clap::ValueEnum;
use nix::unistd::User;
use serde::{Deserialize, Deserializer, de::Error};

use super::value::{Parsed, Word};
use crate::{
    filter::Filter,
    format::Format,
    output::spec::{DEFAULT_QUEUE, Facility, JOURNAL_SOCKET, Spec, SyslogAddress, Target},
};

/// The most events that may wait for an output.
const MAX_QUEUE: usize = 1 << 20;
/// The longest name of an output.
const MAX_NAME: usize = 64;

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Kind {
    Stdout,
    File,
    Unix,
    Journald,
    Syslog,
    Otlp,
}

/// One table, as it stands in the file.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Table {
    kind: Word<Kind>,
    name: Option<String>,
    filter: Option<Parsed<Filter>>,
    queue: Option<usize>,
    #[serde(default)]
    advice: bool,
    format: Option<Word<Format>>,
    path: Option<PathBuf>,
    owner: Option<String>,
    address: Option<String>,
    facility: Option<Word<Facility>>,
}

/// What is wrong with a table.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
enum Problem {
    #[error("an output of kind \"{kind}\" has no key `{key}`: it has {has}")]
    NoKey { kind: String, key: &'static str, has: String },
    #[error("an output of kind \"{kind}\" needs the key `{key}`: {advice}")]
    Needs { kind: String, key: &'static str, advice: &'static str },
    #[error("`path` must be absolute")]
    Relative,
    #[error("`queue` must be from 1 to {MAX_QUEUE} events")]
    Queue,
    #[error("`name` must be 1 to {MAX_NAME} lowercase letters, digits, - and _")]
    Name,
    #[error("there are two outputs of the name `{0}`: give one another `name`")]
    SameName(String),
    #[error("there can be only one output of kind \"stdout\"")]
    TwoStdout,
    #[error("there is no user `{0}`")]
    NoUser(String),
    #[error("`address`: {0}")]
    Address(String),
    #[cfg(not(feature = "otlp"))]
    #[error(
        "this denyd was built without the feature `otlp`: use another kind of output, or a build that has it"
    )]
    NotBuilt,
}

/// All outputs.
pub(super) fn specs<'de, D: Deserializer<'de>>(from: D) -> Result<Vec<Spec>, D::Error> {
    /// A table that is checked at once, so that an error has its line.
    struct Checked(Spec);
    impl<'de> Deserialize<'de> for Checked {
        fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
            Table::deserialize(from)?.check().map(Self).map_err(D::Error::custom)
        }
    }
    let specs: Vec<Spec> = Vec::<Checked>::deserialize(from)?.into_iter().map(|Checked(spec)| spec).collect();
    for (nth, spec) in specs.iter().enumerate() {
        let before = &specs[..nth];
        let is_stdout = |spec: &Spec| matches!(spec.target, Target::Stdout(_));
        if is_stdout(spec) && before.iter().any(is_stdout) {
            return Err(D::Error::custom(Problem::TwoStdout));
        }
        if before.iter().any(|other| other.name == spec.name) {
            return Err(D::Error::custom(Problem::SameName(spec.name.clone())));
        }
    }
    Ok(specs)
}

impl Table {
    fn check(self) -> Result<Spec, Problem> {
        let Word(kind) = self.kind;
        let kind_name =
            kind.to_possible_value().map_or_else(String::new, |value| value.get_name().to_owned());
        let own: &[&str] = match kind {
            Kind::Stdout => &["format"],
            Kind::File => &["path", "format"],
            Kind::Unix => &["path", "owner", "format"],
            Kind::Journald => &["path"],
            Kind::Syslog => &["address", "facility", "format"],
            Kind::Otlp => &["address"],
        };
        for (key, given) in [
            ("format", self.format.is_some()),
            ("path", self.path.is_some()),
            ("owner", self.owner.is_some()),
            ("address", self.address.is_some()),
            ("facility", self.facility.is_some()),
        ] {
            if given && !own.contains(&key) {
                let has = [&["name", "filter", "queue", "advice"], own].concat().join(", ");
                return Err(Problem::NoKey { kind: kind_name, key, has });
            }
        }
        let format = self.format.map_or_else(Format::default, |Word(format)| format);
        if self.path.as_ref().is_some_and(|path| !path.is_absolute()) {
            return Err(Problem::Relative);
        }
        let needs = |key, advice| Problem::Needs { kind: kind_name.clone(), key, advice };
        let path = |advice| self.path.clone().ok_or_else(|| needs("path", advice));
        let target = match kind {
            Kind::Stdout => Target::Stdout(format),
            Kind::File => Target::File { path: path("path = \"/var/log/denyd/denials.jsonl\"")?, format },
            Kind::Unix => {
                let owner = self.owner.map(uid).transpose()?;
                Target::Unix { path: path("the socket that the events are to go to")?, owner, format }
            }
            Kind::Journald => Target::Journald { path: self.path.unwrap_or_else(|| JOURNAL_SOCKET.into()) },
            Kind::Syslog => {
                let address = self.address.as_deref().unwrap_or("unix:/dev/log");
                let address: SyslogAddress =
                    address.parse().map_err(|error| Problem::Address(format!("{error}")))?;
                let facility = self.facility.map_or_else(Facility::default, |Word(facility)| facility);
                Target::Syslog { address, facility, format }
            }
            Kind::Otlp => collector(self.address.as_deref().unwrap_or("http://127.0.0.1:4317"))?,
        };
        let name = self.name.unwrap_or(kind_name);
        let named = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || b"-_".contains(&byte);
        if name.is_empty() || name.len() > MAX_NAME || !name.bytes().all(named) {
            return Err(Problem::Name);
        }
        let queue = self.queue.unwrap_or(DEFAULT_QUEUE);
        if queue == 0 || queue > MAX_QUEUE {
            return Err(Problem::Queue);
        }
        Ok(Spec {
            name,
            filter: self.filter.map(|Parsed(filter)| filter),
            queue,
            advice: self.advice,
            target,
        })
    }
}

/// A collector at this address.
#[cfg(feature = "otlp")]
fn collector(address: &str) -> Result<Target, Problem> {
    use tonic::transport::Endpoint;
    let wrong = || Problem::Address("give http://HOST:PORT".to_owned());
    let endpoint = Endpoint::from_shared(address.to_owned()).map_err(|_| wrong())?;
    if endpoint.uri().scheme_str() != Some("http") || endpoint.uri().port().is_none() {
        return Err(wrong());
    }
    Ok(Target::Otlp { endpoint: crate::output::spec::Collector(endpoint) })
}

/// None can be reached.
#[cfg(not(feature = "otlp"))]
fn collector(_address: &str) -> Result<Target, Problem> {
    Err(Problem::NotBuilt)
}

/// The number of a user, by number or name.
fn uid(user: String) -> Result<u32, Problem> {
    if let Ok(uid) = user.parse() {
        return Ok(uid);
    }
    match User::from_name(&user) {
        Ok(Some(found)) => Ok(found.uid.as_raw()),
        _ => Err(Problem::NoUser(user)),
    }
}
