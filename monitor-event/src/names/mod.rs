//! The names of the kernel's constants, as its own logs write them.
//!
//! The tables are part of the kernel's ABI or of what its logs have always printed; what moves between versions
//! (SELinux's classes) is read from the running kernel.

use std::borrow::Cow;

use crate::event::Text;

pub mod apparmor;
pub mod capability;
pub mod ipe;
pub mod landlock;
pub mod lockdown;
pub mod seccomp;
pub mod selinux;
pub mod signal;
pub mod socket;
pub mod syscall;
pub mod tomoyo;

/// The names of a mask's bits, each by `name`; a bit that it doesn't know is `perm_0xNN`.
pub(crate) fn names_of_bits<'a>(mask: u64, name: impl Fn(u32) -> Option<&'a str>) -> Vec<Text<'a>> {
    bits(mask)
        .map(|bit| match name(bit) {
            Some(name) => Cow::Borrowed(name),
            None => Cow::Owned(format!("perm_{:#x}", 1_u64 << bit)),
        })
        .collect()
}

/// The numbers of a mask's bits, from the lowest.
pub(crate) fn bits(mask: u64) -> impl Iterator<Item = u32> {
    let rest = std::iter::successors(Some(mask), |rest| Some(rest & rest.wrapping_sub(1)));
    rest.take_while(|&rest| rest != 0).map(u64::trailing_zeros)
}
