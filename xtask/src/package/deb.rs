//! The Debian package, put together by `dpkg-deb`.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use super::{
    Compression, PackageError, at,
    contents::{Contents, completions, source_file},
    release::Release,
};
use crate::{architecture::Architecture, process};

/// The scripts that dpkg runs. All may use what `packaging/functions.sh` defines.
const SCRIPTS: [&str; 3] = ["postinst", "prerm", "postrm"];

/// Makes the package of this program in the folder `into`, and returns where it is.
///
/// # Errors
/// When a file can't be read or written, or a tool fails.
pub fn build(
    denyd: &Path,
    architecture: Architecture,
    release: &Release,
    compression: Compression,
    into: &Path,
) -> Result<PathBuf, PackageError> {
    let mut contents = Contents::of(denyd, architecture)?;
    contents.insert(
        "usr/share/zsh/vendor-completions/_denyd",
        0o644,
        completions(denyd, architecture, "zsh")?,
    );
    contents.insert("usr/share/doc/denyd/copyright", 0o644, source_file("packaging/deb/copyright")?);
    let overrides = source_file("packaging/deb/lintian-overrides")?;
    contents.insert("usr/share/lintian/overrides/denyd", 0o644, overrides);
    let changelog = filled(&text("packaging/deb/changelog")?, architecture, release, 0);
    contents.insert_compressed("usr/share/doc/denyd/changelog", changelog.as_bytes())?;

    let scratch = tempfile::tempdir().map_err(at("a temporary folder"))?;
    let root = scratch.path().join("root");
    fs::create_dir(&root).map_err(at(&root))?;
    contents.write(&root, release)?;
    let md5sums = contents.md5sums(&root)?;
    let mut control = Contents::default();
    let size = contents.kib();
    control.insert(
        "DEBIAN/control",
        0o644,
        filled(&text("packaging/deb/control")?, architecture, release, size),
    );
    let configuration = contents.paths().filter(|(_, is_configuration)| *is_configuration);
    let configuration: String = configuration.flat_map(|(path, _)| ["/", path, "\n"]).collect();
    control.insert("DEBIAN/conffiles", 0o644, configuration);
    control.insert("DEBIAN/md5sums", 0o644, md5sums);
    for script in SCRIPTS {
        control.insert(&format!("DEBIAN/{script}"), 0o755, maintainer_script(script)?);
    }
    control.write(&root, release)?;

    let path = into.join(format!("denyd_{}_{}.deb", release.version, architecture.debian()));
    let mut dpkg = Command::new("dpkg-deb");
    dpkg.env("SOURCE_DATE_EPOCH", release.time.as_second().to_string());
    dpkg.args(["--root-owner-group", "--threads-max=1"])
        .args(match compression {
            Compression::Small => ["-Zxz", "-z6"],
            Compression::Quick => ["-Zgzip", "-z1"],
        })
        .arg("--build")
        .arg(&root)
        .arg(&path);
    process::capture(&mut dpkg)?;
    Ok(path)
}

fn maintainer_script(name: &str) -> Result<String, PackageError> {
    let functions = text("packaging/functions.sh")?;
    let script = text(&format!("packaging/deb/{name}"))?;
    Ok(format!("#!/bin/sh\nset -e\n\n{functions}\n{script}"))
}

fn text(path: &str) -> Result<String, PackageError> {
    source_file(path).map(|bytes| String::from_utf8_lossy(&bytes).into_owned())
}

/// A file with what it leaves open: the release, and the size in KiB.
fn filled(text: &str, architecture: Architecture, release: &Release, size: usize) -> String {
    text.replace("@VERSION@", &release.version)
        .replace("@ARCHITECTURE@", architecture.debian())
        .replace("@SIZE@", &size.to_string())
        .replace("@DATE@", &release.time.strftime("%a, %d %b %Y %H:%M:%S +0000").to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_control_file_names_version_machines_and_size() {
        let release = Release::example("abc");
        let template = text("packaging/deb/control").unwrap();
        for architecture in Architecture::ALL {
            let control = filled(&template, architecture, &release, 17);
            let machines = format!("Architecture: {}", architecture.debian());
            for line in ["Version: 1.2.3", &machines, "Installed-Size: 17"] {
                assert!(control.lines().any(|found| found == line), "{line} in {control}");
            }
        }
    }
}
