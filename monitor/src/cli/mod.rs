//! The `denyd` command: one file a verb.

mod alone;
mod attach;
mod check;
mod completions;
mod config;
mod daemon;
mod detach;
mod explain;
mod failure;
mod fix;
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
#[cfg(feature = "top")]
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
  denyd check                     what denyd can watch on this machine
  denyd selftest                  check that denials reach every output
  denyd tail -f                   follow denials
  denyd top                       the most frequent denials
  denyd explain                   why the last denials were, and what to do
  denyd fix                       apply it, after asking
  denyd run                       print each denial as a JSON line, until Ctrl-C
  denyd run | jq .object.path     print only the path of each object
  denyd status                    enforcement and daemon status
  denyd detach                    detach what `denyd run` left attached
  denyd schema                    print the JSON Schema of those lines
  denyd config default            print every configuration key, with its meaning

Exit status:
  0  success
  1  runtime failure: standard output closed or full, or the metrics port in use
  2  invalid command line or configuration
  3  not permitted to load eBPF programs, or to connect to the daemon
  4  no source can be attached on this kernel
`denyd status` and `denyd selftest` define more; see their --help.

Begin with `denyd status`: it says what is enforced, whether denyd watches it, and what to do next.

Set DENYD_LOG=debug for debug messages on standard error.";

/// Report Linux security denials as they happen.
#[derive(Debug, Parser)]
#[command(name = "denyd", version = env!("DENYD_VERSION"), after_help = AFTER_HELP, arg_required_else_help = true)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    Run(run::Run),
    Tail(tail::Tail),
    #[cfg(feature = "top")]
    Top(top::Top),
    Explain(explain::Explain),
    Fix(fix::Fix),
    Check(check::Check),
    Config(config::Configuration),
    Status(status::Status),
    Selftest(selftest::Selftest),
    Attach(attach::Attach),
    Detach(detach::Detach),
    Schema(schema::Schema),
    Completions(completions::Completions),
    Man(man::Man),
}

/// Runs the command line, and returns the exit status.
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
            #[cfg(feature = "top")]
            Self::Top(top) => top.run(),
            Self::Explain(explain) => explain.run(),
            Self::Fix(fix) => fix.run(),
            Self::Check(check) => check.run(),
            Self::Config(config) => config.run(),
            Self::Status(status) => return status.run(),
            Self::Selftest(selftest) => return selftest.run(),
            Self::Attach(attach) => attach.run(),
            Self::Detach(detach) => detach.run(),
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

/// Shows the user something on standard error: `denyd: ...`, in one line that holds no control character.
fn say(message: impl fmt::Display) {
    let message = message.to_string();
    // Where standard error is closed, nobody listens.
    let _unheard = writeln!(io::stderr(), "denyd: {}", crate::text::printable(&message));
}

#[cfg(test)]
mod tests;
