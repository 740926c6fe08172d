//! Tools that cargo builds from the package registry.

use std::process::Command;

use crate::{
    cache::{Cache, CacheError},
    process::{self, ProcessError},
    progress, workspace,
};

/// Links the eBPF object. 0.10 uses rustc's own LLVM; later versions need LLVM's development packages.
pub const BPF_LINKER: Tool = Tool { name: "bpf-linker", version: "0.10.3", version_arguments: VERSION };

/// Checks licences, sources and versions of the dependencies.
pub const CARGO_DENY: Tool = Tool { name: "cargo-deny", version: "0.20.2", version_arguments: VERSION };

/// Lists what a program is built of.
pub const CARGO_CYCLONEDX: Tool =
    Tool { name: "cargo-cyclonedx", version: "0.5.9", version_arguments: &["cyclonedx", "--version"] };

/// Builds the fuzz targets.
pub const CARGO_FUZZ: Tool =
    Tool { name: "cargo-fuzz", version: "0.13.2", version_arguments: &["fuzz", "--version"] };

/// Makes JSON of audit's records, for auditd: what denyd's cost is compared with.
pub const LAUREL: Tool = Tool { name: "laurel", version: "0.8.2", version_arguments: VERSION };

/// A program of the package registry, in the one version that is used.
#[derive(Debug)]
pub struct Tool {
    name: &'static str,
    version: &'static str,
    /// What it is asked for its version by.
    version_arguments: &'static [&'static str],
}

/// What most programs are asked by.
const VERSION: &[&str] = &["--version"];

/// Why a tool could not be installed.
#[derive(Debug, thiserror::Error)]
pub enum ToolError {
    /// Cargo could not build it.
    #[error("cannot install {name} {version}, which needs the package registry: {source}")]
    Install {
        /// The tool.
        name: &'static str,
        /// The version.
        version: &'static str,
        /// What cargo said.
        source: ProcessError,
    },
    /// It was installed where the shell does not look.
    #[error("{0} was installed, but is not on PATH; add ~/.cargo/bin to it")]
    NotOnPath(&'static str),
    /// The cache can't be used.
    #[error(transparent)]
    Cache(#[from] CacheError),
}

impl Tool {
    /// Installs it, unless this version is installed.
    ///
    /// # Errors
    /// When it can't be built, or is not on `PATH` afterwards.
    pub fn ensure(&self, cache: &Cache) -> Result<(), ToolError> {
        if self.is_installed() {
            return Ok(());
        }
        let _lock = cache.lock()?;
        if self.is_installed() {
            return Ok(());
        }
        let Self { name, version, .. } = *self;
        progress::step(format_args!("building {name} {version} (some minutes)"), || {
            // In the workspace, so that the pinned toolchain builds it.
            let mut install = workspace::cargo();
            install.args(["install", "--locked", "--force", "--version", version, name]);
            process::capture(&mut install)
        })
        .map_err(|source| ToolError::Install { name, version, source })?;
        if self.is_installed() { Ok(()) } else { Err(ToolError::NotOnPath(name)) }
    }

    fn is_installed(&self) -> bool {
        process::read(Command::new(self.name).args(self.version_arguments))
            .is_ok_and(|answer| names_version(&answer, self.version))
    }
}

/// Whether a program that answers this to `--version` is of `version`.
fn names_version(answer: &str, version: &str) -> bool {
    answer.split_whitespace().take(2).any(|word| word == version)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_very_version_counts_as_installed() {
        assert!(names_version("bpf-linker 0.10.3\n", "0.10.3"));
        assert!(names_version("cargo-cyclonedx-cyclonedx 0.5.9\n", "0.5.9"));
        assert!(names_version("0.8.2 (2025-01-01)\n", "0.8.2"));
        assert!(!names_version("bpf-linker 0.10.31\n", "0.10.3"));
        assert!(!names_version("bpf-linker 0.11.0\n", "0.10.3"));
        assert!(!names_version("", "0.10.3"));
    }
}
