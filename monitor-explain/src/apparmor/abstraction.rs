//! Abstractions that have what a profile lacks.

use std::collections::BTreeSet;

use super::{
    answer,
    library::{Abstraction, Known, Library},
    request::{Key, Kind, Request},
};

/// How many rules that nobody asked for are worth one that was.
const WORTH: usize = 40;
/// How many of the requests are looked at.
const ASKED: usize = 256;
/// How many abstractions are proposed together.
const TOGETHER: usize = 4;

/// What only one use needs, and the abstraction for that, however large.
const SIGNS: [(&str, &str); 1] = [("/etc/nsswitch.conf", "abstractions/nameservice")];

/// An abstraction that fits.
#[derive(Debug)]
pub(super) struct Found {
    pub(super) name: String,
    /// What was refused that it allows.
    pub(super) covered: BTreeSet<Request>,
    /// How many rules it has besides.
    pub(super) more: usize,
    /// Whether it allows what only the use that it is made for needs.
    is_signed: bool,
}

/// The abstractions that together allow the most of what was refused, each at least two of it: what a program does that needs
/// two things which belong together. If there are none, that which allows one.
pub(super) fn best(library: &Library, known: Option<&Known>, requests: &BTreeSet<Request>) -> Vec<Found> {
    let is_included =
        |abstraction: &Abstraction| known.is_some_and(|known| known.source.files.contains(&abstraction.path));
    let all = library.abstractions().iter().filter(|abstraction| !is_included(abstraction));
    let mut fitting: Vec<Found> = all.filter_map(|abstraction| fit(abstraction, requests)).collect();
    let mut left: BTreeSet<Request> = requests.clone();
    let mut chosen: Vec<Found> = Vec::new();
    while chosen.len() < TOGETHER {
        let least = if chosen.is_empty() { 1 } else { 2 };
        let Some(at) = smallest(&fitting, &left, least) else { break };
        let found = fitting.swap_remove(at);
        left.retain(|request| !found.covered.contains(request));
        chosen.push(found);
    }
    chosen
}

/// That with the fewest rules that nobody asked for, for each that is still to be allowed; two at least, or else `least`.
fn smallest(fitting: &[Found], left: &BTreeSet<Request>, least: usize) -> Option<usize> {
    let gains = |found: &Found| found.covered.intersection(left).count();
    let worth: Vec<(usize, usize, &Found)> = fitting
        .iter()
        .enumerate()
        .map(|(at, found)| (at, gains(found), found))
        .filter(|(_, gain, found)| *gain >= least && (found.is_signed || found.more <= WORTH * gain))
        .collect();
    let several = |gain: usize| gain >= 2;
    let best = worth.into_iter().min_by(|(_, gain, one), (_, other_gain, other)| {
        let cost = (one.more * other_gain).cmp(&(other.more * gain));
        let first = several(*other_gain).cmp(&several(*gain));
        let first = first.then(other.is_signed.cmp(&one.is_signed)).then(cost);
        first.then(other_gain.cmp(gain)).then_with(|| one.name.cmp(&other.name))
    });
    best.map(|(at, ..)| at)
}

fn fit(abstraction: &Abstraction, requests: &BTreeSet<Request>) -> Option<Found> {
    let mut covered = BTreeSet::new();
    let mut used = BTreeSet::new();
    for request in requests.iter().filter(|request| is_telling(request)).take(ASKED) {
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
    let signed = SIGNS.iter().find(|(_, name)| *name == abstraction.name).map(|(path, _)| *path);
    let is_signed = signed.is_some() && covered.iter().any(|request| request.get(Key::Path) == signed);
    let more = abstraction.entries.iter().filter(|entry| !entry.deny && !used.contains(&entry.at)).count();
    Some(Found { name: abstraction.name.clone(), covered, more, is_signed })
}

/// Whether a request says something of what a program does: a capability by itself does not, nor does a family of sockets, and
/// what it reads of itself in `/proc` is what every program may.
fn is_telling(request: &Request) -> bool {
    let path = request.get(Key::Path).unwrap_or_default();
    let is_general = path == "/" || path.starts_with("/proc/") && !path.starts_with("/proc/sys/");
    !matches!(request.kind, Kind::Capability | Kind::Network) && !is_general
}
