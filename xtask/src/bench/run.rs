//! When and where something was measured.

use std::{fs, process::Command, thread};

use anyhow::Context as _;
use jiff::{Timestamp, Unit};
use serde::{Deserialize, Serialize};
use xtask::{process, workspace};

/// One run of a part.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Run {
    /// When it began.
    pub time: Timestamp,
    /// The commit that was measured; with `-dirty` if anything was changed since.
    pub commit: String,
    /// The processor of this machine.
    pub processor: String,
    /// How many of them.
    pub processors: usize,
    /// How many tasks wanted one when it began, over a minute: others than this run, that is.
    pub load: f64,
    /// The emulator.
    pub emulator: String,
}

impl Run {
    /// This run, which begins.
    pub(super) fn now() -> anyhow::Result<Self> {
        let commit = process::read(
            Command::new("git").args(["describe", "--always", "--dirty"]).current_dir(workspace::root()),
        )?;
        let emulator = process::read(Command::new("qemu-system-x86_64").arg("--version"))?;
        let load = read("/proc/loadavg")?;
        let load = load.split(' ').next().unwrap_or_default();
        Ok(Self {
            time: Timestamp::now().round(Unit::Second)?,
            commit: commit.trim().to_owned(),
            processor: processor(&read("/proc/cpuinfo")?).context("the processor has no name")?,
            processors: thread::available_parallelism()?.get(),
            load: load.parse().with_context(|| format!("a load of {load}"))?,
            emulator: emulator.lines().next().unwrap_or_default().to_owned(),
        })
    }
}

fn read(path: &str) -> anyhow::Result<String> {
    fs::read_to_string(path).with_context(|| format!("cannot read {path}"))
}

/// The model name in the text of `/proc/cpuinfo`.
fn processor(text: &str) -> Option<String> {
    let line = text.lines().find(|line| line.starts_with("model name"))?;
    Some(line.split_once(": ")?.1.trim().to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_processor_is_named() {
        let text =
            "processor\t: 0\nmodel name\t: Some CPU @ 2.00GHz\n\nprocessor\t: 1\nmodel name\t: Other\n";
        assert_eq!(processor(text).unwrap(), "Some CPU @ 2.00GHz");
        assert_eq!(processor(""), None);
    }
}
