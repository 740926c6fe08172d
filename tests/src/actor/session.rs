//! A session: what is to be watched runs while denyd watches, and everything that a test needs is printed.

use std::{
    fs::{self, File},
    io::{BufRead as _, BufReader, Read as _, Write as _},
    process::{Child, ChildStderr, Command, Stdio},
};

use anyhow::{Context as _, bail};
use rustix::process::{Pid, Signal, kill_process};
use serde::{Deserialize, Serialize};

use super::{
    allowed::Quiet, audit_control::AuditControl, kernel_log::KernelLog, lengths::Hidden, step::StepReport,
    storm::Drop,
};
use crate::{operation::system::mount_tmpfs, report::Report, tomoyo};

/// One line of a session's output.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Line {
    /// A case, as it went.
    Report(Box<Report>),
    /// A process of a storm.
    Drop(Drop),
    /// A process that hid what it could.
    Hidden(Box<Hidden>),
    /// A process with a number that others had.
    Heir(Box<Report>),
    /// A process in namespaces of its own.
    Nested(Box<Report>),
    /// A process that told audit of refusals.
    Manager(Box<Report>),
    /// A step, as it went.
    Step(StepReport),
    /// How often programs ran while nothing was refused.
    Quiet(Quiet),
    /// A line of denyd's standard output.
    Event(String),
    /// A line of denyd's standard error.
    Message(String),
    /// How denyd ended.
    Ended(String),
    /// A line of the kernel's log.
    Log(String),
}

/// What audit is to do during the session.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, clap::ValueEnum)]
pub enum AuditMode {
    /// Record each denial and its system call.
    #[default]
    Record,
    /// Drop the modules' records by a rule.
    Exclude,
    /// Whatever the kernel was booted with.
    Leave,
}

const EVENTS: &str = "/run/events";
const READY: &str = "denyd: watching";
const MARKER: &str = "denyd-tests-end-of-session";
/// The records of `SELinux` and `AppArmor`: denials, and changes of the policy.
const TOLD: [u32; 4] = [1400, 1403, 1404, 1405];

/// What is done while denyd watches, printing [`Line`]s as it goes.
pub type Workload<'a> = &'a mut dyn FnMut() -> anyhow::Result<()>;

/// Prints what a test needs of `recorded`, whose audit records are printed, too, and then of `unrecorded`, while
/// `denyd` (its command line; none to see what the kernel alone records) watches.
///
/// # Errors
/// Fails if the session can't be held, or denyd doesn't come to watch.
pub fn session(
    denyd: &[String],
    mode: AuditMode,
    recorded: Workload<'_>,
    unrecorded: Workload<'_>,
) -> anyhow::Result<()> {
    mount_stage()?;
    let audit = AuditControl::open().context("cannot reach audit")?;
    if let Some(audit) = &audit {
        audit.enable(mode != AuditMode::Leave).context("cannot enable audit")?;
        if mode == AuditMode::Exclude {
            TOLD.iter().try_for_each(|&kind| audit.exclude(kind)).context("cannot exclude records")?;
        }
    }
    let denyd = if denyd.is_empty() { None } else { Some(Watcher::start(denyd)?) };
    let mut log = KernelLog::from_now()?;
    recorded()?;
    match &audit {
        Some(audit) => {
            audit.send_text(MARKER).context("cannot mark the end in audit's records")?;
            audit.enable(false)?;
        }
        None => log.write(MARKER)?,
    }
    for line in log.read_until(MARKER)? {
        print(&Line::Log(line))?;
    }
    tomoyo::take_log()?.into_iter().try_for_each(|record| print(&Line::Log(record)))?;
    unrecorded()?;
    denyd.map_or(Ok(()), Watcher::stop)
}

/// denyd at work.
struct Watcher {
    child: Child,
    messages: BufReader<ChildStderr>,
}

impl Watcher {
    /// Starts it and waits until it says that it watches.
    fn start(command: &[String]) -> anyhow::Result<Self> {
        let [program, arguments @ ..] = command else { bail!("no command") };
        let mut child = Command::new(program)
            .args(arguments)
            .stdin(Stdio::null())
            .stdout(File::create(EVENTS)?)
            .stderr(Stdio::piped())
            .spawn()
            .with_context(|| format!("cannot run {program}"))?;
        let mut messages = BufReader::new(child.stderr.take().context("no pipe")?);
        let mut line = String::new();
        while !line.starts_with(READY) {
            line.clear();
            if messages.read_line(&mut line)? == 0 {
                bail!("denyd did not come to watch: {}", child.wait()?);
            }
            print(&Line::Message(line.trim_end().to_owned()))?;
        }
        Ok(Self { child, messages })
    }

    /// Stops it in order, and prints what it saw and said.
    fn stop(mut self) -> anyhow::Result<()> {
        let pid = Pid::from_child(&self.child);
        kill_process(pid, Signal::INT)?;
        let mut rest = String::new();
        self.messages.read_to_string(&mut rest)?;
        for line in rest.lines() {
            print(&Line::Message(line.to_owned()))?;
        }
        let status = self.child.wait()?;
        for line in BufReader::new(File::open(EVENTS)?).lines() {
            print(&Line::Event(line?))?;
        }
        print(&Line::Ended(status.to_string()))
    }
}

/// Prints a line.
///
/// # Errors
/// As `write`.
pub fn print(line: &Line) -> anyhow::Result<()> {
    let mut output = std::io::stdout().lock();
    serde_json::to_writer(&mut output, line)?;
    output.write_all(b"\n")?;
    Ok(output.flush()?)
}

/// Mounts a file system of its own for what a session makes: the guest's root can't hold labels.
fn mount_stage() -> anyhow::Result<()> {
    fs::create_dir_all("/srv")?;
    mount_tmpfs("stage", "/srv").context("cannot mount /srv")
}
