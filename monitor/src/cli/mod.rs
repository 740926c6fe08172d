//! The `denyd` command: one file a verb.

mod alone;
mod check;
mod completions;
mod config;
mod daemon;
mod failure;
mod listen;
mod log;
mod man;
mod run;
mod schema;
mod select;
mod selftest;
mod status;
mod summary;
mod tail;
mod top;
mod usage;

use std::{
    fmt,
    io::{self, Write as _},
    process::ExitCode,
};

use self::failure::Failure;
use clap::{Parser, Subcommand};

const AFTER_HELP: &str = "\
Examples:
  denyd check                     what can be watched on this machine, and why not
  denyd selftest                  does a denial get to every output?
  denyd tail -f                   what is refused, as it happens
  denyd top                       what is refused most
  denyd run                       one JSON line for each denial, until Ctrl-C
  denyd run | jq .object.path     what was refused, and nothing else
  denyd status                    what is enforced here, and how denyd does
  denyd schema                    the JSON Schema of those lines
  denyd config default            every key of the configuration, explained

Exit status:
  0  all went well
  1  it failed while running: standard output was closed or full, or the port for metrics was taken
  2  the command line or the configuration is wrong
  3  denyd lacks the privilege to load eBPF programs, or may not ask the daemon
  4  nothing can be watched on this kernel
`denyd status` and `denyd selftest` have more, see their --help.

DENYD_LOG=debug makes denyd tell on standard error what it does.";

/// Tells, the moment it happens, which Linux security module refused what, to whom.
#[derive(Debug, Parser)]
#[command(name = "denyd", version, after_help = AFTER_HELP, arg_required_else_help = true)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    Run(run::Run),
    Tail(tail::Tail),
    Top(top::Top),
    Check(check::Check),
    Config(config::Configuration),
    Status(status::Status),
    Selftest(selftest::Selftest),
    Schema(schema::Schema),
    Completions(completions::Completions),
    Man(man::Man),
}

/// Runs the command line, and gives the exit status.
#[must_use]
pub fn main() -> ExitCode {
    log::start();
    if let Some(status) = alone::child().or_else(selftest::child) {
        return status;
    }
    let Cli { command } = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(error) => return usage::report(&error),
    };
    command.run().unwrap_or_else(|failure| {
        say(&failure);
        failure.exit_code()
    })
}

impl Command {
    /// Does what was asked for, and gives the exit status.
    fn run(self) -> Result<ExitCode, Failure> {
        match self {
            Self::Run(run) => run.run(),
            Self::Tail(tail) => tail.run(),
            Self::Top(top) => top.run(),
            Self::Check(check) => check.run(),
            Self::Config(config) => config.run(),
            Self::Status(status) => return status.run(),
            Self::Selftest(selftest) => return selftest.run(),
            Self::Schema(schema) => schema.run(),
            Self::Completions(completions) => completions.run(),
            Self::Man(man) => man.run(),
        }
        .map(|()| ExitCode::SUCCESS)
    }
}

/// Writes what was asked for to standard output.
fn print(text: &str) -> Result<(), Failure> {
    match io::stdout().lock().write_all(text.as_bytes()) {
        Ok(()) => Ok(()),
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Err(Failure::StdoutClosed),
        Err(error) => Err(Failure::Stdout(error)),
    }
}

/// Tells the user something on standard error: `denyd: ...`, in one line that holds no control character.
fn say(message: impl fmt::Display) {
    let message = message.to_string();
    // Where standard error is closed, nobody listens.
    let _unheard = writeln!(io::stderr(), "denyd: {}", crate::text::printable(&message));
}

#[cfg(test)]
mod tests;
