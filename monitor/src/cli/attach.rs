//! `denyd attach`: attaches the programs, and leaves them for `denyd run`.

use std::path::PathBuf;

use clap::Args;
use tokio::runtime;

use super::{failure::Failure, say, summary::Watching};
use crate::{config::Config, kernel};

const AFTER_HELP: &str = "\
Examples:
  denyd attach                                 from now on, denials wait for `denyd run`

What is refused waits in the ring buffer until `denyd run` with the same configuration reports it. The unit \
denyd-early.service does this before other services start.

Exit status:
  0  attached, now or before
  1  the programs cannot be left attached: `pin.enabled` is false, or nothing can be pinned
  2  invalid command line or configuration
  3  not permitted to load eBPF programs
  4  no source can be attached on this kernel";

/// Attach the programs and exit: what is refused waits for `denyd run`.
#[derive(Debug, Args)]
#[command(after_help = AFTER_HELP)]
pub(super) struct Attach {
    /// Configuration file. [default: /etc/denyd/denyd.toml]
    #[arg(long, value_name = "PATH")]
    config: Option<PathBuf>,
}

impl Attach {
    /// Attaches them.
    pub(super) fn run(&self) -> Result<(), Failure> {
        let config = Config::read(self.config.as_deref())?;
        // Attaching registers the ring buffer with the runtime.
        let runtime =
            runtime::Builder::new_current_thread().enable_all().build().map_err(Failure::Runtime)?;
        let _guard = runtime.enter();
        let attached = kernel::attach(&config.kernel_options())?;
        if !attached.is_pinned() {
            return Err(Failure::NotPinned);
        }
        say(Watching { report: attached.report(), programs: attached.programs() });
        Ok(())
    }
}
