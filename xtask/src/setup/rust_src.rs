//! The source of the standard library, from which the eBPF build compiles `core`.
//!
//! It must be of rustc's own version. Three ways are tried: rustup; Debian's package of that version; an
//! archive that `DENYD_RUST_SRC` names.

use std::{
    env, fs, io,
    path::{Path, PathBuf},
    process::Command,
};

use crate::{
    apt::{self, Apt, AptError},
    cache::{Cache, CacheError},
    process::{self, ProcessError},
    progress, workspace,
};

/// The environment variable that names an archive (`.tar.zst`) with the folder `library` in it.
pub const ARCHIVE: &str = "DENYD_RUST_SRC";

/// The Debian suite that carries recent Rust versions.
const SUITE: &str = "trixie-backports";

/// Why the source could not be had.
#[derive(Debug, thiserror::Error)]
pub enum RustSrcError {
    /// There is no rustc to ask.
    #[error("cannot ask rustc where its source belongs: {0}")]
    Rustc(#[source] ProcessError),
    /// None of the ways led anywhere.
    #[error(
        "cannot get the source of Rust's standard library (rust-src {version}), which the eBPF build needs:\n\
         - rustup component add rust-src: {rustup}\n\
         - Debian's rust-src {version} from {SUITE}: {debian}\n\
         - an archive: {archive}\n\
         Let one of them work, or put the folder `library` of Rust {version} at {}", place.display()
    )]
    NoWay {
        /// The version of rustc.
        version: String,
        /// Where it was to go.
        place: PathBuf,
        /// Why rustup could not.
        rustup: String,
        /// Why Debian's package could not.
        debian: String,
        /// Why the archive could not.
        archive: String,
    },
    /// The cache can't be used.
    #[error(transparent)]
    Cache(#[from] CacheError),
}

