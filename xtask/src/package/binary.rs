//! The program: static, so that it runs whatever C library the machine has, or without one.

use std::{
    env, fs,
    path::{Path, PathBuf},
    process::Command,
};

use object::{
    Endianness, elf,
    read::elf::{ElfFile64, FileHeader as _, ProgramHeader as _},
};

use super::{PackageError, at, release::Release};
use crate::{
    architecture::Architecture,
    process,
    workspace::{self, Profile},
};

/// Builds it for a release: no path of this machine is in it.
///
/// # Errors
/// When it can't be built.
pub fn build(release: &Release, architecture: Architecture) -> Result<PathBuf, PackageError> {
    let mut cargo = workspace::cargo_for(architecture, &places()?);
    cargo.env("DENYD_COMMIT", &release.commit);
    Ok(workspace::build("monitor", "denyd", Profile::Release, &mut cargo, &[])?)
}

/// Builds the program `name` of `package` for other machines than this one, by cargo with the arguments `more`, too.
///
/// # Errors
/// When it can't be built.
pub fn build_foreign(
    package: &str,
    name: &str,
    architecture: Architecture,
    profile: Profile,
    more: &[&str],
) -> Result<PathBuf, PackageError> {
    let mut cargo = workspace::cargo_for(architecture, &places()?);
    Ok(workspace::build(package, name, profile, &mut cargo, more)?)
}

/// Whether it is what a package for these machines needs: their program, static.
///
/// # Errors
/// When it is for others, needs a library, or can't be read.
pub fn verify(program: &Path, architecture: Architecture) -> Result<(), PackageError> {
    let bytes = fs::read(program).map_err(at(program))?;
    let wrong = || PackageError::Program { path: program.to_owned(), architecture: architecture.debian() };
    let elf = ElfFile64::<Endianness>::parse(&*bytes).map_err(|_| wrong())?;
    let needs_loader =
        elf.elf_program_headers().iter().any(|header| header.p_type(elf.endian()) == elf::PT_INTERP);
    if elf.elf_header().e_machine(elf.endian()) == architecture.elf_machine() && !needs_loader {
        Ok(())
    } else {
        Err(wrong())
    }
}

/// Where sources are on this machine, each with what is said in its place.
fn places() -> Result<Vec<(PathBuf, &'static str)>, PackageError> {
    let sysroot =
        process::read(Command::new("rustc").args(["--print", "sysroot"]).current_dir(workspace::root()))?;
    let sysroot = PathBuf::from(sysroot.trim());
    // rustc says of the standard library's source where it really is.
    let sysroot = fs::canonicalize(&sysroot).map_err(at(sysroot))?;
    let home = env::var_os("CARGO_HOME").map(PathBuf::from);
    let home = home.or_else(|| Some(PathBuf::from(env::var_os("HOME")?).join(".cargo")));
    let mut places = vec![(workspace::root().to_owned(), "/denyd"), (sysroot, "/rust")];
    places.extend(home.map(|home| (home, "/cargo")));
    Ok(places)
}

/// Puts it into the folder `into`, under its own name.
///
/// # Errors
/// When it can't be copied.
pub fn publish(binary: &Path, architecture: Architecture, into: &Path) -> Result<PathBuf, PackageError> {
    let path = into.join(format!("denyd-{}", architecture.machine()));
    fs::copy(binary, &path).map_err(at(&path))?;
    Ok(path)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A file with an ELF header (gABI) for this machine, and with one program header of this type.
    fn program(folder: &Path, machine: u16, header: u32) -> PathBuf {
        let mut file = vec![0; 64 + 56];
        file[..7].copy_from_slice(b"\x7fELF\x02\x01\x01");
        for (at, value) in [(16, elf::ET_EXEC), (18, machine), (52, 64), (54, 56), (56, 1)] {
            file[at..at + 2].copy_from_slice(&value.to_le_bytes());
        }
        file[20..24].copy_from_slice(&1_u32.to_le_bytes());
        // Where the program headers are.
        file[32..40].copy_from_slice(&64_u64.to_le_bytes());
        file[64..68].copy_from_slice(&header.to_le_bytes());
        let path = folder.join("denyd");
        fs::write(&path, file).unwrap();
        path
    }

    #[test]
    fn a_package_takes_static_programs_for_its_machines_alone() {
        let folder = tempfile::tempdir().unwrap();
        for architecture in Architecture::ALL {
            for machine in [elf::EM_X86_64, elf::EM_AARCH64, elf::EM_RISCV] {
                let is_static = program(folder.path(), machine, elf::PT_LOAD);
                let taken = verify(&is_static, architecture).is_ok();
                assert_eq!(taken, machine == architecture.elf_machine());
            }
            let dynamic = program(folder.path(), architecture.elf_machine(), elf::PT_INTERP);
            let refused = verify(&dynamic, architecture).unwrap_err().to_string();
            assert!(refused.contains(architecture.debian()), "{refused}");
        }
        fs::write(folder.path().join("denyd"), "#!/bin/sh\n").unwrap();
        assert!(verify(&folder.path().join("denyd"), Architecture::Amd64).is_err());
    }
}
