//! Builds the eBPF programs of `monitor-ebpf` with the pinned stable toolchain.

use std::{fs, path::PathBuf};

use anyhow::Context as _;
use aya_build::{Package, Toolchain};

fn main() -> anyhow::Result<()> {
    // `-Z build-std=core` on a stable rustc. Set here and not in the environment, so that no other crate is compiled
    // as if by a nightly.
    // SAFETY: a build script's main has one thread.
    unsafe { std::env::set_var("RUSTC_BOOTSTRAP", "1") };
    println!("cargo:rerun-if-changed=../monitor-common");
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
    build(&[])
}
