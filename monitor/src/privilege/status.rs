//! What the kernel says of this process's privileges: `/proc/self/status` (`fs/proc/array.c`, `proc_pid_status()`).

use std::{fmt, fs, io, str::FromStr};

const PATH: &str = "/proc/self/status";

/// A process's privileges.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Status {
    /// How many threads it has.
    pub threads: u32,
    /// The capability sets, a bit a capability.
    pub inheritable: u64,
    /// What may become effective.
    pub permitted: u64,
    /// What is in force.
    pub effective: u64,
    /// What could be gained by running a program.
    pub bounding: u64,
    /// What is kept when a program is run.
    pub ambient: u64,
    /// Whether running a program can gain nothing.
    pub no_new_privs: bool,
    /// Whether system calls are filtered: mode 2. Absent where the kernel has no seccomp.
    pub seccomp: Option<u32>,
}

/// The kernel's account can't be read.
#[derive(Debug, thiserror::Error)]
pub enum StatusError {
    /// The file can't be read.
    #[error("cannot read {PATH}: {0}")]
    Read(#[from] io::Error),
    /// A line is not there, or not as expected.
    #[error("{PATH} has no usable line `{0}`")]
    Line(&'static str),
}

impl Status {
    /// That of this thread's process.
    ///
    /// # Errors
    ///
    /// If the file can't be read or lacks a line.
    pub fn read() -> Result<Self, StatusError> {
        Self::parse(&fs::read_to_string(PATH)?)
    }

    fn parse(text: &str) -> Result<Self, StatusError> {
        let line = |name: &str| {
            text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':')).map(str::trim)
        };
        let set = |name| {
            let digits = line(name).ok_or(StatusError::Line(name))?;
            u64::from_str_radix(digits, 16).map_err(|_| StatusError::Line(name))
        };
        Ok(Self {
            threads: number(line("Threads"), "Threads")?,
            inheritable: set("CapInh")?,
            permitted: set("CapPrm")?,
            effective: set("CapEff")?,
            bounding: set("CapBnd")?,
            ambient: set("CapAmb")?,
            no_new_privs: number::<u32>(line("NoNewPrivs"), "NoNewPrivs")? == 1,
            seccomp: line("Seccomp").map(|mode| number(Some(mode), "Seccomp")).transpose()?,
        })
    }

    /// Whether there is no capability and no way to gain one, and system calls are filtered where the kernel can.
    #[must_use]
    pub fn is_unprivileged(&self) -> bool {
        let sets = [self.inheritable, self.permitted, self.effective, self.ambient];
        sets == [0; 4] && self.no_new_privs && self.seccomp.is_none_or(|mode| mode == 2)
    }
}

fn number<T: FromStr>(text: Option<&str>, name: &'static str) -> Result<T, StatusError> {
    text.and_then(|text| text.parse().ok()).ok_or(StatusError::Line(name))
}

impl fmt::Display for Status {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { threads: _, inheritable, permitted, effective, bounding, ambient, no_new_privs, seccomp } =
            self;
        write!(
            f,
            "capabilities {effective:x} (permitted {permitted:x}, inheritable {inheritable:x}, ambient {ambient:x}, \
             bounding {bounding:x}), no_new_privs {no_new_privs}, seccomp {}",
            seccomp.map_or_else(|| "not in this kernel".to_owned(), |mode| format!("mode {mode}")),
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const DROPPED: &str = "Name:\tdenyd\nThreads:\t1\nCapInh:\t0000000000000000\nCapPrm:\t0000000000000000\n\
        CapEff:\t0000000000000000\nCapBnd:\t000000c000000000\nCapAmb:\t0000000000000000\nNoNewPrivs:\t1\nSeccomp:\t2\n\
        Seccomp_filters:\t1\n";

    #[test]
    fn every_privilege_that_is_left_shows() {
        assert!(Status::parse(DROPPED).unwrap().is_unprivileged());
        for (without, with) in [
            ("CapEff:\t0000000000000000", "CapEff:\t0000000000000001"),
            ("CapPrm:\t0000000000000000", "CapPrm:\t8000000000000000"),
            ("CapInh:\t0000000000000000", "CapInh:\t0000000000000002"),
            ("CapAmb:\t0000000000000000", "CapAmb:\t0000000000000002"),
            ("NoNewPrivs:\t1", "NoNewPrivs:\t0"),
            ("Seccomp:\t2", "Seccomp:\t0"),
        ] {
            assert!(!Status::parse(&DROPPED.replace(without, with)).unwrap().is_unprivileged(), "{with}");
        }
    }

    #[test]
    fn a_kernel_without_seccomp_has_no_such_line() {
        let status = Status::parse(&DROPPED.replace("Seccomp", "Other")).unwrap();
        assert_eq!((status.seccomp, status.is_unprivileged()), (None, true));
    }

    #[test]
    fn a_line_that_is_not_there_is_named() {
        let error = Status::parse(&DROPPED.replace("CapBnd", "CapX")).unwrap_err();
        assert_eq!(error.to_string(), "/proc/self/status has no usable line `CapBnd`");
    }

    #[test]
    fn the_running_kernel_writes_it_so() {
        assert!(Status::read().unwrap().threads >= 1);
    }
}
