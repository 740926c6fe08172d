//! Asks the running denyd: by its socket, or by its endpoint for metrics, which other users may ask, too.

use std::{net::SocketAddr, path::Path, time::Duration};

use monitor_api::{
    client::{Client, ClientError},
    protocol::{self, StatusRequest},
    snapshot::Snapshot,
};
use serde::Serialize;

use crate::config::metrics::DEFAULT_ADDRESS;

/// How long it may take to answer.
pub(super) const PATIENCE: Duration = Duration::from_secs(3);

/// The running denyd.
#[derive(Debug, Serialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Daemon {
    /// What it says.
    Answers(Box<Snapshot>),
    /// It says nothing.
    Silent {
        /// Why, and what to do.
        reason: String,
    },
}

/// Asks what listens on the socket, and if nothing does or it may not be asked, what serves metrics at the usual address.
pub(super) fn ask(socket: &Path) -> Daemon {
    let error = match by_socket(socket) {
        Ok(snapshot) => return Daemon::Answers(Box::new(snapshot)),
        Err(error) => error,
    };
    match DEFAULT_ADDRESS.parse().map(ask_metrics) {
        Ok(Daemon::Answers(snapshot)) => Daemon::Answers(snapshot),
        _ => Daemon::Silent { reason: error.to_string() },
    }
}

fn by_socket(socket: &Path) -> Result<Snapshot, ClientError> {
    let client = Client::connect(socket, &protocol::Request::status(StatusRequest::default()))?;
    client.set_patience(Some(PATIENCE)).map_err(ClientError::Io)?;
    client.status().map(|status| status.now)
}

/// Asks what serves metrics there.
#[cfg(feature = "metrics")]
pub(super) fn ask_metrics(address: SocketAddr) -> Daemon {
    match super::endpoint::ask(address) {
        Ok(snapshot) => Daemon::Answers(Box::new(snapshot)),
        Err(reason) => Daemon::Silent { reason: format!("{address}: {reason}") },
    }
}

/// Nothing can be asked.
#[cfg(not(feature = "metrics"))]
pub(super) fn ask_metrics(address: SocketAddr) -> Daemon {
    Daemon::Silent { reason: format!("{address}: this denyd was built without the feature `metrics`") }
}
