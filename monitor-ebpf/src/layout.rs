//! The running kernel's layout and denyd's settings, written by user space before load.

use monitor_common::layout::{Layout, Settings};

/// Offsets, sizes and counts from the kernel's BTF.
#[unsafe(no_mangle)]
pub static LAYOUT: Layout = Layout::UNKNOWN;

/// Addresses, values of kernel variables, and settings.
#[unsafe(no_mangle)]
pub static SETTINGS: Settings = Settings::UNKNOWN;

/// The value of one of [`LAYOUT`]'s fields, [`monitor_common::layout::ABSENT`] if the kernel doesn't have it.
///
/// The verifier knows these values, since the map that holds them is frozen, and drops the branches that they exclude.
macro_rules! layout {
    ($field:ident) => {
        // SAFETY: a reference to a static is valid; volatile because user space changes the value before load.
        unsafe { core::ptr::read_volatile(&raw const $crate::layout::LAYOUT.$field) }
    };
}

/// The value of one of [`SETTINGS`]' fields.
macro_rules! setting {
    ($field:ident) => {
        // SAFETY: as for `layout!`.
        unsafe { core::ptr::read_volatile(&raw const $crate::layout::SETTINGS.$field) }
    };
}

/// Whether the kernel has all of these of [`LAYOUT`]'s fields. Code that adds them to addresses by itself asks first.
macro_rules! known {
    ($($field:ident),+ $(,)?) => {
        true $(&& $crate::layout::layout!($field) != monitor_common::layout::ABSENT)+
    };
}

pub(crate) use {known, layout, setting};
