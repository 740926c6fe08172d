//! The configuration: a TOML file, of which every key has a default, and over which the command line stands.
//!
//! `systemd/denyd.toml` says what every key means; a test holds what it says against the defaults here. A part of denyd
//! that has keys of its own has a struct for its table beside its code, with `Default` and
//! `#[serde(default, deny_unknown_fields)]`, and one line in [`Config`].

mod error;
pub(crate) mod metrics;
mod output;
mod size;
mod sources;
mod value;
mod wait;

use std::{
    fs, io,
    path::{Path, PathBuf},
    time::Duration,
};

use serde::Deserialize;

pub(crate) use self::{
    error::ConfigError,
    size::{RING_MIN, ring as parse_ring_size, slots as parse_fold_slots},
    sources::{Choice, chosen},
    wait::{fold as parse_fold_window, name as parse_name_wait},
};
use crate::{
    enrich::runtime::Socket, fault::Faults, fold::FoldOptions, kernel, kernel::pins, output::spec::Spec,
    tail::settings::Settings,
};

/// Where the configuration is, unless the command line says otherwise. It need not be there.
pub(crate) const DEFAULT_PATH: &str = "/etc/denyd/denyd.toml";

/// The documented defaults, as a file.
pub(crate) const DEFAULT_FILE: &str = include_str!("../../../systemd/denyd.toml");

/// The largest file that is read.
const MAX_FILE_LEN: u64 = 1 << 20;

/// What denyd is to do.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Config {
    /// What to watch.
    #[serde(deserialize_with = "value::words")]
    pub sources: Vec<Choice>,
    /// Whether to watch denials that the policy keeps out of the log.
    pub silent: bool,
    /// Whether to report stacks.
    pub stack: bool,
    /// Bytes of the ring buffer.
    #[serde(deserialize_with = "value::ring_size")]
    pub ring_size: u32,
    /// Repeats of denials.
    pub fold: Fold,
    /// What stays in the kernel when denyd ends.
    pub pin: Pin,
    /// Names of users, groups, containers and pods.
    pub names: Names,
    /// The endpoint for Prometheus.
    pub metrics: metrics::Config,
    /// Whoever asks for events: `denyd tail` and `denyd top`.
    pub tail: Settings,
    /// Where events go.
    #[serde(rename = "output", deserialize_with = "output::specs")]
    pub outputs: Vec<Spec>,
    /// What is to go wrong: only on the command line.
    #[serde(skip)]
    pub faults: Faults,
}

/// Repeats of denials.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Fold {
    /// Whether they are folded.
    pub enabled: bool,
    /// How long they are counted, from the first denial on.
    #[serde(deserialize_with = "value::fold_window")]
    pub window: Duration,
    /// Which denials are repeats of one.
    #[serde(deserialize_with = "value::fold_key")]
    pub key: FoldKey,
    /// Denials whose repeats can be counted at the same time.
    #[serde(deserialize_with = "value::fold_slots")]
    pub slots: u32,
}

/// Which denials are repeats of one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum FoldKey {
    /// The same denial of the same program, user and cgroup.
    Program,
    /// The same denial of the same process.
    Process,
}

impl Fold {
    /// What the programs are to do.
    #[must_use]
    pub(crate) fn options(&self) -> Option<FoldOptions> {
        let Self { enabled, window, key, slots } = *self;
        enabled.then_some(FoldOptions { window, by_process: key == FoldKey::Process, slots })
    }
}

impl Default for Fold {
    fn default() -> Self {
        Self { enabled: true, window: Duration::from_secs(1), key: FoldKey::Program, slots: 4096 }
    }
}

/// What stays in the kernel when denyd ends.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Pin {
    /// Whether programs stay attached.
    pub enabled: bool,
    /// The folder of their pins, in a BPF file system.
    pub folder: PathBuf,
}

impl Pin {
    /// Where to pin, if anything is.
    #[must_use]
    pub(crate) fn folder(&self) -> Option<PathBuf> {
        self.enabled.then(|| self.folder.clone())
    }
}

