//! SELinux: a [policy](policy::Policy) as the kernel loads it, questions to it, and the labels that
//! [files](file_contexts::FileContexts) should have; and what to do about what it refuses ([`advice`]).
//!
//! ```no_run
//! use monitor_explain::selinux::{policy::Policy, query::Cause};
//!
//! let policy = Policy::read(&std::fs::read("/sys/fs/selinux/policy")?)?;
//! let (httpd, port) = ("system_u:system_r:httpd_t:s0", "system_u:object_r:http_port_t:s0");
//! let answer = policy.ask(httpd, port, "tcp_socket", "name_connect")?;
//! if let Cause::NoRule = answer.cause {
//!     for flip in policy.flips(&answer.source, &answer.target, answer.class, answer.permission).flips {
//!         for (boolean, on) in &flip.booleans {
//!             println!("{} = {on}, which opens {} rules", policy.symbols.booleans.name(*boolean), flip.opens);
//!         }
//!     }
//! }
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

pub mod advice;
pub mod file_contexts;
pub mod policy;
pub mod query;
