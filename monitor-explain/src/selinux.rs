//! SELinux: a [policy](policy::Policy) as the kernel loads it, and questions to it.

pub mod policy;
pub mod query;
