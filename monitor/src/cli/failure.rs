//! Why denyd ended, in one line, and the exit status.

use std::{io, path::PathBuf, process::ExitCode};

use monitor_api::client::ClientError;
use monitor_event::selection::SelectionError;

use crate::{
    config::ConfigError, kernel::KernelError, output::StartError, privilege::PrivilegeError, tail::server,
};

/// Why denyd ended: the cause, and what to do.
#[derive(Debug, thiserror::Error)]
pub(super) enum Failure {
    /// The kernel side could not be set up.
    #[error(transparent)]
    Kernel(#[from] KernelError),
    /// The configuration can't be used.
    #[error("{0}: see `denyd config default`")]
    Config(#[from] ConfigError),
    /// Privileges could not be given up.
    #[error("{0}: start denyd again")]
    Privileges(#[from] PrivilegeError),
    /// An output could not be started.
    #[error("{0}: raise the limits of threads and open files")]
    Output(#[from] StartError),
    /// The runtime could not be started.
    #[error("cannot wait for events: {0}: raise the limit of open files")]
    Runtime(#[source] io::Error),
    /// A child of this process was to watch.
    #[error("cannot watch: {0}")]
    Watch(String),
    /// Metrics can't be served.
    #[cfg(feature = "metrics")]
    #[error(transparent)]
    Metrics(#[from] crate::metrics::web::WebError),
    /// The ring buffer can't be waited for any more.
    #[error("cannot wait for denials any more: {0}: start denyd again")]
    Ring(#[source] io::Error),
    /// Standard output was closed.
    #[error("standard output was closed: what read the events has ended; start both again")]
    StdoutClosed,
    /// Standard output can't be written.
    #[error("cannot write to standard output: {0}: make room there, or send the events elsewhere")]
    Stdout(#[source] io::Error),
    /// Pins can't be removed.
    #[error("cannot detach: {0}")]
    Pins(#[from] crate::kernel::pins::PinError),
    /// Programs would be detached at once.
    #[error(
        "the programs cannot be left attached: see what was said before, and `pin.enabled` of the configuration"
    )]
    NotPinned,
    /// Clients can't be served.
    #[error(transparent)]
    Serve(#[from] server::StartError),
    /// What was asked for can't be.
    #[error(transparent)]
    Selection(#[from] SelectionError),
    /// The daemon gives no events.
    #[error(transparent)]
    Client(#[from] ClientError),
    /// No denial could be caused.
    #[error(
        "cannot start the self-test child: {0}: check that /proc is mounted and that this program may execute itself"
    )]
    Selftest(#[source] io::Error),
    /// A man page could not be written.
    #[error("cannot write {path}: {error}: name a folder that can be written")]
    Man {
        /// Which.
        path: PathBuf,
        /// Why.
        #[source]
        error: io::Error,
    },
    /// A file is no BTF of a kernel.
    #[error("cannot use {file}: {error}: name a copy of another machine's /sys/kernel/btf/vmlinux")]
    Btf {
        /// Which.
        file: PathBuf,
        /// Why.
        error: String,
    },
    /// There is neither a daemon nor a history nor a log.
    #[error(
        "no denyd listens on {socket}, and there is no history in {history}: name a log, such as /var/log/audit/audit.log, \
         or start the daemon (systemctl start denyd)"
    )]
    NothingToExplain {
        /// Where a daemon would listen.
        socket: PathBuf,
        /// Where its history would be.
        history: PathBuf,
    },
    /// A log can't be read.
    #[error("cannot read {file}: {error}: name a log that you may read, or `-` for standard input")]
    Log {
        /// Which.
        file: String,
        /// Why.
        #[source]
        error: io::Error,
    },
    /// A policy can't be used.
    #[error("{0}: give a policy as the kernel loads it, such as /etc/selinux/TYPE/policy/policy.NN")]
    Place(#[from] monitor_explain::place::PlaceError),
    /// A change can't be made or taken back.
    #[error(transparent)]
    Tool(#[from] super::fix::ToolError),
    /// Only root changes anything.
    #[error("only root can change this machine: run it as root, or with --dry-run")]
    NotRoot,
    /// There is nobody to ask.
    #[error("there is no terminal to ask on: add --yes to apply it, or --dry-run to only see it")]
    Unasked,
    /// The policy that was given may be another machine's.
    #[error("what another policy says is not applied here: leave --policy out, or add --dry-run")]
    ForeignPolicy,
    /// Something was not applied, or did not help.
    #[error("not all is fixed: see above; `denyd fix --undo` takes back what was applied")]
    NotFixed,
    /// There is nothing to draw on.
    #[cfg(feature = "top")]
    #[error("this needs a terminal: use `denyd tail -f` in a pipe or file")]
    NoTerminal,
    /// No daemon runs, and to watch without one takes privileges.
    #[error(
        "no denyd listens on {0}, and to watch without one takes root: start the daemon (systemctl start denyd), or run this as root"
    )]
    NoDaemon(PathBuf),
    /// No daemon runs, and none has left anything.
    #[error(
        "no denyd listens on {socket}, and there is no history in {history}: start the daemon (systemctl start denyd), \
         or watch what happens from now on with -f, as root"
    )]
    NoHistory {
        /// Where a daemon would listen.
        socket: PathBuf,
        /// Where its history would be.
        history: PathBuf,
    },
}

impl Failure {
    /// The exit status, as `denyd --help` lists them.
    pub(super) fn exit_code(&self) -> ExitCode {
        let status = match self {
            Self::Config(_)
            | Self::Selection(_)
            | Self::Place(_)
            | Self::Btf { .. }
            | Self::Unasked
            | Self::ForeignPolicy => 2,
            Self::Kernel(KernelError::NotPrivileged)
            | Self::NoDaemon(_)
            | Self::NotRoot
            | Self::Client(ClientError::NotAllowed(_)) => 3,
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
