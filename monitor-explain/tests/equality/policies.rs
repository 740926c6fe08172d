//! The policies that are compared: this repository's own, in all versions that the tools write, and Debian's.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use crate::Failure;

/// Where Debian's package builds its policy.
const DEBIAN: &str = "/etc/selinux/default/policy";

pub(crate) struct Policies {
    pub(crate) files: Vec<PathBuf>,
}

impl Policies {
    pub(crate) fn build(folder: &Path) -> Result<Self, Failure> {
        let mut files = Vec::new();
        let crates = Path::new(env!("CARGO_MANIFEST_DIR"));
        let rich = crates.join("tests/policies/rich.cil");
        let guests = crates.join("../tests/policy/selinux.cil");
        for version in 30..=33 {
            files.push(secilc(folder, "rich", &rich, version, &[])?);
            files.push(secilc(folder, "guests", &guests, version, &[])?);
        }
        files.push(secilc(folder, "without-levels", &rich, 33, &["-M", "false"])?);
        // Older versions have no extended permissions.
        let plain: String = fs::read_to_string(&rich)?
            .split_inclusive('\n')
            .filter(|line| !line.contains("allowx ") && !line.contains("auditx "))
            .collect();
        let plain_file = folder.join("plain.cil");
        fs::write(&plain_file, plain)?;
        for version in 24..=29 {
            files.push(secilc(folder, "rich", &plain_file, version, &[])?);
        }
        let debian =
            fs::read_dir(DEBIAN).into_iter().flatten().filter_map(Result::ok).map(|entry| entry.path());
        let Some(debian) = debian.max() else {
            eprintln!("Debian's policy is not there: as root, semodule -n -s default -B");
            return Ok(Self { files });
        };
        for version in [24, 26, 29, 30] {
            files.push(checkpolicy(folder, "debian", &debian, version)?);
        }
        files.push(debian);
        Ok(Self { files })
    }
}

fn secilc(folder: &Path, name: &str, source: &Path, version: u32, more: &[&str]) -> Result<PathBuf, Failure> {
    let policy = folder.join(format!("{name}.{version}"));
    // `-N`: types that may do more than those that bound them are wanted here.
    let mut command = Command::new("secilc");
    command
        .args(["-N", "-f", "/dev/null", "-c", &version.to_string(), "-o"])
        .arg(&policy)
        .args(more)
        .arg(source);
    run(&mut command)?;
    Ok(policy)
}

fn checkpolicy(folder: &Path, name: &str, binary: &Path, version: u32) -> Result<PathBuf, Failure> {
    let policy = folder.join(format!("{name}.{version}"));
    let mut command = Command::new("checkpolicy");
    command.args(["-b", "-M", "-c", &version.to_string(), "-o"]).arg(&policy).arg(binary);
    run(&mut command)?;
    Ok(policy)
}

fn run(command: &mut Command) -> Result<(), Failure> {
    let output = command.output()?;
    if output.status.success() {
        return Ok(());
    }
    Err(format!("{command:?}: {}", String::from_utf8_lossy(&output.stderr)).into())
}
