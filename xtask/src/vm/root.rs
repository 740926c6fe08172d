//! Roots of other Debian releases: their C library, shell and accounts, unpacked from their packages.

use std::{fs, path::PathBuf, process::Command};

use super::initramfs::host_program;
use crate::{
    apt::Apt,
    cache::{Cache, CacheError},
    process,
    setup::SetupError,
};

/// What is in them, with what these depend on.
const PACKAGES: [&str; 4] = ["base-files", "base-passwd", "dash", "libc-bin"];

/// The root of the release `codename` as a tar archive, made if the cache has none. No script of its packages has run:
/// accounts are in `/usr/share/base-passwd` alone.
///
/// # Errors
/// When packages can't be had.
pub(crate) fn archive(codename: &str, cache: &Cache) -> Result<PathBuf, SetupError> {
    let path = cache.folder("roots")?.join(format!("{codename}-{}.tar", PACKAGES.join("+")));
    let make = || -> Result<(), SetupError> {
        let scratch = cache.scratch()?;
        let written = |path: &PathBuf| {
            let path = path.clone();
            |source| CacheError::Write { path, source }
        };
        let (sources, made) = (scratch.path().join("apt.sources"), scratch.path().join("root.tar"));
        fs::write(&sources, Apt::source_of(codename)?).map_err(written(&sources))?;
        let mut mmdebstrap = Command::new(host_program("mmdebstrap")?);
        mmdebstrap.args(["--quiet", "--variant=extract", "--format=tar"]);
        mmdebstrap.arg(format!("--include={}", PACKAGES.join(",")));
        process::capture(mmdebstrap.arg(codename).arg(&made).arg(&sources))?;
        Ok(fs::rename(&made, &path).map_err(written(&path))?)
    };
    cache.once(|| path.is_file(), format_args!("unpacking a root of {codename}"), make)?;
    Ok(path)
}
