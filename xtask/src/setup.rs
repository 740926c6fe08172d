//! Bringing a machine to where the project can be built, tested and tried: each part on its own, done only
//! if it is not done yet.

use std::path::PathBuf;

use crate::{
    apt::{self, AptError},
    architecture::Architecture,
    cache::{Cache, CacheError},
    kernel::{Kernel, KernelError},
    process::ProcessError,
    progress,
    setup::{
        checkers::{Checkers, CheckersError},
        helm::HelmError,
        kubernetes::KubernetesError,
        prometheus::PrometheusError,
        rust_src::RustSrcError,
        tools::ToolError,
    },
    vm::{
        full::{self, ImageError},
        initramfs::InitramfsError,
        programs::Programs,
        root,
    },
};

pub mod bench;
pub mod checkers;
pub mod helm;
pub mod kubernetes;
pub mod prometheus;
pub mod rust_src;
pub mod tools;

/// What compiling needs: a linker and the C library's headers.
const BUILD_PACKAGES: [&str; 2] = ["gcc", "libc6-dev"];

/// What tiny guests need: the emulator, what unpacks kernels and signs for them, and what goes into the
/// guest.
const GUEST_PACKAGES: [&str; 13] = [
    "apparmor",
    "busybox-static",
    "coreutils",
    "dash",
    "gzip",
    "lz4",
    "openssl",
    "qemu-system-x86",
    "secilc",
    "selinux-utils",
    "util-linux",
    "xz-utils",
    "zstd",
];

/// What else it takes to build for arm64 elsewhere, and to boot such guests.
const ARM64_PACKAGES: [&str; 5] =
    ["gcc-aarch64-linux-gnu", "libc6-dev-arm64-cross", "mmdebstrap", "qemu-system-arm", "qemu-user"];

/// What `monitor-explain` is compared with: compilers of policies, what reads them otherwise, and real policies.
const POLICY_PACKAGES: [&str; 9] = [
    "apparmor",
    "checkpolicy",
    "libsepol-dev",
    "policycoreutils",
    "python3-selinux",
    "python3-setools",
    "secilc",
    "selinux-policy-default",
    "selinux-policy-mls",
];

/// What makes packages.
const PACKAGING_PACKAGES: [&str; 3] = ["dpkg", "git", "rpm"];

/// What checks packages.
const PACKAGE_CHECKERS: [&str; 2] = ["lintian", "rpmlint"];

/// What building the full userland's image needs.
const IMAGE_PACKAGES: [&str; 3] = ["e2fsprogs", "mmdebstrap", "policycoreutils"];

/// The kernels that the tests boot.
pub const KERNELS: [&str; 3] = ["6.1", "6.12", crate::kernel::NEWEST];

