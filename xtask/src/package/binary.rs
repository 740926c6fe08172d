//! The program: static, so that it runs whatever C library the machine has, or without one.

use std::{
    env, fs,
    path::{Path, PathBuf},
    process::Command,
};

use super::{PackageError, at, release::Release};
use crate::{
    architecture::Architecture,
    process,
    workspace::{self, Profile},
};

/// Builds it for a release: no path of this machine is in it.
///
/// # Errors
/// When it can't be built.
pub fn build(release: &Release, architecture: Architecture) -> Result<PathBuf, PackageError> {
    let mut cargo = workspace::cargo_for(architecture, &places()?);
    cargo.env("DENYD_COMMIT", &release.commit);
    Ok(workspace::build("monitor", "denyd", Profile::Release, &mut cargo, &[])?)
}

/// Builds the program `name` of `package` for other machines than this one, as it is shipped.
///
/// # Errors
/// When it can't be built.
pub fn build_foreign(package: &str, name: &str, architecture: Architecture) -> Result<PathBuf, PackageError> {
    let mut cargo = workspace::cargo_for(architecture, &places()?);
    Ok(workspace::build(package, name, Profile::Release, &mut cargo, &[])?)
}

/// Where sources are on this machine, each with what is said in its place.
fn places() -> Result<Vec<(PathBuf, &'static str)>, PackageError> {
    let sysroot =
        process::read(Command::new("rustc").args(["--print", "sysroot"]).current_dir(workspace::root()))?;
    let sysroot = PathBuf::from(sysroot.trim());
    // rustc says of the standard library's source where it really is.
    let sysroot = fs::canonicalize(&sysroot).map_err(at(sysroot))?;
    let home = env::var_os("CARGO_HOME").map(PathBuf::from);
    let home = home.or_else(|| Some(PathBuf::from(env::var_os("HOME")?).join(".cargo")));
    let mut places = vec![(workspace::root().to_owned(), "/denyd"), (sysroot, "/rust")];
    places.extend(home.map(|home| (home, "/cargo")));
    Ok(places)
}

/// Puts it into the folder `into`, under its own name.
///
/// # Errors
/// When it can't be copied.
pub fn publish(binary: &Path, architecture: Architecture, into: &Path) -> Result<PathBuf, PackageError> {
    let path = into.join(format!("denyd-{}", architecture.machine()));
    fs::copy(binary, &path).map_err(at(&path))?;
    Ok(path)
}
