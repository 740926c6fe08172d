//! The policies that are compared: this repository's own, in all versions that the tools write, and Debian's.

use std::{
    env, fs,
    path::{Path, PathBuf},
    process::Command,
};

use crate::{Failure, oracle};

/// Where Debian's packages build their policies.
const DEBIAN: &str = "/etc/selinux";

pub(crate) struct Policies {
    pub(crate) files: Vec<PathBuf>,
}

impl Policies {
    pub(crate) fn build(folder: &Path) -> Result<Self, Failure> {
        let mut files = Vec::new();
        let crates = Path::new(env!("CARGO_MANIFEST_DIR"));
        let rich = crates.join("tests/policies/rich.cil");
        let guests = crates.join("../tests/policy/selinux.cil");
        // Older versions have no extended permissions, and older compilers don't write the newest ones.
        let plain = without(&rich, &["allowx ", "auditx "], &folder.join("plain.cil"))?;
        let newest = crates.join("tests/policies/newest.cil");
        let conditional = without(&newest, &["typeneveraudit"], &folder.join("conditional.cil"))?;
        for version in 24..=35 {
            let policy = match version {
                ..30 => secilc(folder, "rich", &[&plain], version, &[]),
                30..34 => secilc(folder, "rich", &[&rich], version, &[]),
                34 => secilc(folder, "rich", &[&*rich, &*conditional], version, &[]),
                _ => secilc(folder, "rich", &[&*rich, &*newest], version, &[]),
            };
            if version > 33 && policy.is_err() {
                eprintln!("secilc writes no policies of version {version}: not compared");
                continue;
            }
            files.push(policy?);
            if version >= 30 {
                files.push(secilc(folder, "guests", &[&guests], version, &[])?);
            }
        }
        files.push(secilc(folder, "without-levels", &[&rich], 33, &["-M", "false"])?);
        for kind in ["default", "mls"] {
            let Some(policy) = debian(kind) else {
                eprintln!("Debian's policy is not there: as root, apt-get install selinux-policy-{kind}");
                continue;
            };
            let name = format!("debian-{kind}");
            for version in [24, 30] {
                files.push(checkpolicy(folder, &name, &policy, version)?);
            }
            let copy = folder.join(&name).with_extension(policy.extension().unwrap_or_default());
            fs::copy(policy, &copy)?;
            files.push(copy);
        }
        Ok(Self { files })
    }
}

/// The newest policy that Debian's package has built.
fn debian(kind: &str) -> Option<PathBuf> {
    let folder = Path::new(DEBIAN).join(kind).join("policy");
    fs::read_dir(folder).ok()?.filter_map(Result::ok).map(|entry| entry.path()).max()
}

/// The compiler: `SECILC` names another than the system's.
pub(crate) fn secilc_command() -> Vec<String> {
    let words = env::var("SECILC").unwrap_or_else(|_| "secilc".to_owned());
    words.split(' ').map(str::to_owned).collect()
}

/// Copies a policy without the lines that have one of these words.
fn without(source: &Path, words: &[&str], to: &Path) -> Result<PathBuf, Failure> {
    let text = fs::read_to_string(source)?;
    let kept = text.split_inclusive('\n').filter(|line| !words.iter().any(|word| line.contains(word)));
    fs::write(to, kept.collect::<String>())?;
    Ok(to.to_owned())
}

fn secilc(
    folder: &Path,
    name: &str,
    sources: &[&Path],
    version: u32,
    more: &[&str],
) -> Result<PathBuf, Failure> {
    let policy = folder.join(format!("{name}.{version}"));
    // `-N`: types that may do more than those that bound them are wanted here.
    let mut command = oracle::command(&secilc_command())?;
    command
        .args(["-N", "-f", "/dev/null", "-c", &version.to_string(), "-o"])
        .arg(&policy)
        .args(more)
        .args(sources);
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
