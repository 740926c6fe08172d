//! What a package says of its release: the version, and the time of the source.

use std::process::Command;

use jiff::Timestamp;

use super::PackageError;
use crate::{process, workspace};

/// A release.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Release {
    /// As in Cargo.toml, such as `0.1.0`. In a package it may have a suffix that sorts before it (`0.1.0~1`).
    pub version: String,
    /// The time of the source, which every file in a package gets.
    pub time: Timestamp,
}

impl Release {
    /// That of this source tree: the workspace's version, and the time of the last commit (or `$SOURCE_DATE_EPOCH`).
    ///
    /// # Errors
    /// When there is neither git nor that variable.
    pub fn of_source() -> Result<Self, PackageError> {
        let seconds = match std::env::var("SOURCE_DATE_EPOCH") {
            Ok(seconds) => seconds,
            Err(_) => process::read(
                Command::new("git").args(["log", "-1", "--format=%ct"]).current_dir(workspace::root()),
            )?,
        };
        let wanted = PackageError::Answer { tool: "git", wanted: "time of the last commit" };
        let time = seconds.trim().parse().ok().and_then(|seconds| Timestamp::from_second(seconds).ok());
        Ok(Self { version: env!("CARGO_PKG_VERSION").to_owned(), time: time.ok_or(wanted)? })
    }
}
