//! Files of profiles, read with all that they include.

use std::{
    fs, io,
    path::{Path, PathBuf},
};

use super::{
    entry::{self, Entry, Position, Qualifiers},
    glob::{Glob, Variables},
    syntax::{self, Kind, Statement, Word},
};

/// Larger files are no profiles, in bytes.
const FILE: u64 = 4 << 20;
/// How much is read for one profile, in bytes.
const TOTAL: u64 = 32 << 20;
/// How many files are read for one profile.
const FILES: usize = 1_000;
/// How large the patterns of all rules together may be, with their variables replaced, in bytes.
const PATTERNS: usize = 64 << 20;
/// How deep includes and braces may be nested.
const DEPTH: usize = 32;

/// A profile, or a hat or child of one.
#[derive(Clone, Debug)]
pub(super) struct Profile {
    /// Its name as labels have it: `outer//child`.
    pub(super) name: String,
    /// The programs that it is for.
    pub(super) attachment: Option<Glob>,
    /// Where it begins, and the line of its closing brace.
    pub(super) at: Position,
    pub(super) flags: Vec<String>,
    pub(super) entries: Vec<Entry>,
    pub(super) includes: Vec<Include>,
    /// How many rules were not understood, or stand under a condition.
    pub(super) unclear: usize,
}

/// An `include` of a profile's own text.
#[derive(Clone, Debug)]
pub(super) struct Include {
    /// As it is written: `abstractions/base`.
    pub(super) written: String,
    pub(super) path: PathBuf,
}

/// A file with all that it includes.
#[derive(Clone, Debug, Default)]
pub(super) struct Source {
    /// The files, by number; the first is the file itself.
    pub(super) files: Vec<PathBuf>,
    pub(super) variables: Variables,
    pub(super) profiles: Vec<Profile>,
    /// Rules outside any profile: those of an abstraction.
    pub(super) entries: Vec<Entry>,
    /// What could not be read, and why.
    pub(super) notes: Vec<String>,
}

/// What braces are around.
#[derive(Clone, Copy)]
enum Frame {
    Profile(usize),
    Block,
    /// Rules that a condition switches on or off.
    Conditional,
}

/// Reads a file; `variables` are known before.
pub(super) fn read(folder: &Path, file: &Path, variables: Variables) -> Source {
    let source = Source { variables, ..Source::default() };
    let mut reader = Reader {
        folder,
        source,
        left: TOTAL,
        room: PATTERNS,
        frames: Vec::new(),
        within: vec![Qualifiers::default()],
        via: None,
    };
    reader.file(file, 0);
    reader.source
}

struct Reader<'f> {
    folder: &'f Path,
    source: Source,
    /// How many bytes may still be read.
    left: u64,
    /// How large the patterns may still be.
    room: usize,
    frames: Vec<Frame>,
    within: Vec<Qualifiers>,
    via: Option<usize>,
}

impl Reader<'_> {
    fn file(&mut self, path: &Path, depth: usize) {
        let files = &mut self.source.files;
        if depth > DEPTH || files.len() >= FILES {
            self.source.notes.push(format!("{} is not read: there is too much to include", path.display()));
            return;
        }
        let text = match text(path, self.left) {
            Ok(text) => text,
            Err(error) => {
                self.source.notes.push(format!("cannot read {}: {error}", path.display()));
                return;
            }
        };
        self.left = self.left.saturating_sub(text.len() as u64);
        files.push(path.to_owned());
        let file = files.len() - 1;
        for statement in syntax::statements(&text) {
            if depth == 0 {
                self.via = matches!(statement.kind, Kind::Include { .. }).then_some(statement.line);
            }
            self.statement(statement, file, depth);
        }
    }

    fn statement(&mut self, statement: Statement, file: usize, depth: usize) {
        let at = Position { file, line: statement.line, end: statement.end };
        match statement.kind {
            Kind::Include { path, bracketed } => self.include(path, bracketed, depth),
            Kind::Variable { name, adds, values } => {
                let known = self.source.variables.entry(name).or_default();
                if !adds {
                    known.clear();
                }
                known.extend(values);
            }
            Kind::Open(words) => self.open(&words, at),
            Kind::Close => self.close(at),
            Kind::Rule(words) => self.rule(&words, at),
        }
    }

    fn include(&mut self, written: String, bracketed: bool, depth: usize) {
        let path = included(self.folder, &written, bracketed);
        if let Some(profile) = self.profile() {
            profile.includes.push(Include { written, path: path.clone() });
        }
        for file in files_of(path) {
            self.file(&file, depth + 1);
        }
    }

    /// The innermost profile.
    fn profile(&mut self) -> Option<&mut Profile> {
        let index = self.frames.iter().rev().find_map(|frame| match frame {
            Frame::Profile(index) => Some(*index),
            _ => None,
        })?;
        self.source.profiles.get_mut(index)
    }

    fn open(&mut self, words: &[Word], at: Position) {
        let within = self.within.last().copied().unwrap_or_default();
        let (qualifiers, rest) = within.take(words);
        let frame = match rest {
            [] => Frame::Block,
            [first, ..] if matches!(first.plain(), Some("if" | "else")) => Frame::Conditional,
            _ if self.frames.len() >= DEPTH => Frame::Conditional,
            words => match self.header(words, at) {
                Some(profile) => {
                    self.source.profiles.push(profile);
                    Frame::Profile(self.source.profiles.len() - 1)
                }
                None => Frame::Conditional,
            },
        };
        self.within.push(if matches!(frame, Frame::Block) { qualifiers } else { Qualifiers::default() });
        self.frames.push(frame);
    }

    fn header(&mut self, words: &[Word], at: Position) -> Option<Profile> {
        let header = Header::read(words)?;
        let outer = self.profile().map(|outer| outer.name.clone());
        let name = outer.map_or_else(|| header.name.clone(), |outer| format!("{outer}//{}", header.name));
        let variables = &self.source.variables;
        let attachment = header.attachment.map(|pattern| Glob::of_path(&pattern, variables));
        Some(Profile {
            name,
            attachment,
            at,
            flags: header.flags,
            entries: Vec::new(),
            includes: Vec::new(),
            unclear: 0,
        })
    }

    fn close(&mut self, at: Position) {
        self.within.truncate(self.within.len().saturating_sub(1).max(1));
        if let Some(Frame::Profile(index)) = self.frames.pop()
            && let Some(profile) = self.source.profiles.get_mut(index)
            && profile.at.file == at.file
        {
            profile.at.end = at.line;
        }
    }

    fn rule(&mut self, words: &[Word], at: Position) {
        let is_name = |word: &Word, name: &str| word.plain() == Some(name);
        if words.first().is_none_or(|first| is_name(first, "abi") || is_name(first, "alias")) {
            return;
        }
        let via = self.via;
        let within = self.within.last().copied().unwrap_or_default();
        let conditional = self.frames.iter().any(|frame| matches!(frame, Frame::Conditional));
        let mut variables = std::mem::take(&mut self.source.variables);
        if let Some(profile) = self.profile() {
            variables.insert("profile_name".to_owned(), vec![profile.name.clone()]);
        }
        let read =
            entry::read(words, within, &variables, at).filter(|entry| !conditional && entry.is_clear());
        self.source.variables = variables;
        let room = read.as_ref().and_then(|entry| self.room.checked_sub(entry.size()));
        self.room = room.unwrap_or(self.room);
        let is_kept = room.is_some();
        let Some(profile) = self.profile() else {
            self.source.entries.extend(read.filter(|_| is_kept));
            return;
        };
        match read.filter(|_| is_kept) {
            Some(entry) => profile.entries.push(Entry { via, ..entry }),
            None => profile.unclear += 1,
        }
    }
}

