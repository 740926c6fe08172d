//! The tiny userland: busybox, a small policy and what can refuse and be refused, all in an initramfs.

use std::{collections::BTreeSet, fs, path::Path, process::Command};

use crate::{
    process,
    vm::{
        Policy,
        initramfs::{InitramfsError, Tree, host_program},
        programs::Programs,
    },
};

/// Programs that busybox has none of, or a lesser one.
const PROGRAMS: [&str; 10] = [
    "aa-exec",
    "apparmor_parser",
    "chcon",
    "dash",
    "getenforce",
    "id",
    "ls",
    "runcon",
    "setenforce",
    "setpriv",
];

/// Empty folders, and their modes.
const FOLDERS: [(&str, u32); 13] = [
    ("dev", 0o755),
    ("etc/apparmor.d", 0o755),
    ("home", 0o755),
    ("mnt", 0o755),
    ("proc", 0o555),
    ("root", 0o700),
    ("run", 0o755),
    ("share", 0o755),
    ("sys", 0o555),
    ("tmp", 0o1777),
    ("usr/lib64", 0o755),
    ("usr/local/bin", 0o755),
    ("var", 0o755),
];

/// Small files of which programs expect that they exist.
const FILES: [(&str, &str); 6] = [
    ("etc/apparmor/parser.conf", ""),
    ("etc/group", "root:x:0:\nuser:x:1000:\nnogroup:x:65534:\n"),
    ("etc/hosts", "127.0.0.1 localhost guest\n::1 localhost\n"),
    ("etc/nsswitch.conf", "passwd: files\ngroup: files\nhosts: files\n"),
    (
        "etc/passwd",
        "root:x:0:0:root:/root:/bin/sh\n\
         user:x:1000:1000:user:/home:/bin/sh\n\
         nobody:x:65534:65534:nobody:/:/bin/false\n",
    ),
    // libselinux takes SELinux for disabled without it.
    ("etc/selinux/config", "SELINUX=enforcing\nSELINUXTYPE=tiny\n"),
];

/// The folders of a guest, and the links that /usr is merged with.
pub(super) fn folders() -> Tree {
    let mut tree = Tree::default();
    for (path, mode) in FOLDERS {
        tree.directory(path, mode);
    }
    for folder in ["bin", "lib", "lib64", "sbin"] {
        tree.symlink(folder, format!("usr/{folder}"));
    }
    tree
}

/// The tree without policy and command.
///
/// # Errors
/// When one of these programs is missing.
pub(super) fn base(programs: &Programs) -> Result<Tree, InitramfsError> {
    let mut tree = folders();
    for (path, content) in FILES {
        tree.file(path, 0o644, content);
    }
    tree.file("init", 0o755, include_str!("../../guest/tiny/init"));
    busybox(&mut tree, programs)?;
    for name in PROGRAMS {
        tree.program(programs, &programs.find(name)?, &format!("usr/bin/{name}"))?;
    }
    Ok(tree)
}

/// Adds busybox under the names of all of its applets, and the shell.
///
/// # Errors
/// When it is missing.
pub(super) fn busybox(tree: &mut Tree, programs: &Programs) -> Result<(), InitramfsError> {
    // It has the same applets on all machines.
    let applets = process::read(Command::new(host_program("busybox")?).arg("--list"))?;
    for applet in applets.lines().collect::<BTreeSet<_>>() {
        tree.symlink(&format!("usr/bin/{applet}"), "busybox");
    }
    // Busybox's own shell runs its applets instead of the programs on PATH.
    tree.symlink("usr/bin/sh", "dash");
    tree.program(programs, &programs.find("busybox")?, "usr/bin/busybox")
}

/// Adds the policy that a guest has unless it is given another.
///
/// # Errors
/// When the SELinux policy can't be compiled.
pub(super) fn default_policy(tree: &mut Tree) -> Result<(), InitramfsError> {
    tree.file("etc/prepare", 0o644, include_str!("../../guest/tiny/prepare"));
    tree.file("etc/apparmor.d/app", 0o644, include_str!("../../guest/tiny/apparmor-app"));
    let source = include_str!("../../guest/tiny/policy.cil");
    let scratch = tempfile::tempdir().map_err(InitramfsError::Write)?;
    let path = scratch.path().join("policy.cil");
    fs::write(&path, source).map_err(InitramfsError::Write)?;
    tree.file("etc/policy", 0o644, compiled(&path)?);
    Ok(())
}

/// Adds `policy`, compiled as need be.
///
/// # Errors
/// When a file can't be read or the SELinux policy not be compiled.
pub(super) fn own_policy(tree: &mut Tree, policy: &Policy) -> Result<(), InitramfsError> {
    if let Some(source) = &policy.selinux {
        tree.file("etc/policy", 0o644, compiled(source)?);
    }
    if let Some(profiles) = &policy.apparmor {
        tree.copy(profiles, "etc/apparmor.d")?;
    }
    if let Some(script) = &policy.prepare {
        tree.copy(script, "etc/prepare")?;
    }
    Ok(())
}

/// The binary policy of a CIL file, in the oldest version (33) that all of the kernels take.
fn compiled(source: &Path) -> Result<Vec<u8>, InitramfsError> {
    let scratch = tempfile::tempdir().map_err(InitramfsError::Write)?;
    let policy = scratch.path().join("policy");
    process::capture(
        Command::new(host_program("secilc")?)
            .args(["--mls", "true", "--policyvers", "33", "--filecontext", "/dev/null", "--output"])
            .arg(&policy)
            .arg(source),
    )?;
    fs::read(&policy).map_err(|source| InitramfsError::Read { path: policy.clone(), source })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_policy_that_does_not_compile_says_where() {
        let folder = tempfile::tempdir().unwrap();
        let source = folder.path().join("policy.cil");
        fs::write(&source, "(type").unwrap();
        let policy = Policy { selinux: Some(source), ..Policy::default() };
        let error = own_policy(&mut Tree::default(), &policy).unwrap_err();
        assert!(error.to_string().contains("secilc"), "{error}");
    }
}
