//! The metrics: the table `[metrics]` of the configuration.

use std::{net::SocketAddr, path::PathBuf};

use serde::{Deserialize, Serialize};

/// Where metrics are served unless something else is said.
pub(crate) const DEFAULT_ADDRESS: &str = "127.0.0.1:9934";

/// What can be set about the metrics.
#[cfg_attr(
    not(feature = "metrics"),
    expect(unreachable_pub, clippy::struct_field_names, reason = "it is public with the metrics")
)]
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Config {
    /// Whether they are served at all.
    #[cfg_attr(not(feature = "metrics"), serde(deserialize_with = "not_built"))]
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

/// An address to serve metrics at, or to ask for them.
///
/// # Errors
///
/// If it is none, or this build has no metrics.
pub(crate) fn parse_address(text: &str) -> Result<SocketAddr, String> {
    if cfg!(feature = "metrics") {
        text.parse().map_err(|_| "give an IP address and a port: ADDRESS:PORT".to_owned())
    } else {
        Err(NOT_BUILT.to_owned())
    }
}

const NOT_BUILT: &str =
    "this denyd was built without the feature `metrics`: leave it out, or use a build that has it";

#[cfg(not(feature = "metrics"))]
fn not_built<'de, D: serde::Deserializer<'de>>(from: D) -> Result<bool, D::Error> {
    if bool::deserialize(from)? { Err(serde::de::Error::custom(NOT_BUILT)) } else { Ok(false) }
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
