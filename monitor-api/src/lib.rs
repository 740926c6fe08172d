//! What denyd's daemon and its clients say to each other: the [protocol] of its socket, a [client], and the status that
//! the daemon shows, a [snapshot] with the [posture]. Nothing here needs a kernel, a daemon or an async runtime.

pub mod client;
pub mod posture;
pub mod protocol;
pub mod snapshot;
