//! What was changed, so that it can be taken back: a file that only root can read and write.

use std::{
    fs::{self, DirBuilder, File, OpenOptions},
    io::{self, Write as _},
    os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _},
    path::{Path, PathBuf},
};

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::{step::Undo, tools::ToolError};

/// The folder. It is not the daemon's, which others than root can write to.
pub(super) const FOLDER: &str = "/var/lib/denyd-fix";
/// How many changes are remembered.
const KEPT: usize = 1000;

/// A change that was made.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Applied {
    /// When.
    pub(super) time: Timestamp,
    /// Against what.
    pub(super) summary: String,
    /// What takes it back; the last step goes first.
    pub(super) undo: Vec<Undo>,
}

/// The changes, the newest last.
#[derive(Debug)]
pub(super) struct State {
    path: PathBuf,
    applied: Vec<Applied>,
}

fn fault(what: &str, path: &Path) -> impl FnOnce(io::Error) -> ToolError {
    let what = format!("cannot {what} {}", path.display());
    move |error| ToolError::File { what, error }
}

impl State {
    /// Reads it. A folder that is not there is made.
    pub(super) fn open(folder: &Path) -> Result<Self, ToolError> {
        match DirBuilder::new().mode(0o700).create(folder) {
            Err(error) if error.kind() != io::ErrorKind::AlreadyExists => {
                return Err(fault("make", folder)(error));
            }
            _ => {}
        }
        let path = folder.join("applied.json");
        let applied = match fs::read(&path) {
            Ok(text) => serde_json::from_slice(&text).map_err(|error| fault("read", &path)(error.into()))?,
            Err(error) if error.kind() == io::ErrorKind::NotFound => Vec::new(),
            Err(error) => return Err(fault("read", &path)(error)),
        };
        Ok(Self { path, applied })
    }

    /// The newest change.
    pub(super) fn last(&self) -> Option<&Applied> {
        self.applied.last()
    }

    /// Notes a change.
    pub(super) fn push(&mut self, applied: Applied) -> Result<(), ToolError> {
        self.applied.push(applied);
        let beyond = self.applied.len().saturating_sub(KEPT);
        self.applied.drain(..beyond);
        self.write()
    }

    /// Forgets the newest change.
    pub(super) fn pop(&mut self) -> Result<(), ToolError> {
        self.applied.pop();
        self.write()
    }

    /// Writes it, whole or not at all.
    fn write(&self) -> Result<(), ToolError> {
        let new = self.path.with_extension("json.new");
        let text = serde_json::to_vec_pretty(&self.applied).unwrap_or_default();
        let write = || -> io::Result<()> {
            let mut file =
                OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&new)?;
            file.write_all(&text)?;
            file.sync_all()?;
            fs::rename(&new, &self.path)?;
            self.path.parent().map_or(Ok(()), |folder| File::open(folder)?.sync_all())
        };
        write().map_err(fault("write", &self.path))
    }
}
