//! What the rules of a profile say to a request.

use std::collections::BTreeSet;

use super::{
    entry::{Entry, Match},
    request::Request,
};

/// What rules say to a request.
#[derive(Debug)]
pub(super) struct Answer<'e> {
    /// Those that allow some of it.
    pub(super) allowing: Vec<&'e Entry>,
    /// Those that say that some of it is to be refused.
    pub(super) denying: Vec<&'e Entry>,
    /// Those that are about it, and allow none of what is missing.
    pub(super) near: Vec<(&'e Entry, Match)>,
    /// The rights that none allows.
    pub(super) missing: BTreeSet<String>,
}

impl Answer<'_> {
    /// Whether some rules allow all of it, were it not for those that deny.
    pub(super) fn is_allowed(&self) -> bool {
        self.missing.is_empty() && !self.allowing.is_empty()
    }
}

/// Asks rules.
pub(super) fn ask<'e>(entries: impl IntoIterator<Item = &'e Entry>, request: &Request) -> Answer<'e> {
    let mut answer = Answer {
        allowing: Vec::new(),
        denying: Vec::new(),
        near: Vec::new(),
        missing: request.access.clone(),
    };
    for entry in entries {
        let matched = entry.is_about(request);
        if matched == Match::No {
            continue;
        }
        let rights = entry.rights(request);
        if matched == Match::NotOwned || rights.is_empty() {
            if !entry.deny {
                answer.near.push((entry, matched));
            }
        } else if entry.deny {
            answer.denying.push(entry);
        } else {
            answer.missing.retain(|right| !rights.contains(right));
            answer.allowing.push(entry);
        }
    }
    answer
}
