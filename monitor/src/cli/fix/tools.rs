//! The system's own tools, run with words and never by a shell.

use std::{
    io,
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

/// Where the tools are.
const FOLDERS: [&str; 4] = ["/usr/sbin", "/usr/bin", "/sbin", "/bin"];
/// Of what a tool prints, so much is shown.
const SHOWN: usize = 400;

/// The tools.
#[derive(Clone, Debug)]
pub(super) struct Tools {
    folders: Vec<PathBuf>,
}

/// A tool did not do its work.
#[derive(Debug, thiserror::Error)]
pub(in crate::cli) enum ToolError {
    /// It is not there.
    #[error("there is no {tool}: install it ({})", package(.tool))]
    Missing {
        /// Which.
        tool: String,
    },
    /// It can't be run.
    #[error("cannot run {tool}: {error}")]
    Run {
        /// Which.
        tool: String,
        /// Why.
        #[source]
        error: io::Error,
    },
    /// It failed.
    #[error("{tool} failed ({status}): {said}")]
    Failed {
        /// Which.
        tool: String,
        /// How.
        status: std::process::ExitStatus,
        /// What it said.
        said: String,
    },
    /// Something beside a tool.
    #[error("{what}: {error}")]
    File {
        /// What was tried.
        what: String,
        /// Why it failed.
        #[source]
        error: io::Error,
    },
    /// A file is not as it was.
    #[error("{0} has changed since it was explained: run it again")]
    Changed(String),
}

/// The packages of the tools, as most distributions call them.
fn package(tool: &str) -> &'static str {
    match tool {
        "semanage" => "policycoreutils-python-utils",
        "apparmor_parser" => "apparmor",
        "systemctl" => "systemd",
        "chcon" => "coreutils",
        _ => "policycoreutils",
    }
}

impl Tools {
    /// Those of this machine.
    pub(super) fn of_system() -> Self {
        Self { folders: FOLDERS.iter().map(PathBuf::from).collect() }
    }

    /// Those of a folder.
    #[cfg(test)]
    pub(super) fn of_folder(folder: &Path) -> Self {
        Self { folders: vec![folder.to_owned()] }
    }

    fn find(&self, tool: &str) -> Option<PathBuf> {
        self.folders.iter().map(|folder| folder.join(tool)).find(|path: &PathBuf| Path::is_file(path))
    }

    /// Runs one, and waits for it. It gets no input and a fixed environment.
    pub(super) fn run(&self, words: &[String]) -> Result<(), ToolError> {
        let Some((tool, arguments)) = words.split_first() else { return Ok(()) };
        let path = self.find(tool).ok_or_else(|| ToolError::Missing { tool: tool.clone() })?;
        let folders: Vec<_> = FOLDERS.to_vec();
        let output = Command::new(path)
            .args(arguments)
            .env_clear()
            .env("PATH", folders.join(":"))
            .env("LC_ALL", "C.UTF-8")
            .stdin(Stdio::null())
            .output()
            .map_err(|error| ToolError::Run { tool: tool.clone(), error })?;
        if output.status.success() {
            return Ok(());
        }
        let said = String::from_utf8_lossy(&output.stderr);
        let said: String = said.trim().chars().take(SHOWN).collect();
        Err(ToolError::Failed { tool: tool.clone(), status: output.status, said })
    }
}
