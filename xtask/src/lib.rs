//! Everything that a developer or CI runs: set-up, build, run, test, and guests to try things in.
//!
//! This library is what the command `cargo xtask` and the end-to-end tests share. To run a command on a real
//! kernel, begin with [`vm::Guest`].

pub mod apt;
pub mod architecture;
pub mod cache;
pub mod kernel;
pub mod package;
pub mod process;
pub mod progress;
pub mod prometheus;
pub mod setup;
pub mod vm;
pub mod workspace;
