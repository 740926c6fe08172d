//! Where set-up keeps what it fetched and built: outside the source tree, shared by all work trees.

use std::{
    env,
    ffi::OsString,
    fmt::Display,
    fs::{self, File},
    io,
    path::{Path, PathBuf},
};

use crate::progress;

/// The cache folder: `$DENYD_CACHE`, else `$XDG_CACHE_HOME/denyd`, else `~/.cache/denyd`.
///
/// Whatever stands in it is complete: files are written elsewhere in it and renamed into place.
#[derive(Debug, Clone)]
pub struct Cache {
    root: PathBuf,
}

/// Why there is no usable cache folder.
#[derive(Debug, thiserror::Error)]
pub enum CacheError {
    /// No environment variable says where it could be.
    #[error("no place for the cache: set DENYD_CACHE, XDG_CACHE_HOME or HOME")]
    NoPlace,
    /// The folder, or something in it, can't be written.
    #[error("cannot write the cache {path}: {source}; set DENYD_CACHE to another folder")]
    Write {
        /// What could not be written.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
}

impl Cache {
    /// The cache of this user, created if need be.
    ///
    /// # Errors
    /// When there is no place for it or it can't be created.
    pub fn open() -> Result<Self, CacheError> {
        Self::at(place(|name| env::var_os(name)).ok_or(CacheError::NoPlace)?)
    }

    /// A cache at `root`, created if need be.
    ///
    /// # Errors
    /// When it can't be created.
    pub fn at(root: impl Into<PathBuf>) -> Result<Self, CacheError> {
        let root = root.into();
        fs::create_dir_all(&root).map_err(|source| CacheError::Write { path: root.clone(), source })?;
        Ok(Self { root })
    }

    /// The folder `name` in the cache, created if need be.
    ///
    /// # Errors
    /// When it can't be created.
    pub fn folder(&self, name: &str) -> Result<PathBuf, CacheError> {
        Ok(Self::at(self.root.join(name))?.root)
    }

    /// A folder for unfinished work on the cache's own file system, removed when dropped.
    ///
    /// # Errors
    /// When it can't be created.
    pub fn scratch(&self) -> Result<tempfile::TempDir, CacheError> {
        tempfile::Builder::new()
            .prefix(".unfinished-")
            .tempdir_in(&self.root)
            .map_err(|source| CacheError::Write { path: self.root.clone(), source })
    }

    /// Holds off other set-ups until the returned lock is dropped.
    ///
    /// # Errors
    /// When the lock file can't be created.
    pub fn lock(&self) -> Result<File, CacheError> {
        let path = self.root.join("lock");
        let open = || {
            let file = File::create(&path)?;
            file.lock()?;
            Ok(file)
        };
        open().map_err(|source| CacheError::Write { path: path.clone(), source })
    }

    /// Does `make`, and says `what` that is, unless `is_there`: while others are held off, who may have done the same.
    ///
    /// # Errors
    /// Whatever `make` fails with, or when the lock file can't be created.
    pub fn once<T, E: From<CacheError>>(
        &self,
        is_there: impl Fn() -> bool,
        what: impl Display,
        make: impl FnOnce() -> Result<T, E>,
    ) -> Result<(), E> {
        if is_there() {
            return Ok(());
        }
        let _lock = self.lock()?;
        if is_there() {
            return Ok(());
        }
        progress::step(what, make).map(drop)
    }

    /// Writes `bytes` to `path` in the cache so that no reader ever sees half of them.
    ///
    /// # Errors
    /// When it can't be written.
    pub fn publish(&self, bytes: &[u8], path: &Path) -> Result<(), CacheError> {
        let write = || {
            let scratch = tempfile::Builder::new().prefix(".unfinished-").tempfile_in(&self.root)?;
            fs::write(scratch.path(), bytes)?;
            scratch.persist(path)?;
            Ok(())
        };
        write().map_err(|source| CacheError::Write { path: path.to_owned(), source })
    }
}

fn place(variable: impl Fn(&str) -> Option<OsString>) -> Option<PathBuf> {
    let folder = |name| variable(name).filter(|value| !value.is_empty()).map(PathBuf::from);
    folder("DENYD_CACHE")
        .or_else(|| Some(folder("XDG_CACHE_HOME")?.join("denyd")))
        .or_else(|| Some(folder("HOME")?.join(".cache/denyd")))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn place_with(variables: &[(&str, &str)]) -> Option<PathBuf> {
        place(|wanted| {
            variables.iter().find(|(name, _)| *name == wanted).map(|(_, value)| OsString::from(value))
        })
    }

    #[test]
    fn the_most_particular_variable_wins() {
        let all = [("DENYD_CACHE", "/a"), ("XDG_CACHE_HOME", "/b"), ("HOME", "/c")];
        assert_eq!(place_with(&all), Some("/a".into()));
        assert_eq!(place_with(&all[1..]), Some("/b/denyd".into()));
        assert_eq!(place_with(&all[2..]), Some("/c/.cache/denyd".into()));
        assert_eq!(place_with(&[]), None);
    }

    #[test]
    fn an_empty_variable_counts_as_unset() {
        assert_eq!(place_with(&[("DENYD_CACHE", ""), ("HOME", "/c")]), Some("/c/.cache/denyd".into()));
    }

    #[test]
    fn published_files_replace_older_ones() {
        let folder = tempfile::tempdir().unwrap();
        let cache = Cache::at(folder.path().join("new")).unwrap();
        let path = cache.folder("kernels").unwrap().join("k");
        cache.publish(b"old", &path).unwrap();
        cache.publish(b"new", &path).unwrap();
        assert_eq!(fs::read(path).unwrap(), b"new");
    }
}
