//! `cargo xtask deny`

use std::process::ExitCode;

use clap::Args;
use xtask::{cache::Cache, process, setup, workspace};

/// Checks the dependencies' licences, sources and versions (deny.toml)
#[derive(Debug, Args)]
pub(crate) struct Deny {
    /// Also look for known vulnerabilities, which fetches the advisory database
    #[arg(long)]
    advisories: bool,
}

impl Deny {
    pub(crate) fn run(&self) -> anyhow::Result<ExitCode> {
        setup::lint(&Cache::open()?)?;
        check(self.advisories)?;
        Ok(ExitCode::SUCCESS)
    }
}

/// Runs cargo-deny on the workspace.
pub(crate) fn check(advisories: bool) -> Result<(), process::ProcessError> {
    let mut command = workspace::cargo();
    command.args(["deny", "--log-level", "error", "check", "bans", "licenses", "sources"]);
    if advisories {
        command.arg("advisories");
    }
    process::show(&mut command)
}
