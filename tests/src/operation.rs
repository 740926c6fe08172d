//! The operations that cases try, each one system call or as near to that as can be.
//!
//! Names follow the system calls. What is common is taken from rustix and the standard library; here is what neither
//! has, or what takes more words there than a case should spend.

pub mod apparmor;
pub mod file;
pub mod ipc;
pub mod policy;
pub mod process;
pub mod socket;
pub mod system;

use std::io;

/// The usual return value of a C function: -1 and `errno`, or a number.
fn check<T: Copy + Into<i64>>(result: T) -> io::Result<T> {
    if result.into() == -1 { Err(io::Error::last_os_error()) } else { Ok(result) }
}
