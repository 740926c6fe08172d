//! The container image: an OCI image layout in a tar file, as `podman load` and `skopeo` read it. The program is all that is
//! in it.

use std::{
    fs,
    io::Write as _,
    path::{Path, PathBuf},
    process::Command,
};

use flate2::{Compression, GzBuilder};
use serde_json::{Value, json};

use super::{PackageError, at, contents::Contents, release::Release};
use crate::{architecture::Architecture, process};

const CONFIG: &str = "application/vnd.oci.image.config.v1+json";
const LAYER: &str = "application/vnd.oci.image.layer.v1.tar+gzip";
const MANIFEST: &str = "application/vnd.oci.image.manifest.v1+json";

/// Makes the image of this program in the folder `into`, and returns where it is.
///
/// # Errors
/// When a file can't be read or written, or a tool fails.
pub fn build(
    denyd: &Path,
    architecture: Architecture,
    release: &Release,
    into: &Path,
) -> Result<PathBuf, PackageError> {
    let scratch = tempfile::tempdir().map_err(at("a temporary folder"))?;
    let mut files = Contents::default();
    files.insert("usr/bin/denyd", 0o755, fs::read(denyd).map_err(at(denyd))?);
    let layer = tar(&files, &scratch.path().join("layer"), release)?;
    // Without a time.
    let mut encoder = GzBuilder::new().write(Vec::new(), Compression::best());
    encoder.write_all(&layer).map_err(at("the layer"))?;
    let compressed = encoder.finish().map_err(at("the layer"))?;

    let mut layout = Layout::default();
    let config = json!({
        "created": release.time.to_string(),
        "architecture": architecture.debian(),
        "os": "linux",
        "config": {
            "Entrypoint": ["/usr/bin/denyd"],
            "Cmd": ["run"],
            "Labels": {
                "org.opencontainers.image.title": "denyd",
                "org.opencontainers.image.version": release.version,
                "org.opencontainers.image.revision": release.commit,
                "org.opencontainers.image.licenses": "MIT OR Apache-2.0",
            },
        },
        "rootfs": { "type": "layers", "diff_ids": [format!("sha256:{}", sha256(&layer)?)] },
        "history": [{ "created": release.time.to_string(), "created_by": "cargo xtask package image" }],
    });
    let config = layout.add(CONFIG, config.to_string().as_bytes())?;
    let layer = layout.add(LAYER, &compressed)?;
    let manifest = json!({ "schemaVersion": 2, "mediaType": MANIFEST, "config": config, "layers": [layer] });
    let mut manifest = layout.add(MANIFEST, manifest.to_string().as_bytes())?;
    manifest["annotations"] =
        json!({ "org.opencontainers.image.ref.name": format!("denyd:{}", release.version) });
    let index = json!({ "schemaVersion": 2, "manifests": [manifest] });
    layout.0.insert("index.json", 0o644, index.to_string());
    layout.0.insert("oci-layout", 0o644, json!({ "imageLayoutVersion": "1.0.0" }).to_string());

    let image = tar(&layout.0, &scratch.path().join("image"), release)?;
    let path = into.join(format!("denyd-{}-{}.oci.tar", release.version, architecture.machine()));
    fs::write(&path, image).map_err(at(&path))?;
    Ok(path)
}

/// The files of an image layout.
#[derive(Default)]
struct Layout(Contents);

impl Layout {
    /// Adds a blob, and returns what refers to it.
    fn add(&mut self, media_type: &str, blob: &[u8]) -> Result<Value, PackageError> {
        let digest = sha256(blob)?;
        self.0.insert(&format!("blobs/sha256/{digest}"), 0o644, blob);
        Ok(json!({ "mediaType": media_type, "digest": format!("sha256:{digest}"), "size": blob.len() }))
    }
}

/// These files as an archive, written below the folder `root` first.
fn tar(files: &Contents, root: &Path, release: &Release) -> Result<Vec<u8>, PackageError> {
    fs::create_dir(root).map_err(at(root))?;
    files.write(root, release)?;
    let mut tar = Command::new("tar");
    tar.args(["--create", "--format=ustar", "--sort=name", "--owner=0", "--group=0", "--numeric-owner"]);
    Ok(process::capture(tar.arg("--directory").arg(root).arg("."))?)
}

/// The digest of some bytes, in hexadecimal.
fn sha256(bytes: &[u8]) -> Result<String, PackageError> {
    let sum = process::filter(&mut Command::new("sha256sum"), bytes)?;
    let sum = String::from_utf8_lossy(&sum).split(' ').next().map(str::to_owned);
    sum.ok_or(PackageError::Answer { tool: "sha256sum", wanted: "sum" })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_digest_is_that_of_its_blob_and_nothing_else_is_in_the_image() {
        Architecture::ALL.into_iter().for_each(is_sound);
    }

    fn is_sound(architecture: Architecture) {
        let folder = tempfile::tempdir().unwrap();
        let program = folder.path().join("program");
        fs::write(&program, "program").unwrap();
        let release = Release::example("abc");
        let image = build(&program, architecture, &release, folder.path()).unwrap();
        let again = tempfile::tempdir().unwrap();
        let same = build(&program, architecture, &release, again.path()).unwrap();
        assert_eq!(fs::read(&image).unwrap(), fs::read(same).unwrap());
        let name = format!("denyd-1.2.3-{}.oci.tar", architecture.machine());
        assert_eq!(image.file_name().unwrap(), name.as_str());

        let unpacked = folder.path().join("unpacked");
        fs::create_dir(&unpacked).unwrap();
        let tar = |archive: &Path, into: &Path| {
            let mut tar = Command::new("tar");
            process::capture(tar.arg("--extract").arg("--file").arg(archive).arg("--directory").arg(into))
                .unwrap();
        };
        tar(&image, &unpacked);
        let json = |path: &Path| serde_json::from_slice::<Value>(&fs::read(path).unwrap()).unwrap();
        let blob = |descriptor: &Value| {
            let digest = descriptor["digest"].as_str().unwrap().strip_prefix("sha256:").unwrap();
            let path = unpacked.join("blobs/sha256").join(digest);
            let bytes = fs::read(&path).unwrap();
            assert_eq!(
                (sha256(&bytes).unwrap().as_str(), bytes.len() as u64),
                (digest, descriptor["size"].as_u64().unwrap())
            );
            path
        };
        let manifest = json(&blob(&json(&unpacked.join("index.json"))["manifests"][0]));
        let config = json(&blob(&manifest["config"]));
        assert_eq!(config["config"]["Labels"]["org.opencontainers.image.version"], "1.2.3");
        assert_eq!(config["architecture"], architecture.debian());
        let layer = blob(&manifest["layers"][0]);
        let plain = process::capture(Command::new("gzip").args(["-dc"]).arg(&layer)).unwrap();
        assert_eq!(config["rootfs"]["diff_ids"][0], format!("sha256:{}", sha256(&plain).unwrap()));
        let files = process::read(Command::new("tar").arg("--list").arg("--file").arg(&layer)).unwrap();
        assert_eq!(files, "./\n./usr/\n./usr/bin/\n./usr/bin/denyd\n");
    }
}
