//! Signals, by the kernel's number (include/uapi/asm-generic/signal.h; as x86, Arm and RISC-V number them).

use std::borrow::Cow;

use crate::event::Text;

/// By number. Signal 0 only asks whether the process is there.
const NAMES: [&str; 32] = [
    "exists", "hup", "int", "quit", "ill", "trap", "abrt", "bus", "fpe", "kill", "usr1", "segv", "usr2",
    "pipe", "alrm", "term", "stkflt", "chld", "cont", "stop", "tstp", "ttin", "ttou", "urg", "xcpu", "xfsz",
    "vtalrm", "prof", "winch", "io", "pwr", "sys",
];
/// The kernel's own `SIGRTMIN`; libraries keep the first few for themselves.
const RTMIN: u32 = 32;
const RTMAX: u32 = 64;

/// A signal's name, or `unknown(NN)`.
#[must_use]
pub fn name(number: u32) -> Text<'static> {
    match NAMES.get(number as usize) {
        Some(name) => Cow::Borrowed(name),
        None if (RTMIN..=RTMAX).contains(&number) => format!("rtmin+{}", number - RTMIN).into(),
        None => format!("unknown({number})").into(),
    }
}
