//! The events on disk: files of JSON lines, each named by the number of its first line.
//!
//! A line's number follows from the file's name and its place in it, so nothing else has to be written, and a gap
//! between two files shows how many events are missing. Every start begins a new file, so only the end of a file can
//! be torn: what has no newline is no line.

use std::{
    fs::{self, File, OpenOptions},
    io::{self, BufRead as _, BufReader},
    os::unix::fs::{DirBuilderExt as _, MetadataExt as _, OpenOptionsExt as _},
    path::{Path, PathBuf},
};

use bytes::Bytes;
use rustix::fs::{FlockOperation, flock};

use super::recent::Chunk;
use crate::{
    ledger::OutputMark,
    output::lines::{whole_lines, write_all},
};

const SUFFIX: &str = ".jsonl";
/// The file that says which number the first event of all had.
const ORIGIN: &str = "origin";
/// The most files, so that many short lives of denyd don't leave as many files.
const SEGMENTS_MAX: usize = 1024;
/// Longer lines are none of denyd's: an event is at most a record (64 KiB), each byte of it escaped.
const LINE_MAX: usize = 1 << 20;

/// A file with events.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Segment {
    /// The number of its first line.
    pub first: u64,
    path: PathBuf,
}

/// The files in a folder, the oldest first. Other files are ignored.
///
/// # Errors
///
/// If the folder can't be read.
pub fn list(folder: &Path) -> io::Result<Vec<Segment>> {
    let mut segments = Vec::new();
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        let number = path.file_name().and_then(|name| name.to_str()?.strip_suffix(SUFFIX)?.parse().ok());
        if let Some(first) = number {
            segments.push(Segment { first, path });
        }
    }
    segments.sort_by_key(|segment| segment.first);
    Ok(segments)
}

/// Reads the lines of one file, each with its newline.
#[derive(Debug)]
pub struct Lines {
    file: BufReader<File>,
    /// The number of the file's first line.
    first: u64,
    /// The number of the next line.
    next: u64,
    /// Whether a later file is there, so that no more is written to this one.
    ended: bool,
    /// The start of a line whose end was not there yet.
    partial: Vec<u8>,
}

impl Segment {
    /// Where it is.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Opens it.
    ///
    /// # Errors
    ///
    /// If the file cannot be opened, for example because rotation removed it.
    pub fn lines(&self) -> io::Result<Lines> {
        let file = OpenOptions::new().read(true).custom_flags(libc::O_NOFOLLOW).open(&self.path)?;
        Ok(Lines {
            file: BufReader::new(file),
            first: self.first,
            next: self.first,
            ended: false,
            partial: Vec::new(),
        })
    }
}

impl Lines {
    /// The number of the next line.
    #[must_use]
    pub fn number(&self) -> u64 {
        self.next
    }

    /// The next line, if it is there whole. What is not there yet may be later.
    ///
    /// # Errors
    ///
    /// If the file can't be read or has a line that denyd can't have written.
    pub fn read(&mut self) -> io::Result<Option<Bytes>> {
        loop {
            let available = self.file.fill_buf()?;
            if available.is_empty() {
                return Ok(None);
            }
            let newline = available.iter().position(|&byte| byte == b'\n');
            let length = newline.map_or(available.len(), |at| at + 1);
            self.partial.extend_from_slice(&available[..length]);
            self.file.consume(length);
            if self.partial.len() > LINE_MAX {
                return Err(io::Error::new(io::ErrorKind::InvalidData, "a line is too long"));
            }
            if newline.is_some() {
                self.next += 1;
                return Ok(Some(std::mem::take(&mut self.partial).into()));
            }
        }
    }
}

/// Reads lines from a number on, from file to file.
#[derive(Debug)]
pub struct Reader {
    folder: PathBuf,
    lines: Option<Lines>,
    next: u64,
}

impl Reader {
    /// A reader that starts at this number.
    #[must_use]
    pub fn new(folder: &Path, from: u64) -> Self {
        Self { folder: folder.to_owned(), lines: None, next: from }
    }

    /// The number of the line that is read next, if it is there.
    #[must_use]
    pub fn number(&self) -> u64 {
        self.next
    }

