//! Where a profile is on disk.

use std::{
    fs,
    path::{Path, PathBuf},
};

/// A profile's file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Found {
    pub(super) file: PathBuf,
    /// The file with this machine's own rules that the profile includes.
    pub(super) local: Option<PathBuf>,
}

/// Larger files are no profiles.
const SIZE: u64 = 4 << 20;

/// Finds a profile by its name in the files of a folder.
pub(super) fn find(folder: &Path, name: &str) -> Option<Found> {
    let mut files: Vec<PathBuf> = fs::read_dir(folder).ok()?.flatten().map(|entry| entry.path()).collect();
    files.sort();
    files.into_iter().filter(|file| file.is_file()).find_map(|file| {
        if fs::metadata(&file).ok()?.len() > SIZE {
            return None;
        }
        let text = fs::read_to_string(&file).ok()?;
        text.lines().any(|line| begins(line, name)).then(|| {
            let base = file.file_name().unwrap_or_default().to_string_lossy().into_owned();
            let includes = |line: &str| {
                let line = line.trim().trim_start_matches('#').trim_start();
                line.starts_with("include") && line.contains(&format!("<local/{base}>"))
            };
            let local = text.lines().any(includes).then(|| folder.join("local").join(&base));
            Found { file: file.clone(), local }
        })
    })
}

/// Whether a line begins the profile: `profile NAME ... {`, `NAME {`.
fn begins(line: &str, name: &str) -> bool {
    let line = line.trim();
    let line = line.strip_prefix("profile ").map_or(line, str::trim_start);
    if !line.ends_with('{') {
        return false;
    }
    let rest = match line.strip_prefix('"') {
        Some(quoted) => quoted.strip_prefix(name).and_then(|rest| rest.strip_prefix('"')),
        None => line.strip_prefix(name),
    };
    rest.is_some_and(|rest| rest.starts_with([' ', '\t', '{']))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_profile_is_found_by_its_name() -> std::io::Result<()> {
        let folder = tempfile::tempdir()?;
        let write = |name: &str, text: &str| fs::write(folder.path().join(name), text);
        write(
            "usr.bin.app",
            "include <tunables/global>\nprofile app /usr/bin/app {\n  include if exists <local/usr.bin.app>\n}\n",
        )?;
        write("other", "/usr/bin/other flags=(complain) {\n}\n")?;
        let find = |name| find(folder.path(), name);
        let app = find("app").unwrap();
        assert_eq!(app.local, Some(folder.path().join("local/usr.bin.app")));
        assert_eq!(find("/usr/bin/other").unwrap().local, None);
        assert_eq!(find("ap"), None);
        assert_eq!(find("/usr/bin/app"), None);
        Ok(())
    }
}
