//! denyd: tells, the moment it happens, which Linux security module refused what, to whom, and what to do about it.

pub mod event;
