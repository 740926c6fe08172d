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

use monitor_event::event::Event;

pub(crate) use self::{cause::judge, remedy::finish};

/// The rule that would allow a denial, with the variables that profiles usually have.
pub(crate) fn usual_rule(event: &Event<'_>) -> Option<Box<str>> {
    let request = request::request(event)?;
    Some(tunables::apply(rule::rule(&request, "ix"), &request, None).to_string().into())
}

/// Stands between a profile and its namespace in a draft.
const SEPARATOR: char = '\0';
