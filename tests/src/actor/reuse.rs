//! One process id that one process after another has.

use std::{fs, path::Path, process::Command};

use anyhow::{Context as _, bail};

use super::{
    copy_self,
    standing::{self, Standing},
};
use crate::{case::Module, report::Report};

/// Their programs, in turn.
const PROGRAMS: [&str; 3] = ["/srv/standing/first", "/srv/standing/bin/second", "/srv/standing/third"];
const FIRST_UID: u32 = 4000;
/// The kernel gives the next process the number after this one.
const LAST_PID: &str = "/proc/sys/kernel/ns_last_pid";
/// Somebody else may be quicker, now and then.
const TRIES: u32 = 100;

/// Has `count` processes refused by `module`, one after another, all with one process id; reports each with what
/// `/proc` said of it while it lived.
///
/// # Errors
/// Fails if the number can't be had again, or a process was not refused.
pub fn reuse(
    module: Module,
    count: u32,
    mut report: impl FnMut(Report) -> anyhow::Result<()>,
) -> anyhow::Result<()> {
    standing::prepare(module)?;
    PROGRAMS.into_iter().try_for_each(|program| copy_self(Path::new(program)))?;
    let mut number = None;
    for (uid, program) in (FIRST_UID..).zip(PROGRAMS.into_iter().cycle()).take(usize::try_from(count)?) {
        let mut process = with_number(number, Command::new(program).args(standing::words(module, uid)))?;
        process.wait()?;
        let id = *number.get_or_insert(process.id());
        report(process.be_refused(id, program)?)?;
    }
    Ok(())
}

/// Starts a process that has this number.
fn with_number(number: Option<u32>, command: &mut Command) -> anyhow::Result<Standing> {
    for _ in 0..TRIES {
        if let Some(number) = number {
            fs::write(LAST_PID, (number - 1).to_string()).context("the kernel gives no chosen number")?;
        }
        let process = Standing::start(command)?;
        if number.is_none_or(|number| number == process.id()) {
            return Ok(process);
        }
        process.dismiss()?;
    }
    bail!("{TRIES} times another process was quicker")
}
