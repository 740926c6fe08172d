//! The wire contract between denyd's eBPF programs and its user space.
//!
//! Everything here is `no_std`, has a C layout without padding (checked at compile time by `zerocopy`'s derives), and
//! is compiled by both sides, so a record can't mean one thing to the program that writes it and another to the
//! daemon that reads it.
//!
//! A record in the ring buffer is a [`Head`], then the body of its source ([`Selinux`], [`Apparmor`], ...), then
//! [`chunk`]s up to [`Head::size`]: paths, labels and strings, whose length varies.

#![no_std]

mod bpf_lsm;
pub mod chunk;
pub mod counter;
pub mod fold;
mod ipe;
pub mod kfunc;
pub mod layout;
mod lockdown;
mod object;
mod record;
mod seccomp;
pub mod share;
mod source;
mod tomoyo;
mod userspace;
mod yama;

pub use crate::{
    bpf_lsm::{BPF_LSM_SLOTS, BpfLsm, HookArgument, HookCall},
    ipe::Ipe,
    lockdown::Lockdown,
    object::{Directory, Object, ObjectKind, Socket},
    record::{
        ABI, Ancestor, Apparmor, ApparmorPolicy, BOOLEANS, Capability, Credentials, Flags, Head, Landlock,
        LandlockRequest, ParameterId, PolicyChange, Selinux, SelinuxPolicy, Task, TaskField,
    },
    seccomp::{Seccomp, SeccompAction, SeccompCall, SeccompUnlogged, SeccompWay},
    source::SourceId,
    tomoyo::{Tomoyo, TomoyoRequest},
    userspace::Userspace,
    yama::Yama,
};

/// The last offset in a record at which a program starts to write. A write is at most [`WRITE_MAX`] bytes, so that the
/// verifier can see with one mask that it stays inside [`RECORD_SIZE`].
pub const OFFSET_MASK: usize = 0xfff;

/// Bytes that a program writes at once, at most.
pub const WRITE_MAX: usize = 1024;

/// Buffers in which records are built, for each CPU: as many programs may be at work on one at the same time, since a
/// program may be interrupted, and before Linux 6.10 preempted.
pub const BUFFERS: u32 = 8;

/// The most bytes that a record can have.
pub const RECORD_SIZE: usize = (OFFSET_MASK + WRITE_MAX).next_multiple_of(8);
