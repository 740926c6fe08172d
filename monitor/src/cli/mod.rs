//! The `denyd` command: one file a verb.

mod check;
mod failure;
mod run;
mod schema;
mod size;
mod sources;
mod usage;
mod wait;

use std::{
    fmt,
    io::{self, Write as _},
    process::ExitCode,
};

use clap::{Parser, Subcommand};
use tracing_subscriber::EnvFilter;

use self::failure::Failure;

const AFTER_HELP: &str = "\
Examples:
  denyd check                     what can be watched on this machine, and why not
  denyd run                       one JSON line for each denial, until Ctrl-C
  denyd run | jq .object.path     what was refused, and nothing else
  denyd schema                    the JSON Schema of those lines

Exit status:
  0  all went well
  1  it failed while running: standard output was closed or full
  2  the command line is wrong
  3  denyd lacks the privilege to load eBPF programs
  4  nothing can be watched on this kernel

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
    Check(check::Check),
    Schema(schema::Schema),
}

/// Runs the command line, and gives the exit status.
#[must_use]
pub fn main() -> ExitCode {
    log_to_stderr();
    let result = match Cli::try_parse() {
        Ok(Cli { command: Command::Run(run) }) => run.run(),
        Ok(Cli { command: Command::Check(check) }) => check.run(),
        Ok(Cli { command: Command::Schema(schema) }) => schema.run(),
        Err(error) => return usage::report(&error),
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            say(&failure);
            failure.exit_code()
        }
    }
}

fn log_to_stderr() {
    let filter = EnvFilter::try_from_env("DENYD_LOG").unwrap_or_else(|_| EnvFilter::new("warn"));
    tracing_subscriber::fmt().with_env_filter(filter).with_writer(io::stderr).with_ansi(false).init();
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
