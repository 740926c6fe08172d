//! Paths, which a probe reads from the leaf up, as text.

use monitor_common::chunk;

use crate::{event::PathRoot, record::Chunk, text};

/// Whether a path's start, the side of the root, is there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Start {
    /// It is.
    There,
    /// It did not fit.
    Cut,
    /// It could not be read.
    Unreadable,
}

/// A path, as far as the probe could follow it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Path {
    /// From the root on, `/a/b/c`. Where the start is missing there is no leading slash.
    pub text: String,
    /// Where it starts.
    pub root: PathRoot,
    /// Whether its start is there.
    pub start: Start,
    /// Other paths are as right.
    pub ambiguous: bool,
    /// The file had been unlinked.
    pub deleted: bool,
    /// It is a name that the file has of its own, in no directory: that of a pipe, a socket, a memfd.
    pub is_name: bool,
    /// How many mounts were searched for one that the process sees.
    pub searched: Searched,
}

/// Whether all mounts of a file system were searched.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Searched {
    /// They were, or the kernel gave the mount.
    All,
    /// There are more than the probe searches.
    Some,
}

/// Why no mount was found, though there may be one.
pub(crate) const MANY_MOUNTS: &str =
    "the file system has more mounts than are searched, so the path starts at its root";

impl Path {
    /// Turns a chunk of components, the leaf first and each ended by a NUL, round.
    #[must_use]
    pub(crate) fn new(chunk: &Chunk<'_>) -> Self {
        let start = if chunk.has(chunk::FLAG_FAULT) {
            Start::Unreadable
        } else if chunk.has(chunk::FLAG_CUT) {
            Start::Cut
        } else {
            Start::There
        };
        let names = chunk.bytes.strip_suffix(b"\0").unwrap_or(chunk.bytes);
        // The root of one of the kernel's own mounts is called `/` itself.
        let names =
            names.strip_suffix(b"/").map_or(names, |names| names.strip_suffix(b"\0").unwrap_or(names));
        let mut path = Vec::with_capacity(chunk.bytes.len() + 1);
        for (nth, name) in names.rsplit(|&byte| byte == 0).enumerate() {
            if nth > 0 || start == Start::There {
                path.push(b'/');
            }
            path.extend_from_slice(name);
        }
        // As if each name were escaped for itself: no character reaches beyond a slash.
        let text = text::escape_owned(path);
        let elsewhere = chunk.has(chunk::FLAG_ELSEWHERE);
        let root = if chunk.has(chunk::FLAG_ABSOLUTE) {
            if elsewhere { PathRoot::OtherMountNamespace } else { PathRoot::MountNamespace }
        } else if chunk.has(chunk::FLAG_INTERNAL) {
            PathRoot::KernelMount
        } else if elsewhere {
            PathRoot::DetachedMount
        } else {
            PathRoot::FileSystem
        };
        // A file that hangs below no root has no name in any directory, and the kernel calls it deleted
        // (`simple_dname`, fs/d_path.c).
        let is_name = root == PathRoot::KernelMount && elsewhere;
        let searched = if chunk.has(chunk::FLAG_UNSEARCHED) { Searched::Some } else { Searched::All };
        let may_be_more = searched == Searched::Some && root != PathRoot::FileSystem;
        let ambiguous = chunk.has(chunk::FLAG_AMBIGUOUS) || may_be_more;
        let deleted = chunk.has(chunk::FLAG_DELETED) || is_name;
        Self { text, root, start, ambiguous, deleted, is_name, searched }
    }

    /// Why this is no absolute path, where one was to be expected.
    #[must_use]
    pub(crate) fn defect(&self) -> Option<&'static str> {
        match (self.start, self.root) {
            (Start::Unreadable, _) => Some("the path's start could not be read"),
            (Start::Cut, _) => Some("the path's start did not fit"),
            (Start::There, PathRoot::MountNamespace) => None,
            (Start::There, PathRoot::OtherMountNamespace) => {
                Some("the path is one of another mount namespace")
            }
            (Start::There, PathRoot::DetachedMount) => Some("the file's mount is in no mount namespace"),
            (Start::There, PathRoot::FileSystem) if self.searched == Searched::Some => Some(MANY_MOUNTS),
            (Start::There, PathRoot::FileSystem) => Some("the path starts at the root of its file system"),
            (Start::There, PathRoot::KernelMount) => Some("the file is on one of the kernel's own mounts"),
        }
    }
}

#[cfg(test)]
mod tests {
    use monitor_common::chunk::{
        ChunkKind, FLAG_ABSOLUTE, FLAG_AMBIGUOUS, FLAG_CUT, FLAG_DELETED, FLAG_FAULT,
    };
    use proptest::prelude::*;

    use super::*;

    fn path(bytes: &[u8], flags: u8) -> Path {
        Path::new(&Chunk { kind: ChunkKind::ObjectPath, flags, bytes })
    }

    #[test]
    fn components_are_turned_round() {
        let path = path(b"y\0x\0lib\0var\0", FLAG_ABSOLUTE | FLAG_AMBIGUOUS | FLAG_DELETED);
        assert_eq!(path.text, "/var/lib/x/y");
        assert_eq!(path.root, PathRoot::MountNamespace);
        assert!(path.ambiguous && path.deleted);
        assert_eq!(path.defect(), None);
    }

    #[test]
    fn no_component_is_the_root() {
        let path = path(b"", 0);
        assert_eq!((path.text.as_str(), path.root), ("/", PathRoot::FileSystem));
    }

    #[test]
    fn the_name_of_a_kernel_mounts_root_is_no_component() {
        let memfd = path(b"memfd:x\0/\0", chunk::FLAG_INTERNAL);
        assert_eq!((memfd.text.as_str(), memfd.root), ("/memfd:x", PathRoot::KernelMount));
        assert_eq!(path(b"/\0", 0).text, "/");
    }

    #[test]
    fn a_path_without_its_start_does_not_look_absolute() {
        assert_eq!(path(b"c\0b\0", FLAG_CUT).text, "b/c");
        assert_eq!(path(b"c\0b\0", FLAG_FAULT).text, "b/c");
        assert_eq!(path(b"c\0b\0", FLAG_CUT).defect(), Some("the path's start did not fit"));
    }

    #[test]
    fn bytes_that_are_not_utf8_are_escaped() {
        assert_eq!(path(b"\xff\0a\\b\0", 0).text, r"/a\\b/\xff");
    }

    proptest! {
        #[test]
        fn every_component_comes_back(names in prop::collection::vec("[^/\0]{1,20}", 1..20)) {
            let bytes: Vec<u8> = names.iter().rev().flat_map(|name| [name.as_bytes(), b"\0"].concat()).collect();
            let text = path(&bytes, 0).text;
            let back = String::from_utf8(text::unescape(&text).unwrap().into_owned()).unwrap();
            prop_assert_eq!(back, format!("/{}", names.join("/")));
        }
    }
}