/// Why one of the ways led nowhere.
#[derive(Debug, thiserror::Error)]
enum WayError {
    #[error(transparent)]
    Process(#[from] ProcessError),
    #[error(transparent)]
    Apt(#[from] AptError),
    #[error("{0}")]
    Io(#[from] io::Error),
    #[error("set {ARCHIVE} to a .tar.zst of it")]
    NotNamed,
    #[error("it contains no folder `library` with `core` in it")]
    NoLibrary,
    #[error("rustup said that it worked, but there is no {0}")]
    NothingCame(PathBuf),
}

/// Puts the source where the pinned rustc expects it, unless it is there.
///
/// # Errors
/// When there is no way to get it.
pub fn ensure(cache: &Cache) -> Result<(), RustSrcError> {
    let rustc = |arguments: &[&str]| {
        process::read(Command::new("rustc").args(arguments).current_dir(workspace::root()))
            .map_err(RustSrcError::Rustc)
    };
    let sysroot = rustc(&["--print", "sysroot"])?;
    let place = Path::new(sysroot.trim()).join("lib/rustlib/src/rust/library");
    if is_library(&place) {
        return Ok(());
    }
    let version = rustc(&["--version"])?.split(' ').nth(1).unwrap_or_default().to_owned();
    let _lock = cache.lock()?;
    if is_library(&place) {
        return Ok(());
    }
    progress::step(format_args!("fetching the standard library's source (rust-src {version})"), || {
        install(&version, &place)
    })
}

/// Puts the source of Rust `version` at `place`, by the first way that works.
///
/// # Errors
/// When none does; the error has the reason of each.
pub fn install(version: &str, place: &Path) -> Result<(), RustSrcError> {
    let Err(rustup) = from_rustup(place) else { return Ok(()) };
    let Err(debian) = from_debian(version, place) else { return Ok(()) };
    let Err(archive) = from_archive(env::var_os(ARCHIVE).map(PathBuf::from).as_deref(), place) else {
        return Ok(());
    };
    Err(RustSrcError::NoWay {
        version: version.to_owned(),
        place: place.to_owned(),
        rustup: rustup.to_string(),
        debian: debian.to_string(),
        archive: archive.to_string(),
    })
}

fn from_rustup(place: &Path) -> Result<(), WayError> {
    let mut rustup = Command::new("rustup");
    process::capture(rustup.args(["component", "add", "rust-src"]).current_dir(workspace::root()))?;
    if is_library(place) { Ok(()) } else { Err(WayError::NothingCame(place.to_owned())) }
}

fn from_debian(version: &str, place: &Path) -> Result<(), WayError> {
    let scratch = tempfile::tempdir()?;
    let deb = Apt::suite(SUITE)?.download(&format!("rust-src={version}*"), scratch.path())?;
    apt::unpack(&deb, scratch.path())?;
    adopt(&scratch.path().join(format!("usr/src/rustc-{version}/library")), place)
}

fn from_archive(archive: Option<&Path>, place: &Path) -> Result<(), WayError> {
    let archive = archive.ok_or(WayError::NotNamed)?;
    let scratch = tempfile::tempdir()?;
    let mut tar = Command::new("tar");
    process::capture(tar.args(["--extract", "--zstd", "--file"]).arg(archive).arg("-C").arg(scratch.path()))?;
    adopt(&find_library(scratch.path())?, place)
}

/// The folder `library` in what was unpacked, at most three folders down.
fn find_library(unpacked: &Path) -> Result<PathBuf, WayError> {
    let mut folders = vec![unpacked.to_owned()];
    for _ in 0..4 {
        let mut below = Vec::new();
        for folder in folders {
            if is_library(&folder) {
                return Ok(folder);
            }
            for entry in fs::read_dir(&folder)? {
                below.extend(Some(entry?.path()).filter(|path| path.is_dir()));
            }
        }
        folders = below;
    }
    Err(WayError::NoLibrary)
}

/// Moves `library` to `place`, across file systems too, so that `place` is never half there.
fn adopt(library: &Path, place: &Path) -> Result<(), WayError> {
    if !is_library(library) {
        return Err(WayError::NoLibrary);
    }
    let parent = place.parent().ok_or(WayError::NoLibrary)?;
    fs::create_dir_all(parent)?;
    let beside = tempfile::Builder::new().prefix(".unfinished-").tempdir_in(parent)?;
    let copy = beside.path().join("library");
    process::capture(Command::new("cp").arg("--recursive").arg(library).arg(&copy))?;
    if place.exists() {
        fs::remove_dir_all(place)?;
    }
    fs::rename(&copy, place)?;
    Ok(())
}

fn is_library(folder: &Path) -> bool {
    folder.join("core/Cargo.toml").is_file()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A folder that looks like the source of a standard library.
    fn library(within: &Path) -> PathBuf {
        fs::create_dir_all(within.join("rust/library/core")).unwrap();
        fs::write(within.join("rust/library/core/Cargo.toml"), "").unwrap();
        within.join("rust/library")
    }

    #[test]
    fn the_library_is_found_in_what_was_unpacked() {
        let folder = tempfile::tempdir().unwrap();
        assert!(matches!(find_library(folder.path()), Err(WayError::NoLibrary)));
        let library = library(folder.path());
        assert_eq!(find_library(folder.path()).unwrap(), library);
        assert_eq!(find_library(&library).unwrap(), library);
    }

    #[test]
    fn a_broken_source_is_replaced_as_a_whole() {
        let folder = tempfile::tempdir().unwrap();
        let place = folder.path().join("sysroot/library");
        fs::create_dir_all(place.join("half")).unwrap();
        adopt(&library(folder.path()), &place).unwrap();
        assert!(is_library(&place));
        assert!(!place.join("half").exists());
        assert_eq!(fs::read_dir(place.parent().unwrap()).unwrap().count(), 1);
    }

    #[test]
    fn an_archive_that_is_not_named_says_how_to_name_it() {
        let error = from_archive(None, Path::new("/nowhere")).unwrap_err();
        assert_eq!(error.to_string(), "set DENYD_RUST_SRC to a .tar.zst of it");
    }
}
