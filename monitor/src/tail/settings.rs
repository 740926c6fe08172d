//! What the configuration says of clients: its table `[tail]`.

use std::{num::NonZeroUsize, path::PathBuf};

use nix::unistd::Group;
use serde::Deserialize;

use super::server::Options;

/// Bytes in a MiB.
const MIB: u64 = 1 << 20;

/// The table `[tail]`.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Settings {
    /// Whether there is a socket and a history at all.
    pub serve: bool,
    /// The socket.
    pub socket: PathBuf,
    /// The group whose members may listen.
    pub group: String,
    /// Clients at once, at most.
    pub clients: NonZeroUsize,
    /// MiB of events kept in memory.
    pub memory_mib: u16,
    /// Where events are kept on disk.
    pub history: PathBuf,
    /// MiB of events kept on disk; 0: none are.
    pub history_mib: u32,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            serve: true,
            socket: super::SOCKET.into(),
            group: super::GROUP.to_owned(),
            clients: NonZeroUsize::new(64).unwrap_or(NonZeroUsize::MIN),
            memory_mib: 8,
            history: super::HISTORY.into(),
            history_mib: 256,
        }
    }
}

impl Settings {
    /// How clients are served by this. A group that this machine doesn't have has no members.
    #[must_use]
    pub fn options(&self) -> Options {
        let Self { serve: _, socket, group, clients, memory_mib, history, history_mib } = self;
        let group = Group::from_name(group).ok().flatten().map(|group| group.gid.as_raw());
        let memory = usize::from(*memory_mib) << 20;
        let disk = (*history_mib > 0).then(|| (history.clone(), u64::from(*history_mib) * MIB));
        Options { socket: socket.clone(), group, clients: *clients, memory, disk }
    }
}
