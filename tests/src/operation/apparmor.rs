//! `AppArmor`'s policy: what its parser and its tools do with the kernel.

use std::{
    fs::{self, File},
    io::{self, Write as _},
    path::Path,
    process::{Command, Stdio},
};

use super::file;
use crate::scene;

/// Where the kernel takes policy.
const FILES: &str = "/sys/kernel/security/apparmor";

/// Where compiled profiles are kept.
const COMPILED: &str = "/srv/compiled";

/// Compiles profiles, and loads nothing.
///
/// # Errors
/// Fails if the parser does.
pub fn compile(name: &str, profiles: &str) -> io::Result<()> {
    scene::directory(COMPILED)?;
    let mut parser = Command::new("apparmor_parser")
        .args(["--skip-cache", "--quiet", "--stdout"])
        .stdin(Stdio::piped())
        .stdout(File::create(Path::new(COMPILED).join(name))?)
        .spawn()?;
    if let Some(mut input) = parser.stdin.take() {
        write!(input, "abi <abi/denyd>,\n{profiles}")?;
    }
    let status = parser.wait()?;
    if status.success() { Ok(()) } else { Err(io::Error::other(format!("the parser: {status}"))) }
}

/// Loads compiled profiles that must be new, all at once.
///
/// # Errors
/// As `write`.
pub fn load(name: &str) -> io::Result<()> {
    give(".load", &fs::read(Path::new(COMPILED).join(name))?)
}

/// Loads compiled profiles, all at once, in place of those that are there.
///
/// # Errors
/// As `write`.
pub fn replace(name: &str) -> io::Result<()> {
    give(".replace", &fs::read(Path::new(COMPILED).join(name))?)
}

/// Removes a profile and its children, or (`:name:`) a namespace.
///
/// # Errors
/// As `write`.
pub fn remove(profile: &str) -> io::Result<()> {
    give(".remove", profile.as_bytes())
}

/// Removes a namespace by its directory.
///
/// # Errors
/// As `rmdir`.
pub fn remove_namespace(name: &str) -> io::Result<()> {
    fs::remove_dir(Path::new(FILES).join("policy/namespaces").join(name))
}

/// Sets a parameter of all profiles.
///
/// # Errors
/// As `write`.
pub fn set_parameter(name: &str, value: &str) -> io::Result<()> {
    file::overwrite(Path::new("/sys/module/apparmor/parameters").join(name), value)
}

fn give(file: &str, bytes: &[u8]) -> io::Result<()> {
    let written = rustix::io::write(file::open_to_write(Path::new(FILES).join(file))?, bytes)?;
    if written == bytes.len() { Ok(()) } else { Err(io::Error::other("the kernel took only a part")) }
}
