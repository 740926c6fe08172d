//! How far an output has written, by which the next daemon passes over what stands there already.
//!
//! Before lines are written, the mark says where they will stand; after it, that they do. If a kill comes between, the
//! file's length tells how far it came, and a part of them is taken back.

use std::{
    fs::{self, File, OpenOptions},
    io,
    os::unix::fs::{MetadataExt as _, OpenOptionsExt as _},
    path::Path,
    sync::Arc,
};

use zerocopy::{FromBytes, Immutable, IntoBytes};

use super::{OUTPUTS, region::Region, word};

/// Words of a mark.
pub(super) const WORDS: usize = 8;

/// The places of a mark's words.
mod place {
    pub(super) const ID: usize = 0;
    /// Lines that were written or counted as lost.
    pub(super) const LINES: usize = 1;
    /// Lines that will be, when what is being written is.
    pub(super) const NEXT: usize = 2;
    /// Bytes that are being written; 0: none.
    pub(super) const LEN: usize = 3;
    /// Where they will start.
    pub(super) const OFFSET: usize = 4;
    pub(super) const DEVICE: usize = 5;
    pub(super) const INODE: usize = 6;
}

/// Lines that outputs were handed, as far as they mark what they have written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, FromBytes, IntoBytes, Immutable)]
#[repr(C)]
pub struct Handed {
    /// By the number of its mark: the lines, plus 1. 0: there is no such output.
    plus_one: [u64; OUTPUTS],
}

impl Handed {
    pub(crate) fn new(outputs: impl IntoIterator<Item = (OutputMark, u64)>) -> Self {
        let mut handed = Self::default();
        for (mark, lines) in outputs {
            handed.plus_one[mark.index] = lines + 1;
        }
        handed
    }

    /// No lines, to any output.
    pub(crate) fn nothing() -> Self {
        Self { plus_one: [1; OUTPUTS] }
    }

    /// Lines that this output was handed; `None` if it was none.
    pub(crate) fn to(&self, mark: &OutputMark) -> Option<u64> {
        self.plus_one[mark.index].checked_sub(1)
    }
}

/// What all outputs mark.
#[derive(Clone, Debug)]
pub struct Marks {
    region: Arc<Region>,
}

/// Where an output marks what it has written.
#[derive(Clone, Debug)]
pub struct OutputMark {
    region: Arc<Region>,
    index: usize,
}

impl Marks {
    pub(super) fn new(region: Arc<Region>) -> Self {
        Self { region }
    }

    fn all(&self) -> impl Iterator<Item = OutputMark> {
        (0..OUTPUTS).map(|index| OutputMark { region: Arc::clone(&self.region), index })
    }

    /// The mark of the output of this number, which is not 0; a new one if it has none, or none if there are too many.
    #[must_use]
    pub fn output(&self, id: u64) -> Option<OutputMark> {
        self.all().find(|mark| mark.get(place::ID) == id).or_else(|| {
            let free = self.all().find(|mark| mark.get(place::ID) == 0)?;
            free.set(place::ID, id);
            Some(free)
        })
    }

    /// Forgets all outputs but these.
    pub fn retain(&self, ids: &[u64]) {
        for mark in self.all().filter(|mark| !ids.contains(&mark.get(place::ID))) {
            (0..WORDS).for_each(|word| mark.set(word, 0));
        }
    }

    /// Whether each output has written, or counted as lost, as many lines.
    pub(crate) fn have_written(&self, handed: &Handed) -> bool {
        self.all().all(|mark| handed.to(&mark).is_none_or(|handed| mark.lines() >= handed))
    }
}

impl OutputMark {
    fn get(&self, word: usize) -> u64 {
        self.region.get(word::MARKS + self.index * WORDS + word)
    }

    fn set(&self, word: usize, value: u64) {
        self.region.set(word::MARKS + self.index * WORDS + word, value);
    }

    /// Lines that it was handed and that it has written or counted as lost.
    #[must_use]
    pub fn lines(&self) -> u64 {
        self.get(place::LINES)
    }

    /// Says that as many bytes are about to be appended to this file, which are or end this many lines.
    pub(crate) fn begin(&self, file: &File, bytes: usize, lines: u64) {
        // Without a length nothing can be told later: then they count as written.
        let Ok(about) = file.metadata() else { return };
        self.set(place::NEXT, self.lines() + lines);
        self.set(place::OFFSET, about.len());
        self.set(place::DEVICE, about.dev());
        self.set(place::INODE, about.ino());
        self.set(place::LEN, if about.is_file() { bytes as u64 } else { 0 });
    }

    /// Says that this many lines were written or counted as lost.
    pub fn end(&self, lines: u64) {
        self.set(place::LINES, self.lines() + lines);
        self.set(place::LEN, 0);
    }

    /// Finds out what became of lines in this folder whose writer was killed, and takes back what of them is there if not
    /// all are.
    ///
    /// # Errors
    ///
    /// If the file can't be opened or cut; then they count as not written.
    pub(crate) fn recover(&self, folder: &Path) -> io::Result<()> {
        let len = self.get(place::LEN);
        if len == 0 || self.lines() == self.get(place::NEXT) {
            self.set(place::LEN, 0);
            return Ok(());
        }
        let written = self.was_written(folder, self.get(place::OFFSET), len);
        if !matches!(written, Ok(false) | Err(_)) {
            self.set(place::LINES, self.get(place::NEXT));
        }
        self.set(place::LEN, 0);
        written.map(drop)
    }

    fn was_written(&self, folder: &Path, offset: u64, len: u64) -> io::Result<bool> {
        let (device, inode) = (self.get(place::DEVICE), self.get(place::INODE));
        for entry in fs::read_dir(folder)? {
            let path = entry?.path();
            let there =
                fs::symlink_metadata(&path).is_ok_and(|about| (about.dev(), about.ino()) == (device, inode));
            if !there {
                continue;
            }
            let file = OpenOptions::new()
                .write(true)
                .custom_flags(libc::O_NOFOLLOW | libc::O_NONBLOCK)
                .open(path)?;
            let about = file.metadata()?;
            if (about.dev(), about.ino()) != (device, inode) || !about.is_file() {
                continue;
            }
            if about.len() >= offset + len {
                return Ok(true);
            }
            if about.len() > offset {
                file.set_len(offset)?;
            }
            return Ok(false);
        }
        // It was moved away or removed since, which happens to what was written.
        Ok(true)
    }
}
