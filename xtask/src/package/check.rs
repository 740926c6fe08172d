//! What the distributions' own checkers say of the packages.

use std::{path::Path, process::Command};

use super::PackageError;
use crate::{process, vm::initramfs::host_program, workspace};

/// Has lintian look at a Debian package.
///
/// # Errors
/// When it finds an error.
pub fn deb(package: &Path) -> Result<(), PackageError> {
    let mut lintian = Command::new(host_program("lintian")?);
    lintian.args(["--allow-root", "--fail-on=error"]).arg(package);
    Ok(process::show(&mut lintian)?)
}

/// Has rpmlint look at a package for RPM.
///
/// # Errors
/// When it finds an error.
pub fn rpm(package: &Path) -> Result<(), PackageError> {
    let mut rpmlint = Command::new(host_program("rpmlint")?);
    // Debian's Python has its modules.
    rpmlint
        .env("PATH", "/usr/bin:/bin")
        .arg("--config")
        .arg(workspace::root().join("packaging/rpm/rpmlint.toml"));
    Ok(process::show(rpmlint.arg(package))?)
}
