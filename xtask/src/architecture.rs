//! The machines that denyd is made for, and what each is called by whom.

use std::{env, process::Command};

use clap::ValueEnum;
use object::elf;

use crate::vm::initramfs::{InitramfsError, host_program};

/// A kind of machine, by Debian's name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, ValueEnum)]
pub enum Architecture {
    /// x86-64
    #[default]
    Amd64,
    /// `AArch64`, also called ARM64
    Arm64,
}

impl Architecture {
    /// All of them.
    pub const ALL: [Self; 2] = [Self::Amd64, Self::Arm64];

    /// Debian's name, which is the container images', too.
    #[must_use]
    pub const fn debian(self) -> &'static str {
        match self {
            Self::Amd64 => "amd64",
            Self::Arm64 => "arm64",
        }
    }

    /// The name that `uname -m` prints and that RPM uses.
    #[must_use]
    pub const fn machine(self) -> &'static str {
        match self {
            Self::Amd64 => "x86_64",
            Self::Arm64 => "aarch64",
        }
    }

    /// Rust's target.
    #[must_use]
    pub const fn target(self) -> &'static str {
        match self {
            Self::Amd64 => "x86_64-unknown-linux-gnu",
            Self::Arm64 => "aarch64-unknown-linux-gnu",
        }
    }

    /// The number by which ELF files name it.
    #[must_use]
    pub const fn elf_machine(self) -> u16 {
        match self {
            Self::Amd64 => elf::EM_X86_64,
            Self::Arm64 => elf::EM_AARCH64,
        }
    }

    /// Whether this machine is one.
    #[must_use]
    pub fn is_host(self) -> bool {
        self.machine() == env::consts::ARCH
    }

    /// What emulates such a machine.
    #[must_use]
    pub const fn emulator(self) -> &'static str {
        match self {
            Self::Amd64 => "qemu-system-x86_64",
            Self::Arm64 => "qemu-system-aarch64",
        }
    }

    /// What links programs for it elsewhere.
    #[must_use]
    pub const fn cross_linker(self) -> &'static str {
        match self {
            Self::Amd64 => "x86_64-linux-gnu-gcc",
            Self::Arm64 => "aarch64-linux-gnu-gcc",
        }
    }

    /// A command that runs a static program for it on this machine.
    ///
    /// # Errors
    /// When that takes an emulator, and there is none.
    pub fn run(self, program: &std::path::Path) -> Result<Command, InitramfsError> {
        if self.is_host() {
            return Ok(Command::new(program));
        }
        let mut command = Command::new(host_program(&format!("qemu-{}", self.machine()))?);
        command.arg(program);
        Ok(command)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn this_machine_is_one_of_them() {
        assert_eq!(Architecture::ALL.iter().filter(|architecture| architecture.is_host()).count(), 1);
    }

    #[test]
    fn a_program_of_this_machine_runs_as_it_is() {
        let host = Architecture::ALL.into_iter().find(|architecture| architecture.is_host()).unwrap();
        let command = host.run(std::path::Path::new("/bin/true")).unwrap();
        assert_eq!(command.get_program(), "/bin/true");
    }
}
