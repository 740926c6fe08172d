//! What can be set about the metrics: the table `[metrics]` of the configuration.

use std::{net::SocketAddr, path::PathBuf};

use serde::{Deserialize, Serialize};

/// Where metrics are served unless something else is said.
pub const DEFAULT_ADDRESS: &str = "127.0.0.1:9934";

/// What can be set about the metrics.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Config {
    /// Whether they are served at all.
    pub enabled: bool,
    /// Where: an IP address and a port. Ignored when systemd passes a socket.
    pub listen: SocketAddr,
    /// A file as Prometheus's exporters take it (exporter-toolkit's web configuration), for TLS and passwords.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub web_config: Option<PathBuf>,
    /// Connections at once.
    pub max_connections: usize,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            enabled: false,
            listen: SocketAddr::from(([127, 0, 0, 1], 9934)),
            web_config: None,
            max_connections: 32,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_key_has_a_default_and_an_unknown_key_is_an_error() {
        assert_eq!(serde_json::from_str::<Config>("{}").unwrap(), Config::default());
        assert_eq!(Config::default().listen.to_string(), DEFAULT_ADDRESS);
        assert!(Config::default().listen.ip().is_loopback());
        let error = serde_json::from_str::<Config>(r#"{"lisen": "127.0.0.1:1"}"#).unwrap_err().to_string();
        assert!(error.contains("unknown field `lisen`"), "{error}");
    }
}
