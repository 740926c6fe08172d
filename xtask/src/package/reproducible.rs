//! Whether the same commit gives the same bytes, wherever its clone is.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use super::{PackageError, at, release::Release};
use crate::{process, workspace};

/// Makes the files `made` again, by `cargo xtask package` with these `arguments` in a clone of the commit on another path
/// and in another time zone, and compares each byte.
///
/// # Errors
/// When the tree has changes, the clone can't be built, or a file differs; then the second ones are kept.
pub fn check(release: &Release, arguments: &[&str], made: &[PathBuf]) -> Result<(), PackageError> {
    if release.is_changed() {
        return Err(PackageError::Changed);
    }
    let folder = tempfile::tempdir().map_err(at("a temporary folder"))?;
    let (source, again) = (folder.path().join("source"), folder.path().join("made"));
    let mut git = Command::new("git");
    process::show(git.args(["clone", "--quiet", "--no-checkout"]).arg(workspace::root()).arg(&source))?;
    let mut git = Command::new("git");
    process::show(git.args(["checkout", "--quiet", "--detach", &release.commit]).current_dir(&source))?;
    let mut cargo = workspace::cargo();
    cargo.args(["xtask", "package"]).args(arguments).arg("--into").arg(&again).current_dir(&source);
    // Neither may be seen in what is made.
    cargo.env_remove("CARGO_TARGET_DIR").env("TZ", "UTC-14");
    process::show(&mut cargo)?;
    let names = differing(made, &again)?;
    if names.is_empty() {
        return Ok(());
    }
    let kept = folder.keep();
    fs::remove_dir_all(kept.join("source")).map_err(at(&kept))?;
    Err(PackageError::Differs { again: kept.join("made"), names })
}

/// The names of the files that are not the same in the folder `again`, or not there.
fn differing(made: &[PathBuf], again: &Path) -> Result<Vec<String>, PackageError> {
    let mut names = Vec::new();
    for path in made {
        let name = path.file_name().unwrap_or_default();
        let second = again.join(name);
        let is_same = second.is_file()
            && fs::read(path).map_err(at(path))? == fs::read(&second).map_err(at(&second))?;
        if !is_same {
            names.push(name.to_string_lossy().into_owned());
        }
    }
    Ok(names)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_that_has_one_other_byte_or_is_not_there_differs() {
        let [first, second] = [(); 2].map(|()| tempfile::tempdir().unwrap());
        let made = ["same", "changed", "longer", "gone"].map(|name| first.path().join(name));
        for (path, again) in made.iter().zip([Some("text"), Some("Text"), Some("texts"), None]) {
            fs::write(path, "text").unwrap();
            if let Some(text) = again {
                fs::write(second.path().join(path.file_name().unwrap()), text).unwrap();
            }
        }
        assert_eq!(differing(&made, second.path()).unwrap(), ["changed", "longer", "gone"]);
    }

    #[test]
    fn a_changed_tree_is_refused() {
        let release = Release::example("eeaea74f1c2d-dirty");
        assert!(matches!(check(&release, &[], &[]), Err(PackageError::Changed)));
    }
}
