//! The package for RPM, put together by Debian's `rpmbuild`.

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
use crate::{architecture::Architecture, process, vm::initramfs::host_program};

/// What Debian's rpmbuild is told, so that the same files give the same bytes, and one that Fedora and its kin read.
const DEFINITIONS: [&str; 6] = [
    "_buildhost reproducible",
    "use_source_date_epoch_as_buildtime 1",
    "clamp_mtime_to_source_date_epoch 1",
    "_build_id_links none",
    // Nothing is stripped, compressed or looked into: the files are as they must be.
    "__os_install_post %{nil}",
    "_missing_build_ids_terminate_build 0",
];

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
    contents.insert("usr/share/zsh/site-functions/_denyd", 0o644, completions(denyd, architecture, "zsh")?);
    contents.insert("usr/share/doc/denyd/LICENSE-APACHE", 0o644, source_file("LICENSE-APACHE")?);
    let scratch = tempfile::tempdir().map_err(at("a temporary folder"))?;
    let root = scratch.path().join("root");
    fs::create_dir(&root).map_err(at(&root))?;
    contents.write(&root, release)?;

    let spec = specification(&contents, release, &root)?;
    let spec_file = scratch.path().join("denyd.spec");
    fs::write(&spec_file, spec).map_err(at(&spec_file))?;
    let mut rpmbuild = Command::new(host_program("rpmbuild")?);
    rpmbuild.env("SOURCE_DATE_EPOCH", release.time.as_second().to_string());
    rpmbuild.args(["-bb", "--quiet", "--target", architecture.machine()]);
    let made = scratch.path().join("made");
    let folders = [
        format!("_topdir {}", scratch.path().join("build").display()),
        format!("_rpmdir {}", made.display()),
        format!("_dbpath {}", scratch.path().join("database").display()),
    ];
    let payload = match compression {
        Compression::Small => "_binary_payload w19.zstdio",
        Compression::Quick => "_binary_payload w1.zstdio",
    };
    rpmbuild.args(["--define", payload]);
    for definition in DEFINITIONS.into_iter().chain(folders.iter().map(String::as_str)) {
        rpmbuild.args(["--define", definition]);
    }
    process::capture(rpmbuild.arg(&spec_file))?;

    let name = format!("denyd-{}-1.{}.rpm", release.version, architecture.machine());
    let (from, path) = (made.join(architecture.machine()).join(&name), into.join(&name));
    fs::copy(&from, &path).map_err(at(from))?;
    Ok(path)
}

/// The specification, with what it leaves open.
fn specification(contents: &Contents, release: &Release, root: &Path) -> Result<String, PackageError> {
    let text = |path| source_file(path).map(|bytes| String::from_utf8_lossy(&bytes).into_owned());
    let line = |(path, is_configuration): (&str, bool)| {
        let attribute = if is_configuration {
            "%config(noreplace) "
        } else if path.starts_with("usr/share/doc/") {
            "%doc "
        } else {
            ""
        };
        format!("{attribute}/{path}\n")
    };
    let files: String = contents.paths().map(line).collect();
    // A percent sign in a script would begin a macro.
    let functions = text("packaging/functions.sh")?.replace('%', "%%");
    let specification = text("packaging/rpm/denyd.spec")?
        .replace("@VERSION@", &release.version)
        .replace("@DATE@", &release.time.strftime("%a %b %d %Y").to_string())
        .replace("@TREE@", &root.to_string_lossy())
        .replace("@FUNCTIONS@", &functions)
        .replace("@FILES@", &files);
    Ok(specification)
}
