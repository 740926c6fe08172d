//! The bill of materials (CycloneDX): every crate that is built into the program and the eBPF objects, by `cargo-cyclonedx`,
//! and what is linked that no crate is.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use serde_json::{Map, Value, json};

use super::{PackageError, at, release::Release};
use crate::{architecture::Architecture, process, workspace};

/// The package with the program, and the one with the eBPF objects that are within.
const PACKAGES: [&str; 2] = ["monitor", "monitor-ebpf"];

/// Writes it into the folder `into`, and returns where it is. It has the release's time and no serial number, so that
/// the same source gives the same bytes.
///
/// # Errors
/// When a tool fails, or a file can't be read or written.
pub fn build(architecture: Architecture, release: &Release, into: &Path) -> Result<PathBuf, PackageError> {
    let scratch = tempfile::tempdir().map_err(at("a temporary folder"))?;
    // The tool writes a file beside each manifest.
    copy_source(scratch.path())?;
    let mut cyclonedx = workspace::cargo();
    cyclonedx.env("SOURCE_DATE_EPOCH", release.time.as_second().to_string());
    cyclonedx.args(["cyclonedx", "-q", "--format", "json", "--spec-version", "1.5", "--no-build-deps"]);
    cyclonedx.args(["--override-filename", "sbom", "--target", architecture.target()]);
    process::capture(cyclonedx.arg("--manifest-path").arg(scratch.path().join("Cargo.toml")))?;

    let [mut bill, objects] = PACKAGES.map(|package| read(scratch.path(), package));
    let bill = bill.as_mut().map_err(|_| ANSWER)?;
    add(bill, &objects?, linked(architecture)?)?;
    let name = format!("denyd-{}-{}.cdx.json", release.version, architecture.machine());
    let path = into.join(name);
    fs::write(&path, format!("{bill:#}\n")).map_err(at(&path))?;
    Ok(path)
}

const ANSWER: PackageError = PackageError::Answer { tool: "cargo cyclonedx", wanted: "bill of materials" };

/// Copies what git knows of the source into the folder `into`.
fn copy_source(into: &Path) -> Result<(), PackageError> {
    let mut git = Command::new("git");
    let files = process::capture(git.args(["ls-files", "-z"]).current_dir(workspace::root()))?;
    let mut tar = Command::new("tar");
    tar.args(["--create", "--directory"]).arg(workspace::root()).args(["--null", "--files-from=-"]);
    let archive = process::filter(&mut tar, &files)?;
    process::filter(Command::new("tar").args(["--extract", "--directory"]).arg(into), &archive)?;
    Ok(())
}

/// The bill of a package, with the source at `/denyd`.
fn read(source: &Path, package: &str) -> Result<Value, PackageError> {
    let path = source.join(package).join("sbom.json");
    let text = fs::read_to_string(&path).map_err(at(&path))?;
    let text = text.replace(&format!("file://{}/", source.display()), "file:///denyd/");
    serde_json::from_str(&text).map_err(|_| ANSWER)
}

/// Adds the bill of the eBPF objects, and components that are no crates, to that of the program.
fn add(bill: &mut Value, objects: &Value, linked: Vec<Value>) -> Result<(), PackageError> {
    let program = bill["metadata"]["component"]["bom-ref"].clone();
    let within = &objects["metadata"]["component"];
    let mut references = vec![within["bom-ref"].clone()];
    references.extend(linked.iter().map(|component| component["bom-ref"].clone()));
    let mut component = within.clone();
    // Its programs are objects within denyd, and not components of their own.
    component.as_object_mut().and_then(|fields| fields.remove("components"));
    let components = objects["components"].as_array().into_iter().flatten().cloned();
    merge(&mut bill["components"], "bom-ref", components.chain([component]).chain(linked))?;
    let dependencies = objects["dependencies"].as_array().into_iter().flatten().cloned();
    merge(&mut bill["dependencies"], "ref", dependencies)?;
    let mut dependencies = bill["dependencies"].as_array_mut().into_iter().flatten();
    let depends_on = dependencies
        .find(|dependency| dependency["ref"] == program)
        .and_then(|dependency| dependency["dependsOn"].as_array_mut())
        .ok_or(ANSWER)?;
    depends_on.extend(references);
    Ok(())
}

