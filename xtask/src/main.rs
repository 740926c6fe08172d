//! `cargo xtask`: everything that a developer or CI runs.

use std::process::ExitCode;

use clap::{Parser, Subcommand};

mod bench;
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
    Bench(commands::bench::Command),
    Demo(commands::demo::Demo),
    Pictures(commands::pictures::Pictures),
    Package(commands::package::Package),
    Release(commands::release::ReleaseCommand),
    Deny(commands::deny::Deny),
    Fuzz(commands::fuzz::Fuzz),
}

fn main() -> ExitCode {
    let result = match Cli::parse().command {
        Command::Setup(command) => command.run(),
        Command::Run(command) => command.run(),
        Command::Test(command) => command.run(),
        Command::Vm(command) => command.run(),
        Command::Bench(command) => command.run(),
        Command::Demo(command) => command.run(),
        Command::Pictures(command) => command.run(),
        Command::Package(command) => command.run(),
        Command::Release(command) => command.run(),
        Command::Deny(command) => command.run(),
        Command::Fuzz(command) => command.run(),
    };
    result.unwrap_or_else(|error| {
        eprintln!("xtask: {}", explained(&error));
        ExitCode::FAILURE
    })
}

/// The error with its causes, but for those that the text before has already named.
fn explained(error: &anyhow::Error) -> String {
    error.chain().map(ToString::to_string).fold(String::new(), |text, cause| match text.as_str() {
        "" => cause,
        named if named.contains(&cause) => text,
        _ => format!("{text}: {cause}"),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_command_line_is_consistent() {
        <Cli as clap::CommandFactory>::command().debug_assert();
    }

    #[test]
    fn no_cause_is_told_twice() {
        let cause = xtask::vm::VmError::Start(std::io::Error::other("no memory"));
        let error = anyhow::Error::from(cause).context("the demo failed");
        assert_eq!(explained(&error), "the demo failed: cannot start QEMU: no memory");
    }
}
