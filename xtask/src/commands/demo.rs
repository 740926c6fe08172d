//! `cargo xtask demo`

use std::process::ExitCode;

use clap::Args;

/// Shows denyd at work
#[derive(Debug, Args)]
pub struct Demo {}

impl Demo {
    pub fn run(&self) -> anyhow::Result<ExitCode> {
        anyhow::bail!("being made")
    }
}
