//! Lines in a file, which may be moved away or removed while denyd runs.
//!
//! A thread of its own writes them, because a disk may block. Before each batch it looks whether the file is still the
//! one at its path, and opens that one if not. A disk that is full loses what should have been written and nothing else:
//! a line of which only a part fits is taken back, and the next lines are tried again.

use std::{
    fs::{self, File, OpenOptions, Permissions},
    io,
    os::unix::fs::{FileTypeExt as _, MetadataExt as _, OpenOptionsExt as _, PermissionsExt as _},
    path::{Path, PathBuf},
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering::Relaxed},
    },
    thread,
};

use bytes::Bytes;
use tokio::sync::oneshot;

use super::{
    Lines, OutputLoss,
    health::Health,
    lines::{whole_lines, write_all},
    stdout::Outcome,
};
use crate::ledger::OutputMark;

/// Lines written at once, at most.
const BATCH: usize = 512;
/// Who may read a file that denyd makes: its user and group.
const MODE: u32 = 0o640;

/// A file to write to.
#[derive(Debug)]
struct Appended {
    path: PathBuf,
    open: Option<File>,
    /// A part of a line stands at the end.
    torn: bool,
    /// What is written at once.
    buffer: Vec<u8>,
}

/// Starts to write lines to a file. It is opened anew when `reopen` is set.
///
/// # Errors
///
/// If the thread can't be started. A file that can't be opened is said, and tried again.
pub(super) fn start(
    lines: Lines,
    path: PathBuf,
    reopen: Arc<AtomicBool>,
) -> io::Result<oneshot::Receiver<Outcome>> {
    let (outcome, receiver) = oneshot::channel();
    thread::Builder::new().name("file".to_owned()).spawn(move || {
        // If nobody waits for the outcome any more, nobody wants to know it.
        let _unwanted = outcome.send(write(lines, path, &reopen));
    })?;
    Ok(receiver)
}

fn write(mut lines: Lines, path: PathBuf, reopen: &AtomicBool) -> Outcome {
    let mut health = Health::new(&lines.counts);
    let mut file = Appended { path, open: None, torn: false, buffer: Vec::new() };
    // So that a wrong path is said at the start and not at the first denial.
    if let Err(error) = file.current(false) {
        health.failed(&error);
    }
    let mut batch = Vec::with_capacity(BATCH);
    while lines.queue.blocking_recv_many(&mut batch, BATCH) > 0 {
        let (written, result) = match lines.failed.check() {
            Ok(()) => file.append(&batch, reopen.swap(false, Relaxed), lines.mark.as_ref()),
            Err(error) => (0, Err(error)),
        };
        if let Some(mark) = &lines.mark {
            mark.end(batch.len() as u64);
        }
        lines.counts.write(written as u64);
        match result {
            Ok(()) => health.works(),
            Err(error) => {
                health.failed(&error);
                lines.counts.lose(OutputLoss::Failed, (batch.len() - written) as u64);
            }
        }
        batch.clear();
    }
    Outcome::Drained
}

impl Appended {
    /// The file at the path, opened if it is not open, or another.
    fn current(&mut self, reopen: bool) -> io::Result<&mut File> {
        let same = !reopen && self.open.as_ref().is_some_and(|file| is_at(file, &self.path));
        if !same {
            self.open = None;
            self.torn = false;
        }
        match &mut self.open {
            Some(file) => Ok(file),
            none => Ok(none.insert(open(&self.path).map_err(|error| about(&self.path, &error))?)),
        }
    }

    /// Appends lines. Gives how many stand there whole.
    fn append(
        &mut self,
        lines: &[Bytes],
        reopen: bool,
        mark: Option<&OutputMark>,
    ) -> (usize, io::Result<()>) {
        if let Err(error) = self.current(reopen) {
            return (0, Err(error));
        }
        self.buffer.clear();
        if self.torn {
            self.buffer.push(b'\n');
        }
        let start = self.buffer.len();
        for line in lines {
            self.buffer.extend_from_slice(line);
        }
        let Some(file) = &mut self.open else { return (0, Err(io::ErrorKind::NotConnected.into())) };
        if let Some(mark) = mark {
            mark.begin(file, self.buffer.len(), lines.len() as u64);
        }
        let (bytes, result) = write_all(file, &self.buffer);
        let whole = whole_lines(lines, bytes.saturating_sub(start));
        let kept = start + lines[..whole].iter().map(Bytes::len).sum::<usize>();
        if bytes > 0 {
            self.torn = bytes > kept && take_back(file, (bytes - kept) as u64).is_err();
        }
        (whole, result.map_err(|error| about(&self.path, &error)))
    }
}

/// The error with the path, and with what to do where that is known.
fn about(path: &Path, error: &io::Error) -> io::Error {
    let advice = match error.kind() {
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => ": make room there",
        io::ErrorKind::PermissionDenied => ": let denyd's user write there, or name another path",
        io::ErrorKind::NotFound => ": make its folder",
        io::ErrorKind::ReadOnlyFilesystem => ": name a path that can be written",
        _ => "",
    };
    io::Error::new(error.kind(), format!("{}: {error}{advice}", path.display()))
}

/// Whether this is the file at this path.
fn is_at(file: &File, path: &Path) -> bool {
    match (file.metadata(), fs::symlink_metadata(path)) {
        (Ok(open), Ok(there)) => (open.dev(), open.ino()) == (there.dev(), there.ino()),
        _ => false,
    }
}

/// Opens a file to append to, and makes it if there is none.
///
/// A link is not followed and a pipe not waited for: where someone else may make files, these are traps.
fn open(path: &Path) -> io::Result<File> {
    let mut options = OpenOptions::new();
    options.append(true).mode(MODE).custom_flags(libc::O_NOFOLLOW | libc::O_NONBLOCK | libc::O_NOCTTY);
    let file = match options.clone().create_new(true).open(path) {
        Ok(file) => {
            // The mask may have taken the group's right away.
            file.set_permissions(Permissions::from_mode(MODE))?;
            return Ok(file);
        }
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => options.open(path)?,
        Err(error) => return Err(error),
    };
    let kind = file.metadata()?.file_type();
    if kind.is_file() || kind.is_char_device() {
        Ok(file)
    } else {
        Err(io::Error::other("it is no regular file: name another path"))
    }
}

/// Takes the last bytes of the file back.
fn take_back(file: &File, bytes: u64) -> io::Result<()> {
    let about = file.metadata()?;
    if about.is_file() {
        file.set_len(about.len().saturating_sub(bytes))
    } else {
        Err(io::ErrorKind::Unsupported.into())
    }
}

#[cfg(test)]
mod tests;
