//! The parts that the children of `denyd selftest` play. A child is this same program, which knows it by the name that it was
//! started under.

use std::{
    env,
    ffi::CString,
    io,
    os::unix::process::CommandExt as _,
    process::{Command, ExitCode},
};

use serde::{Deserialize, Serialize};

use super::cause;
use crate::{
    cli::{failure::Failure, print, say},
    event::Module,
};

/// The program itself, wherever it is and whatever has become of its file.
const OWN: &str = "/proc/self/exe";
/// The name of the children, by which they are known in events, too.
const NAME: &str = "denyd-selftest";

/// What a child does.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Part {
    /// It has itself refused something, and prints what became of it.
    Cause {
        /// By this module.
        module: Module,
        /// Whom it may want to trace.
        target: Option<u32>,
    },
    /// It stands there to be traced.
    Stand,
}

impl Part {
    /// What starts a process that plays it.
    pub(super) fn command(&self) -> io::Result<Command> {
        let mut command = Command::new(OWN);
        command.arg0(NAME).arg(serde_json::to_string(self)?);
        Ok(command)
    }

    fn play(self) -> Result<(), Failure> {
        match self {
            Self::Cause { module, target } => {
                let outcome = cause::cause(module, target);
                print(&serde_json::to_string(&outcome).map_err(|error| Failure::Selftest(error.into()))?)
            }
            Self::Stand => cause::stand().map_err(Failure::Selftest),
        }
    }
}

/// Plays this process's part, if it has one.
pub(super) fn main() -> Option<ExitCode> {
    let mut words = env::args_os();
    if words.next()? != NAME {
        return None;
    }
    let part = words.next().ok_or_else(|| io::ErrorKind::InvalidInput.into());
    let part = part.and_then(|part| Ok(serde_json::from_slice::<Part>(part.as_encoded_bytes())?));
    // It was started as a file of another name. With its number in it, what it is refused is no repeat of what an earlier
    // selftest was.
    let name = CString::new(format!("selftest{}", std::process::id()));
    // Without the name, only its events tell less.
    _ = name.map(|name| rustix::thread::set_name(&name));
    let played = part.map_err(Failure::Selftest).and_then(Part::play);
    Some(played.map_or_else(
        |failure| {
            say(&failure);
            failure.exit_code()
        },
        |()| ExitCode::SUCCESS,
    ))
}
