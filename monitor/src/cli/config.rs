//! `denyd config`: checks a configuration, or prints the documented default.

use std::path::PathBuf;

use clap::{Args, Subcommand};

use super::{failure::Failure, print};
use crate::config::{Config, DEFAULT_FILE, DEFAULT_PATH};

const AFTER_HELP: &str = "\
Examples:
  denyd config check                           is /etc/denyd/denyd.toml right?
  denyd config check new.toml && install -m 644 new.toml /etc/denyd/denyd.toml
  denyd config default >denyd.toml             every key with its default, explained

Exit status:
  0  the configuration is right, or the default was printed
  1  standard output was closed or full
  2  the command line or the configuration is wrong, or it can't be read";

/// Validate the configuration, or print the default.
#[derive(Debug, Args)]
#[command(after_help = AFTER_HELP)]
pub(super) struct Configuration {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Debug, Subcommand)]
enum Verb {
    /// Validate a configuration file.
    Check {
        /// Configuration file. [default: /etc/denyd/denyd.toml]
        file: Option<PathBuf>,
    },
    /// Print the default configuration, with comments.
    Default,
}

impl Configuration {
    /// Does what was asked for.
    pub(super) fn run(&self) -> Result<(), Failure> {
        match &self.verb {
            Verb::Check { file } => {
                let file = file.clone().unwrap_or_else(|| DEFAULT_PATH.into());
                Config::read(Some(&file))?;
                print(&format!("{}: no mistakes found\n", file.display()))
            }
            Verb::Default => print(DEFAULT_FILE),
        }
    }
}
