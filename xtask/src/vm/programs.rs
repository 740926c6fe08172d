//! Where the programs of tiny guests come from: this machine, or, for another kind of machine, Debian packages that are
//! only unpacked.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use object::{
    Endianness,
    elf::FileHeader64,
    read::elf::{FileHeader as _, ProgramHeader as _, SectionHeader as _},
};

use super::initramfs::{InitramfsError, host_program};
use crate::{
    apt::Apt,
    architecture::Architecture,
    cache::{Cache, CacheError},
    process,
    setup::SetupError,
};

/// The Debian packages with the programs of a tiny guest. Their names are the same on all machines.
const PACKAGES: [&str; 6] =
    ["apparmor", "busybox-static", "coreutils", "dash", "selinux-utils", "util-linux"];

/// Where programs of a tiny guest come from.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum Programs {
    /// This machine.
    #[default]
    Host,
    /// The root of an unpacked Debian of another architecture.
    Root(PathBuf),
}

impl Programs {
    /// Those for this kind of machine, unpacked if the cache has none.
    ///
    /// # Errors
    /// When packages can't be had.
    pub fn ensure(architecture: Architecture, cache: &Cache) -> Result<Self, SetupError> {
        if architecture.is_host() {
            return Ok(Self::Host);
        }
        let (release, stanza) = Apt::machine_source()?;
        let name = format!("{release}-{}-{}", architecture.debian(), PACKAGES.join("+"));
        let root = cache.folder("programs")?.join(name);
        let what = format!("unpacking programs for {}", architecture.debian());
        cache.once(|| root.is_dir(), what, || unpack(architecture, &release, &stanza, cache, &root))?;
        Ok(Self::Root(root))
    }

    /// Where the program `name` is.
    pub(super) fn find(&self, name: &str) -> Result<PathBuf, InitramfsError> {
        let Self::Root(root) = self else { return host_program(name) };
        ["usr/bin", "bin", "usr/sbin", "sbin"]
            .iter()
            .map(|folder| root.join(folder).join(name))
            .find(|path| path.is_file())
            .ok_or_else(|| InitramfsError::NoProgram(name.to_owned()))
    }

    /// The shared libraries and the loader that `program`, one of these, needs: the path of each in the guest, and where
    /// it is here.
    pub(super) fn libraries(&self, program: &Path) -> Result<BTreeMap<String, PathBuf>, InitramfsError> {
        let Self::Root(root) = self else { return super::initramfs::libraries(program) };
        let mut libraries = BTreeMap::new();
        let mut wanted = vec![program.to_owned()];
        while let Some(file) = wanted.pop() {
            for name in needs(&file)? {
                let Some((path, host)) = library(root, &name) else {
                    return Err(InitramfsError::NoLibrary { program: program.to_owned(), library: name });
                };
                if libraries.insert(path, host.clone()).is_none() {
                    wanted.push(host);
                }
            }
        }
        Ok(libraries)
    }
}

fn unpack(
    architecture: Architecture,
    release: &str,
    stanza: &str,
    cache: &Cache,
    root: &Path,
) -> Result<(), SetupError> {
    let scratch = cache.scratch()?;
    let (sources, unpacked) = (scratch.path().join("apt.sources"), scratch.path().join("root"));
    let written = |path: &Path| {
        let path = path.to_owned();
        |source| CacheError::Write { path, source }
    };
    fs::write(&sources, stanza).map_err(written(&sources))?;
    let mut mmdebstrap = Command::new(host_program("mmdebstrap")?);
    // Nothing of it is run, so that it takes no root and no emulator.
    mmdebstrap.args(["--quiet", "--variant=extract", "--format=directory"]);
    mmdebstrap.arg(format!("--architectures={}", architecture.debian()));
    mmdebstrap.arg(format!("--include={}", PACKAGES.join(",")));
    process::capture(mmdebstrap.arg(release).arg(&unpacked).arg(&sources))?;
    fs::rename(&unpacked, root).map_err(written(root))?;
    Ok(())
}

/// The path of a library or loader in the guest, and where it is here.
fn library(root: &Path, name: &str) -> Option<(String, PathBuf)> {
    let name = Path::new(name).file_name()?.to_str()?;
    let folders = ["lib", "usr/lib"].into_iter().flat_map(|folder| {
        Architecture::ALL.map(|architecture| format!("{folder}/{}-linux-gnu", architecture.machine()))
    });
    let found = folders.map(|folder| root.join(folder).join(name)).find(|path| path.exists())?;
    let host = fs::canonicalize(found).ok()?;
    // The loader stands where programs say that it does; other libraries where it looks.
    let folder = if name.starts_with("ld-linux") { "lib".to_owned() } else { "usr/lib".to_owned() };
    Some((format!("{folder}/{name}"), host))
}

/// The names of the libraries that an ELF file needs, and the path of its loader; nothing if it is no ELF file.
fn needs(file: &Path) -> Result<BTreeSet<String>, InitramfsError> {
    let data = fs::read(file).map_err(|source| InitramfsError::Read { path: file.to_owned(), source })?;
    Ok(read_needs(&data).unwrap_or_default())
}

fn read_needs(data: &[u8]) -> Option<BTreeSet<String>> {
    let header = FileHeader64::<Endianness>::parse(data).ok()?;
    let endian = header.endian().ok()?;
    let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).ok();
    let mut names = BTreeSet::new();
    for segment in header.program_headers(endian, data).ok()? {
        if let Ok(Some(loader)) = segment.interpreter(endian, data) {
            names.extend(text(loader));
        }
    }
    let sections = header.sections(endian, data).ok()?;
    for section in sections.iter() {
        let Ok(Some((entries, strings))) = section.dynamic(endian, data) else { continue };
        let strings = sections.strings(endian, data, strings).ok()?;
        for entry in entries {
            if entry.d_tag.get(endian) == object::elf::DT_NEEDED {
                let at = u32::try_from(entry.d_val.get(endian)).ok()?;
                names.extend(strings.get(at).ok().and_then(text));
            }
        }
    }
    Some(names)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_program_needs_its_loader_and_libraries_and_a_static_one_nothing() {
        let needs = needs(&host_program("ls").unwrap()).unwrap();
        assert!(needs.contains("libc.so.6"), "{needs:?}");
        assert!(needs.iter().any(|name| name.contains("/ld-linux")), "{needs:?}");
        assert_eq!(self::needs(&host_program("busybox").unwrap()).unwrap(), BTreeSet::new());
        assert_eq!(read_needs(b"#!/bin/sh\n"), None);
    }

    #[test]
    fn what_another_machine_lacks_is_named() {
        let folder = tempfile::tempdir().unwrap();
        let programs = Programs::Root(folder.path().to_owned());
        assert!(matches!(programs.find("ls"), Err(InitramfsError::NoProgram(name)) if name == "ls"));
        let error = programs.libraries(&host_program("ls").unwrap()).unwrap_err();
        assert!(matches!(error, InitramfsError::NoLibrary { .. }), "{error}");
    }
}
