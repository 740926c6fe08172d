//! Files, as other formats describe them: a full path with its parts, and a type.

use crate::event::{Object, ObjectKind, PathRoot, Text};

/// A path and its parts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Path<'e> {
    /// The whole of it, if it is absolute for the process.
    pub full: Option<&'e str>,
    /// Where [`Self::full`] is.
    pub directory: Option<&'e str>,
    /// The last component.
    pub name: &'e str,
}

impl<'e> Path<'e> {
    /// A path that is absolute if it has its start. `None` if there is nothing in it.
    pub(super) fn new(path: &'e str) -> Option<Self> {
        if path == "/" {
            return Some(Self { full: Some(path), directory: None, name: path });
        }
        // AppArmor ends those of directories so.
        let (directory, name) = path.trim_end_matches('/').rsplit_once('/').unwrap_or(("", path));
        let is_absolute = path.starts_with('/');
        (!name.is_empty()).then(|| Self {
            full: is_absolute.then_some(path),
            directory: is_absolute.then_some(if directory.is_empty() { "/" } else { directory }),
            name,
        })
    }

    /// The path of a file, or of a socket that is one. A path that starts elsewhere than the process's root isn't
    /// absolute for it.
    pub(super) fn of_object(object: &'e Object<'_>) -> Option<Self> {
        if !matches!(object.kind, ObjectKind::File | ObjectKind::Socket) {
            return None;
        }
        let path = Self::new(object.path.as_deref()?)?;
        Some(match object.path_root {
            None | Some(PathRoot::MountNamespace) => path,
            Some(
                PathRoot::OtherMountNamespace
                | PathRoot::DetachedMount
                | PathRoot::FileSystem
                | PathRoot::KernelMount,
            ) => Self { full: None, directory: None, ..path },
        })
    }
}

/// The type of a file (`S_IFMT`, include/uapi/linux/stat.h).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Fifo,
    CharacterDevice,
    Directory,
    BlockDevice,
    Regular,
    Link,
    Socket,
}

/// A file's type and permissions.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Mode(u32);

impl Mode {
    /// From the event's octal digits.
    pub(super) fn new(digits: &Text<'_>) -> Option<Self> {
        u32::from_str_radix(digits, 8).ok().map(Self)
    }

    /// The type; `None` where the kernel has none either (an inode that is not set up yet).
    pub(super) fn kind(self) -> Option<Kind> {
        Some(match self.0 >> 12 {
            0o01 => Kind::Fifo,
            0o02 => Kind::CharacterDevice,
            0o04 => Kind::Directory,
            0o06 => Kind::BlockDevice,
            0o10 => Kind::Regular,
            0o12 => Kind::Link,
            0o14 => Kind::Socket,
            _ => return None,
        })
    }

    /// The permissions.
    pub(super) fn permissions(self) -> u32 {
        self.0 & 0o7777
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_has_its_parts() {
        let parts = |path| Path::new(path).map(|path| (path.full, path.directory, path.name));
        assert_eq!(parts("/etc/shadow"), Some((Some("/etc/shadow"), Some("/etc"), "shadow")));
        assert_eq!(parts("/vmlinuz"), Some((Some("/vmlinuz"), Some("/"), "vmlinuz")));
        assert_eq!(parts("cut/off"), Some((None, None, "off")));
        assert_eq!(parts("pipe:"), Some((None, None, "pipe:")));
        assert_eq!(parts("/srv/data/"), Some((Some("/srv/data/"), Some("/srv"), "data")));
        assert_eq!(parts("/"), Some((Some("/"), None, "/")));
        assert_eq!(parts(""), None);
    }

    #[test]
    fn a_path_in_its_file_system_is_not_absolute_for_the_process() {
        let object = Object {
            kind: ObjectKind::File,
            path: Some("/srv/data".into()),
            path_root: Some(PathRoot::FileSystem),
            ..Object::default()
        };
        assert_eq!(Path::of_object(&object), Some(Path { full: None, directory: None, name: "data" }));
        assert_eq!(Path::of_object(&Object { kind: ObjectKind::Other, ..object }), None);
    }

    #[test]
    fn a_mode_has_type_and_permissions() {
        let mode = Mode::new(&"0104755".into()).unwrap();
        assert_eq!((mode.kind(), mode.permissions()), (Some(Kind::Regular), 0o4755));
        assert_eq!(Mode::new(&"0000644".into()).unwrap().kind(), None);
        assert_eq!(Mode::new(&"rw".into()), None);
    }
}
