//! `cargo xtask demo`

use std::{
    io::{self, Write},
    process::ExitCode,
};

use clap::{Args, ValueEnum};
use serde_json::Value;
use xtask::{
    architecture::Architecture,
    cache::Cache,
    kernel::{self, Kernel},
    setup, vm,
    vm::Guest,
    workspace::{self, Profile},
};

/// Shows denyd at work: boots a guest, does what its policy refuses, and prints denyd's events beside it
#[derive(Debug, Args)]
pub(crate) struct Demo {
    /// What is to refuse
    #[arg(long, value_enum, default_value_t = Module::Selinux)]
    module: Module,
    /// The kernel, as for `cargo xtask vm`; Landlock reports from 6.15 on
    #[arg(long, default_value = kernel::NEWEST)]
    kernel: String,
    /// Print the events as denyd does, each whole and on one line
    #[arg(long)]
    json: bool,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum Module {
    Selinux,
    Apparmor,
    Landlock,
}

impl Demo {
    pub(crate) fn run(&self) -> anyhow::Result<ExitCode> {
        let cache = Cache::open()?;
        setup::guests(&cache)?;
        let kernel = Kernel::resolve(&self.kernel, Architecture::default(), &cache)?;
        setup::build(&cache)?;
        let (module, name) = match self.module {
            Module::Selinux => (vm::Module::Selinux, "selinux"),
            Module::Apparmor => (vm::Module::Apparmor, "apparmor"),
            Module::Landlock => (vm::Module::None, "landlock"),
        };
        let mut guest = Guest::new(kernel, module).binary(workspace::build_denyd(Profile::Release)?);
        if let Module::Landlock = self.module {
            guest = guest.binary(workspace::build_program("tests", "actor", Profile::Release)?);
        }
        let script = include_str!("../../guest/demo");
        let command = ["sh", "-c", script, "demo", name];
        let outcome = if self.json {
            guest.run(command, &mut io::stdout())?
        } else {
            guest.run(command, &mut Shortened::new(io::stdout()))?
        };
        Ok(ExitCode::from(outcome.status))
    }
}

/// Passes lines on, and of those that are events only what a first look needs.
struct Shortened<W> {
    inner: W,
    line: Vec<u8>,
}

impl<W> Shortened<W> {
    fn new(inner: W) -> Self {
        Self { inner, line: Vec::new() }
    }
}

impl<W: Write> Write for Shortened<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        for part in bytes.split_inclusive(|&byte| byte == b'\n') {
            self.line.extend(part);
            if self.line.ends_with(b"\n") {
                match serde_json::from_slice(&self.line) {
                    Ok(event) => self.inner.write_all(short(&event).as_bytes())?,
                    Err(_) => self.inner.write_all(&self.line)?,
                }
                self.line.clear();
            }
        }
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.inner.flush()
    }
}

/// The event's main groups, one a line, and of the process only what names it.
fn short(event: &Value) -> String {
    let process = ["pid", "comm", "exe", "uid"]
        .into_iter()
        .filter_map(|name| Some((name.to_owned(), event["process"].get(name)?.clone())))
        .collect();
    let process = Value::Object(process);
    let groups = ["module", "verdict", "action", "subject", "object"]
        .into_iter()
        .filter_map(|name| Some((name, event.get(name)?)))
        .chain([("process", &process)]);
    let lines: Vec<_> = groups.map(|(name, value)| format!("\"{name}\": {value}")).collect();
    format!("{{ {} }}\n", lines.join(",\n  "))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn events_are_shortened_and_other_lines_kept() {
        let mut shown = Shortened::new(Vec::new());
        for chunk in [
            "# what: a thing\n{\"schema\":2,\"module\":\"selinux\",\"object\":{\"path\":\"/x\"},",
            "\"process\":{\"pid\":7,\"cwd\":\"/\"}}\n",
        ] {
            shown.write_all(chunk.as_bytes()).unwrap();
        }
        assert_eq!(
            String::from_utf8(shown.inner).unwrap(),
            "# what: a thing\n{ \"module\": \"selinux\",\n  \"object\": {\"path\":\"/x\"},\n  \"process\": {\"pid\":7} }\n"
        );
    }
}
