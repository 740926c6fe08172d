//! The SHA-256 sums of what was made, as `sha256sum --check` reads them.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use super::{PackageError, at};
use crate::process;

/// The file's name.
const NAME: &str = "SHA256SUMS";

/// Writes `SHA256SUMS` of every file in `folder`.
///
/// # Errors
/// When a file can't be read or the sums not be written.
pub fn write(folder: &Path) -> Result<PathBuf, PackageError> {
    let mut names = Vec::new();
    for entry in fs::read_dir(folder).map_err(at(folder))? {
        let entry = entry.map_err(at(folder))?;
        let is_file = entry.file_type().map_err(at(entry.path()))?.is_file();
        if is_file && entry.file_name() != NAME {
            names.push(entry.file_name());
        }
    }
    names.sort_unstable();
    let sums = process::capture(Command::new("sha256sum").arg("--").args(names).current_dir(folder))?;
    let path = folder.join(NAME);
    fs::write(&path, sums).map_err(at(&path))?;
    Ok(path)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_sums_are_those_of_all_files_but_their_own() {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("b"), "abc").unwrap();
        fs::write(folder.path().join("a"), "").unwrap();
        fs::create_dir(folder.path().join("c")).unwrap();
        let path = write(folder.path()).unwrap();
        write(folder.path()).unwrap();
        assert_eq!(
            fs::read_to_string(path).unwrap(),
            "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855  a\n\
             ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad  b\n"
        );
    }
}
