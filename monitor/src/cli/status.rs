//! `denyd status`: what is enforced on this machine, and how denyd does.

mod daemon;
#[cfg(feature = "metrics")]
mod endpoint;
mod text;

use std::{net::SocketAddr, path::PathBuf, process::ExitCode};

use clap::Args;
use monitor_api::{posture::Posture, snapshot::SourceState};
use serde::Serialize;

use self::daemon::Daemon;
use super::{failure::Failure, print};
use crate::{config::metrics::parse_address, posture, tail};

const AFTER_HELP: &str = "\
Examples:
  denyd status                             for people
  denyd status --json | jq .posture        for programs
  denyd status >/dev/null || echo \"exit status $?: see denyd status --help\"

Shows what getenforce, sestatus, aa-status and auditctl -s show, read from the kernel. Without root some of it is \
missing, which is reported. The daemon's state comes from its socket, or, if that is not permitted, from its metrics at \
127.0.0.1:9934.

Exit status:
  0  a module enforces its policy, and denyd watches and has lost nothing
  5  no module enforces its policy: SELinux is permissive, or AppArmor has no profile that refuses
  6  a module enforces, but no denyd answers
  7  denyd watches, but has lost something, or could not attach a source
  8  what is enforced can't be determined: try as root
The first that is true of 5, 8, 6 and 7 counts.";

/// Show enforcement on this machine, attached sources, and losses.
#[derive(Debug, Args)]
#[command(after_help = AFTER_HELP)]
pub(super) struct Status {
    /// Print one JSON object.
    #[arg(long)]
    json: bool,

    /// The daemon's socket.
    #[arg(long, value_name = "PATH", default_value = tail::SOCKET)]
    socket: PathBuf,

    /// Query the daemon's metrics endpoint instead of its socket.
    #[arg(long, value_name = "ADDRESS:PORT", conflicts_with = "socket", value_parser = parse_address)]
    daemon: Option<SocketAddr>,
}

/// All that is said.
#[derive(Debug, Serialize)]
struct Answer {
    /// In one word, as the exit status has it.
    health: Health,
    /// What is enforced.
    posture: Posture,
    /// The running denyd.
    daemon: Daemon,
}

/// What the exit status says.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
enum Health {
    Healthy,
    NotEnforcing,
    NoDaemon,
    Degraded,
    Unknown,
}

impl Health {
    fn new(posture: &Posture, daemon: &Daemon) -> Self {
        match (posture.enforces(), daemon) {
            (Some(false), _) => Self::NotEnforcing,
            (None, _) => Self::Unknown,
            (Some(true), Daemon::Silent { .. }) => Self::NoDaemon,
            (Some(true), Daemon::Answers(snapshot)) => {
                let failed = snapshot.sources.iter().any(|source| source.state == SourceState::Failed);
                if failed || snapshot.lost() > 0 { Self::Degraded } else { Self::Healthy }
            }
        }
    }

    /// The exit status, as the help lists them.
    fn exit_code(self) -> ExitCode {
        ExitCode::from(match self {
            Self::Healthy => 0,
            Self::NotEnforcing => 5,
            Self::NoDaemon => 6,
            Self::Degraded => 7,
            Self::Unknown => 8,
        })
    }
}

impl Status {
    /// Asks the kernel and the running denyd, and says it.
    pub(super) fn run(&self) -> Result<ExitCode, Failure> {
        let mut posture = posture::Watch::open().read();
        let daemon = self.daemon.map_or_else(|| daemon::ask(&self.socket), daemon::ask_metrics);
        if let Daemon::Answers(snapshot) = &daemon {
            posture.complete(&snapshot.posture);
        }
        let answer = Answer { health: Health::new(&posture, &daemon), posture, daemon };
        let text = if self.json {
            serde_json::to_string_pretty(&answer).map_err(|error| Failure::Stdout(error.into()))? + "\n"
        } else {
            text::Text(&answer).to_string()
        };
        print(&text)?;
        Ok(answer.health.exit_code())
    }
}

#[cfg(test)]
mod tests {
    use monitor_api::{
        posture::Selinux,
        snapshot::{AccountNow, LossNow, Snapshot},
    };

    use super::*;

    fn posture(enforcing: Option<bool>) -> Posture {
        Posture { selinux: Some(Selinux { enforcing, ..Selinux::default() }), ..Posture::default() }
    }

    fn answers(state: SourceState, lost: u64) -> Daemon {
        let mut snapshot = Snapshot::example();
        snapshot.sources[0].state = state;
        snapshot.sources[0].account = Some(AccountNow {
            lost: vec![LossNow { reason: "ring_full".to_owned(), count: lost }],
            ..AccountNow::default()
        });
        Daemon::Answers(Box::new(snapshot))
    }

    #[test]
    fn the_worst_counts() {
        let silent = || Daemon::Silent { reason: "none".to_owned() };
        assert_eq!(Health::new(&posture(Some(true)), &answers(SourceState::Attached, 0)), Health::Healthy);
        assert_eq!(Health::new(&posture(Some(true)), &answers(SourceState::Attached, 1)), Health::Degraded);
        assert_eq!(Health::new(&posture(Some(true)), &answers(SourceState::Failed, 0)), Health::Degraded);
        assert_eq!(Health::new(&posture(Some(true)), &silent()), Health::NoDaemon);
        assert_eq!(
            Health::new(&posture(Some(false)), &answers(SourceState::Attached, 0)),
            Health::NotEnforcing
        );
        assert_eq!(Health::new(&posture(None), &silent()), Health::Unknown);
    }
}