    /// The next lines, about so many bytes of them, none of this number or a later one; they start later than
    /// [`Self::number`] if lines are missing. None if there are no more.
    ///
    /// # Errors
    ///
    /// If the folder can't be read.
    pub fn read(&mut self, bytes: usize, until: u64) -> io::Result<Option<Chunk>> {
        let mut chunk = Chunk { first: self.next, lines: Vec::new() };
        let mut room = bytes;
        while room > 0 && self.next < until {
            let lines = match &mut self.lines {
                Some(lines) => lines,
                None => match self.open()? {
                    Some(lines) => self.lines.insert(lines),
                    None => break,
                },
            };
            let number = lines.number();
            // A file that can't be read is one that has no more lines.
            match lines.read().unwrap_or_default() {
                Some(_) if number < self.next => {}
                Some(line) if number == chunk.next() || chunk.lines.is_empty() => {
                    if number >= until {
                        // It is a later one; it would be read again.
                        self.lines = None;
                        break;
                    }
                    if chunk.lines.is_empty() {
                        chunk.first = number;
                    }
                    room = room.saturating_sub(line.len());
                    chunk.lines.push(line);
                    self.next = number + 1;
                }
                // A gap: the lines after it are another chunk.
                Some(_) => {
                    self.lines = None;
                    break;
                }
                None if lines.ended => self.lines = self.file_after()?,
                None => {
                    lines.ended = later(&self.folder, lines.first)?.is_some();
                    if !lines.ended {
                        self.lines = None;
                        break;
                    }
                    // What was written before the later file was begun is read first.
                }
            }
        }
        Ok((!chunk.lines.is_empty()).then_some(chunk))
    }

    /// The file in which the next line is, or the first one after it.
    fn open(&self) -> io::Result<Option<Lines>> {
        let segments = list(&self.folder)?;
        let after = segments.partition_point(|segment| segment.first <= self.next);
        // The one before may have ended before the line.
        let candidates = &segments[after.saturating_sub(1)..];
        Ok(candidates.iter().find_map(|segment| segment.lines().ok()))
    }

    /// The file after the one that is read.
    fn file_after(&self) -> io::Result<Option<Lines>> {
        self.lines.as_ref().map_or(Ok(None), |lines| later(&self.folder, lines.first))
    }
}

/// The first file that can be read of those that start after this number.
fn later(folder: &Path, first: u64) -> io::Result<Option<Lines>> {
    let segments = list(folder)?;
    Ok(segments.iter().filter(|segment| segment.first > first).find_map(|segment| segment.lines().ok()))
}

/// Why events can't be kept on disk.
#[derive(Debug, thiserror::Error)]
pub enum HistoryError {
    /// The folder can't be made or read.
    #[error("cannot keep the history in {folder}: {error}: see to it that denyd may write there")]
    Folder {
        /// Which folder.
        folder: PathBuf,
        /// Why.
        #[source]
        error: io::Error,
    },
    /// Another process writes there.
    #[error("another denyd keeps its history in {0}: stop it, or name another folder")]
    InUse(PathBuf),
}

/// Writes the files.
#[derive(Debug)]
pub struct Writer {
    folder: PathBuf,
    /// Bytes in all files, at most.
    limit: u64,
    current: Option<Current>,
    /// What is written at once.
    buffer: Vec<u8>,
    /// The number that the next line should have.
    next: u64,
    /// Keeps others from writing here.
    _lock: File,
    /// Where it marks what it has written.
    mark: Option<OutputMark>,
}

#[derive(Debug)]
struct Current {
    file: File,
    bytes: u64,
}

