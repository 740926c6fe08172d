//! Kernels to boot guests with: Debian's cloud flavour of several versions, or any file.

use std::{
    fs,
    hash::{DefaultHasher, Hash as _, Hasher as _},
    io,
    os::unix::fs::symlink,
    path::{Path, PathBuf},
};

use crate::{
    apt::{self, Apt, AptError},
    architecture::Architecture,
    cache::{Cache, CacheError},
    kernel::{bzimage::ImageError, certificate::CertificateError},
    progress,
};

pub mod bzimage;
pub mod certificate;

/// The kernel lines that the project cares for and the Debian suite that keeps each up to date.
const LINES: [(&str, &str); 4] =
    [("5.10", "bullseye"), ("6.1", "bookworm"), ("6.12", "bookworm"), (NEWEST, NEWEST_SUITE)];

/// The name of the newest 7.x kernel.
pub const NEWEST: &str = "7";

/// The suite with the newest kernels, and a number of versions before them.
const NEWEST_SUITE: &str = "trixie-backports";

/// The suite with Linux 6.12 for arm64, which bookworm has for amd64 alone.
const TRIXIE: &str = "trixie";

/// A kernel ready to be booted.
#[derive(Debug, Clone)]
pub struct Kernel {
    name: String,
    architecture: Architecture,
    image: PathBuf,
}

