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
    /// The commit, such as `eeaea74f1c2d`; with `-dirty` if something was changed since.
    pub commit: String,
    /// The time of the source, which every file in a package gets.
    pub time: Timestamp,
}

impl Release {
    /// That of this source tree: the workspace's version, and the last commit with its time.
    ///
    /// # Errors
    /// When this is no clone, or there is no git.
    pub fn of_source() -> Result<Self, PackageError> {
        let git = |arguments: &[&str]| {
            let output = process::read(Command::new("git").args(arguments).current_dir(workspace::root()))?;
            Ok::<_, PackageError>(output.trim().to_owned())
        };
        let seconds = git(&["log", "-1", "--format=%ct"])?;
        // Whatever tags there are.
        let commit = git(&["describe", "--always", "--dirty", "--abbrev=12", "--exclude=*"])?;
        let wanted = PackageError::Answer { tool: "git", wanted: "time of the last commit" };
        let time = seconds.parse().ok().and_then(|seconds| Timestamp::from_second(seconds).ok());
        Ok(Self { version: env!("CARGO_PKG_VERSION").to_owned(), commit, time: time.ok_or(wanted)? })
    }

    /// Whether something was changed since the commit.
    #[must_use]
    pub fn is_changed(&self) -> bool {
        self.commit.ends_with("-dirty")
    }

    /// One of this commit, for tests.
    #[cfg(test)]
    pub(super) fn example(commit: &str) -> Self {
        let time = Timestamp::from_second(1_700_000_000).unwrap();
        Self { version: "1.2.3".to_owned(), commit: commit.to_owned(), time }
    }
}
