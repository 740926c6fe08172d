//! `cargo xtask`: everything that a developer or CI runs.

use std::process::ExitCode;

use clap::{Parser, Subcommand};

mod commands;

/// Everything that a developer or CI runs. What a command needs on this machine it sets up by itself.
#[derive(Debug, Parser)]
#[command(name = "cargo xtask", bin_name = "cargo xtask")]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    Setup(commands::setup::Setup),
    Run(commands::run::Run),
    Test(commands::test::Test),
    Vm(commands::vm::Vm),
    Demo(commands::demo::Demo),
    Deny(commands::deny::Deny),
}

fn main() -> ExitCode {
    let result = match Cli::parse().command {
        Command::Setup(command) => command.run(),
        Command::Run(command) => command.run(),
        Command::Test(command) => command.run(),
        Command::Vm(command) => command.run(),
        Command::Demo(command) => command.run(),
        Command::Deny(command) => command.run(),
    };
    result.unwrap_or_else(|error| {
        eprintln!("xtask: {error:#}");
        ExitCode::FAILURE
    })
}
