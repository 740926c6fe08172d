//! One line on standard error for each step that really does something, with the time it took.

use std::{fmt::Display, time::Instant};

/// Does `work` and says so: `xtask: fetching kernel 6.1 ... 4.2 s`.
///
/// # Errors
/// Whatever `work` fails with.
pub fn step<T, E>(what: impl Display, work: impl FnOnce() -> Result<T, E>) -> Result<T, E> {
    let start = Instant::now();
    eprint!("xtask: {what} ... ");
    let result = work();
    match result {
        Ok(_) => eprintln!("{:.1} s", start.elapsed().as_secs_f32()),
        Err(_) => eprintln!("failed"),
    }
    result
}

/// Says something that needs no time.
pub fn note(what: impl Display) {
    eprintln!("xtask: {what}");
}
