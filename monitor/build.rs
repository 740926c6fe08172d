//! Builds the eBPF programs of `monitor-ebpf` with the pinned stable toolchain.

use std::{
    fs::{self, File},
    io::Write as _,
    ops::Range,
    path::{Path, PathBuf},
};

use anyhow::Context as _;
use aya_build::{Package, Toolchain};
use flate2::{Compression, GzBuilder};
use object::{
    build::elf::{Builder, SectionData},
    elf::SHT_STRTAB,
};

/// What cargo is told that builds the programs. `aya-build` leaves no other way, and no other crate must be built so.
const INNER_CARGO: [(&str, &str); 5] = [
    // `-Z build-std=core` on a stable rustc.
    ("RUSTC_BOOTSTRAP", "1"),
    // The kernel wants to know the type of each function, which the linker finds in the debug information.
    ("CARGO_PROFILE_RELEASE_DEBUG", "line-tables-only"),
    // BTF names the source of each line: not by this machine's paths, so that the same source gives the same bytes.
    ("CARGO_UNSTABLE_TRIM_PATHS", "true"),
    ("CARGO_PROFILE_RELEASE_TRIM_PATHS", "all"),
    // Cargo shows what the inner one prints as warnings, and again in each later build.
    ("CARGO_TERM_QUIET", "true"),
];

/// Keeps the source of each line in the objects, which the verifier's log shows.
const KEEP_LINES: &str = "DENYD_EBPF_LINES";

fn main() -> anyhow::Result<()> {
    for (name, value) in INNER_CARGO {
        // SAFETY: a build script's main has one thread.
        unsafe { std::env::set_var(name, value) };
    }
    println!("cargo:rerun-if-changed=../monitor-common");
    println!("cargo:rerun-if-env-changed={KEEP_LINES}");
    name_version();
    let toolchain = std::env::var("RUSTUP_TOOLCHAIN").unwrap_or_else(|_| "1.95.0".to_owned());
    let build = |features: &[&str]| {
        let programs =
            Package { name: "monitor-ebpf", root_dir: "../monitor-ebpf", features, ..Package::default() };
        aya_build::build_ebpf([programs], Toolchain::Custom(&toolchain))
            .context("cannot build the eBPF programs; `cargo xtask setup` installs what that needs")
    };
    // Twice: for kernels before 5.17, whose verifier has to follow each iteration of a loop, and for the others.
    build(&["bounded-loops"])?;
    let out = PathBuf::from(std::env::var_os("OUT_DIR").context("cargo sets OUT_DIR")?);
    let (object, bounded) = (out.join("denyd-ebpf"), out.join("denyd-ebpf-bounded"));
    fs::rename(&object, &bounded)
        .with_context(|| format!("cannot rename {} to {}", object.display(), bounded.display()))?;
    build(&[])?;
    for object in [object, bounded, out.join("denyd-peek")] {
        strip(&object)?;
        compress(&object)?;
    }
    Ok(())
}

/// Sets what `denyd --version` says: the version, and the commit if whoever builds a package names it.
fn name_version() {
    println!("cargo:rerun-if-env-changed=DENYD_COMMIT");
    let version = env!("CARGO_PKG_VERSION");
    let version = std::env::var("DENYD_COMMIT")
        .map_or_else(|_| version.to_owned(), |commit| format!("{version} ({commit})"));
    println!("cargo:rustc-env=DENYD_VERSION={version}");
}

/// Where `.BTF.ext` begins with the length of its line information (`struct btf_ext_header`,
/// `tools/lib/bpf/libbpf_internal.h`).
const LINE_INFO_LEN: Range<usize> = 20..24;

/// Takes the DWARF sections out, three quarters of an object: the kernel and aya read only BTF. Of that, the source of each
/// line: loading takes three times as much memory with it, and the kernel keeps it as long as a program is loaded. It is for
/// who reads the verifier's log.
fn strip(object: &Path) -> anyhow::Result<()> {
    let bytes = fs::read(object).with_context(|| format!("cannot read {}", object.display()))?;
    let mut builder = Builder::read(&*bytes)?;
    let keeps_lines = std::env::var_os(KEEP_LINES).is_some();
    for section in &mut builder.sections {
        section.delete =
            [".debug_", ".rel.debug_"].iter().any(|start| section.name.starts_with(start.as_bytes()));
        if let (b".BTF.ext", SectionData::Data(data), false) =
            (section.name.as_slice(), &mut section.data, keeps_lines)
        {
            let len = data.to_mut().get_mut(LINE_INFO_LEN).context("the header of .BTF.ext is cut")?;
            len.fill(0);
        }
    }
    builder.delete_orphans();
    // LLVM keeps the sections' names among those of the symbols.
    let names = builder.sections.add();
    names.name = b".shstrtab".as_slice().into();
    names.sh_type = SHT_STRTAB;
    names.sh_addralign = 1;
    names.data = SectionData::SectionString;
    let mut stripped = Vec::new();
    builder.write(&mut stripped)?;
    fs::write(object, stripped).with_context(|| format!("cannot write {}", object.display()))
}

/// Writes an object's compressed form beside it: a tenth of its size. `kernel::object` unpacks it.
fn compress(object: &Path) -> anyhow::Result<()> {
    let bytes = fs::read(object).with_context(|| format!("cannot read {}", object.display()))?;
    let path = object.with_extension("gz");
    let write = || {
        // Without a time, so that the same source gives the same bytes.
        let mut encoder = GzBuilder::new().write(File::create(&path)?, Compression::best());
        encoder.write_all(&bytes)?;
        encoder.finish().map(drop)
    };
    write().with_context(|| format!("cannot write {}", path.display()))
}