/// Why there is no such kernel.
#[derive(Debug, thiserror::Error)]
pub enum KernelError {
    /// Nothing is known by this name.
    #[error(
        "unknown kernel `{name}`; known: {known}, any of Debian's newer ones by version (as 6.19 or 7.2), or the path of a bzImage or vmlinux"
    )]
    Unknown {
        /// What was asked for.
        name: String,
        /// The names that always work.
        known: String,
    },
    /// The suite that should have it does not.
    #[error("Debian's suite {suite} has no kernel {name} for cloud machines{others}")]
    NotInSuite {
        /// What was asked for.
        name: String,
        /// Where it was looked for.
        suite: &'static str,
        /// The versions that are there, ready to be read.
        others: String,
    },
    /// Its package could not be had.
    #[error("cannot fetch kernel {name}: {source}")]
    Fetch {
        /// What was asked for.
        name: String,
        /// Why.
        source: AptError,
    },
    /// Its package came without a kernel.
    #[error("package {0} contains no vmlinuz")]
    NoImage(String),
    /// The file is not what it should be.
    #[error("cannot boot {path}: {source}")]
    Image {
        /// The file.
        path: PathBuf,
        /// Why.
        source: ImageError,
    },
    /// It can't be made to trust a certificate.
    #[error(transparent)]
    Certificate(#[from] CertificateError),
    /// A file can't be written.
    #[error("cannot write {path}: {source}")]
    Write {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// A file can't be read.
    #[error("cannot read {path}: {source}")]
    Read {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// The cache can't be used.
    #[error(transparent)]
    Cache(#[from] CacheError),
}

impl Kernel {
    /// The kernel called `name` for such machines, fetched if the cache has not got it.
    ///
    /// `name` is one of the lines 5.10, 6.1, 6.12 and 7 (the newest 7.x), a version such as 6.19 or
    /// 7.2.12, or the path of a bzImage or of an uncompressed vmlinux
    /// (of an Image for arm64).
    ///
    /// # Errors
    /// When nothing is known by this name, or it can't be fetched.
    pub fn resolve(name: &str, architecture: Architecture, cache: &Cache) -> Result<Self, KernelError> {
        if name.contains('/') || Path::new(name).is_file() {
            return Self::from_file(Path::new(name), architecture, cache);
        }
        if !is_version(name) {
            return Err(unknown(name));
        }
        if let Some(image) = cached(name, &cache.folder(folder(architecture))?) {
            return Ok(Self { name: name.to_owned(), architecture, image });
        }
        let _lock = cache.lock()?;
        if let Some(image) = cached(name, &cache.folder(folder(architecture))?) {
            return Ok(Self { name: name.to_owned(), architecture, image });
        }
        let debian = architecture.debian();
        progress::step(format_args!("fetching kernel {name} for {debian}"), || {
            Self::fetch(name, architecture, cache)
        })
    }

    /// Fetches `name` even if the cache has one, in case that Debian has a newer one.
    ///
    /// # Errors
    /// When it can't be fetched.
    pub fn fetch(name: &str, architecture: Architecture, cache: &Cache) -> Result<Self, KernelError> {
        let suite = suite(name, architecture);
        let failed = |source| KernelError::Fetch { name: name.to_owned(), source };
        let apt = Apt::suite_for(suite, Some(architecture)).map_err(failed)?;
        // Those for cloud machines.
        let pattern = format!("^linux-(binary|image)-[0-9].*-cloud-{}$", architecture.debian());
        let mut packages = apt.search(&pattern).map_err(failed)?;
        if newest(name, architecture, &packages).is_none() {
            apt.refresh().map_err(failed)?;
            packages = apt.search(&pattern).map_err(failed)?;
        }
        let package = newest(name, architecture, &packages)
            .ok_or_else(|| not_in_suite(name, architecture, suite, &packages))?;
        let scratch = cache.scratch()?;
        let deb = apt.download(package, scratch.path()).map_err(failed)?;
        apt::unpack(&deb, scratch.path()).map_err(failed)?;
        let image = vmlinuz(scratch.path()).ok_or_else(|| KernelError::NoImage(package.to_owned()))?;
        // The file name has the version of the package, which changes more often than its name.
        let stem = deb.file_stem().unwrap_or_default().to_string_lossy().into_owned();
        let kernels = cache.folder(folder(architecture))?;
        let bootable = kernels.join(format!("{stem}.elf"));
        cache.publish(&unpacked(&image)?, &bootable)?;
        let link = scratch.path().join("link");
        let place = || {
            symlink(bootable.file_name().unwrap_or_default(), &link)?;
            fs::rename(&link, kernels.join(name))
        };
        place().map_err(|source| CacheError::Write { path: kernels.join(name), source })?;
        Ok(Self { name: name.to_owned(), architecture, image: bootable })
    }

    fn from_file(path: &Path, architecture: Architecture, cache: &Cache) -> Result<Self, KernelError> {
        let name = path.display().to_string();
        let file = read(path)?;
        let mut hasher = DefaultHasher::new();
        file.hash(&mut hasher);
        let image = cache.folder("kernels")?.join(format!("file-{:016x}.elf", hasher.finish()));
        if !image.is_file() {
            let bytes = bzimage::bootable(file)
                .map_err(|source| KernelError::Image { path: path.to_owned(), source })?;
            cache.publish(&bytes, &image)?;
        }
        Ok(Self { name, architecture, image })
    }

    /// The same kernel, but for the certificate that it trusts: this one, in DER. Its file is put into `folder`.
    ///
    /// # Errors
    /// When it has no room for the certificate, or files can't be read or written.
    pub fn trusting(&self, certificate: &[u8], folder: &Path) -> Result<Self, KernelError> {
        let mut bytes = read(&self.image)?;
        certificate::replace(&mut bytes, certificate)?;
        let image = folder.join("trusting.elf");
        fs::write(&image, bytes).map_err(|source| KernelError::Write { path: image.clone(), source })?;
        Ok(Self { name: self.name.clone(), architecture: self.architecture, image })
    }

    /// What it was asked for as.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The machines that it is for.
    #[must_use]
    pub fn architecture(&self) -> Architecture {
        self.architecture
    }

    /// The uncompressed kernel: an ELF file, or an Image for arm64.
    #[must_use]
    pub fn image(&self) -> &Path {
        &self.image
    }
}

fn read(path: &Path) -> Result<Vec<u8>, KernelError> {
    fs::read(path).map_err(|source| KernelError::Read { path: path.to_owned(), source })
}

fn unpacked(image: &Path) -> Result<Vec<u8>, KernelError> {
    bzimage::bootable(read(image)?).map_err(|source| KernelError::Image { path: image.to_owned(), source })
}

fn cached(name: &str, kernels: &Path) -> Option<PathBuf> {
    let image = kernels.join(fs::read_link(kernels.join(name)).ok()?);
    image.is_file().then_some(image)
}

/// Where the cache keeps kernels for such machines.
const fn folder(architecture: Architecture) -> &'static str {
    match architecture {
        Architecture::Amd64 => "kernels",
        Architecture::Arm64 => "kernels-arm64",
    }
}

/// The suite that has a kernel.
fn suite(name: &str, architecture: Architecture) -> &'static str {
    if (name, architecture) == ("6.12", Architecture::Arm64) {
        return TRIXIE;
    }
    LINES.iter().find(|(line, _)| *line == name).map_or(NEWEST_SUITE, |(_, suite)| suite)
}

/// The kernel image in an unpacked package: `boot/vmlinuz-*`, or since 7.x `usr/lib/modules/*/vmlinuz`.
fn vmlinuz(unpacked: &Path) -> Option<PathBuf> {
    let entries =
        |folder: &str| fs::read_dir(unpacked.join(folder)).into_iter().flatten().filter_map(Result::ok);
    let in_boot = entries("boot")
        .find(|entry| entry.file_name().to_string_lossy().starts_with("vmlinuz-"))
        .map(|entry| entry.path());
    in_boot.or_else(|| {
        entries("usr/lib/modules").map(|entry| entry.path().join("vmlinuz")).find(|path| path.is_file())
    })
}

fn is_version(name: &str) -> bool {
    name.split('.').all(|part| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit()))
}