/// What stands before a profile's braces.
#[derive(Clone, Debug, Default)]
pub(super) struct Header {
    pub(super) name: String,
    /// The pattern of the programs that it is for.
    pub(super) attachment: Option<String>,
    pub(super) flags: Vec<String>,
}

impl Header {
    /// `profile NAME /attachment flags=(a, b)`, `/attachment`, `^hat`, `hat NAME`.
    pub(super) fn read(words: &[Word]) -> Option<Self> {
        let (is_hat, words) = match words {
            [first, rest @ ..] if first.plain() == Some("profile") => (false, rest),
            [first, rest @ ..] if first.plain() == Some("hat") => (true, rest),
            words => (false, words),
        };
        let [name, rest @ ..] = words else { return None };
        let name = name.text()?;
        let (is_hat, name) = name.strip_prefix('^').map_or((is_hat, name), |name| (true, name));
        let mut header = Self { name: name.to_owned(), ..Self::default() };
        let rest = match rest {
            [attachment, after @ ..]
                if attachment.text().is_some_and(|text| text.starts_with(['/', '@'])) =>
            {
                header.attachment = attachment.text().map(str::to_owned);
                after
            }
            rest => {
                header.attachment =
                    Some(header.name.clone()).filter(|name| !is_hat && name.starts_with(['/', '@']));
                rest
            }
        };
        let list = match rest {
            [Word::Key(key), Word::Begin, list @ ..] if key == "flags" => list,
            [Word::Begin, list @ ..] => list,
            _ => &[],
        };
        header.flags = list.iter().map_while(Word::plain).map(str::to_owned).collect();
        Some(header)
    }
}

/// The text of a file of at most so many bytes. What is not UTF-8 is replaced: lines and the rest stay.
pub(super) fn text(path: &Path, left: u64) -> io::Result<String> {
    let metadata = fs::metadata(path)?;
    if !metadata.is_file() || metadata.len() > FILE.min(left) {
        return Err(io::Error::new(io::ErrorKind::FileTooLarge, "it is no file, or too large for a profile"));
    }
    let mut bytes = Vec::new();
    io::Read::read_to_end(&mut io::Read::take(fs::File::open(path)?, FILE), &mut bytes)?;
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}

/// What packages and editors leave beside profiles, and the parser passes over.
const PASSED_OVER: [&str; 12] = [
    ".dpkg-new",
    ".dpkg-old",
    ".dpkg-dist",
    ".dpkg-bak",
    ".dpkg-remove",
    ".pacsave",
    ".pacnew",
    ".rpmnew",
    ".rpmsave",
    ".orig",
    ".rej",
    "~",
];

/// The file or folder that an `include` names.
pub(super) fn included(folder: &Path, written: &str, bracketed: bool) -> PathBuf {
    if bracketed || !written.starts_with('/') {
        folder.join(written.trim_start_matches('/'))
    } else {
        PathBuf::from(written)
    }
}

/// The files that an `include` brings in.
pub(super) fn files_of(path: PathBuf) -> Vec<PathBuf> {
    if path.is_dir() { files(&path) } else { Some(path).filter(|path| path.exists()).into_iter().collect() }
}

/// The files of a folder that the parser would read, in order.
pub(super) fn files(folder: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).into_iter().flatten().flatten().take(FILES);
    let mut files: Vec<PathBuf> = entries.map(|entry| entry.path()).collect();
    files.retain(|file| {
        let name = file.file_name().unwrap_or_default().to_string_lossy();
        let is_passed_over =
            name.starts_with('.') || name == "README" || PASSED_OVER.iter().any(|end| name.ends_with(end));
        !is_passed_over && file.is_file()
    });
    files.sort();
    files
}
