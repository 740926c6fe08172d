//! What users install: one static program, and the packages that it comes in.
//!
//! Everything is made from the same files ([`contents`]). So that the same source gives the same bytes, the time in it is
//! that of the last commit, and no path of this machine is.

pub mod binary;
pub mod check;
pub mod contents;
pub mod deb;
pub mod image;
pub mod licenses;
pub mod notes;
pub mod release;
pub mod reproducible;
pub mod rpm;
pub mod sbom;
pub mod sums;

use std::{io, path::PathBuf};

use crate::{apt::AptError, process::ProcessError, vm::initramfs::InitramfsError, workspace::BuildError};

/// How a package's files are compressed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Compression {
    /// As small as can be.
    Small,
    /// To be made and unpacked quickly.
    Quick,
}

/// Why a package could not be made.
#[derive(Debug, thiserror::Error)]
pub enum PackageError {
    /// The program can't be built.
    #[error(transparent)]
    Build(#[from] BuildError),
    /// A tool is missing or failed.
    #[error("cannot make the package: {0}")]
    Process(#[from] ProcessError),
    /// A tool is not installed.
    #[error(transparent)]
    Tool(#[from] InitramfsError),
    /// Debian packages.
    #[error(transparent)]
    Apt(#[from] AptError),
    /// A file can't be read or written.
    #[error("cannot make the package: {path}: {source}")]
    File {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// The changelog says nothing about a version.
    #[error("CHANGELOG.md has no section `## {version}`: write what is new in it")]
    NoNotes {
        /// The version.
        version: String,
    },
    /// It is no program for the machines that the package is for, or needs a library.
    #[error(
        "{path} is no static program for {architecture}: build one by `cargo xtask package binary --arch`"
    )]
    Program {
        /// Where it is.
        path: PathBuf,
        /// The machines, by Debian's name.
        architecture: &'static str,
    },
    /// The source is not that of a commit, so that nobody else can build it.
    #[error("files were changed since the last commit: commit them, so that a clone has the same source")]
    Changed,
    /// Files that are not the same when they are made again.
    #[error("not the same when made again in {again}: {}; `diffoscope` shows what differs", .names.join(", "))]
    Differs {
        /// The folder with the second ones, which is kept.
        again: PathBuf,
        /// The files' names.
        names: Vec<String>,
    },
    /// What a tool printed is not as expected.
    #[error("cannot make the package: {tool} printed no {wanted}")]
    Answer {
        /// The tool.
        tool: &'static str,
        /// What was looked for.
        wanted: &'static str,
    },
}

/// Says which file an error is about.
fn at(path: impl Into<PathBuf>) -> impl FnOnce(io::Error) -> PackageError {
    let path = path.into();
    |source| PackageError::File { path, source }
}