/// Adds to a list what it has not yet by this key, in order.
fn merge(list: &mut Value, key: &str, more: impl Iterator<Item = Value>) -> Result<(), PackageError> {
    let list = list.as_array_mut().ok_or(ANSWER)?;
    for value in more {
        if !list.iter().any(|known| known[key] == value[key]) {
            list.push(value);
        }
    }
    list.sort_by(|a, b| a[key].as_str().cmp(&b[key].as_str()));
    Ok(())
}

/// What is linked that no crate is: the C library, GCC's library, and Rust's standard library.
fn linked(architecture: Architecture) -> Result<Vec<Value>, PackageError> {
    let gcc = if architecture.is_host() { "gcc" } else { architecture.cross_linker() };
    let mut components = Vec::new();
    for (file, licence) in
        [("libc.a", "LGPL-2.1-or-later"), ("libgcc.a", "GPL-3.0-or-later WITH GCC-exception-3.1")]
    {
        let path = process::read(Command::new(gcc).arg(format!("-print-file-name={file}")))?;
        let path = fs::canonicalize(path.trim()).map_err(at(path.trim()))?;
        let owner = process::read(Command::new("dpkg-query").arg("--search").arg(&path))?;
        // `PACKAGE[:ARCHITECTURE]: PATH`
        let package = owner.split(':').next().unwrap_or_default();
        let mut query = Command::new("dpkg-query");
        let version = process::read(query.args(["--show", "--showformat", "${Version}\n", package]))?;
        let version = version.lines().next().unwrap_or_default();
        let purl = format!("pkg:deb/debian/{package}@{}", version.replace('+', "%2B"));
        components.push(component(package, version, &purl, licence));
    }
    let rustc = process::read(Command::new("rustc").arg("--version").current_dir(workspace::root()))?;
    let version = rustc.split(' ').nth(1).unwrap_or_default();
    components.push(component(
        "rust-std",
        version,
        &format!("pkg:generic/rust-std@{version}"),
        "MIT OR Apache-2.0",
    ));
    Ok(components)
}

fn component(name: &str, version: &str, purl: &str, licence: &str) -> Value {
    let mut component = Map::new();
    for (key, value) in [("type", "library"), ("bom-ref", purl), ("name", name), ("version", version)] {
        component.insert(key.to_owned(), value.into());
    }
    component.insert("scope".to_owned(), "required".into());
    component.insert("licenses".to_owned(), json!([{ "expression": licence }]));
    component.insert("purl".to_owned(), purl.into());
    component.into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_within_and_what_is_linked_become_components_that_the_program_depends_on() {
        let mut bill = json!({
            "metadata": { "component": { "bom-ref": "denyd" } },
            "components": [{ "bom-ref": "b" }],
            "dependencies": [{ "ref": "b" }, { "ref": "denyd", "dependsOn": ["b"] }],
        });
        let objects = json!({
            "metadata": { "component": { "bom-ref": "ebpf", "components": [{ "bom-ref": "target" }] } },
            "components": [{ "bom-ref": "a" }, { "bom-ref": "b" }],
            "dependencies": [{ "ref": "ebpf", "dependsOn": ["a", "b"] }, { "ref": "b" }],
        });
        let linked = vec![component("libc", "1", "pkg:deb/debian/libc@1", "LGPL-2.1-or-later")];
        add(&mut bill, &objects, linked).unwrap();
        let names = |list: &str, key: &str| -> Vec<String> {
            let list = bill[list].as_array().unwrap();
            list.iter().map(|value| value[key].as_str().unwrap().to_owned()).collect()
        };
        assert_eq!(names("components", "bom-ref"), ["a", "b", "ebpf", "pkg:deb/debian/libc@1"]);
        assert_eq!(names("dependencies", "ref"), ["b", "denyd", "ebpf"]);
        assert_eq!(bill["dependencies"][1]["dependsOn"], json!(["b", "ebpf", "pkg:deb/debian/libc@1"]));
    }
}
