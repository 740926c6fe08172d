//! From a record's bytes to what a user sees.

mod golden;
mod pipeline;
mod support;
mod untrusted;
