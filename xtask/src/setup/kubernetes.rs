//! What checks Kubernetes objects against the schemas of its API. It comes as Python packages, with the schemas.

use std::{fs, path::PathBuf, process::Command};

use crate::{
    apt::AptError,
    cache::{Cache, CacheError},
    process::{self, ProcessError},
    setup::checkers::pip,
};

/// The package.
const PACKAGE: &str = "kubernetes-validate==1.37.0";

/// Why it can't be had.
#[derive(Debug, thiserror::Error)]
pub enum KubernetesError {
    /// There is no pip, and Debian's can't be installed.
    #[error(transparent)]
    Pip(#[from] AptError),
    /// pip could not install it.
    #[error("cannot fetch {PACKAGE}: {0}")]
    Install(#[source] ProcessError),
    /// The cache can't be used.
    #[error(transparent)]
    Cache(#[from] CacheError),
}

/// The checker.
#[derive(Debug, Clone)]
pub struct Kubernetes {
    folder: PathBuf,
}

impl Kubernetes {
    /// The checker. Fetches it if it is not in the cache.
    ///
    /// # Errors
    /// When it can't be had.
    pub fn ensure(cache: &Cache) -> Result<Self, KubernetesError> {
        let folder = cache.folder("kubernetes")?.join(PACKAGE);
        let fetch = || Self::fetch(cache, &folder);
        cache.once(|| folder.is_dir(), format_args!("fetching {PACKAGE}"), fetch)?;
        Ok(Self { folder })
    }

    /// A command that checks the files that are its arguments, and refuses what the API does not know.
    #[must_use]
    pub fn check(&self) -> Command {
        let mut command = Command::new("python3");
        command.env("PYTHONPATH", &self.folder).arg(self.folder.join("bin/kubernetes-validate"));
        command.args(["--strict", "--quiet"]);
        command
    }

    fn fetch(cache: &Cache, folder: &PathBuf) -> Result<(), KubernetesError> {
        let scratch = cache.scratch()?;
        let mut pip = pip()?;
        pip.args(["install", "--quiet", "--only-binary", ":all:", "--root-user-action", "ignore"]);
        pip.arg("--target").arg(scratch.path().join("packages")).arg(PACKAGE);
        process::capture(&mut pip).map_err(KubernetesError::Install)?;
        fs::rename(scratch.path().join("packages"), folder)
            .map_err(|source| CacheError::Write { path: folder.clone(), source })?;
        Ok(())
    }
}
