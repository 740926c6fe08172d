//! The files of a package, whatever its kind.

use std::{
    collections::BTreeMap,
    fs,
    io::Write as _,
    os::unix::fs::PermissionsExt as _,
    path::{Path, PathBuf},
    process::Command,
    time::SystemTime,
};

use flate2::{Compression, GzBuilder};

use super::{PackageError, at, licenses, release::Release};
use crate::{architecture::Architecture, process, workspace};

/// Files of the source tree, and where they are installed.
const FILES: [(&str, &str); 10] = [
    ("systemd/denyd.service", "usr/lib/systemd/system/denyd.service"),
    ("systemd/denyd-early.service", "usr/lib/systemd/system/denyd-early.service"),
    ("systemd/denyd-metrics.socket", "usr/lib/systemd/system/denyd-metrics.socket"),
    ("systemd/denyd.sysusers", "usr/lib/sysusers.d/denyd.conf"),
    ("systemd/denyd.tmpfiles", "usr/lib/tmpfiles.d/denyd.conf"),
    ("systemd/selinux/denyd.cil", "usr/share/selinux/packages/denyd.cil"),
    ("prometheus/alerts.yml", "usr/share/denyd/prometheus/alerts.yml"),
    ("prometheus/dashboard.json", "usr/share/denyd/prometheus/dashboard.json"),
    ("prometheus/scrape.yml", "usr/share/denyd/prometheus/scrape.yml"),
    ("LICENSE-MIT", "usr/share/doc/denyd/LICENSE-MIT"),
];

/// Those that an administrator may change, and that no upgrade takes back.
const CONFIGURATION: [(&str, &str); 3] = [
    ("systemd/denyd.toml", "etc/denyd/denyd.toml"),
    ("systemd/apparmor/denyd", "etc/apparmor.d/denyd"),
    ("packaging/logrotate", "etc/logrotate.d/denyd"),
];

/// Files of a package by their paths, without the leading slash. All are root's.
#[derive(Debug, Default)]
pub struct Contents(BTreeMap<String, File>);

#[derive(Debug)]
struct File {
    content: Vec<u8>,
    mode: u32,
    is_configuration: bool,
}

impl Contents {
    /// What every package has: this program, what it writes of itself, and the files of the source tree.
    ///
    /// # Errors
    /// When a file can't be read, or the program not be run.
    pub fn of(denyd: &Path, architecture: Architecture) -> Result<Self, PackageError> {
        let mut contents = Self::default();
        contents.insert("usr/bin/denyd", 0o755, fs::read(denyd).map_err(at(denyd))?);
        for (source, path) in FILES {
            contents.insert(path, 0o644, source_file(source)?);
        }
        for (source, path) in CONFIGURATION {
            contents.insert(path, 0o644, source_file(source)?);
            contents.0.entry(path.to_owned()).and_modify(|file| file.is_configuration = true);
        }
        contents.insert_compressed("usr/share/doc/denyd/CHANGELOG.md", &source_file("CHANGELOG.md")?)?;
        contents.insert_compressed(
            "usr/share/doc/denyd/licenses.txt",
            licenses::text(architecture)?.as_bytes(),
        )?;
        contents.insert_man_pages(denyd, architecture)?;
        for (shell, path) in [
            ("bash", "usr/share/bash-completion/completions/denyd"),
            ("fish", "usr/share/fish/vendor_completions.d/denyd.fish"),
        ] {
            contents.insert(path, 0o644, completions(denyd, architecture, shell)?);
        }
        Ok(contents)
    }

    /// Adds a file, or replaces it.
    pub fn insert(&mut self, path: &str, mode: u32, content: impl Into<Vec<u8>>) {
        let file = File { content: content.into(), mode, is_configuration: false };
        self.0.insert(path.to_owned(), file);
    }

