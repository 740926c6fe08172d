//! `cargo xtask setup`

use std::process::ExitCode;

use anyhow::Context as _;
use clap::Args;
use xtask::{architecture::Architecture, cache::Cache, kernel::Kernel, progress, setup};

/// Sets up what building, testing and guests need on this machine; says nothing when all is there
///
/// Every other command does the part that it needs by itself. What is fetched and built is kept in
/// `$DENYD_CACHE`, else `$XDG_CACHE_HOME/denyd`, else `~/.cache/denyd`.
#[derive(Debug, Args)]
pub(crate) struct Setup {
    /// Ask Debian for newer kernels than those in the cache
    #[arg(long)]
    refresh: bool,
}

impl Setup {
    pub(crate) fn run(&self) -> anyhow::Result<ExitCode> {
        let cache = Cache::open()?;
        setup::build(&cache)?;
        setup::lint(&cache)?;
        setup::guests(&cache)?;
        setup::policies(&cache)?;
        if self.refresh {
            let _lock = cache.lock()?;
            for name in setup::KERNELS {
                progress::step(format_args!("fetching kernel {name}"), || {
                    Kernel::fetch(name, Architecture::default(), &cache)
                })
                .context("the kernel in the cache is kept")?;
            }
        }
        setup::kernels(Architecture::default(), &cache)?;
        setup::prometheus::Prometheus::ensure(&cache)?;
        Ok(ExitCode::SUCCESS)
    }
}
