//! What `actor` does inside the guest.

pub mod act;
pub mod allowed;
pub mod audit_control;
pub mod kernel_log;
pub mod part;
pub mod run;
pub mod session;
pub mod step;
pub mod storm;
