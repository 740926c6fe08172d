//! denyd's end-to-end tests: what is refused on a real kernel, and what denyd must say about it.
//!
//! A [`case::Case`] says, in one place, what is set up, what is then tried and refused, and which event must follow.
//! Two programs share the cases: `actor` runs them inside the guest, where the security module is in force, and
//! prints a [`report::Report`] for each; the `e2e` test target boots the guests and compares reports, events and the
//! kernel's own audit records.

pub mod actor;
pub mod audit;
pub mod case;
pub mod cases;
pub mod confinement;
pub mod expectation;
pub mod kernel_message;
pub mod landlock;
pub mod machine;
pub mod operation;
pub mod refuser;
pub mod report;
pub mod scene;
pub mod seccomp;
pub mod tomoyo;
