//! denyd: tells, the moment it happens, which Linux security module refused what, to whom, and what to do about it.

pub mod accounting;
pub mod checkpoint;
pub mod cli;
pub mod clock;
pub mod config;
pub mod enrich;
pub mod kernel;
pub mod metrics;
pub mod output;
pub mod path;
pub mod pipeline;
pub mod posture;
pub mod privilege;
pub mod record;
pub mod service;
pub mod show;
pub mod source;
pub mod tail;
pub mod top;

pub use monitor_event::{event, filter, format, text};
