//! Questions to a policy.
