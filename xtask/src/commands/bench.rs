//! `cargo xtask bench`

use std::process::ExitCode;

use clap::Args;

use crate::bench::{Bench, Extent, Part};

const AFTER_HELP: &str = "\
Examples:
  cargo xtask bench                          everything, storms of a million denials: some hours
  cargo xtask bench --minutes 8              everything, with smaller storms: some 20 minutes
  cargo xtask bench --quick                  that all of it works
  cargo xtask bench storm --denials 100000   only the storms

Results are written to docs/bench. Other work on the machine disturbs what is measured in seconds, but not what is \
measured in instructions.";

/// Measures what denyd costs and keeps, side by side with what else there is, and writes docs/bench
#[derive(Debug, Args)]
#[command(after_help = AFTER_HELP)]
pub(crate) struct Command {
    /// What to measure; without any, everything
    #[arg(value_enum, value_name = "PART")]
    parts: Vec<Part>,
    /// Few samples and small storms, on the newest kernel only
    #[arg(long)]
    quick: bool,
    /// Measure nothing: only write the README and the plots of the results that are there
    #[arg(long, conflicts_with_all = ["parts", "quick", "denials", "minutes"])]
    report: bool,
    /// Denials of each storm
    #[arg(long, value_name = "N", default_value_t = 1_000_000, value_parser = clap::value_parser!(u32).range(1_000..))]
    denials: u32,
    /// How long all storms may take together; of each as many denials as there is time for
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=1_000))]
    minutes: Option<u32>,
}

impl Command {
    pub(crate) fn run(&self) -> anyhow::Result<ExitCode> {
        if self.report {
            Bench::report()?;
            return Ok(ExitCode::SUCCESS);
        }
        let parts: &[Part] = if self.parts.is_empty() { &Part::ALL } else { &self.parts };
        let denials = if self.quick { self.denials.min(10_000) } else { self.denials };
        let bench = Bench::new(Extent { denials, minutes: self.minutes, quick: self.quick })?;
        for &part in parts {
            bench.measure(part)?;
            Bench::report()?;
        }
        Ok(ExitCode::SUCCESS)
    }
}
