//! AppArmor: which line of a profile refuses, or that none allows; the rules that would, where they belong, and how they
//! are loaded.

mod abstraction;
mod answer;
mod cause;
mod entry;
mod glob;
pub(crate) mod library;
mod remedy;
pub(crate) mod request;
pub mod rule;
mod source;
mod syntax;
mod tunables;

pub(crate) use self::{cause::judge, remedy::finish};

/// Stands between a profile and its namespace in a draft.
const SEPARATOR: char = '\0';