impl Writer {
    /// Opens the folder, which is made if need be. There will be at most about so many bytes in it. What is written is
    /// marked, if there is a mark; lines that a killed process has not written whole are taken back.
    ///
    /// # Errors
    ///
    /// If the folder can't be had, or another process writes there.
    pub fn open(folder: &Path, limit: u64, mark: Option<OutputMark>) -> Result<Self, HistoryError> {
        let failed = |error| HistoryError::Folder { folder: folder.to_owned(), error };
        fs::DirBuilder::new().recursive(true).mode(0o750).create(folder).map_err(failed)?;
        let lock = File::open(folder).map_err(failed)?;
        match flock(&lock, FlockOperation::NonBlockingLockExclusive) {
            Ok(()) => {}
            Err(rustix::io::Errno::WOULDBLOCK) => return Err(HistoryError::InUse(folder.to_owned())),
            Err(error) => return Err(failed(error.into())),
        }
        if let Some(mark) = &mark {
            mark.recover(folder).map_err(failed)?;
        }
        let next = next_number(folder).map_err(failed)?;
        if list(folder).map_err(failed)?.is_empty() {
            fs::write(folder.join(ORIGIN), format!("{next}\n")).map_err(failed)?;
        }
        Ok(Self {
            folder: folder.to_owned(),
            limit,
            current: None,
            buffer: Vec::new(),
            next,
            _lock: lock,
            mark,
        })
    }

    /// The number of the next line.
    #[must_use]
    pub fn number(&self) -> u64 {
        self.next
    }

    /// Writes lines. Gives how many were written, and the error that kept the others from it: these are lost.
    pub fn write(&mut self, chunk: &Chunk) -> (u64, io::Result<()>) {
        if chunk.first != self.next {
            self.current = None;
            self.next = chunk.first;
        }
        let mut rest = chunk.lines.as_slice();
        while !rest.is_empty() {
            let (written, result) = self.write_some(rest);
            self.next += written as u64;
            rest = &rest[written..];
            if result.is_err() {
                // What follows is in another file, as its numbers don't follow.
                self.current = None;
                return (self.next - chunk.first, result);
            }
        }
        (chunk.lines.len() as u64, Ok(()))
    }

    /// Where it marks what it has written, if it does.
    #[must_use]
    pub fn output_mark(&self) -> Option<OutputMark> {
        self.mark.clone()
    }

    /// Marks that as many lines were written, or are lost.
    pub fn mark(&self, lines: u64) {
        if let Some(mark) = &self.mark {
            mark.end(lines);
        }
    }

    /// Writes lines into one file, as many as should be in it: at least one.
    fn write_some(&mut self, lines: &[Bytes]) -> (usize, io::Result<()>) {
        let segment_limit = self.limit / 16;
        // A file that somebody has removed is written to no more.
        let usable = |current: &Current| {
            current.bytes < segment_limit && current.file.metadata().is_ok_and(|file| file.nlink() > 0)
        };
        if !self.current.as_ref().is_some_and(usable) {
            self.current = None;
        }
        let mut current = match self.current.take().map_or_else(|| self.start(), Ok) {
            Ok(current) => current,
            Err(error) => return (0, Err(error)),
        };
        self.buffer.clear();
        let mut count = 0;
        for line in lines {
            if !self.buffer.is_empty() && current.bytes + self.buffer.len() as u64 >= segment_limit {
                break;
            }
            self.buffer.extend_from_slice(line);
            count += 1;
        }
        if let Some(mark) = &self.mark {
            mark.begin(&current.file, self.buffer.len(), count as u64);
        }
        let (bytes, result) = write_all(&mut current.file, &self.buffer);
        let written = whole_lines(&lines[..count], bytes);
        self.mark(written as u64);
        current.bytes += lines[..written].iter().map(|line| line.len() as u64).sum::<u64>();
        // A part of a line must not stay, for another could follow it. If it does, no line follows: the file is ended.
        let result = result.or_else(|error| current.file.set_len(current.bytes).and(Err(error)));
        self.current = Some(current);
        (written, result)
    }

    /// Starts a file, for which the oldest have to go.
    fn start(&self) -> io::Result<Current> {
        self.make_room()?;
        let path = self.folder.join(format!("{:020}{SUFFIX}", self.next));
        let open = |options: &mut OpenOptions| options.append(true).mode(0o640).open(&path);
        let file = match open(OpenOptions::new().create_new(true)) {
            // What is there holds no whole line, or the number would be greater.
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
                fs::remove_file(&path)?;
                open(OpenOptions::new().create_new(true))?
            }
            other => other?,
        };
        Ok(Current { file, bytes: 0 })
    }

    fn make_room(&self) -> io::Result<()> {
        fs::DirBuilder::new().recursive(true).mode(0o750).create(&self.folder)?;
        let segments = list(&self.folder)?;
        let size = |segment: &Segment| fs::symlink_metadata(&segment.path).map_or(0, |file| file.len());
        let mut bytes: u64 = segments.iter().map(size).sum();
        let mut count = segments.len();
        for segment in &segments {
            if bytes + self.limit / 16 <= self.limit && count < SEGMENTS_MAX {
                break;
            }
            bytes = bytes.saturating_sub(size(segment));
            count -= 1;
            fs::remove_file(&segment.path)?;
        }
        Ok(())
    }
}

