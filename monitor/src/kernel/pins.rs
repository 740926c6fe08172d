//! The pins: what keeps programs attached, and what they write, when no denyd runs.
//!
//! A BPF file system has a folder for denyd, and in it one for each **identity**: that which programs, maps and settings
//! are made from. A denyd of the same identity takes over what is there; one of another replaces it. The folder is locked by
//! who uses it.

use std::{
    fs::{self, DirBuilder, File},
    io,
    os::{
        fd::{AsFd, AsRawFd as _, FromRawFd as _, OwnedFd},
        unix::{ffi::OsStrExt as _, fs::DirBuilderExt as _},
    },
    path::{Path, PathBuf},
};

use rustix::{
    fd::RawFd,
    fs::{FlockOperation, flock},
    io::Errno,
};
use zerocopy::{Immutable, IntoBytes};

/// Where denyd's folder is by default.
pub const DEFAULT_FOLDER: &str = "/sys/fs/bpf/denyd";

/// `BPF_FS_MAGIC` (include/uapi/linux/magic.h).
const BPF_FS_MAGIC: u64 = 0xcafe_4a11;
/// What a folder's name ends with before all its pins are there.
const UNFINISHED: &str = "-new";

/// Why nothing is pinned. denyd runs all the same.
#[derive(Debug, thiserror::Error)]
pub enum PinError {
    /// There is no folder, and none can be made.
    #[error("{}: {error}", folder.display())]
    Folder {
        /// Which.
        folder: PathBuf,
        /// Why.
        #[source]
        error: io::Error,
    },
    /// It is no BPF file system.
    #[error("{} is not in a BPF file system: mount one (mount -t bpf bpf /sys/fs/bpf)", .0.display())]
    NoBpfFs(PathBuf),
    /// Another process uses it.
    #[error("another denyd uses {}: stop it first", .0.display())]
    InUse(PathBuf),
}

impl PinError {
    fn about(folder: &Path) -> impl FnOnce(io::Error) -> Self {
        |error| Self::Folder { folder: folder.to_owned(), error }
    }
}

/// denyd's folder of pins, which no other process uses as long as this is there.
#[derive(Debug)]
pub(super) struct Pins {
    folder: PathBuf,
    _lock: File,
}

impl Pins {
    /// Opens the folder, which is made if need be.
    pub(super) fn open(folder: &Path) -> Result<Self, PinError> {
        match DirBuilder::new().mode(0o700).create(folder) {
            Err(error) if error.kind() != io::ErrorKind::AlreadyExists => {
                return Err(PinError::about(folder)(error));
            }
            _ => {}
        }
        Self::open_existing(folder)
    }

    fn open_existing(folder: &Path) -> Result<Self, PinError> {
        let lock = File::open(folder).map_err(PinError::about(folder))?;
        let kind = rustix::fs::fstatfs(&lock).map_err(|error| PinError::about(folder)(error.into()))?;
        if u64::try_from(kind.f_type) != Ok(BPF_FS_MAGIC) {
            return Err(PinError::NoBpfFs(folder.to_owned()));
        }
        match flock(&lock, FlockOperation::NonBlockingLockExclusive) {
            Ok(()) => Ok(Self { folder: folder.to_owned(), _lock: lock }),
            Err(Errno::WOULDBLOCK) => Err(PinError::InUse(folder.to_owned())),
            Err(error) => Err(PinError::about(folder)(error.into())),
        }
    }

    /// The folder of an identity, if all its pins are there.
    pub(super) fn find(&self, identity: &str) -> Option<Set> {
        let folder = self.folder.join(identity);
        folder.is_dir().then_some(Set { folder })
    }

    /// A new folder for an identity, in which pins can be made.
    pub(super) fn begin(&self, identity: &str) -> io::Result<Set> {
        let folder = self.folder.join(format!("{identity}{UNFINISHED}"));
        let set = Set { folder };
        set.remove()?;
        DirBuilder::new().mode(0o700).create(&set.folder)?;
        Ok(set)
    }

    /// Says that all pins of a new folder are there.
    pub(super) fn finish(&self, set: Set, identity: &str) -> io::Result<()> {
        fs::rename(set.folder, self.folder.join(identity))
    }

    /// The folders of all identities, unfinished ones among them.
    pub(super) fn sets(&self) -> io::Result<Vec<Set>> {
        fs::read_dir(&self.folder)?.map(|entry| Ok(Set { folder: entry?.path() })).collect()
    }
}

