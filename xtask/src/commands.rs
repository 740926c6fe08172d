//! One file per verb of `cargo xtask`.

pub mod demo;
pub mod deny;
pub mod pictures;
pub mod run;
pub mod setup;
pub mod test;
pub mod vm;
