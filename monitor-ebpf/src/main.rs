//! denyd's eBPF programs: one file per source, beside the parts that they share.
//!
//! A source's program runs where its module has just decided. It counts the denial, reserves a record in the ring
//! buffer, fills in who ([`task`]), what was asked for ([`object`], [`path`]) and the labels ([`label`]), and submits.
//! It never changes a verdict, and nothing here runs when access is allowed, except where a source says so.
//!
//! All kernel memory is read with `bpf_probe_read_kernel` at offsets that user space took from the running kernel's
//! BTF ([`layout`]).

#![no_std]
#![no_main]
#![expect(unreachable_pub, reason = "`pub` here is what other files use; the kernel reaches the programs")]
#![feature(asm_experimental_arch)]
#![expect(clippy::inline_always, reason = "a call costs the verifier, and passes at most five arguments")]
#![expect(
    clippy::cast_possible_truncation,
    clippy::cast_possible_wrap,
    clippy::cast_sign_loss,
    reason = "kernel memory is read a word at a time, of which the member is the low part"
)]
#![expect(clippy::needless_pass_by_value, reason = "aya's attributes pass the context by value")]
#![expect(clippy::multiple_unsafe_ops_per_block, reason = "each block finds, reads and writes one field")]

mod apparmor;
mod apparmor_policy;
mod apparmor_silent;
mod atomic;
mod bpf_lsm;
mod call;
mod callers;
mod capability;
mod finish;
mod fold;
mod interface;
mod ipe;
mod label;
mod landlock;
mod layout;
mod license;
mod lockdown;
mod log;
mod lookup;
mod memory;
mod object;
mod output;
mod path;
mod probe;
mod repeat;
mod running;
mod seccomp;
mod seccomp_unlogged;
mod selinux;
mod selinux_error;
mod selinux_policy;
mod selinux_silent;
mod share;
mod stack;
mod target;
mod task;
mod tomoyo;
mod userspace;
mod yama;
