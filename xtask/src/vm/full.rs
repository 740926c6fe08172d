//! The full userland: this machine's Debian release, or another, with systemd, its real SELinux policy and AppArmor profiles,
//! and the tools that administrators meet denials with.
//!
//! The image is made without booting anything: `mmdebstrap` unpacks the packages, `setfiles` labels the files,
//! `mke2fs -d` makes them a file system. A guest writes to a snapshot of it.

use std::{
    fs,
    hash::{DefaultHasher, Hash as _, Hasher as _},
    io,
    path::{Path, PathBuf},
    process::Command,
};

use crate::{
    apt::{self, Apt, AptError},
    cache::{Cache, CacheError},
    process::{self, ProcessError},
    vm::{
        initramfs::{InitramfsError, Tree, host_program},
        programs::Programs,
        tiny,
    },
};

/// The packages of the image beside the essential ones.
const PACKAGES: [&str; 28] = [
    "apparmor",
    "apparmor-profiles",
    "apparmor-utils",
    "attr",
    "auditd",
    "ca-certificates",
    "crun",
    "dbus",
    "dbus-user-session",
    "iproute2",
    "kmod",
    "less",
    "libpam-systemd",
    "nginx-light",
    "nscd",
    "podman",
    "policycoreutils",
    "policycoreutils-python-utils",
    "procps",
    "python3",
    "runc",
    "selinux-policy-default",
    "selinux-utils",
    "setools",
    "strace",
    "systemd-container",
    "systemd-sysv",
    "udev",
];

/// Removes from the unpacked packages what makes a guest slow, and lets it run commands.
const CUSTOMIZE: &str = include_str!("../../guest/full/customize");

/// The unit that runs the command.
const UNIT: &str = include_str!("../../guest/full/xtask.service");

/// denyd's own SELinux module, which takes a guest a minute to install. It concerns only what is labelled as denyd.
const MODULE: &str = include_str!("../../../systemd/selinux/denyd.cil");

/// Lets it be started by hand.
const BY_HAND_MODULE: &str = include_str!("../../guest/full/by-hand.cil");

/// The size of the file system; the image file has holes where nothing is written.
const SIZE: &str = "3G";

/// Why there is no image.
#[derive(Debug, thiserror::Error)]
pub enum ImageError {
    /// Labels of another system's policy can be written by root only.
    #[error(
        "building the full guest's image needs root, to label its files; run this once as root, or use --userland tiny"
    )]
    NotRoot,
    /// The machine's Debian archive is not known.
    #[error(transparent)]
    Apt(#[from] AptError),
    /// A tool is missing or failed.
    #[error("cannot build the full guest's image: {0}")]
    Process(#[from] ProcessError),
    /// A tool is missing.
    #[error(transparent)]
    Tool(#[from] InitramfsError),
    /// A file can't be written.
    #[error("cannot build the full guest's image: {0}")]
    Write(#[from] io::Error),
    /// The cache can't be used.
    #[error(transparent)]
    Cache(#[from] CacheError),
}

/// The image of this Debian release, or of the machine's own, built if the cache has none of this recipe.
///
/// # Errors
/// When it can't be built.
pub fn image(cache: &Cache, codename: Option<&str>) -> Result<PathBuf, ImageError> {
    let release = codename.map(|codename| format!("{codename}-")).unwrap_or_default();
    let path = cache.folder("images")?.join(format!("full-{release}{:016x}.ext4", recipe()));
    if path.is_file() {
        return Ok(path);
    }
    if !apt::is_root() {
        return Err(ImageError::NotRoot);
    }
    let build = || build(cache, codename, &path);
    cache.once(|| path.is_file(), "building the full guest's image (about a minute)", build)?;
    Ok(path)
}

/// A number that changes with whatever the image is made of.
fn recipe() -> u64 {
    let mut hasher = DefaultHasher::new();
    (PACKAGES, CUSTOMIZE, UNIT, MODULE, BY_HAND_MODULE, SIZE).hash(&mut hasher);
    hasher.finish()
}

fn build(cache: &Cache, codename: Option<&str>, path: &Path) -> Result<(), ImageError> {
    let scratch = cache.scratch()?;
    let root = scratch.path().join("root");
    let sources = scratch.path().join("apt.sources");
    let (release, stanza) = match codename {
        Some(codename) => (codename.to_owned(), Apt::source_of(codename)?),
        None => Apt::machine_source()?,
    };
    fs::write(&sources, stanza)?;
    let mut mmdebstrap = Command::new(host_program("mmdebstrap")?);
    mmdebstrap.args(["--quiet", "--mode=root", "--variant=minbase", "--format=directory"]);
    mmdebstrap.arg(format!("--include={}", PACKAGES.join(",")));
    process::capture(mmdebstrap.arg(release).arg(&root).arg(&sources))?;

    fs::write(root.join("etc/systemd/system/xtask.service"), UNIT)?;
    fs::write(root.join("denyd.cil"), MODULE)?;
    fs::write(root.join("by-hand.cil"), BY_HAND_MODULE)?;
    process::capture(Command::new("sh").args(["-c", CUSTOMIZE, "customize"]).arg(&root))?;
    let contexts = root.join("etc/selinux/default/contexts/files/file_contexts");
    let mut setfiles = Command::new(host_program("setfiles")?);
    process::capture(setfiles.args(["-m", "-F", "-r"]).arg(&root).arg(contexts).arg(&root))?;

    let image = scratch.path().join("image");
    let mut mke2fs = Command::new(host_program("mke2fs")?);
    mke2fs.args(["-q", "-t", "ext4", "-E", "lazy_itable_init=0", "-d"]).arg(&root);
    process::capture(mke2fs.arg(&image).arg(SIZE))?;
    fs::rename(&image, path)?;
    Ok(())
}

/// The initramfs that puts `payload` onto the image and starts systemd.
///
/// # Errors
/// When a program is missing on this machine.
pub(super) fn initramfs(payload: Tree) -> Result<Tree, InitramfsError> {
    let programs = Programs::Host;
    let mut tree = tiny::folders();
    tree.directory("disk", 0o755);
    tree.file("init", 0o755, include_str!("../../guest/full/init"));
    tiny::busybox(&mut tree, &programs)?;
    tree.program(&programs, &host_program("dash")?, "usr/bin/dash")?;
    tree.program(&programs, &host_program("chcon")?, "usr/bin/chcon")?;
    tree.graft("payload", payload);
    Ok(tree)
}

/// Adds what systemd runs to the payload.
pub(super) fn add_service(payload: &mut Tree) {
    payload.file("etc/xtask/service", 0o755, include_str!("../../guest/full/service"));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_image_of_this_recipe_is_taken_from_the_cache() {
        let folder = tempfile::tempdir().unwrap();
        let cache = Cache::at(folder.path()).unwrap();
        for (codename, release) in [(None, ""), (Some("trixie"), "trixie-")] {
            let name = format!("full-{release}{:016x}.ext4", recipe());
            let path = cache.folder("images").unwrap().join(name);
            fs::write(&path, "image").unwrap();
            assert_eq!(image(&cache, codename).unwrap(), path);
        }
    }
}
