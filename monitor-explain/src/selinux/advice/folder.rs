//! Which files a label is for: one, or all in a folder.

use std::borrow::Cow;

use monitor_event::text;

use crate::{
    change::Change,
    selinux::file_contexts::{FileContexts, FileKind, Match},
};

/// A file that was refused.
pub(super) struct File<'a> {
    pub(super) path: &'a str,
    pub(super) kind: Option<FileKind>,
    pub(super) contexts: &'a FileContexts,
}

/// Files that get a label.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Folder {
    /// The file, or the folder.
    pub(super) path: String,
    /// The same as a pattern of file contexts.
    pub(super) pattern: String,
    /// Whether it is a folder with all that is in it.
    pub(super) recursive: bool,
}

impl Folder {
    fn alone(path: &str) -> Self {
        Self { path: path.to_owned(), pattern: literal(path), recursive: false }
    }

    fn whole(path: &str) -> Self {
        Self { path: path.to_owned(), pattern: format!("{}{REST}", literal(path)), recursive: true }
    }

    /// The files get the labels that file contexts have for them.
    pub(super) fn relabel(&self) -> Change {
        Change::Relabel { path: self.path.clone(), recursive: self.recursive, whole: false }
    }
}

impl File<'_> {
    pub(super) fn bytes(&self) -> Cow<'_, [u8]> {
        bytes(self.path)
    }

    /// The file alone; a folder that is no other's with what is in it.
    pub(super) fn itself(&self) -> Folder {
        match self.kind {
            Some(FileKind::Directory) if self.is_own(self.path) => Folder::whole(self.path),
            _ => Folder::alone(self.path),
        }
    }

    /// The folder that it is in, or itself, if that is one; the file alone where the folder is one that others use, too. Nothing
    /// for such a folder.
    pub(super) fn folder(&self) -> Option<Folder> {
        let parent = self.path.rsplit_once('/').map(|(parent, _)| parent);
        match self.kind {
            Some(FileKind::Directory) => self.is_own(self.path).then(|| Folder::whole(self.path)),
            Some(FileKind::Regular | FileKind::Socket | FileKind::Pipe) => {
                let own = parent.filter(|parent| self.is_own(parent));
                Some(own.map_or_else(|| Folder::alone(self.path), Folder::whole))
            }
            _ => Some(Folder::alone(self.path)),
        }
    }

    /// Whether what file contexts say of it is of this name, and not of all in its folder.
    pub(super) fn is_by_name(&self, found: &Match<'_>) -> bool {
        let name = self.path.rfind('/').map_or(0, |slash| slash + 1);
        let known = found.pattern.get(..=name).filter(|_| literal_length(found.pattern) > name);
        known.is_some_and(|known| self.path.starts_with(known))
    }

    /// Whether the policy knows nothing of this folder but what it says of all in one above it.
    fn is_own(&self, folder: &str) -> bool {
        if folder.is_empty() {
            return false;
        }
        // What is mounted there is nobody else's.
        if folder.rsplit_once('/').is_some_and(|(parent, _)| parent == "/mnt") {
            return true;
        }
        match self.contexts.find_without_local(&bytes(folder), Some(FileKind::Directory)) {
            Ok(Some(found)) => {
                let known = &found.pattern[..literal_length(found.pattern)];
                found.kind.is_none() && folder.len() > known.trim_end_matches('/').len()
            }
            Ok(None) => true,
            Err(_) => false,
        }
    }

    /// The files that a pattern is for, if it is that of a folder; else this one, under the same pattern.
    pub(super) fn of_pattern(&self, pattern: &str) -> Folder {
        let folder = pattern.strip_suffix(REST).filter(|start| literal_length(start) == start.len());
        match folder {
            Some(path) => Folder { path: path.to_owned(), pattern: pattern.to_owned(), recursive: true },
            None => Folder { pattern: pattern.to_owned(), ..Folder::alone(self.path) },
        }
    }
}

/// The bytes of a path, without its escapes.
pub(super) fn bytes(path: &str) -> Cow<'_, [u8]> {
    text::unescape(path).unwrap_or(Cow::Borrowed(path.as_bytes()))
}

/// What follows a folder's path in a pattern for all that is in it.
const REST: &str = "(/.*)?";
/// What means something else than itself in a pattern.
const META: &str = ".^$?*+|[](){}\\";

/// How much of a pattern stands for itself.
fn literal_length(pattern: &str) -> usize {
    pattern.find(|c| META.contains(c)).unwrap_or(pattern.len())
}

/// A path as a file context that matches it alone has it.
fn literal(path: &str) -> String {
    let mut pattern = String::with_capacity(path.len());
    for c in path.chars() {
        if META.contains(c) {
            pattern.push('\\');
        }
        pattern.push(c);
    }
    pattern
}