fn unknown(name: &str) -> KernelError {
    let known: Vec<_> = LINES.iter().map(|(line, _)| *line).collect();
    KernelError::Unknown { name: name.to_owned(), known: known.join(", ") }
}

fn not_in_suite(
    name: &str,
    architecture: Architecture,
    suite: &'static str,
    packages: &[String],
) -> KernelError {
    let mut versions: Vec<_> = packages.iter().filter_map(|package| release(package, architecture)).collect();
    versions.sort_by_key(|release| numbers(release));
    let mut versions: Vec<_> =
        versions.iter().filter_map(|release| release.split(['+', '-']).next()).collect();
    versions.dedup();
    let others = match versions.as_slice() {
        [] => String::new(),
        versions => format!("; it has {}", versions.join(", ")),
    };
    KernelError::NotInSuite { name: name.to_owned(), suite, others }
}

/// The package of the newest kernel whose version is `name` or starts with it. From 7.x on (and in
/// backports since 6.19) `linux-image-*` is empty and the image is in `linux-binary-*`.
fn newest<'a>(name: &str, architecture: Architecture, packages: &'a [String]) -> Option<&'a str> {
    let wanted = numbers(name);
    packages
        .iter()
        .filter_map(|package| {
            Some((numbers(release(package, architecture)?), package.starts_with("linux-binary-"), package))
        })
        .filter(|(version, _, _)| version.starts_with(&wanted))
        .max()
        .map(|(_, _, package)| package.as_str())
}

/// The release of a signed cloud kernel's package: `7.3.4+deb13` of `linux-binary-7.3.4+deb13-cloud-amd64`.
fn release(package: &str, architecture: Architecture) -> Option<&str> {
    let name = package.strip_prefix("linux-binary-").or_else(|| package.strip_prefix("linux-image-"))?;
    name.strip_suffix(architecture.debian())?
        .strip_suffix("-cloud-")
        .filter(|release| release.starts_with(|first: char| first.is_ascii_digit()))
}

