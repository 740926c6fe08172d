//! Why denyd ended, in one line, and the exit status.

use std::{io, process::ExitCode};

use crate::kernel::KernelError;

/// Why denyd ended: the cause, and what to do.
#[derive(Debug, thiserror::Error)]
pub(super) enum Failure {
    /// The kernel side could not be set up.
    #[error(transparent)]
    Kernel(#[from] KernelError),
    /// The runtime could not be started.
    #[error("cannot wait for events: {0}: raise the limit of open files")]
    Runtime(#[source] io::Error),
    /// The ring buffer can't be waited for any more.
    #[error("cannot wait for denials any more: {0}: start denyd again")]
    Ring(#[source] io::Error),
    /// Standard output was closed.
    #[error("standard output was closed: what read the events has ended; start both again")]
    StdoutClosed,
    /// Standard output can't be written.
    #[error("cannot write to standard output: {0}: make room there, or send the events elsewhere")]
    Stdout(#[source] io::Error),
}

impl Failure {
    /// The exit status, as `denyd --help` lists them.
    pub(super) fn exit_code(&self) -> ExitCode {
        let status = match self {
            Self::Kernel(KernelError::NotPrivileged) => 3,
            Self::Kernel(
                KernelError::Types(_)
                | KernelError::Modules(_)
                | KernelError::Btf(_)
                | KernelError::NothingAttached(_),
            ) => 4,
            _ => 1,
        };
        ExitCode::from(status)
    }
}
