//! Builds the eBPF programs of `monitor-ebpf` with the pinned stable toolchain.

use anyhow::Context as _;
use aya_build::{Package, Toolchain};

fn main() -> anyhow::Result<()> {
    // `-Z build-std=core` on a stable rustc. Set here and not in the environment, so that no other crate is compiled
    // as if by a nightly.
    // SAFETY: a build script's main has one thread.
    unsafe { std::env::set_var("RUSTC_BOOTSTRAP", "1") };
    println!("cargo:rerun-if-changed=../monitor-common");
    let toolchain = std::env::var("RUSTUP_TOOLCHAIN").unwrap_or_else(|_| "1.95.0".to_owned());
    aya_build::build_ebpf(
        [Package { name: "monitor-ebpf", root_dir: "../monitor-ebpf", ..Package::default() }],
        Toolchain::Custom(&toolchain),
    )
    .context("cannot build the eBPF programs; `cargo xtask setup` installs what that needs")
}
