//! The change of a profile that ends denials.

use std::collections::{BTreeMap, BTreeSet};

use super::{
    Refusing, abstraction, answer, danger,
    edit::{change, warn, without},
    entry::{Entry, Match},
    generated::Generated,
    library::{Known, Library},
    request::{Key, Kind, Request},
    rule::{self, Rule},
    tunables,
    widen::{self, Named, Names},
};
use crate::{
    finding::{Finding, Remedy, RemedyKind},
    place::Place,
};

/// How many lines of the profile are shown that are nearly it.
const NEAR: usize = 4;

/// Rules, and what they stand for besides.
#[derive(Debug, Default)]
pub(super) struct Rules {
    pub(super) rules: Vec<Rule>,
    pub(super) notes: Vec<String>,
}

/// The rules for requests; those about the same names are one.
pub(super) fn rules(requests: &BTreeSet<Request>, known: Option<&Known>, library: Option<&Library>) -> Rules {
    let variables = known.map(|known| &known.source.variables).or(library.map(Library::variables));
    let mut joined: BTreeMap<Request, Request> = BTreeMap::new();
    for request in requests {
        let access = if is_of_files(request) { BTreeSet::new() } else { request.access.clone() };
        let key = Request { access, own: BTreeSet::new(), ..request.clone() };
        let joined = joined.entry(key).or_insert_with(|| request.clone());
        joined.access.extend(request.access.iter().cloned());
        joined.own.extend(&request.own);
    }
    let mut named = Named::new();
    let mut rest = BTreeSet::new();
    let mut modes: BTreeMap<Names, &str> = BTreeMap::new();
    let mut globs: BTreeMap<String, usize> = BTreeMap::new();
    for mut request in joined.into_values() {
        let mut writes = |key, name: &str| {
            let name = tunables::in_name(key, name, variables);
            let glob = match key {
                Key::Address | Key::PeerAddress => widen::of_address(&name, &request),
                Key::Object => widen::of_object(&name, &request),
                Key::Peer | Key::Label => widen::of_label(&name),
                Key::Path => widen::of_one(&name, request.get(Key::Second), &request),
                _ => widen::of_one(&name, request.get(Key::Path), &request),
            };
            let Some(glob) = glob else { return name };
            let sign = if matches!(key, Key::Address | Key::PeerAddress) { "@" } else { "" };
            *globs.entry(format!("{sign}{glob}")).or_default() += 1;
            glob
        };
        let names = match rule::rule(&request, "", &mut writes) {
            Rule::File { owner, path, .. } => Names { target: None, owner, path },
            Rule::Link { owner, path, target } => Names { target: Some(target), owner, path },
            other @ Rule::Other(_) => {
                rest.insert(other);
                continue;
            }
        };
        if let Some(program) = request.executes().map(str::to_owned) {
            modes.insert(names.clone(), mode(&program, known, library));
            // Its interpreter reads it.
            if is_script(&program) {
                request.access.insert("r".to_owned());
            }
        }
        match named.get_mut(&names) {
            Some(joined) => joined.access.extend(request.access),
            None => {
                named.insert(names, request);
            }
        }
    }
    for request in named.values_mut().filter(|request| request.access.contains("w")) {
        request.access.remove("a");
    }
    let (named, joined) = widen::join(named);
    globs.extend(joined);
    let files = named.into_iter().map(|(names, request)| {
        let mode = modes.get(&names).copied().unwrap_or("ix");
        let Names { target, owner, path } = names;
        match target {
            Some(target) => Rule::Link { owner, path, target },
            None => Rule::File { owner, path, letters: rule::letters(&request, mode) },
        }
    });
    let notes = globs.iter().map(|(glob, count)| match count {
        1 => format!("{glob}: the name is another each time, so all names like it are allowed"),
        count => format!("{glob} stands for {count} that were refused, and for all other names like these"),
    });
    Rules { notes: notes.collect(), rules: files.chain(rest).collect() }
}

/// Whether a rule for it names files, so that others for the same join it.
fn is_of_files(request: &Request) -> bool {
    matches!(request.kind, Kind::File | Kind::Link)
}

/// Whether a program is one of those that others interpret, by its name.
fn is_script(program: &str) -> bool {
    [".sh", ".bash", ".py", ".pl", ".rb", ".php"].iter().any(|end| program.ends_with(end))
}

/// Under which profile a program is to run: its own if there is one, else a child that is made for it, else the same.
fn mode(program: &str, known: Option<&Known>, library: Option<&Library>) -> &'static str {
    let is_for = |profile: &super::source::Profile| {
        profile.attachment.as_ref().is_some_and(|pattern| pattern.matches(program))
    };
    if known.is_some_and(|known| known.children().any(is_for)) {
        "Cx"
    } else if library.is_some_and(|library| library.attached(program).is_some()) {
        "Px"
    } else {
        "ix"
    }
}

