//! AppArmor: which line of a profile refuses, or that none allows; the rules that would, where they belong, and how they
//! are loaded.

mod abstraction;
mod answer;
mod cause;
mod danger;
mod edit;
mod entry;
mod generated;
mod glob;
pub(crate) mod library;
mod own;
mod remedy;
pub(crate) mod request;
pub mod rule;
mod source;
mod syntax;
mod tunables;
mod widen;

use std::path::PathBuf;

use monitor_event::event::Event;

pub(crate) use self::{cause::judge, remedy::finish};

/// What refuses: a profile of a namespace, by its rules or by the lack of one.
#[derive(Clone, Debug)]
pub(crate) struct Refusing {
    pub(crate) namespace: String,
    pub(crate) label: String,
    /// The rule that denies: its file and its first line. None if no rule allows.
    pub(crate) deny: Option<(PathBuf, usize)>,
}

/// The rule that would allow a denial, with the variables that profiles usually have.
pub(crate) fn usual_rule(event: &Event<'_>) -> Option<Box<str>> {
    let request = request::request(event)?;
    let rule = rule::rule(&request, "ix", &mut |key, name| {
        let name = tunables::in_name(key, name, None);
        own::without(&name, &request.own).unwrap_or(name)
    });
    Some(rule.to_string().into())
}
