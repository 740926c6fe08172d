//! The program: static, so that it runs whatever C library the machine has, or without one.

use std::{
    env, fs,
    path::{Path, PathBuf},
};

use super::{PackageError, at, release::Release};
use crate::workspace::{self, BuildError, Profile};

/// The target that it is compiled for.
pub const TARGET: &str = "x86_64-unknown-linux-gnu";

/// Builds it for a release: no path of this machine is in it.
///
/// # Errors
/// When it can't be built.
pub fn build(release: &Release) -> Result<PathBuf, BuildError> {
    let mut flags = vec!["-C".to_owned(), "target-feature=+crt-static".to_owned()];
    let home = env::var_os("CARGO_HOME").map(PathBuf::from);
    let home = home.or_else(|| Some(PathBuf::from(env::var_os("HOME")?).join(".cargo")));
    for (path, name) in [(home.as_deref(), "/cargo"), (Some(workspace::root()), "/denyd")] {
        flags.extend(path.map(|path| format!("--remap-path-prefix={}={name}", path.display())));
    }
    let mut cargo = workspace::cargo();
    // With a target, so that they are not for build scripts too.
    cargo
        .env("DENYD_COMMIT", &release.commit)
        .env("CARGO_ENCODED_RUSTFLAGS", flags.join("\u{1f}"))
        .args(["build", "--locked", "--target", TARGET]);
    workspace::build("monitor", "denyd", Profile::Release, &mut cargo, &[])
}

/// Puts it into the folder `into`, under its own name.
///
/// # Errors
/// When it can't be copied.
pub fn publish(binary: &Path, into: &Path) -> Result<PathBuf, PackageError> {
    let path = into.join("denyd-x86_64");
    fs::copy(binary, &path).map_err(at(&path))?;
    Ok(path)
}
