//! `denyd detach`: removes what stays in the kernel when denyd ends.

use std::path::PathBuf;

use clap::Args;

use super::{failure::Failure, print};
use crate::{config::Config, kernel::pins};

const AFTER_HELP: &str = "\
Examples:
  denyd detach                                 after `systemctl stop denyd`

The programs of `denyd run` stay attached when it ends, so that the next one reports what was refused meanwhile. This \
detaches them, and frees the ring buffer and everything in it. `denyd run --no-pin` leaves nothing behind in the first \
place.

Exit status:
  0  nothing is attached any more
  1  a denyd is running, or the pins cannot be removed
  2  invalid command line or configuration";

/// Detach the programs that `denyd run` left attached.
#[derive(Debug, Args)]
#[command(after_help = AFTER_HELP)]
pub(super) struct Detach {
    /// Configuration file. [default: /etc/denyd/denyd.toml]
    #[arg(long, value_name = "PATH")]
    config: Option<PathBuf>,
}

impl Detach {
    /// Removes it.
    pub(super) fn run(&self) -> Result<(), Failure> {
        let folder = Config::read(self.config.as_deref())?.pin.folder;
        let found = pins::remove_all(&folder)?;
        print(if found { "detached\n" } else { "nothing was attached\n" })
    }
}
