//! The children of `denyd selftest`: started, waited for, and never left behind.

use std::{
    io::{self, BufRead as _, BufReader, Read as _},
    os::unix::process::ExitStatusExt as _,
    process::{Child, ChildStdin, ChildStdout, Stdio},
    time::Duration,
};

use rustix::{
    event::{PollFd, PollFlags, Timespec, poll},
    process::{Pid, PidfdFlags, pidfd_open},
};

use super::{cause::Outcome, part::Part};
use crate::event::Module;

/// What a child did.
#[derive(Debug)]
pub(super) struct Done {
    /// Its process id, by which its event is known.
    pub pid: u32,
    /// What became of what it tried.
    pub outcome: Outcome,
}

/// Has a child refused something by the module. It is killed if it takes longer than `limit`.
pub(super) fn run(module: Module, limit: Duration) -> io::Result<Done> {
    let target = if module == Module::Yama { Some(Target::start()?) } else { None };
    let target_id = target.as_ref().map(|target| target.process.0.id());
    let mut command = Part::Cause { module, target: target_id }.command()?;
    let mut process = Process(command.stdin(Stdio::null()).stdout(Stdio::piped()).spawn()?);
    let pid = process.0.id();
    if !process.ends_within(limit)? {
        return Err(io::Error::new(io::ErrorKind::TimedOut, "the child does not end"));
    }
    let mut said = String::new();
    if let Some(stdout) = &mut process.0.stdout {
        stdout.read_to_string(&mut said)?;
    }
    let status = process.0.wait()?;
    let outcome = match status.signal() {
        Some(libc::SIGSYS) => {
            Outcome::Refused { what: "call getppid".to_owned(), how: "killed by SIGSYS".to_owned() }
        }
        _ => serde_json::from_str(&said)
            .map_err(|_| io::Error::other(format!("the child ended with {status}")))?,
    };
    Ok(Done { pid, outcome })
}

/// A process that is no descendant of who wants to trace it.
struct Target {
    process: Process,
    /// It ends when this is closed.
    _until: Option<ChildStdin>,
    _said: BufReader<ChildStdout>,
}

impl Target {
    fn start() -> io::Result<Self> {
        let child = Part::Stand.command()?.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn()?;
        let mut process = Process(child);
        let until = process.0.stdin.take();
        let stdout = process.0.stdout.take().ok_or(io::ErrorKind::BrokenPipe)?;
        let mut said = BufReader::new(stdout);
        if said.read_line(&mut String::new())? == 0 {
            return Err(io::Error::other("the process to be traced did not start"));
        }
        Ok(Self { process, _until: until, _said: said })
    }
}

/// A child that ends with this.
struct Process(Child);

impl Process {
    fn ends_within(&self, limit: Duration) -> io::Result<bool> {
        let pid = Pid::from_child(&self.0);
        let end = pidfd_open(pid, PidfdFlags::empty())?;
        let limit = Timespec::try_from(limit).map_err(io::Error::other)?;
        Ok(poll(&mut [PollFd::new(&end, PollFlags::IN)], Some(&limit))? > 0)
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // One that has ended can't be killed.
        _ = self.0.kill();
        _ = self.0.wait();
    }
}
