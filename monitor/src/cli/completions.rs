//! `denyd completions`: prints what a shell completes denyd's command line with.

use clap::{Args, CommandFactory as _};
use clap_complete::{Shell, generate};

use super::{Cli, failure::Failure, print};

const AFTER_HELP: &str = "\
Examples:
  denyd completions bash >/usr/share/bash-completion/completions/denyd
  denyd completions zsh >/usr/share/zsh/vendor-completions/_denyd
  denyd completions fish >/usr/share/fish/vendor_completions.d/denyd.fish

Exit status:
  0  it was printed
  1  standard output was closed or full
  2  there is no such shell";

/// Print a shell completion script.
#[derive(Debug, Args)]
#[command(after_help = AFTER_HELP)]
pub(super) struct Completions {
    /// The shell.
    shell: Shell,
}

impl Completions {
    /// Prints it.
    pub(super) fn run(&self) -> Result<(), Failure> {
        let mut script = Vec::new();
        generate(self.shell, &mut Cli::command(), "denyd", &mut script);
        print(&String::from_utf8_lossy(&script))
    }
}

#[cfg(test)]
mod tests {
    use clap::ValueEnum as _;

    use super::*;

    #[test]
    fn every_verb_and_option_is_completed() {
        for shell in Shell::value_variants() {
            let mut script = Vec::new();
            generate(*shell, &mut Cli::command(), "denyd", &mut script);
            let script = String::from_utf8(script).unwrap();
            for word in ["selftest", "completions", "ring-size", "no-fold", "runtime-socket"] {
                assert!(script.contains(word), "{shell}: {word}");
            }
        }
    }
}
