//! What `actor` does inside the guest.

pub mod act;
pub mod allowed;
pub mod audit_control;
pub mod cost;
pub mod flood;
pub mod kernel_log;
pub mod lag;
pub mod lengths;
pub mod manager;
pub mod nested;
pub mod part;
pub mod reuse;
pub mod run;
pub mod session;
pub mod standing;
pub mod step;
pub mod storm;
pub mod tally;

use std::{fs, io, path::Path};

/// Copies this program, so that another is run.
fn copy_self(to: &Path) -> io::Result<()> {
    to.parent().map_or(Ok(()), fs::create_dir_all)?;
    fs::copy(std::env::current_exe()?, to)?;
    Ok(())
}
