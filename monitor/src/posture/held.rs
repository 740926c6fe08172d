//! A file of the kernel's that is kept open and read from its start again and again.

use std::{
    fs::File,
    io,
    os::unix::fs::{FileExt as _, OpenOptionsExt as _},
    path::PathBuf,
};

use rustix::fs::OFlags;

use super::FileError;

/// Bytes that are read of a file, at most. AppArmor's list of profiles is the longest.
const LIMIT: usize = 4 << 20;

/// Bytes that news take, at most.
const NEWS: usize = 64;

#[derive(Debug)]
pub(super) struct Held {
    path: PathBuf,
    /// None if it is not open; it is opened when it is read.
    file: Option<File>,
}

impl Held {
    /// Opens it, if that can be.
    pub(super) fn open(path: impl Into<PathBuf>) -> Self {
        let mut held = Self::later(path);
        held.file = held.opened().ok();
        held
    }

    fn opened(&self) -> io::Result<File> {
        let flags = OFlags::NONBLOCK.bits().cast_signed();
        File::options().read(true).custom_flags(flags).open(&self.path)
    }

    /// Opens it when it is read.
    pub(super) fn later(path: impl Into<PathBuf>) -> Self {
        Self { path: path.into(), file: None }
    }

    /// Closes it until it is read again, for a file that shows what was when it was opened, or that one process alone may
    /// have open.
    pub(super) fn close(&mut self) {
        self.file = None;
    }

    /// What it says now.
    pub(super) fn read(&mut self) -> Result<Vec<u8>, FileError> {
        self.read_up_to(LIMIT)
    }

    /// The first bytes of what it says now.
    pub(super) fn read_up_to(&mut self, limit: usize) -> Result<Vec<u8>, FileError> {
        let fault = |error| FileError::Read { path: self.path.display().to_string(), error };
        if self.file.is_none() {
            self.file = Some(self.opened().map_err(fault)?);
        }
        let Some(file) = &self.file else { return Ok(Vec::new()) };
        let mut bytes = Vec::new();
        let mut buffer = [0; 16 << 10];
        while bytes.len() < limit {
            let wanted = buffer.len().min(limit - bytes.len());
            match file.read_at(&mut buffer[..wanted], bytes.len() as u64) {
                Ok(0) => break,
                // Shorter than asked for is the end; such a file's next read would wait for news.
                Ok(len) if limit == NEWS => {
                    bytes.extend_from_slice(&buffer[..len]);
                    break;
                }
                Ok(len) => bytes.extend_from_slice(&buffer[..len]),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(fault(error)),
            }
        }
        Ok(bytes)
    }

    /// What one read gives, of a file that has nothing to say (EAGAIN) until there is news.
    pub(super) fn read_if_new(&mut self) -> Result<Option<String>, FileError> {
        match self.read_up_to(NEWS) {
            Ok(bytes) => Ok(Some(String::from_utf8_lossy(&bytes).into_owned())),
            Err(FileError::Read { error, .. }) if error.kind() == io::ErrorKind::WouldBlock => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// What it says now, as a text without the line's end, understood by `parse`.
    pub(super) fn parse<T>(&mut self, parse: impl FnOnce(&str) -> Option<T>) -> Result<T, FileError> {
        let bytes = self.read()?;
        parse(String::from_utf8_lossy(&bytes).trim()).ok_or_else(|| self.unknown_form())
    }

    /// That it can't be understood.
    pub(super) fn unknown_form(&self) -> FileError {
        FileError::Form { path: self.path.display().to_string() }
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    #[test]
    fn it_is_read_from_its_start_each_time_even_when_its_name_is_gone() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("enforce");
        fs::write(&path, "1\n").unwrap();
        let mut held = Held::open(&path);
        let number = |text: &str| text.parse::<u32>().ok();
        assert_eq!(held.parse(number).unwrap(), 1);
        fs::write(&path, "0\n").unwrap();
        assert_eq!(held.parse(number).unwrap(), 0);
        fs::remove_file(&path).unwrap();
        assert_eq!(held.parse(number).unwrap(), 0);
    }

    #[test]
    fn one_that_was_not_there_is_tried_again_and_says_why() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("later");
        let mut held = Held::open(&path);
        let error = held.read().unwrap_err().to_string();
        assert!(error.ends_with("later: No such file or directory (os error 2)"), "{error}");
        fs::write(&path, "x").unwrap();
        assert_eq!(held.read().unwrap(), b"x");
        assert!(held.parse(|text| text.parse::<u32>().ok()).is_err());
    }
}
