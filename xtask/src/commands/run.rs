//! `cargo xtask run`

use std::{ffi::OsString, os::unix::process::CommandExt as _, process::ExitCode};

use anyhow::{Context as _, bail};
use clap::Args;
use xtask::{
    apt,
    cache::Cache,
    setup,
    workspace::{self, Profile},
};

/// What runs on a machine whose kernel refuses trampolines, too, and leaves nothing behind.
const DEFAULT_ARGUMENTS: [&str; 3] = ["--no-pin", "--source", "default,capability"];

/// Builds denyd and runs `denyd run` on this machine, as root
#[derive(Debug, Args)]
pub(crate) struct Run {
    /// Arguments of `denyd run`; without any: --no-pin --source default,capability
    #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
    arguments: Vec<OsString>,
}

impl Run {
    pub(crate) fn run(&self) -> anyhow::Result<ExitCode> {
        setup::build(&Cache::open()?)?;
        let denyd = workspace::build_denyd(Profile::Release)?;
        let mut command = if apt::is_root() {
            std::process::Command::new(&denyd)
        } else if let Some(sudo) = apt::find_program("sudo") {
            let mut command = std::process::Command::new(sudo);
            command.arg("--").arg(&denyd);
            command
        } else {
            bail!(
                "denyd needs root to load its programs, and there is no sudo; as root run {} run",
                denyd.display()
            );
        };
        command.arg("run");
        if self.arguments.is_empty() {
            command.args(DEFAULT_ARGUMENTS);
        } else {
            command.args(&self.arguments);
        }
        Err(command.exec()).with_context(|| format!("cannot run {}", denyd.display()))
    }
}
