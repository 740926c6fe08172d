//! System calls, by number. The numbers depend on the machine, and on how a call was made.

use crate::event::Text;

/// By whose rules a number is a system call's.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Abi {
    /// `x86_64`.
    X86_64,
    /// 32-bit calls on x86: by `int 0x80`, or of a 32-bit program.
    I386,
    /// 64-bit calls with 32-bit pointers on `x86_64`.
    X32,
    /// `aarch64`.
    Aarch64,
    /// 32-bit programs on `aarch64`.
    Arm,
    /// That of another machine that denyd was built for, of a 64-bit program.
    Native,
}

/// `TS_COMPAT` in `thread_info.status` (`arch/x86/include/asm/thread_info.h`): a 32-bit call is under way.
const X86_TS_COMPAT: u32 = 1 << 1;
/// `__X32_SYSCALL_BIT` in the number (arch/x86/include/uapi/asm/unistd.h).
const X32_BIT: i32 = 0x4000_0000;
/// x32 has calls of its own from this number on; those before are `x86_64`'s.
const X32_OWN: i32 = 512;
/// `TIF_32BIT` in `thread_info.flags` (`arch/arm64/include/asm/thread_info.h`).
const ARM64_TIF_32BIT: u64 = 1 << 22;

impl Abi {
    /// The rules that hold for a call on this machine, by the thread's `thread_info` (`syscall_get_arch`,
    /// arch/*/include/asm/syscall.h).
    #[must_use]
    pub fn new(number: i32, thread_flags: u64, thread_status: u32) -> Self {
        if cfg!(target_arch = "x86_64") {
            Self::of_x86(number, thread_status)
        } else if cfg!(target_arch = "aarch64") {
            if thread_flags & ARM64_TIF_32BIT == 0 { Self::Aarch64 } else { Self::Arm }
        } else {
            Self::Native
        }
    }

    fn of_x86(number: i32, thread_status: u32) -> Self {
        if thread_status & X86_TS_COMPAT != 0 {
            Self::I386
        } else if number & X32_BIT != 0 {
            Self::X32
        } else {
            Self::X86_64
        }
    }

    /// Its name, as `uname -m` has it.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::X86_64 => "x86_64",
            Self::I386 => "i386",
            Self::X32 => "x32",
            Self::Aarch64 => "aarch64",
            Self::Arm => "arm",
            Self::Native => std::env::consts::ARCH,
        }
    }

    /// The name of the system call of this number.
    fn syscall(self, number: i32) -> Option<&'static str> {
        let plain = if self == Self::X32 { number & !X32_BIT } else { number };
        let index = usize::try_from(plain).ok()?;
        match self {
            Self::X32 if plain >= X32_OWN => None,
            Self::X86_64 | Self::X32 => syscalls::x86_64::Sysno::new(index).map(|call| call.name()),
            Self::I386 => syscalls::x86::Sysno::new(index).map(|call| call.name()),
            Self::Aarch64 => syscalls::aarch64::Sysno::new(index).map(|call| call.name()),
            Self::Arm => syscalls::arm::Sysno::new(index).map(|call| call.name()),
            Self::Native => syscalls::Sysno::new(index).map(|call| call.name()),
        }
    }
}

/// The number of the system call of this name; `None` if there is none.
#[must_use]
pub fn number(abi: Abi, name: &str) -> Option<i32> {
    let id = match abi {
        Abi::X86_64 | Abi::X32 => name.parse::<syscalls::x86_64::Sysno>().ok()?.id(),
        Abi::I386 => name.parse::<syscalls::x86::Sysno>().ok()?.id(),
        Abi::Aarch64 => name.parse::<syscalls::aarch64::Sysno>().ok()?.id(),
        Abi::Arm => name.parse::<syscalls::arm::Sysno>().ok()?.id(),
        Abi::Native => name.parse::<syscalls::Sysno>().ok()?.id(),
    };
    Some(if abi == Abi::X32 { id | X32_BIT } else { id })
}

/// A system call's name, or `syscall_NN` where it has none.
#[must_use]
pub fn name(abi: Abi, number: i32) -> Text<'static> {
    match abi.syscall(number) {
        Some(name) => name.into(),
        None => format!("syscall_{number}").into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_number_is_another_call_by_other_rules() {
        for (abi, number, wanted) in [
            (Abi::X86_64, 83, "mkdir"),
            (Abi::I386, 83, "symlink"),
            (Abi::I386, 39, "mkdir"),
            (Abi::X32, X32_BIT + 83, "mkdir"),
            (Abi::X32, X32_BIT + 512, "syscall_1073742336"),
            (Abi::Aarch64, 34, "mkdirat"),
            (Abi::Arm, 323, "mkdirat"),
            (Abi::X86_64, 9999, "syscall_9999"),
            (Abi::X86_64, -1, "syscall_-1"),
        ] {
            assert_eq!(name(abi, number), wanted, "{abi:?} {number}");
            let again = (!wanted.starts_with("syscall_")).then_some(number);
            assert_eq!(super::number(abi, wanted), again, "{abi:?} {wanted}");
        }
    }

    #[test]
    fn x86_tells_32_bit_calls_by_the_threads_status_and_the_number() {
        assert_eq!(Abi::of_x86(83, 0), Abi::X86_64);
        assert_eq!(Abi::of_x86(83, X86_TS_COMPAT | 1), Abi::I386);
        assert_eq!(Abi::of_x86(X32_BIT + 83, 0), Abi::X32);
    }
}
