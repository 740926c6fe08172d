//! From a record's bytes to what a user sees.

mod apparmor;
mod cgroups;
mod folding;
mod formats;
mod golden;
mod ipe;
mod levels;
mod names;
mod pipeline;
mod restart;
mod schema;
mod selinux;
mod support;
mod untrusted;