/// The number that the first event of a history gets: microseconds since 1970, so that it is greater than any number that
/// a history before it gave, if the clock is right and there was less than an event each microsecond.
#[must_use]
pub fn first_number() -> u64 {
    jiff::Timestamp::now().as_microsecond().try_into().unwrap_or(0)
}

/// The number that the first event of the history in a folder had: those before it are of another history. 0 if it is not
/// known.
#[must_use]
pub fn origin(folder: &Path) -> u64 {
    let text = fs::read_to_string(folder.join(ORIGIN)).unwrap_or_default();
    text.trim_end().parse().unwrap_or(0)
}

/// The number after the last whole line in the folder; [`first_number`] if there is none.
///
/// # Errors
///
/// If the folder or its last file can't be read.
pub fn next_number(folder: &Path) -> io::Result<u64> {
    let Some(segment) = list(folder)?.pop() else { return Ok(first_number()) };
    let mut lines = segment.lines()?;
    while lines.read()?.is_some() {}
    Ok(lines.number())
}

#[cfg(test)]
mod tests {
    use std::{io::Write as _, os::unix::fs::PermissionsExt as _};

    use tempfile::{TempDir, tempdir};

    use super::*;

    /// A line of 10 bytes.
    fn line(number: u64) -> Bytes {
        Bytes::from(format!("{number:09}\n"))
    }

    fn chunk(from: u64, to: u64) -> Chunk {
        Chunk { first: from, lines: (from..to).map(line).collect() }
    }

    /// A folder with files of at most 100 bytes, 1600 in all.
    fn writer(folder: &TempDir) -> Writer {
        Writer::open(&folder.path().join("history"), 1600, None).unwrap()
    }

    /// The numbers of all lines from this one on, which must be what their numbers say.
    fn read(folder: &TempDir, from: u64) -> Vec<u64> {
        let mut reader = Reader::new(&folder.path().join("history"), from);
        let mut numbers = Vec::new();
        while let Some(chunk) = reader.read(35, u64::MAX).unwrap() {
            assert_eq!(chunk.lines, (chunk.first..chunk.next()).map(line).collect::<Vec<_>>());
            numbers.extend(chunk.first..chunk.next());
        }
        numbers
    }

    fn files(folder: &TempDir) -> Vec<u64> {
        let segments = list(&folder.path().join("history")).unwrap();
        segments.iter().map(|segment| segment.first).collect()
    }

    #[test]
    fn what_was_written_is_read_from_any_number_on() {
        let folder = tempdir().unwrap();
        let mut writer = writer(&folder);
        for (from, to) in [(0, 3), (3, 4), (4, 35)] {
            assert!(matches!(writer.write(&chunk(from, to)), (count, Ok(())) if count == to - from));
        }
        assert_eq!(files(&folder), [0, 10, 20, 30]);
        for from in [0, 1, 9, 10, 34, 35, 100] {
            assert_eq!(read(&folder, from), (from..35).collect::<Vec<_>>(), "from {from}");
        }
    }

    #[test]
    fn only_the_owner_and_the_group_may_read() {
        let folder = tempdir().unwrap();
        writer(&folder).write(&chunk(0, 1)).1.unwrap();
        let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o7777;
        let history = folder.path().join("history");
        assert_eq!(mode(&history) & 0o7027, 0, "{:o}", mode(&history));
        assert_eq!(mode(&list(&history).unwrap()[0].path) & 0o7137, 0);
    }

    #[test]
    fn the_oldest_go_when_it_is_full() {
        let folder = tempdir().unwrap();
        writer(&folder).write(&chunk(0, 500)).1.unwrap();
        assert_eq!(files(&folder).len(), 16);
        assert_eq!(read(&folder, 0), (340..500).collect::<Vec<_>>());
        let bytes: u64 = list(&folder.path().join("history"))
            .unwrap()
            .iter()
            .map(|s| fs::metadata(&s.path).unwrap().len())
            .sum();
        assert_eq!(bytes, 1600);
    }

