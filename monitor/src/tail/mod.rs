//! Events for whoever asks: `denyd tail` and `denyd top`.
//!
//! The daemon's side is an output ([`server`]) that keeps the newest events, in memory ([`recent`]) and on disk
//! ([`segments`]), and sends them to clients through a unix socket ([`socket`], [`peer`]). What both sides say is in
//! [`monitor_api::protocol`], with the other side, the client.

pub mod explain;
pub mod history;
pub mod moment;
pub mod peer;
pub mod recent;
pub mod segments;
pub mod server;
pub mod settings;
pub mod socket;
pub mod status;

/// The daemon's socket.
pub const SOCKET: &str = "/run/denyd/denyd.sock";
/// The folder of the daemon's history.
pub const HISTORY: &str = "/var/lib/denyd/history";
/// The group whose members may listen.
pub const GROUP: &str = "denyd";