/// The numbers in a version, which order kernels as their age does.
fn numbers(version: &str) -> Vec<u32> {
    version.split(|char: char| !char.is_ascii_digit()).filter_map(|number| number.parse().ok()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn packages() -> Vec<String> {
        [
            "linux-binary-6.19.14+deb13-cloud-amd64",
            "linux-binary-7.2.12+deb13-cloud-amd64",
            "linux-binary-7.2.9+deb13-cloud-amd64",
            "linux-binary-7.3.4+deb13-cloud-amd64",
            "linux-binary-unsigned-7.4.1+deb13-cloud-amd64",
            "linux-image-7.3.4+deb13-cloud-amd64",
            "linux-image-7.3.4+deb13-cloud-amd64-dbg",
            "linux-image-cloud-amd64",
        ]
        .map(str::to_owned)
        .to_vec()
    }

    #[test]
    fn a_line_means_its_newest_kernel_and_the_package_with_the_image() {
        assert_eq!(
            newest("7", Architecture::Amd64, &packages()),
            Some("linux-binary-7.3.4+deb13-cloud-amd64")
        );
        assert_eq!(
            newest("7.2", Architecture::Amd64, &packages()),
            Some("linux-binary-7.2.12+deb13-cloud-amd64")
        );
        assert_eq!(
            newest("7.2.9", Architecture::Amd64, &packages()),
            Some("linux-binary-7.2.9+deb13-cloud-amd64")
        );
    }

    #[test]
    fn a_version_is_no_prefix_of_a_longer_number() {
        assert_eq!(newest("7.2.1", Architecture::Amd64, &packages()), None);
        assert_eq!(newest("7", Architecture::Arm64, &packages()), None);
        let bookworm = [
            "linux-image-6.12.117+deb12-cloud-amd64",
            "linux-image-6.1.0-56-cloud-amd64",
            "linux-image-6.1.0-9-cloud-amd64",
        ]
        .map(str::to_owned);
        assert_eq!(newest("6.1", Architecture::Amd64, &bookworm), Some("linux-image-6.1.0-56-cloud-amd64"));
    }

    #[test]
    fn what_a_suite_lacks_is_said_with_what_it_has() {
        let error = not_in_suite("7.9", Architecture::Amd64, "trixie-backports", &packages());
        assert_eq!(
            error.to_string(),
            "Debian's suite trixie-backports has no kernel 7.9 for cloud machines; it has 6.19.14, 7.2.9, 7.2.12, 7.3.4"
        );
    }

    #[test]
    fn names_that_are_no_version_are_unknown() {
        let folder = tempfile::tempdir().unwrap();
        let cache = Cache::at(folder.path()).unwrap();
        for name in ["seven", "6.", "", "7;reboot"] {
            let error = Kernel::resolve(name, Architecture::Amd64, &cache).unwrap_err();
            assert!(error.to_string().contains("known: 5.10, 6.1, 6.12, 7"), "{error}");
        }
    }

    #[test]
    fn a_file_is_booted_as_it_is() {
        let folder = tempfile::tempdir().unwrap();
        let cache = Cache::at(folder.path().join("cache")).unwrap();
        let path = folder.path().join("vmlinux");
        fs::write(&path, b"\x7fELF and so on").unwrap();
        let kernel = Kernel::resolve(path.to_str().unwrap(), Architecture::Amd64, &cache).unwrap();
        assert_eq!(fs::read(kernel.image()).unwrap(), b"\x7fELF and so on");
        fs::write(&path, "text").unwrap();
        let error = Kernel::resolve(path.to_str().unwrap(), Architecture::Amd64, &cache).unwrap_err();
        assert!(
            error
                .to_string()
                .ends_with("vmlinux: neither a bzImage, nor an Image for arm64, nor an ELF file"),
            "{error}"
        );
    }

    #[test]
    fn a_missing_file_is_named() {
        let folder = tempfile::tempdir().unwrap();
        let cache = Cache::at(folder.path()).unwrap();
        let error = Kernel::resolve("/no/such/kernel", Architecture::Amd64, &cache).unwrap_err();
        assert!(error.to_string().starts_with("cannot read /no/such/kernel"), "{error}");
    }
}
