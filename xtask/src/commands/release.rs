//! `cargo xtask release`

use std::{
    fs,
    process::{Command, ExitCode},
};

use anyhow::{Context as _, ensure};
use clap::Args;
use xtask::{
    package::{notes, release::Release},
    process, progress, workspace,
};

use crate::commands::{package::Package, test::Test};

/// Makes a release of the version in Cargo.toml: runs every check, makes every package, twice, and tags the commit
///
/// CHANGELOG.md must have a section about the version, which becomes the notes and the tag's text. Nothing is pushed.
#[derive(Debug, Args)]
pub(crate) struct ReleaseCommand {
    /// Do all but the tag
    #[arg(long)]
    dry_run: bool,
}

impl ReleaseCommand {
    pub(crate) fn run(&self) -> anyhow::Result<ExitCode> {
        let release = Release::of_source()?;
        let tag = format!("v{}", release.version);
        ensure!(
            !release.is_changed(),
            "files were changed since the last commit: commit them, so that the release is what the commit is"
        );
        let notes = notes::of(&release.version)?;
        let known = process::read(git().args(["tag", "--list", &tag]))?;
        ensure!(known.trim().is_empty(), "there is a tag {tag}: raise `version` in Cargo.toml");
        Test::all().run()?;
        let folder = workspace::root().join("target/package");
        if folder.exists() {
            fs::remove_dir_all(&folder).with_context(|| format!("cannot empty {}", folder.display()))?;
        }
        Package::all_checked().run()?;
        let file = folder.join("NOTES.md");
        fs::write(&file, format!("# denyd {}\n\n{notes}\n", release.version))
            .with_context(|| format!("cannot write {}", file.display()))?;
        if self.dry_run {
            progress::note(format_args!("not tagged; the notes are in {}", file.display()));
            return Ok(ExitCode::SUCCESS);
        }
        process::show(git().args(["tag", "--annotate", "--cleanup=verbatim", &tag, "--file"]).arg(&file))?;
        progress::note(format_args!(
            "tagged {tag}; publish it: git push origin {tag}, with what is in {}",
            folder.display()
        ));
        Ok(ExitCode::SUCCESS)
    }
}

fn git() -> Command {
    let mut git = Command::new("git");
    git.current_dir(workspace::root());
    git
}
