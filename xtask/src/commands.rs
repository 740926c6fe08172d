//! One file per verb of `cargo xtask`.

pub(crate) mod bench;
pub(crate) mod demo;
pub(crate) mod deny;
pub(crate) mod fuzz;
pub(crate) mod package;
pub(crate) mod pictures;
pub(crate) mod release;
pub(crate) mod run;
pub(crate) mod setup;
pub(crate) mod test;
pub(crate) mod vm;
