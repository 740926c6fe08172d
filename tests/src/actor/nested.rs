//! A process in namespaces of its own.

use std::{fs, process::Command};

use anyhow::{Context as _, ensure};

use super::standing::{self, Standing};
use crate::{case::Module, report::Report};

/// Has a process refused by `module` that is in a pid, user, mount and network namespace of its own.
///
/// # Errors
/// Fails if there is no such process, or it was not refused.
pub fn nested(module: Module) -> anyhow::Result<Report> {
    standing::prepare(module)?;
    let mut unshare = Command::new("unshare");
    unshare.args(["-p", "-f", "-r", "-m", "-n"]);
    let mut process =
        Standing::start(unshare.arg(std::env::current_exe()?).args(standing::words(module, 0)))?;
    process.wait()?;
    let outside = process.id();
    let children = fs::read_to_string(format!("/proc/{outside}/task/{outside}/children"))?;
    let child = children.trim().parse().with_context(|| format!("`{children}` is not one process"))?;
    let report = process.be_refused(child, "nested")?;
    ensure!(report.process.ns_pid != report.process.pid, "it is in no pid namespace of its own");
    Ok(report)
}
