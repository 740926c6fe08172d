//! The machine that cases run on: what depends on it is what their events say of system calls.

use std::env;

/// The environment variable that names the machine that guests emulate: `amd64` or `arm64`. In a guest there is none.
pub const VARIABLE: &str = "DENYD_E2E_ARCH";

/// A kind of machine.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Machine {
    /// x86-64.
    X86_64,
    /// `AArch64`.
    Aarch64,
}

impl Machine {
    /// The one that cases run on: this one, if the environment says nothing else.
    #[must_use]
    pub fn tested() -> Self {
        match env::var(VARIABLE).as_deref().unwrap_or(env::consts::ARCH) {
            "arm64" | "aarch64" => Self::Aarch64,
            _ => Self::X86_64,
        }
    }

    /// The name that events have.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::X86_64 => "x86_64",
            Self::Aarch64 => "aarch64",
        }
    }

    /// The number by which audit and seccomp know it (`AUDIT_ARCH_*`, include/uapi/linux/audit.h).
    #[must_use]
    pub const fn audit_arch(self) -> u32 {
        match self {
            Self::X86_64 => 0xc000_003e,
            Self::Aarch64 => 0xc000_00b7,
        }
    }

    /// The system call by which a folder is made: its name and number.
    #[must_use]
    pub const fn make_directory(self) -> (&'static str, u32) {
        match self {
            Self::X86_64 => ("mkdir", 83),
            Self::Aarch64 => ("mkdirat", 34),
        }
    }
}
