//! `cargo xtask package`

use std::{fs, path::PathBuf, process::ExitCode};

use anyhow::{Context as _, ensure};
use clap::{Args, ValueEnum};
use xtask::{
    architecture::Architecture,
    cache::Cache,
    package::{
        Compression, PackageError, binary, check, deb, image, release::Release, reproducible, rpm, sbom, sums,
    },
    progress, setup, workspace,
};

/// Makes what users install, in target/package: one static program, and the packages it comes in
///
/// Times are those of the last commit, and no path of this machine is in the program. SHA256SUMS has the files' sums.
#[derive(Debug, Args)]
pub(crate) struct Package {
    /// Only these; without any, all
    #[arg(value_enum)]
    kinds: Vec<Kind>,
    /// The machines that it is for
    #[arg(long, value_enum, default_value_t)]
    arch: Architecture,
    /// This program, static and for these machines, instead of one that is built from the source
    #[arg(long, value_name = "FILE")]
    program: Option<PathBuf>,
    /// Have lintian and rpmlint check the packages
    #[arg(long)]
    check: bool,
    /// Make it all again in a clone on another path, and compare every byte; the tree must have no change
    #[arg(long, conflicts_with = "program")]
    check_reproducible: bool,
    /// The folder that gets them
    #[arg(long, value_name = "DIR")]
    into: Option<PathBuf>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Kind {
    /// The program alone
    Binary,
    /// For Debian and its kin
    Deb,
    /// For Fedora and its kin
    Rpm,
    /// A container image (OCI), for Podman and Docker
    Image,
    /// What it is built of: a bill of materials, by `CycloneDX`
    Sbom,
}

impl Package {
    /// All of them, checked, and made twice.
    pub(crate) fn all_checked() -> Self {
        Self {
            kinds: Vec::new(),
            arch: Architecture::default(),
            program: None,
            check: true,
            check_reproducible: true,
            into: None,
        }
    }

    pub(crate) fn run(self) -> anyhow::Result<ExitCode> {
        let cache = Cache::open()?;
        setup::build(&cache)?;
        setup::packaging(&cache)?;
        setup::cross(self.arch, &cache)?;
        if self.check {
            setup::package_checkers(&cache)?;
        }
        let into = self.into.unwrap_or_else(|| workspace::root().join("target/package"));
        fs::create_dir_all(&into).with_context(|| format!("cannot make {}", into.display()))?;
        let release = Release::of_source()?;
        ensure!(!self.check_reproducible || !release.is_changed(), PackageError::Changed);
        let kinds = if self.kinds.is_empty() { Kind::value_variants() } else { &self.kinds };
        let denyd = self.program.map_or_else(|| binary::build(&release, self.arch), Ok)?;
        binary::verify(&denyd, self.arch)?;
        let mut made = Vec::new();
        for kind in kinds {
            let path = match kind {
                Kind::Binary => binary::publish(&denyd, self.arch, &into),
                Kind::Deb => deb::build(&denyd, self.arch, &release, Compression::Small, &into),
                Kind::Rpm => rpm::build(&denyd, self.arch, &release, Compression::Small, &into),
                Kind::Image => image::build(&denyd, self.arch, &release, &into),
                Kind::Sbom => sbom::build(self.arch, &release, &into),
            }?;
            match kind {
                Kind::Deb if self.check => check::deb(&path, self.arch)?,
                Kind::Rpm if self.check => check::rpm(&path, self.arch)?,
                _ => {}
            }
            let size = fs::metadata(&path)?.len() / 1024;
            progress::note(format_args!("{} ({size} KiB)", path.display()));
            made.push(path);
        }
        progress::note(sums::write(&into)?.display());
        if self.check_reproducible {
            let values = kinds.iter().filter_map(ValueEnum::to_possible_value);
            let names: Vec<_> = values.map(|value| value.get_name().to_owned()).collect();
            let mut arguments = vec!["--arch", self.arch.debian()];
            arguments.extend(names.iter().map(String::as_str));
            reproducible::check(&release, &arguments, &made)?;
            progress::note("a clone on another path gives the same bytes");
        }
        Ok(ExitCode::SUCCESS)
    }
}
