//! The source tree that this program was built from, and building what is in it.

use std::{
    env,
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

use serde_json::Value;

use crate::architecture::Architecture;

/// Why a program of the workspace could not be built.
#[derive(Debug, thiserror::Error)]
pub enum BuildError {
    /// Cargo could not be started.
    #[error("cannot run cargo: {0}")]
    Start(#[source] std::io::Error),
    /// Cargo failed, having said why.
    #[error("cannot build {0}; cargo says why above")]
    Failed(String),
    /// Cargo did not say where the program is.
    #[error("cargo built {0}, but named no executable")]
    NoExecutable(String),
}

/// The root of the source tree.
#[must_use]
pub fn root() -> &'static Path {
    let xtask = Path::new(env!("CARGO_MANIFEST_DIR"));
    xtask.parent().unwrap_or(xtask)
}

/// Cargo, to be run in the root of the source tree.
#[must_use]
pub fn cargo() -> Command {
    let mut command = Command::new(env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    command.current_dir(root());
    // What cargo sets for this program is about this package, not about the one that is built next; a build
    // script that looks at it would be run again at every turn.
    for (name, _) in env::vars_os() {
        if name.to_string_lossy().starts_with("CARGO_PKG_") || name == "CARGO_MANIFEST_DIR" {
            command.env_remove(name);
        }
    }
    command
}

/// How a program is compiled: the names of cargo's profiles.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Profile {
    /// As it is shipped.
    Release,
    /// As it is tested: in half the time, and with checks for overflows. The eBPF programs are the same.
    Dev,
    /// As it is shipped, but with names of functions and frame pointers, for profilers.
    Profiling,
}

impl Profile {
    const fn name(self) -> &'static str {
        match self {
            Self::Release => "release",
            Self::Dev => "dev",
            Self::Profiling => "profiling",
        }
    }
}

/// Cargo building programs for such machines, static, without any path of this machine in them.
///
/// Where rustup has no standard library for them, it is compiled from its source, which stable rustc does only so.
pub(crate) fn cargo_for(architecture: Architecture, remapped: &[(PathBuf, &str)]) -> Command {
    let mut flags = vec!["-C".to_owned(), "target-feature=+crt-static".to_owned()];
    for (path, name) in remapped {
        flags.push(format!("--remap-path-prefix={}={name}", path.display()));
    }
    let mut command = cargo();
    // With a target, so that they are not for build scripts too.
    command.env("CARGO_ENCODED_RUSTFLAGS", flags.join("\u{1f}"));
    command.args(["build", "--locked", "--target", architecture.target()]);
    if !architecture.is_host() {
        let target = architecture.target().to_uppercase().replace('-', "_");
        command.env(format!("CARGO_TARGET_{target}_LINKER"), architecture.cross_linker());
        command.env("RUSTC_BOOTSTRAP", "1").args(["-Z", "build-std=std,panic_abort"]);
    }
    command
}

/// Builds `denyd` as it is shipped, with the C library within, and returns where it is.
///
/// # Errors
/// When it can't be built.
pub fn build_denyd(profile: Profile) -> Result<PathBuf, BuildError> {
    // Only the program itself is compiled so, which is to say linked: what it depends on is the same for all builds.
    build("monitor", "denyd", profile, cargo().arg("rustc"), &["--", "-C", "target-feature=+crt-static"])
}

/// Builds the program `name` of `package` and returns where it is.
///
/// # Errors
/// When it can't be built.
pub fn build_program(package: &str, name: &str, profile: Profile) -> Result<PathBuf, BuildError> {
    build(package, name, profile, cargo().arg("build"), &[])
}

/// Builds the program `name` of `package` by cargo with these arguments, and returns where it is.
pub(crate) fn build(
    package: &str,
    name: &str,
    profile: Profile,
    cargo: &mut Command,
    more: &[&str],
) -> Result<PathBuf, BuildError> {
    if profile == Profile::Profiling {
        cargo.args(["--config", "build.rustflags=[\"-Cforce-frame-pointers=yes\"]"]);
    }
    let output = cargo
        .args(["--profile", profile.name(), "--package", package, "--bin", name])
        .arg("--message-format=json-render-diagnostics")
        .args(more)
        .stdin(Stdio::null())
        .stderr(Stdio::inherit())
        .output()
        .map_err(BuildError::Start)?;
    if !output.status.success() {
        return Err(BuildError::Failed(name.to_owned()));
    }
    executable(&String::from_utf8_lossy(&output.stdout), name)
        .ok_or_else(|| BuildError::NoExecutable(name.to_owned()))
}

/// The executable of the program `name` in cargo's messages, one JSON object a line.
fn executable(messages: &str, name: &str) -> Option<PathBuf> {
    messages
        .lines()
        .filter_map(|line| serde_json::from_str::<Value>(line).ok())
        .filter(|message| message["reason"] == "compiler-artifact" && message["target"]["name"] == name)
        .find_map(|message| Some(PathBuf::from(message["executable"].as_str()?)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_root_has_the_workspace_manifest() {
        assert!(root().join("Cargo.toml").is_file());
        assert!(root().join("xtask").is_dir());
    }

    #[test]
    fn the_executable_is_found_among_cargos_messages() {
        let messages = r#"{"reason":"compiler-artifact","target":{"name":"denyd"},"executable":null}
not json
{"reason":"compiler-artifact","target":{"name":"other"},"executable":"/t/other"}
{"reason":"compiler-artifact","target":{"name":"denyd"},"executable":"/t/denyd"}
{"reason":"build-finished","success":true}"#;
        assert_eq!(executable(messages, "denyd"), Some("/t/denyd".into()));
        assert_eq!(executable(messages, "missing"), None);
    }
}