    #[test]
    fn a_torn_line_is_skipped_and_its_number_used_again() {
        let folder = tempdir().unwrap();
        writer(&folder).write(&chunk(0, 3)).1.unwrap();
        let first = &list(&folder.path().join("history")).unwrap()[0];
        OpenOptions::new().append(true).open(&first.path).unwrap().write_all(b"0000").unwrap();
        assert_eq!(read(&folder, 0), [0, 1, 2]);

        let mut writer = writer(&folder);
        assert_eq!(writer.number(), 3);
        writer.write(&chunk(3, 5)).1.unwrap();
        assert_eq!(read(&folder, 0), [0, 1, 2, 3, 4]);
    }

    #[test]
    fn a_file_with_nothing_but_a_torn_line_is_written_anew() {
        let folder = tempdir().unwrap();
        drop(writer(&folder));
        fs::write(folder.path().join("history").join(format!("{:020}{SUFFIX}", 0)), "torn").unwrap();
        let mut writer = writer(&folder);
        writer.write(&chunk(0, 2)).1.unwrap();
        assert_eq!(read(&folder, 0), [0, 1]);
    }

    #[test]
    fn lost_lines_are_a_gap() {
        let folder = tempdir().unwrap();
        let mut writer = writer(&folder);
        writer.write(&chunk(0, 2)).1.unwrap();
        writer.write(&chunk(7, 9)).1.unwrap();
        assert_eq!(read(&folder, 0), [0, 1, 7, 8]);
        assert_eq!(read(&folder, 4), [7, 8]);
        let mut reader = Reader::new(&folder.path().join("history"), 0);
        assert_eq!(reader.read(1000, 1).unwrap(), Some(chunk(0, 1)));
        assert_eq!(reader.read(1000, 8).unwrap(), Some(chunk(1, 2)), "a chunk has no gap");
        assert_eq!(reader.read(1000, 8).unwrap(), Some(chunk(7, 8)));
        assert_eq!(reader.read(1000, 8).unwrap(), None);
    }

    #[test]
    fn a_reader_sees_what_is_written_later() {
        let folder = tempdir().unwrap();
        let mut writer = writer(&folder);
        let mut reader = Reader::new(&folder.path().join("history"), 0);
        for (from, to) in [(0, 3), (3, 5), (5, 15)] {
            assert_eq!(reader.read(1000, u64::MAX).unwrap(), None);
            writer.write(&chunk(from, to)).1.unwrap();
            assert_eq!(reader.read(1000, u64::MAX).unwrap(), Some(chunk(from, to)));
        }
    }

    #[test]
    fn a_removed_file_loses_what_was_in_it_and_no_more() {
        let folder = tempdir().unwrap();
        let mut writer = writer(&folder);
        writer.write(&chunk(0, 3)).1.unwrap();
        fs::remove_dir_all(folder.path().join("history")).unwrap();
        writer.write(&chunk(3, 5)).1.unwrap();
        assert_eq!(read(&folder, 0), [3, 4]);
    }

    #[test]
    fn two_do_not_write_to_one_folder() {
        let folder = tempdir().unwrap();
        let _first = writer(&folder);
        let second = Writer::open(&folder.path().join("history"), 1600, None).unwrap_err();
        assert!(matches!(second, HistoryError::InUse(_)), "{second}");
    }

    #[test]
    fn a_folder_that_cannot_be_had_is_named() {
        let error = Writer::open(Path::new("/dev/null/history"), 1600, None).unwrap_err();
        assert!(error.to_string().starts_with("cannot keep the history in /dev/null/history: "), "{error}");
    }

    #[test]
    fn what_is_no_history_is_let_be() {
        let folder = tempdir().unwrap();
        let mut writer = writer(&folder);
        let other = folder.path().join("history/notes.jsonl");
        fs::write(&other, "mine\n").unwrap();
        writer.write(&chunk(0, 500)).1.unwrap();
        assert_eq!(read(&folder, 490), (490..500).collect::<Vec<_>>());
        assert!(other.exists());
    }
}