impl Default for Pin {
    fn default() -> Self {
        Self { enabled: true, folder: PathBuf::from(pins::DEFAULT_FOLDER) }
    }
}

/// Names of users, groups, containers and pods.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Names {
    /// How long an event may wait for them.
    #[serde(deserialize_with = "value::name_wait")]
    pub wait: Duration,
    /// Where to ask for those of containers and pods.
    #[serde(deserialize_with = "value::sockets")]
    pub runtime_sockets: Vec<Socket>,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            sources: vec![Choice::Default],
            silent: false,
            stack: false,
            ring_size: 8 << 20,
            fold: Fold::default(),
            pin: Pin::default(),
            names: Names::default(),
            metrics: metrics::Config::default(),
            tail: Settings::default(),
            outputs: Vec::new(),
            faults: Faults::default(),
        }
    }
}

impl Default for Names {
    fn default() -> Self {
        Self { wait: Duration::from_millis(100), runtime_sockets: Vec::new() }
    }
}

impl Config {
    /// Reads the file at this path; at the usual one, if none is given, where it need not be.
    ///
    /// # Errors
    ///
    /// If it can't be read, or says what denyd doesn't know: the error says where and what.
    pub(crate) fn read(path: Option<&Path>) -> Result<Self, ConfigError> {
        let at = path.unwrap_or(Path::new(DEFAULT_PATH));
        match text_of(at) {
            Ok(text) => Self::parse(&text, at),
            Err(error) if path.is_none() && error.kind() == io::ErrorKind::NotFound => Ok(Self::default()),
            Err(error) => Err(ConfigError::Read { path: at.to_owned(), error }),
        }
    }

    /// Reads a file's text.
    ///
    /// # Errors
    ///
    /// If it says what denyd doesn't know.
    pub(crate) fn parse(text: &str, path: &Path) -> Result<Self, ConfigError> {
        toml::from_str(text).map_err(|error| ConfigError::invalid(path, text, &error))
    }

    /// What the kernel side is to do.
    #[must_use]
    pub(crate) fn kernel_options(&self) -> kernel::Options {
        kernel::Options {
            sources: chosen(&self.sources, self.silent),
            silent: self.silent,
            stack: self.stack,
            ring_size: self.ring_size,
            fold: self.fold.options(),
            pins: self.pin.folder(),
            fault_ring_full: self.faults.ring_full,
        }
    }

    /// What of another configuration can't be taken over while the programs stay attached, by its keys.
    #[must_use]
    pub(crate) fn fixed_that_differ(&self, other: &Self) -> Vec<&'static str> {
        [
            ("sources", self.sources != other.sources),
            ("silent", self.silent != other.silent),
            ("stack", self.stack != other.stack),
            ("ring_size", self.ring_size != other.ring_size),
            ("fold", self.fold != other.fold),
            ("pin", self.pin != other.pin),
            ("names.wait", self.names.wait != other.names.wait),
            ("metrics", self.metrics != other.metrics),
            ("tail", self.tail != other.tail),
            ("names.runtime_sockets", self.names.runtime_sockets != other.names.runtime_sockets),
        ]
        .into_iter()
        .filter_map(|(key, differs)| differs.then_some(key))
        .collect()
    }
}

/// Whether this is the text of a configuration, as `denyd config check` would find it.
///
/// # Errors
///
/// If it is not: where, and what is wrong.
pub fn check(text: &str) -> Result<(), impl std::error::Error + use<>> {
    Config::parse(text, Path::new(DEFAULT_PATH)).map(drop)
}

fn text_of(path: &Path) -> io::Result<String> {
    let size = fs::metadata(path)?.len();
    if size > MAX_FILE_LEN {
        return Err(io::Error::other(format!("it has {size} bytes; {MAX_FILE_LEN} are allowed")));
    }
    fs::read_to_string(path)
}

#[cfg(test)]
mod tests;
