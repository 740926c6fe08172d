//! denyd: tells, the moment it happens, which Linux security module refused what, to whom, and what to do about it.

pub mod accounting;
pub mod cli;
pub mod clock;
pub mod enrich;
pub mod event;
pub mod kernel;
pub mod output;
pub mod path;
pub mod pipeline;
pub mod record;
pub mod source;
pub mod text;