/// Why the machine could not be set up.
#[derive(Debug, thiserror::Error)]
pub enum SetupError {
    /// Debian packages.
    #[error(transparent)]
    Packages(#[from] AptError),
    /// The source of the standard library.
    #[error(transparent)]
    RustSrc(#[from] RustSrcError),
    /// A tool from the package registry.
    #[error(transparent)]
    Tool(#[from] ToolError),
    /// A program that checks prose, TOML or dependencies.
    #[error(transparent)]
    Checkers(#[from] CheckersError),
    /// What checks Kubernetes objects.
    #[error(transparent)]
    Kubernetes(#[from] KubernetesError),
    /// What renders the chart.
    #[error(transparent)]
    Helm(#[from] HelmError),
    /// Prometheus.
    #[error(transparent)]
    Prometheus(#[from] PrometheusError),
    /// A kernel.
    #[error(transparent)]
    Kernel(#[from] KernelError),
    /// The image of full guests.
    #[error(transparent)]
    Image(#[from] ImageError),
    /// A program that unpacks others.
    #[error(transparent)]
    Unpacker(#[from] InitramfsError),
    /// It failed.
    #[error("cannot unpack programs for other machines: {0}")]
    Unpack(#[from] ProcessError),
    /// The cache.
    #[error(transparent)]
    Cache(#[from] CacheError),
}

/// Sets up what building denyd needs.
///
/// # Errors
/// When a part can't be had.
pub fn build(cache: &Cache) -> Result<(), SetupError> {
    packages(cache, &BUILD_PACKAGES)?;
    rust_src::ensure(cache)?;
    tools::BPF_LINKER.ensure(cache)?;
    Ok(())
}

/// Sets up what `cargo xtask test` checks the sources with.
///
/// # Errors
/// When a part can't be had.
pub fn lint(cache: &Cache) -> Result<Checkers, SetupError> {
    tools::CARGO_DENY.ensure(cache)?;
    helm::Helm::ensure(cache)?;
    kubernetes::Kubernetes::ensure(cache)?;
    Ok(Checkers::ensure(cache)?)
}

/// Sets up what tiny guests need, but for their kernel.
///
/// # Errors
/// When a part can't be had.
pub fn guests(cache: &Cache) -> Result<(), SetupError> {
    packages(cache, &GUEST_PACKAGES)
}

/// Sets up what building for such machines and booting them takes beside [`build`] and [`guests`], and returns where
/// tiny guests get programs from.
///
/// # Errors
/// When a part can't be had.
pub fn machine(architecture: Architecture, cache: &Cache) -> Result<Programs, SetupError> {
    cross(architecture, cache)?;
    Programs::ensure(architecture, cache)
}

/// Sets up what building for such machines takes beside [`build`].
///
/// # Errors
/// When a part can't be had.
pub fn cross(architecture: Architecture, cache: &Cache) -> Result<(), SetupError> {
    match architecture {
        Architecture::Arm64 if !architecture.is_host() => packages(cache, &ARM64_PACKAGES),
        _ => Ok(()),
    }
}

/// Sets up what answers about policies are compared with.
///
/// # Errors
/// When a part can't be had.
pub fn policies(cache: &Cache) -> Result<(), SetupError> {
    packages(cache, &POLICY_PACKAGES)
}

/// Sets up what `cargo xtask package` makes packages with.
///
/// # Errors
/// When a part can't be had.
pub fn packaging(cache: &Cache) -> Result<(), SetupError> {
    packages(cache, &PACKAGING_PACKAGES)?;
    Ok(tools::CARGO_CYCLONEDX.ensure(cache)?)
}

/// Sets up what `cargo xtask package --check` checks packages with.
///
/// # Errors
/// When a part can't be had.
pub fn package_checkers(cache: &Cache) -> Result<(), SetupError> {
    packages(cache, &PACKAGE_CHECKERS)
}

/// Sets up what `cargo xtask bench` compares denyd with.
///
/// # Errors
/// When a part can't be had.
pub fn bench(cache: &Cache) -> Result<bench::Peers, SetupError> {
    bench::ensure(cache)
}

/// Sets up what profiles a program on this machine.
///
/// # Errors
/// When it can't be had.
pub fn profiler(cache: &Cache) -> Result<(), SetupError> {
    packages(cache, &["linux-perf"])
}

/// Builds the image of full guests, of this Debian release or the machine's own, and returns where it is.
///
/// # Errors
/// When it can't be built.
pub fn full_image(cache: &Cache, codename: Option<&str>) -> Result<PathBuf, SetupError> {
    packages(cache, &IMAGE_PACKAGES)?;
    Ok(full::image(cache, codename)?)
}

/// Unpacks a root of the Debian release `codename`, and returns where its archive (tar) is.
///
/// # Errors
/// When packages can't be had.
pub fn root_of(codename: &str, cache: &Cache) -> Result<PathBuf, SetupError> {
    packages(cache, &["mmdebstrap"])?;
    root::archive(codename, cache)
}

/// Fetches the kernels that the tests boot on such machines.
///
/// # Errors
/// When one can't be had.
pub fn kernels(architecture: Architecture, cache: &Cache) -> Result<(), SetupError> {
    // Before 6.4, arm64 has no trampolines on functions.
    for name in KERNELS.iter().filter(|name| architecture == Architecture::Amd64 || **name != "6.1") {
        Kernel::resolve(name, architecture, cache)?;
    }
    Ok(())
}

/// Installs those of `wanted` that are missing.
fn packages(cache: &Cache, wanted: &[&str]) -> Result<(), SetupError> {
    if apt::missing(wanted)?.is_empty() {
        return Ok(());
    }
    let _lock = cache.lock()?;
    let missing = apt::missing(wanted)?;
    if missing.is_empty() {
        return Ok(());
    }
    Ok(progress::step(format_args!("installing Debian packages {}", missing.join(" ")), || {
        apt::install(&missing)
    })?)
}