/// Says what to add to a profile, where, and how to load it.
pub(crate) fn finish(
    finding: &mut Finding,
    refusing: &Refusing,
    requests: &BTreeSet<Request>,
    place: &Place,
) {
    let Refusing { namespace, label, deny } = refusing;
    // Either all are of this machine, as far as is known, or none is.
    let host = finding.hosts.first().map(String::as_str).unwrap_or_default();
    let library = place.library(host).filter(|_| namespace.is_empty());
    let known = library.and_then(|library| library.profile(label));
    let known = known.as_deref();
    if let (Some(known), Some((file, line))) = (known, deny) {
        let is_it = |entry: &&Entry| (entry.at.line, &known.source.files[entry.at.file]) == (*line, file);
        if let Some(deny) = known.profile().entries.iter().filter(|entry| entry.deny).find(is_it) {
            finding.remedies.push(warn(without(known, deny, requests, library)));
        }
        return;
    }
    if !namespace.is_empty() {
        finding
            .evidence
            .push(format!("the profile is of the namespace {namespace}: look for it in that container"));
    }
    let generated = Generated::of(label).filter(|_| known.is_none());
    match known {
        Some(known) => absence(finding, known, requests),
        None if let Some(generated) = &generated => {
            finding.evidence.push(generated.evidence(label));
            finding.remedies.push(Remedy::new(RemedyKind::Setting, generated.setting()));
        }
        None if library.is_some() => finding.evidence.push(nowhere(label)),
        None if namespace.is_empty() => {
            finding.evidence.push(
                "what the profile has by now could not be read: there are no profiles of that machine here"
                    .to_owned(),
            );
        }
        None => {}
    }
    let with = |found: &[abstraction::Found]| {
        let is_covered = |request: &&Request| found.iter().any(|found| found.covered.contains(*request));
        let left: BTreeSet<Request> =
            requests.iter().filter(|request| !is_covered(request)).cloned().collect();
        let Rules { rules, notes } = rules(&left, known, library);
        let mut lines: Vec<String> = found.iter().map(|found| format!("include <{}>", found.name)).collect();
        lines.extend(rules.iter().map(Rule::to_string));
        let mut remedy = change(known, lines);
        if let Some(generated) = &generated {
            generated.rules().clone_into(&mut remedy.text);
        }
        remedy.notes = found
            .iter()
            .map(|found| {
                let (covered, all) = (found.covered.len(), requests.len());
                format!(
                    "{} allows {covered} of the {all} that were refused, and {} rules more",
                    found.name, found.more
                )
            })
            .chain(notes)
            .collect();
        remedy.warnings = rules.iter().filter_map(danger::warning).collect();
        if rules.iter().any(|rule| matches!(rule, Rule::File { letters, .. } if letters.ends_with("ix"))) {
            let choice = "ix runs the program under this profile, Px under its own; choose by what it is";
            remedy.notes.push(choice.to_owned());
        }
        remedy
    };
    let plain = with(&[]);
    let best = library.map(|library| abstraction::best(library, known, requests)).unwrap_or_default();
    match &best[..] {
        [] => finding.remedies.push(plain),
        // One thing is no purpose: the rule itself is less.
        [one] if one.covered.len() < 2 => finding.remedies.extend([plain, with(&best)]),
        _ => finding.remedies.extend([with(&best), plain]),
    }
}

/// What the profile says about what was refused.
fn absence(finding: &mut Finding, known: &Known, requests: &BTreeSet<Request>) {
    let profile = known.profile();
    let included = profile.entries.iter().filter(|entry| entry.at.file != profile.at.file).count();
    finding.evidence.push(format!(
        "the profile is in {}:{}; no rule of it allows it (rules: {}, included: {included})",
        known.file().display(),
        profile.at.line,
        profile.entries.len(),
    ));
    if profile.unclear > 0 {
        finding.evidence.push(format!(
            "{} of its rules denyd does not understand, or they stand under an `if`",
            profile.unclear
        ));
    }
    finding.evidence.extend(known.source.notes.iter().take(NEAR).cloned());
    let mut shown = BTreeSet::new();
    for request in requests {
        for (entry, matched) in answer::ask(&profile.entries, request).near {
            if entry.is_general() {
                continue;
            }
            if shown.len() >= NEAR || !shown.insert(entry.at) {
                continue;
            }
            let but = match matched {
                Match::NotOwned => "is for files of its own, and this is another's",
                _ if request.kind == Kind::Rlimit => "sets the limit",
                _ => "is about it, and allows less",
            };
            finding.evidence.push(format!("{}: `{}` {but}", known.position(entry), entry.text));
        }
    }
}

/// That a profile is in no file here.
pub(super) fn nowhere(label: &str) -> String {
    let outer = label.split("//").next().unwrap_or(label);
    format!("no file of this machine's /etc/apparmor.d was found that has the profile {outer}")
}
