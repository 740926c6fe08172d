//! denyd: reports, the moment it happens, which Linux security module refused what, to whom, and what to do about it.

pub mod accounting;
mod advise;
pub mod checkpoint;
pub mod cli;
pub mod clock;
mod config;
pub mod enrich;
mod fault;
pub mod fold;
pub mod guard;
mod heap;
mod host;
pub mod kernel;
pub mod ledger;
mod live;
#[cfg(feature = "metrics")]
pub mod metrics;
pub mod name_service;
pub mod output;
mod path;
pub mod pipeline;
mod posture;
pub mod privilege;
mod record;
mod service;
mod shared;
pub mod show;
pub mod source;
pub mod subjects;
pub mod tail;
#[cfg(feature = "top")]
mod top;

pub use config::check as check_configuration;
pub use monitor_event::{event, filter, format, text};
