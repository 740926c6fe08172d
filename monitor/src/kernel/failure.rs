//! Why a program could not be attached, in words.

use std::fs;

use aya::programs::ProgramError;

/// A program could not be attached.
#[derive(Debug, thiserror::Error)]
pub(super) enum AttachError {
    #[error("this kernel has no {0}")]
    NoTarget(&'static str),
    #[error("this kernel's BTF lacks {}", .0.join(", "))]
    NoMember(Vec<String>),
    #[error("no hook has a BPF LSM program")]
    NoLsmProgram,
    #[error("this kernel's /proc/kallsyms doesn't tell {}", .0.join(", "))]
    Unknown(Vec<&'static str>),
    #[error("the eBPF object can't be used: {0}")]
    Object(String),
    #[error("the eBPF object has no such program")]
    NoProgram,
    #[error("cannot load it: {}", reason(.0))]
    Load(ProgramError),
    #[error("cannot attach it: {}", reason(.0))]
    Attach(ProgramError),
    #[error("this kernel keeps kprobes to CAP_SYS_ADMIN, since the sysctl kernel.perf_event_paranoid is {0}")]
    Paranoid(i32),
}

impl AttachError {
    /// Whether the kernel refuses to trace its functions, and not just this one.
    pub(super) fn is_refusal(&self) -> bool {
        matches!(self, Self::Load(ProgramError::LoadError { io_error, verifier_log })
            if io_error.raw_os_error() == Some(libc::EPERM) && verifier_log.to_string().is_empty())
    }
}

/// Up to here `CAP_PERFMON` is enough for `perf_event_open` (kernel/events/core.c). Above, Debian's and Ubuntu's kernels ask
/// for `CAP_SYS_ADMIN`.
const PERFMON_IS_ENOUGH: i32 = 2;

/// What to do about [`AttachError::Paranoid`].
pub(super) const PARANOID_ADVICE: &str = "set the sysctl kernel.perf_event_paranoid to 2, or give denyd CAP_SYS_ADMIN; or use Linux 6.6 or newer, where no \
     kprobe is needed";

/// Shows why a kprobe could not be attached, if the sysctl is the cause.
pub(super) fn of_kprobe(error: AttachError) -> AttachError {
    let level = fs::read_to_string("/proc/sys/kernel/perf_event_paranoid");
    of_kprobe_at(error, level.ok().and_then(|level| level.trim().parse().ok()))
}

/// As [`of_kprobe`], at this level of the sysctl.
fn of_kprobe_at(error: AttachError, level: Option<i32>) -> AttachError {
    let refused = matches!(&error, AttachError::Attach(ProgramError::SyscallError(error))
        if error.io_error.raw_os_error() == Some(libc::EACCES));
    match level {
        Some(level) if refused && level > PERFMON_IS_ENOUGH => AttachError::Paranoid(level),
        _ => error,
    }
}

/// `ENOTSUPP` (include/linux/errno.h), which is no errno of user space's.
const ENOTSUPP: i32 = 524;

/// The cause in one line. The verifier's log, if there is one, goes to the debug log.
pub(super) fn reason(error: &ProgramError) -> String {
    let (io, verifier_log) = match error {
        ProgramError::LoadError { io_error, verifier_log } => (io_error, verifier_log.to_string()),
        ProgramError::SyscallError(error) => (&error.io_error, String::new()),
        other => return other.to_string(),
    };
    if !verifier_log.is_empty() {
        tracing::debug!(%verifier_log, "the verifier refused a program");
    }
    let last = last_words(&verifier_log);
    match (io.raw_os_error(), last) {
        (Some(libc::EPERM), None) => {
            "this kernel refuses to trace its functions with BPF trampolines (EPERM before verification: lockdown, or a \
             kernel hardened against it)"
                .to_owned()
        }
        (Some(ENOTSUPP), _) => {
            "this kernel's trampolines can't take a function with these arguments (ENOTSUPP)".to_owned()
        }
        (_, Some(line)) => format!("{io}; the verifier says: {line}"),
        (_, None) => io.to_string(),
    }
}

/// The verifier's last line before its statistics: what it refused.
fn last_words(log: &str) -> Option<&str> {
    let statistics = ["verification time ", "stack depth ", "subprog ", "insns processed ", "processed "];
    let said = |line: &&str| !line.is_empty() && !statistics.iter().any(|start| line.starts_with(start));
    log.lines().map(str::trim).rfind(said)
}

#[cfg(test)]
mod tests {
    use std::io;

    use aya::sys::SyscallError;

    use super::*;

    #[test]
    fn a_kprobe_that_the_sysctl_keeps_to_the_administrator_is_told_from_one_that_fails() {
        let failed = |errno| {
            let io_error = io::Error::from_raw_os_error(errno);
            let error = SyscallError { call: "perf_event_open", io_error };
            AttachError::Attach(ProgramError::SyscallError(error))
        };
        let is_told = |errno, level| matches!(of_kprobe_at(failed(errno), level), AttachError::Paranoid(_));
        assert!(is_told(libc::EACCES, Some(3)));
        assert!(!is_told(libc::EACCES, Some(2)));
        assert!(!is_told(libc::EACCES, None));
        assert!(!is_told(libc::ENOENT, Some(3)));
    }

    #[test]
    fn the_cause_is_what_the_verifier_said_before_its_statistics() {
        let log = "1214: (67) r6 <<= 32\nR6 pointer arithmetic with <<= operator prohibited\n\
            verification time 301119 usec\nstack depth 80+0\nsubprog 0 (peek) main insns_self 9\n\
            processed 1427 insns (limit 1000000) max_states_per_insn 4\n\n";
        assert_eq!(last_words(log), Some("R6 pointer arithmetic with <<= operator prohibited"));
        assert_eq!(last_words("processed 0 insns\n"), None);
    }
}
