//! What `cargo xtask bench` compares denyd with: auditd, LAUREL and bpftrace.

use std::{env, fs, path::PathBuf};

use crate::{
    apt::{self, Apt},
    cache::{Cache, CacheError},
    setup::{SetupError, packages, tools},
};

/// bpftrace; the libraries of auditd, which is only unpacked, since Debian would start it on this machine; and what LAUREL
/// is built with.
const PACKAGES: [&str; 6] =
    ["bpftrace", "libacl1-dev", "libauparse0", "libclang-dev", "libkrb5-3", "libwrap0"];

/// The programs, and auditd's configuration as Debian has it.
#[derive(Debug, Clone)]
pub struct Peers {
    /// auditd.
    pub auditd: PathBuf,
    /// What sets audit up.
    pub auditctl: PathBuf,
    /// The folder that is `/etc/audit`.
    pub configuration: PathBuf,
    /// LAUREL.
    pub laurel: PathBuf,
    /// bpftrace.
    pub bpftrace: PathBuf,
}

/// Sets them up.
pub(super) fn ensure(cache: &Cache) -> Result<Peers, SetupError> {
    packages(cache, &PACKAGES)?;
    tools::LAUREL.ensure(cache)?;
    let folder = cache.folder("peers")?.join("auditd");
    cache.once(|| folder.is_dir(), "fetching auditd", || fetch(cache, &folder))?;
    Ok(Peers {
        auditd: folder.join("sbin/auditd"),
        auditctl: folder.join("sbin/auditctl"),
        configuration: folder.join("etc/audit"),
        laurel: on_path("laurel"),
        bpftrace: on_path("bpftrace"),
    })
}

fn fetch(cache: &Cache, folder: &std::path::Path) -> Result<(), SetupError> {
    let scratch = cache.scratch()?;
    let (release, _source) = Apt::machine_source()?;
    let deb = Apt::suite(&release)?.download("auditd", scratch.path())?;
    let unpacked = scratch.path().join("unpacked");
    apt::unpack(&deb, &unpacked)?;
    fs::rename(unpacked, folder).map_err(|source| CacheError::Write { path: folder.to_owned(), source })?;
    Ok(())
}

/// Where the program is, or its name if it is nowhere.
fn on_path(name: &str) -> PathBuf {
    let folders = env::var_os("PATH").unwrap_or_default();
    let found = env::split_paths(&folders).map(|folder| folder.join(name)).find(|path| path.is_file());
    found.unwrap_or_else(|| name.into())
}