    /// Adds a file as `path.gz`.
    ///
    /// # Errors
    /// When it can't be compressed.
    pub fn insert_compressed(&mut self, path: &str, content: &[u8]) -> Result<(), PackageError> {
        // Without a time.
        let mut encoder = GzBuilder::new().write(Vec::new(), Compression::best());
        encoder.write_all(content).map_err(at(path))?;
        let compressed = encoder.finish().map_err(at(path))?;
        self.insert(&format!("{path}.gz"), 0o644, compressed);
        Ok(())
    }

    /// The man pages, as the program itself writes them.
    fn insert_man_pages(&mut self, denyd: &Path, architecture: Architecture) -> Result<(), PackageError> {
        let scratch = tempfile::tempdir().map_err(at("a temporary folder"))?;
        process::capture(architecture.run(denyd)?.arg("man").arg(scratch.path()))?;
        for section in ["man1", "man5"] {
            let folder = scratch.path().join(section);
            for entry in fs::read_dir(&folder).map_err(at(&folder))? {
                let entry = entry.map_err(at(&folder))?;
                let page = fs::read(entry.path()).map_err(at(entry.path()))?;
                let name = entry.file_name();
                self.insert_compressed(
                    &format!("usr/share/man/{section}/{}", name.to_string_lossy()),
                    &page,
                )?;
            }
        }
        Ok(())
    }

    /// The paths of all files, in order, and whether each is configuration.
    pub fn paths(&self) -> impl Iterator<Item = (&str, bool)> {
        self.0.iter().map(|(path, file)| (path.as_str(), file.is_configuration))
    }

    /// The size of all files in KiB, each rounded up.
    #[must_use]
    pub fn kib(&self) -> usize {
        self.0.values().map(|file| file.content.len().div_ceil(1024)).sum()
    }

    /// The MD5 sums of all files, as `dpkg --verify` reads them.
    ///
    /// # Errors
    /// When they can't be computed.
    pub(super) fn md5sums(&self, root: &Path) -> Result<Vec<u8>, PackageError> {
        let paths = self.paths().filter(|(_, is_configuration)| !is_configuration).map(|(path, _)| path);
        Ok(process::capture(Command::new("md5sum").arg("--").args(paths).current_dir(root))?)
    }

    /// Writes all files below the folder `root`, with the release's time.
    ///
    /// # Errors
    /// When one can't be written.
    pub fn write(&self, root: &Path, release: &Release) -> Result<(), PackageError> {
        let time = SystemTime::from(release.time);
        let mut folders = Vec::new();
        for (path, File { content, mode, .. }) in &self.0 {
            let file = root.join(path);
            let folder = file.parent().unwrap_or(root);
            fs::create_dir_all(folder).map_err(at(folder))?;
            folders.extend(folder.ancestors().take_while(|folder| *folder != root).map(Path::to_owned));
            fs::write(&file, content).map_err(at(&file))?;
            set(&file, *mode, time)?;
        }
        folders.push(root.to_owned());
        folders.iter().try_for_each(|folder| set(folder, 0o755, time))
    }
}

fn set(path: &Path, mode: u32, time: SystemTime) -> Result<(), PackageError> {
    fs::set_permissions(path, fs::Permissions::from_mode(mode)).map_err(at(path))?;
    fs::File::open(path).and_then(|file| file.set_modified(time)).map_err(at(path))
}

/// A file of the source tree.
///
/// # Errors
/// When it can't be read.
pub(super) fn source_file(path: &str) -> Result<Vec<u8>, PackageError> {
    let path: PathBuf = workspace::root().join(path);
    fs::read(&path).map_err(at(path))
}

/// What a shell completes denyd's command line with.
///
/// # Errors
/// When the program can't be run.
pub(super) fn completions(
    denyd: &Path,
    architecture: Architecture,
    shell: &str,
) -> Result<Vec<u8>, PackageError> {
    Ok(process::capture(architecture.run(denyd)?.args(["completions", shell]))?)
}
