//! The tree of files that a guest starts with, and its form as a cpio archive.

use std::{
    collections::BTreeMap,
    ffi::OsStr,
    fs, io,
    os::unix::fs::PermissionsExt as _,
    path::{Path, PathBuf},
    process::Command,
};

use cpio::newc;

use super::programs::Programs;
use crate::process::ProcessError;

const DIRECTORY: u32 = 0o040_000;
const REGULAR: u32 = 0o100_000;
const SYMLINK: u32 = 0o120_000;

/// Why the guest's files could not be put together.
#[derive(Debug, thiserror::Error)]
pub enum InitramfsError {
    /// A file of this machine can't be read.
    #[error("cannot read {path} for the guest: {source}")]
    Read {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// A program that belongs into the guest is not on this machine.
    #[error(
        "the guest needs the program `{0}`, which is not on this machine's PATH; run `cargo xtask setup`"
    )]
    NoProgram(String),
    /// A shared library of a program is not on this machine.
    #[error("{program} needs the library {library}, which is not on this machine")]
    NoLibrary {
        /// The program.
        program: PathBuf,
        /// The library.
        library: String,
    },
    /// A path can't be said in the archive.
    #[error("{0}: the name is not UTF-8, which the guest's archive can't hold")]
    Name(PathBuf),
    /// The archive can't be written.
    #[error("cannot write the guest's archive: {0}")]
    Write(#[source] io::Error),
    /// The archive can't hold files of 4 GiB or more.
    #[error("{0} is too large for the guest's archive, which is kept in its memory")]
    TooLarge(String),
    /// A tool that makes one of the files failed.
    #[error(transparent)]
    Process(#[from] ProcessError),
}

/// The files of a guest, all owned by root. A later file replaces an earlier one of the same path.
#[derive(Debug, Default)]
pub struct Tree {
    /// By absolute path without the leading slash, so that folders come before what is in them.
    nodes: BTreeMap<String, Node>,
}

#[derive(Debug, PartialEq)]
enum Node {
    Directory { mode: u32 },
    File { mode: u32, content: Content },
    Symlink { target: String },
}

#[derive(Debug, PartialEq)]
enum Content {
    Bytes(Vec<u8>),
    /// A file of this machine, read when the archive is written.
    Host(PathBuf),
}

impl Tree {
    /// An empty folder.
    pub fn directory(&mut self, path: &str, mode: u32) {
        self.insert(path, Node::Directory { mode });
    }

    /// A file with this content.
    pub fn file(&mut self, path: &str, mode: u32, content: impl Into<Vec<u8>>) {
        self.insert(path, Node::File { mode, content: Content::Bytes(content.into()) });
    }

    /// A symbolic link.
    pub fn symlink(&mut self, path: &str, target: impl Into<String>) {
        self.insert(path, Node::Symlink { target: target.into() });
    }

    /// What is at `host` on this machine: a file, a symbolic link as such, or a folder with all in it.
    ///
    /// # Errors
    /// When it can't be read, or has a name that is not UTF-8. Sockets and devices are left out.
    pub fn copy(&mut self, host: &Path, path: &str) -> Result<(), InitramfsError> {
        let failed = |source| InitramfsError::Read { path: host.to_owned(), source };
        let metadata = fs::symlink_metadata(host).map_err(failed)?;
        let mode = metadata.permissions().mode() & 0o7777;
        if metadata.is_dir() {
            self.directory(path, mode);
            for entry in fs::read_dir(host).map_err(failed)? {
                let entry = entry.map_err(failed)?;
                let name = utf8(entry.file_name().as_os_str(), host)?;
                self.copy(&entry.path(), &format!("{path}/{name}"))?;
            }
        } else if metadata.is_symlink() {
            let target = fs::read_link(host).map_err(failed)?;
            self.symlink(path, utf8(target.as_os_str(), host)?);
        } else if metadata.is_file() {
            self.insert(path, Node::File { mode, content: Content::Host(host.to_owned()) });
        }
        Ok(())
    }

    /// The program at `host`, executable at `path`, with the shared libraries it needs of those that are beside these
    /// programs.
    ///
    /// # Errors
    /// When it, or a library, can't be found.
    pub fn program(&mut self, programs: &Programs, host: &Path, path: &str) -> Result<(), InitramfsError> {
        let file = fs::canonicalize(host)
            .map_err(|source| InitramfsError::Read { path: host.to_owned(), source })?;
        for (place, library) in programs.libraries(&file)? {
            self.insert(&place, Node::File { mode: 0o755, content: Content::Host(library) });
        }
        self.insert(path, Node::File { mode: 0o755, content: Content::Host(file) });
        Ok(())
    }

    /// All of `other`, over what is here; folders that are here keep their mode.
    pub fn overlay(&mut self, other: Self) {
        for (name, node) in other.nodes {
            match node {
                Node::Directory { .. } => drop(self.nodes.entry(name).or_insert(node)),
                node => self.place(name, node),
            }
        }
    }

    /// All of `other`, in the folder `path`.
    pub fn graft(&mut self, path: &str, other: Self) {
        for (name, node) in other.nodes {
            self.place(format!("{path}/{name}"), node);
        }
    }

    fn insert(&mut self, path: &str, node: Node) {
        self.place(in_merged_usr(path.trim_matches('/')), node);
    }

    fn place(&mut self, path: String, node: Node) {
        let mut folder = path.as_str();
        while let Some((parent, _)) = folder.rsplit_once('/') {
            self.nodes.entry(parent.to_owned()).or_insert(Node::Directory { mode: 0o755 });
            folder = parent;
        }
        self.nodes.insert(path, node);
    }

    /// Writes all as an archive that a kernel unpacks; several of them may follow each other in a file.
    ///
    /// # Errors
    /// When a file of this machine can't be read, or `out` not be written.
    pub fn write(&self, out: &mut impl io::Write) -> Result<(), InitramfsError> {
        // The kernel takes files with the same number and several links for one.
        for (number, (path, node)) in (1..).zip(&self.nodes) {
            let bytes;
            let (mode, content): (u32, &[u8]) = match node {
                Node::Directory { mode } => (DIRECTORY | mode, &[]),
                Node::Symlink { target } => (SYMLINK | 0o777, target.as_bytes()),
                Node::File { mode, content: Content::Bytes(content) } => (REGULAR | mode, content),
                Node::File { mode, content: Content::Host(host) } => {
                    bytes = fs::read(host)
                        .map_err(|source| InitramfsError::Read { path: host.clone(), source })?;
                    (REGULAR | mode, &bytes)
                }
            };
            let length = u32::try_from(content.len()).map_err(|_| InitramfsError::TooLarge(path.clone()))?;
            let mut file = newc::Builder::new(path).ino(number).mode(mode).nlink(1).write(&mut *out, length);
            io::Write::write_all(&mut file, content).map_err(InitramfsError::Write)?;
            file.finish().map_err(InitramfsError::Write)?;
        }
        newc::trailer(out).map_err(InitramfsError::Write)?;
        Ok(())
    }
}

/// `path` where Debian keeps it: bin, sbin, lib and lib64 are links into usr.
fn in_merged_usr(path: &str) -> String {
    match path.split('/').next() {
        Some("bin" | "sbin" | "lib" | "lib64") if path.contains('/') => format!("usr/{path}"),
        _ => path.to_owned(),
    }
}

fn utf8(name: &OsStr, within: &Path) -> Result<String, InitramfsError> {
    name.to_str().map(str::to_owned).ok_or_else(|| InitramfsError::Name(within.join(name)))
}

/// The shared libraries, and the loader, that `program` needs on this machine, by the paths that they are looked for at.
pub(super) fn libraries(program: &Path) -> Result<BTreeMap<String, PathBuf>, InitramfsError> {
    let output = Command::new("ldd")
        .arg(program)
        .output()
        .map_err(|source| ProcessError::Start { program: "ldd".to_owned(), source })?;
    if !output.status.success() {
        // That is what ldd says of a static program, or of a script.
        return Ok(BTreeMap::new());
    }
    let libraries = parse_ldd(&String::from_utf8_lossy(&output.stdout))
        .map_err(|library| InitramfsError::NoLibrary { program: program.to_owned(), library })?;
    let file = |path: PathBuf| {
        let content =
            fs::canonicalize(&path).map_err(|source| InitramfsError::Read { path: path.clone(), source })?;
        Ok((utf8(path.as_os_str(), program)?, content))
    };
    libraries.into_iter().map(file).collect()
}

/// The files that ldd lists, or the name of the first library that it did not find.
fn parse_ldd(listing: &str) -> Result<Vec<PathBuf>, String> {
    listing
        .lines()
        .filter_map(|line| {
            let (name, place) = line.trim().split_once(" => ").unwrap_or((line.trim(), line.trim()));
            if place == "not found" {
                return Some(Err(name.to_owned()));
            }
            // The vDSO is no file.
            let file = place.split(" (0x").next()?;
            file.starts_with('/').then(|| Ok(file.into()))
        })
        .collect()
}

/// The program `name` of this machine, which must be installed.
///
/// # Errors
/// When it is not on `PATH`, nor where administrators' programs are.
pub fn host_program(name: &str) -> Result<PathBuf, InitramfsError> {
    let administrators = ["/usr/sbin", "/sbin"].iter().map(|folder| Path::new(folder).join(name));
    crate::apt::find_program(name)
        .or_else(|| administrators.into_iter().find(|path| path.is_file()))
        .ok_or_else(|| InitramfsError::NoProgram(name.to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Path, mode and content of everything in `archive`.
    fn unpack(archive: &[u8]) -> Vec<(String, u32, Vec<u8>)> {
        let mut files = Vec::new();
        let mut rest = archive;
        loop {
            let mut file = newc::Reader::new(rest).unwrap();
            if file.entry().is_trailer() {
                return files;
            }
            let (name, mode) = (file.entry().name().to_owned(), file.entry().mode());
            let mut content = Vec::new();
            io::Read::read_to_end(&mut file, &mut content).unwrap();
            files.push((name, mode, content));
            rest = file.finish().unwrap();
        }
    }

    fn archive(tree: &Tree) -> Vec<u8> {
        let mut bytes = Vec::new();
        tree.write(&mut bytes).unwrap();
        bytes
    }

    #[test]
    fn folders_come_before_what_is_in_them() {
        let mut tree = Tree::default();
        tree.file("/etc/xtask/token", 0o600, "t");
        tree.symlink("/bin", "usr/bin");
        tree.directory("/tmp", 0o1777);
        assert_eq!(
            unpack(&archive(&tree)),
            [
                ("bin".to_owned(), 0o120_777, b"usr/bin".to_vec()),
                ("etc".to_owned(), 0o040_755, vec![]),
                ("etc/xtask".to_owned(), 0o040_755, vec![]),
                ("etc/xtask/token".to_owned(), 0o100_600, b"t".to_vec()),
                ("tmp".to_owned(), 0o041_777, vec![]),
            ]
        );
    }

    #[test]
    fn nothing_is_placed_behind_the_links_of_a_merged_usr() {
        let mut tree = Tree::default();
        tree.symlink("lib64", "usr/lib64");
        tree.file("/lib64/ld-linux-x86-64.so.2", 0o755, "");
        let names: Vec<_> = unpack(&archive(&tree)).into_iter().map(|(name, ..)| name).collect();
        assert_eq!(names, ["lib64", "usr", "usr/lib64", "usr/lib64/ld-linux-x86-64.so.2"]);
    }

    #[test]
    fn a_tree_is_grafted_as_it_is() {
        let mut payload = Tree::default();
        payload.file("/lib/x.so", 0o644, "");
        let mut tree = Tree::default();
        tree.graft("payload", payload);
        let names: Vec<_> = tree.nodes.keys().collect();
        assert_eq!(names, ["payload", "payload/usr", "payload/usr/lib", "payload/usr/lib/x.so"]);
    }

    #[test]
    fn the_last_file_of_a_path_wins() {
        let mut tree = Tree::default();
        tree.file("init", 0o755, "old");
        tree.file("/init", 0o755, "new");
        assert_eq!(unpack(&archive(&tree)), [("init".to_owned(), 0o100_755, b"new".to_vec())]);
    }

    #[test]
    fn a_folder_is_copied_with_modes_and_links() {
        let folder = tempfile::tempdir().unwrap();
        let script = folder.path().join("script");
        fs::write(&script, "#!/bin/sh\n").unwrap();
        fs::set_permissions(&script, fs::Permissions::from_mode(0o750)).unwrap();
        std::os::unix::fs::symlink("script", folder.path().join("link")).unwrap();
        let mut tree = Tree::default();
        tree.copy(folder.path(), "/share").unwrap();
        let files = unpack(&archive(&tree));
        assert!(files.contains(&("share/script".to_owned(), 0o100_750, b"#!/bin/sh\n".to_vec())));
        assert!(files.contains(&("share/link".to_owned(), 0o120_777, b"script".to_vec())));
    }

    #[test]
    fn a_dynamic_program_brings_its_loader() {
        let mut tree = Tree::default();
        tree.program(&Programs::Host, &host_program("ls").unwrap(), "/usr/bin/ls").unwrap();
        assert!(
            tree.nodes.keys().any(|path| path.starts_with("usr/lib64/ld-linux")),
            "{:?}",
            tree.nodes.keys()
        );
        assert!(tree.nodes.keys().any(|path| path.ends_with("/libc.so.6")));
    }

    #[test]
    fn what_ldd_lists_is_understood() {
        let listing = "\tlinux-vdso.so.1 (0x00007ffe)\n\
                       \tlibc.so.6 => /lib/x86_64-linux-gnu/libc.so.6 (0x00007f)\n\
                       \t/lib64/ld-linux-x86-64.so.2 (0x00007f)\n";
        assert_eq!(
            parse_ldd(listing).unwrap(),
            [Path::new("/lib/x86_64-linux-gnu/libc.so.6"), Path::new("/lib64/ld-linux-x86-64.so.2")]
        );
        assert_eq!(parse_ldd("\tlibodd.so.1 => not found\n").unwrap_err(), "libodd.so.1");
    }

    #[test]
    fn missing_files_and_programs_are_named() {
        let mut tree = Tree::default();
        let error = tree.copy(Path::new("/no/such"), "/share").unwrap_err();
        assert!(error.to_string().starts_with("cannot read /no/such"), "{error}");
        let error = host_program("no-such-program").unwrap_err();
        assert!(error.to_string().contains("`no-such-program`"), "{error}");
    }
}
