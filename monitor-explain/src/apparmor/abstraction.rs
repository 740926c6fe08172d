//! Abstractions that have what a profile lacks.

use std::collections::BTreeSet;

use super::{
    answer,
    library::{Abstraction, Known, Library},
    request::{Kind, Request},
};

/// An abstraction that fits.
#[derive(Debug)]
pub(super) struct Found {
    pub(super) name: String,
    /// What was refused that it allows.
    pub(super) covered: BTreeSet<Request>,
    /// How many rules it has besides.
    pub(super) more: usize,
    /// Whether it says what the program does better than rules of its own would.
    pub(super) is_better: bool,
}

/// The smallest of the abstractions that allow the most of what was refused.
pub(super) fn best(library: &Library, known: Option<&Known>, requests: &BTreeSet<Request>) -> Option<Found> {
    let is_included =
        |abstraction: &Abstraction| known.is_some_and(|known| known.source.files.contains(&abstraction.path));
    let all = library.abstractions().iter().filter(|abstraction| !is_included(abstraction));
    let fitting = all.filter_map(|abstraction| fit(abstraction, requests));
    fitting.max_by(|one, other| {
        let order = one.covered.len().cmp(&other.covered.len()).then(other.more.cmp(&one.more));
        order.then_with(|| other.name.cmp(&one.name))
    })
}

fn fit(abstraction: &Abstraction, requests: &BTreeSet<Request>) -> Option<Found> {
    let mut covered = BTreeSet::new();
    let mut used = BTreeSet::new();
    for request in requests {
        let answer = answer::ask(&abstraction.entries, request);
        // One that is about half of the file system is no abstraction of what this program does.
        let names_it = answer.allowing.iter().any(|entry| entry.is_specific(request));
        if answer.is_allowed() && answer.denying.is_empty() && names_it {
            covered.insert(request.clone());
            used.extend(answer.allowing.iter().map(|entry| entry.at));
        }
    }
    if covered.is_empty() {
        return None;
    }
    let more = abstraction.entries.iter().filter(|entry| !entry.deny && !used.contains(&entry.at)).count();
    // A program that needs two things that belong together will need the others.
    let is_better = covered.iter().filter(|request| request.kind != Kind::Capability).count() >= 2;
    Some(Found { name: abstraction.name.clone(), covered, more, is_better })
}
