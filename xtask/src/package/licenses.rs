//! What is in the program that others wrote, and under which licences: each crate, and the text of every licence file
//! that comes with it.

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt::Write as _,
    fs,
    path::Path,
};

use serde::Deserialize;

use super::{PackageError, at};
use crate::{architecture::Architecture, process, workspace};

/// What is linked that no crate is.
const BESIDE: &str = "\
denyd is a static program: the GNU C library (LGPL-2.1-or-later) and libgcc (GPL-3.0-or-later with the GCC runtime
library exception) of the Debian machine that it was linked on, and Rust's standard library (MIT OR Apache-2.0), are in
it. With denyd's source, anyone can link it with another version of these and of the crates below.
";

#[derive(Deserialize)]
struct Metadata {
    packages: Vec<Package>,
}

#[derive(Deserialize)]
struct Package {
    name: String,
    version: String,
    license: Option<String>,
    source: Option<String>,
    manifest_path: String,
}

/// All of it, as text.
///
/// # Errors
/// When cargo fails, or a crate's source is not there.
pub fn text(architecture: Architecture) -> Result<String, PackageError> {
    let linked = linked(architecture)?;
    let mut metadata = workspace::cargo();
    metadata.args(["metadata", "--locked", "--format-version=1", "--filter-platform", architecture.target()]);
    let wanted = PackageError::Answer { tool: "cargo metadata", wanted: "JSON of packages" };
    let metadata: Metadata = serde_json::from_slice(&process::capture(&mut metadata)?).map_err(|_| wanted)?;
    let mut list = BESIDE.to_owned();
    // Many have the same text.
    let mut texts = BTreeMap::<String, Vec<String>>::new();
    for package in metadata.packages.into_iter().filter(|package| package.source.is_some()) {
        let name = format!("{} {}", package.name, package.version);
        if !linked.contains(&name) {
            continue;
        }
        let license = package.license.as_deref().unwrap_or("its own licence, below");
        let _infallible = writeln!(list, "{name}: {license}");
        for text in license_files(Path::new(&package.manifest_path))? {
            texts.entry(text).or_default().push(name.clone());
        }
    }
    for (text, names) in texts {
        let _infallible = write!(list, "\n----\n{}:\n\n{}\n", names.join(", "), text.trim_end());
    }
    Ok(list)
}

/// The names and versions of the crates that are linked into the program and the eBPF objects.
fn linked(architecture: Architecture) -> Result<BTreeSet<String>, PackageError> {
    let mut tree = workspace::cargo();
    tree.args([
        "tree",
        "--locked",
        "--package",
        "monitor",
        "--package",
        "monitor-ebpf",
        "--target",
        architecture.target(),
    ]);
    tree.args(["--edges", "normal,no-proc-macro", "--prefix", "none", "--format", "{p}"]);
    let tree = process::read(&mut tree)?;
    // `name vVERSION`, and for those of the workspace a path.
    let name = |line: &str| {
        let mut words = line.split(' ');
        let (name, version) = (words.next()?, words.next()?.strip_prefix('v')?);
        Some(format!("{name} {version}"))
    };
    Ok(tree.lines().filter_map(name).collect())
}

/// The texts of the licence files beside a manifest.
fn license_files(manifest: &Path) -> Result<BTreeSet<String>, PackageError> {
    let folder = manifest.parent().unwrap_or(manifest);
    let mut texts = BTreeSet::new();
    for entry in fs::read_dir(folder).map_err(at(folder))? {
        let entry = entry.map_err(at(folder))?;
        let name = entry.file_name().to_string_lossy().to_ascii_uppercase();
        let is_license = ["LICENSE", "LICENCE", "COPYING", "COPYRIGHT", "NOTICE", "UNLICENSE"]
            .iter()
            .any(|start| name.starts_with(start));
        if is_license && entry.path().is_file() {
            let text = fs::read(entry.path()).map_err(at(entry.path()))?;
            texts.insert(String::from_utf8_lossy(&text).replace("\r\n", "\n"));
        }
    }
    Ok(texts)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_linked_is_named_with_its_licence_and_what_only_tests_use_is_not() {
        let text = text(Architecture::Amd64).unwrap();
        let named = |name: &str| text.lines().any(|line| line.starts_with(name));
        // In user space, in the eBPF objects, and under a licence of its own.
        for linked in ["tokio 1.", "aya-ebpf 0.", "btf-rs 2."] {
            assert!(named(linked), "{linked}");
        }
        for unlinked in ["proptest ", "libtest-mimic ", "aya-build ", "serde_derive "] {
            assert!(!named(unlinked), "{unlinked}");
        }
        assert!(text.contains("GNU LESSER GENERAL PUBLIC LICENSE"));
    }
}
