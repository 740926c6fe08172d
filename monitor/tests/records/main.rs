//! From a record's bytes to what a user sees.

mod apparmor;
mod golden;
mod pipeline;
mod selinux;
mod support;
mod untrusted;
