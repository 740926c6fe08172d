//! Says why a security module refused. What it reads (policies, names in them) is untrusted: any bytes give an answer
//! or an error, never a panic. It needs no privilege and no daemon.

pub mod selinux;
