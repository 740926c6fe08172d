//! The record of what another BPF LSM program refused, and how its hook is watched.

use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout};

use crate::Object;

/// Hooks that can be watched at once: there is a program for each.
pub const BPF_LSM_SLOTS: usize = 8;

/// What a hook's argument points to, in the order of how much it shows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u32)]
pub enum HookArgument {
    /// Nothing that is known.
    None = 0,
    /// `struct file`.
    File = 1,
    /// `struct linux_binprm`, of which the file is meant.
    Program = 2,
    /// `struct dentry`.
    Dentry = 3,
    /// `struct path`.
    Path = 4,
    /// `struct inode`.
    Inode = 5,
    /// `struct socket`.
    Socket = 6,
    /// `struct sock`.
    Sock = 7,
    /// `struct task_struct`.
    Task = 8,
}

/// How a hook is called; user space fills it in before load.
#[derive(Clone, Copy, Debug, Default, FromBytes, IntoBytes, Immutable, KnownLayout)]
#[repr(C)]
pub struct HookCall {
    /// The words of its arguments, after which the return value comes.
    pub arguments: u32,
    /// The place of the argument that is the object.
    pub object: u32,
    /// A [`HookArgument`]: what that one points to.
    pub kind: u32,
    /// Unused, zero.
    pub reserved: u32,
}

/// The body of the record.
#[derive(Clone, Copy, Debug, FromBytes, IntoBytes, Immutable, KnownLayout)]
#[repr(C)]
pub struct BpfLsm {
    /// A negative errno.
    pub error: i32,
    /// The place of the hook among those that are watched.
    pub slot: u32,
    /// What the hook was asked about.
    pub object: Object,
}
