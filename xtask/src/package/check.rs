//! What the distributions' own checkers say of the packages.

use std::{path::Path, process::Command};

use super::PackageError;
use crate::{architecture::Architecture, process, vm::initramfs::host_program, workspace};

/// Has lintian look at a Debian package, which must say that it is for these machines.
///
/// # Errors
/// When it finds an error, or the package says something else.
pub fn deb(package: &Path, architecture: Architecture) -> Result<(), PackageError> {
    let mut field = Command::new("dpkg-deb");
    is_for(architecture.debian(), "dpkg-deb", field.arg("--field").arg(package).arg("Architecture"))?;
    let mut lintian = Command::new(host_program("lintian")?);
    lintian.args(["--allow-root", "--fail-on=error"]).arg(package);
    Ok(process::show(&mut lintian)?)
}

/// Has rpmlint look at a package for RPM, which must say that it is for these machines.
///
/// # Errors
/// When it finds an error, or the package says something else.
pub fn rpm(package: &Path, architecture: Architecture) -> Result<(), PackageError> {
    let mut query = Command::new(host_program("rpm")?);
    query.args(["--query", "--package", "--queryformat", "%{ARCH}"]).arg(package);
    is_for(architecture.machine(), "rpm", &mut query)?;
    let mut rpmlint = Command::new(host_program("rpmlint")?);
    // Debian's Python has its modules.
    rpmlint
        .env("PATH", "/usr/bin:/bin")
        .arg("--config")
        .arg(workspace::root().join("packaging/rpm/rpmlint.toml"));
    Ok(process::show(rpmlint.arg(package))?)
}

/// Whether a tool reads from a package that it is for these machines.
fn is_for(wanted: &'static str, tool: &'static str, query: &mut Command) -> Result<(), PackageError> {
    let found = process::read(query)?;
    if found.trim() == wanted { Ok(()) } else { Err(PackageError::Answer { tool, wanted }) }
}