/// Removes all pins, so that programs that nobody uses are detached. Gives whether there were any.
///
/// # Errors
///
/// If another process uses them, or they can't be removed.
pub fn remove_all(folder: &Path) -> Result<bool, PinError> {
    let pins = match Pins::open_existing(folder) {
        Err(PinError::Folder { error, .. }) if error.kind() == io::ErrorKind::NotFound => return Ok(false),
        other => other?,
    };
    let sets = pins.sets().map_err(PinError::about(folder))?;
    for set in &sets {
        set.remove().map_err(PinError::about(&set.folder))?;
    }
    Ok(!sets.is_empty())
}

/// The pins of one identity.
#[derive(Debug)]
pub(super) struct Set {
    folder: PathBuf,
}

impl Set {
    /// Pins what the descriptor stands for: a map, a program or a link.
    pub(super) fn pin(&self, name: &str, object: impl AsFd) -> io::Result<()> {
        let path = PathOf::new(&self.path(name));
        bpf(OBJ_PIN, &path.attributes(object.as_fd().as_raw_fd())).map(drop)
    }

    /// What is pinned by this name.
    pub(super) fn get(&self, name: &str) -> io::Result<OwnedFd> {
        let path = PathOf::new(&self.path(name));
        let fd = bpf(OBJ_GET, &path.attributes(0))?;
        // SAFETY: the command gives a new descriptor.
        Ok(unsafe { OwnedFd::from_raw_fd(fd) })
    }

    /// Where the pin of this name is.
    pub(super) fn path(&self, name: &str) -> PathBuf {
        self.folder.join(name)
    }

    /// Whether there is a pin of this name.
    pub(super) fn has(&self, name: &str) -> bool {
        fs::symlink_metadata(self.path(name)).is_ok()
    }

    /// Removes these pins, if they are there.
    pub(super) fn unpin(&self, names: impl Fn(&str) -> bool) -> io::Result<()> {
        for entry in fs::read_dir(&self.folder)? {
            let entry = entry?;
            if entry.file_name().to_str().is_some_and(&names) {
                fs::remove_file(entry.path())?;
            }
        }
        Ok(())
    }

    /// Removes all pins, and the folder.
    pub(super) fn remove(&self) -> io::Result<()> {
        match self.unpin(|_name| true).and_then(|()| fs::remove_dir(&self.folder)) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
            other => other,
        }
    }
}

/// Makes a map of as many words, which processes can map.
pub(super) fn create_map(words: usize) -> io::Result<OwnedFd> {
    let words = u32::try_from(words).map_err(io::Error::other)?;
    let array = Map { kind: ARRAY, key_size: 4, value_size: 8, entries: words, flags: MMAPABLE };
    let fd = bpf(MAP_CREATE, &array)?;
    // SAFETY: the command gives a new descriptor.
    Ok(unsafe { OwnedFd::from_raw_fd(fd) })
}

/// `BPF_MAP_TYPE_ARRAY` (`enum bpf_map_type`, include/uapi/linux/bpf.h).
const ARRAY: u32 = 2;
/// `BPF_F_MMAPABLE`.
const MMAPABLE: u32 = 1 << 10;

/// Commands of bpf(2) (`enum bpf_cmd`, include/uapi/linux/bpf.h).
const MAP_CREATE: u32 = 0;
const OBJ_PIN: u32 = 6;
const OBJ_GET: u32 = 7;

/// A path as the kernel takes it.
struct PathOf {
    bytes: Vec<u8>,
}

impl PathOf {
    fn new(path: &Path) -> Self {
        let mut bytes = path.as_os_str().as_bytes().to_owned();
        bytes.push(0);
        Self { bytes }
    }

    fn attributes(&self, object: RawFd) -> Object {
        Object { path: self.bytes.as_ptr() as u64, fd: object.cast_unsigned(), flags: 0 }
    }
}

/// The start of `union bpf_attr` for these commands.
#[derive(IntoBytes, Immutable)]
#[repr(C)]
struct Object {
    path: u64,
    fd: u32,
    flags: u32,
}

/// The start of `union bpf_attr` for `BPF_MAP_CREATE`.
#[derive(IntoBytes, Immutable)]
#[repr(C)]
struct Map {
    kind: u32,
    key_size: u32,
    value_size: u32,
    entries: u32,
    flags: u32,
}

fn bpf(command: u32, attributes: &(impl IntoBytes + Immutable)) -> io::Result<RawFd> {
    let attributes = attributes.as_bytes();
    // SAFETY: the kernel reads the attributes and the path that they point to, which ends with a zero, and writes nothing.
    let result = unsafe { libc::syscall(libc::SYS_bpf, command, attributes.as_ptr(), attributes.len()) };
    RawFd::try_from(result).ok().filter(|result| *result >= 0).ok_or_else(io::Error::last_os_error)
}
