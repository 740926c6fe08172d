//! SELinux: a [policy](policy::Policy) as the kernel loads it, questions to it, and the labels that
//! [files](file_contexts::FileContexts) should have.

pub mod file_contexts;
pub mod policy;
pub mod query;
