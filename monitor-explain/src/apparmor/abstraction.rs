//! Abstractions that have what a profile lacks.

use std::collections::BTreeSet;

use super::{
    answer,
    library::{Abstraction, Known, Library},
    request::{Kind, Request},
};

/// How many rules that nobody asked for are worth one that was.
const WORTH: usize = 40;
/// How many abstractions are proposed together.
const TOGETHER: usize = 4;

/// An abstraction that fits.
#[derive(Debug)]
pub(super) struct Found {
    pub(super) name: String,
    /// What was refused that it allows.
    pub(super) covered: BTreeSet<Request>,
    /// How many rules it has besides.
    pub(super) more: usize,
}

/// The abstractions that together allow the most of what was refused, each at least two of it: what a program does that needs
/// two things which belong together.
pub(super) fn best(library: &Library, known: Option<&Known>, requests: &BTreeSet<Request>) -> Vec<Found> {
    let mut chosen = Vec::new();
    let mut left = requests.clone();
    while chosen.len() < TOGETHER {
        let fitting = fitting(library, known, &left).filter(|found| found.covered.len() >= 2);
        let Some(found) = smallest(fitting) else { break };
        left.retain(|request| !found.covered.contains(request));
        chosen.push(found);
    }
    chosen
}

/// The smallest abstraction that allows any of what was refused.
pub(super) fn any(library: &Library, known: Option<&Known>, requests: &BTreeSet<Request>) -> Option<Found> {
    smallest(fitting(library, known, requests))
}

/// That with the fewest rules that nobody asked for, for each that was.
fn smallest(fitting: impl Iterator<Item = Found>) -> Option<Found> {
    let worth = |found: &Found| found.more <= WORTH * found.covered.len();
    fitting.filter(worth).min_by(|one, other| {
        let cost = (one.more * other.covered.len()).cmp(&(other.more * one.covered.len()));
        cost.then(other.covered.len().cmp(&one.covered.len())).then_with(|| one.name.cmp(&other.name))
    })
}

fn fitting(
    library: &Library,
    known: Option<&Known>,
    requests: &BTreeSet<Request>,
) -> impl Iterator<Item = Found> {
    let is_included = move |abstraction: &&Abstraction| {
        known.is_some_and(|known| known.source.files.contains(&abstraction.path))
    };
    let all = library.abstractions().iter().filter(move |abstraction| !is_included(abstraction));
    all.filter_map(move |abstraction| fit(abstraction, requests))
}

fn fit(abstraction: &Abstraction, requests: &BTreeSet<Request>) -> Option<Found> {
    let mut covered = BTreeSet::new();
    let mut used = BTreeSet::new();
    // A capability by itself says nothing of what a program does, nor does a family of sockets.
    let telling = |request: &&Request| !matches!(request.kind, Kind::Capability | Kind::Network);
    for request in requests.iter().filter(telling) {
        let answer = answer::ask(&abstraction.entries, request);
        // One that is about half of the file system is no abstraction of what this program does.
        let names_it = answer.allowing.iter().any(|entry| entry.is_specific());
        if answer.is_allowed() && answer.denying.is_empty() && names_it {
            covered.insert(request.clone());
            used.extend(answer.allowing.iter().map(|entry| entry.at));
        }
    }
    if covered.is_empty() {
        return None;
    }
    let more = abstraction.entries.iter().filter(|entry| !entry.deny && !used.contains(&entry.at)).count();
    Some(Found { name: abstraction.name.clone(), covered, more })
}
