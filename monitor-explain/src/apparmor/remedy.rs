//! The change of a profile that ends denials.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::Path,
};

use super::{
    SEPARATOR, abstraction,
    answer::{self, Answer},
    entry::{Entry, Match},
    library::{Known, Library},
    request::{Kind, Request},
    rule::{self, Rule},
    tunables,
};
use crate::{
    finding::{Edit, Finding, Remedy, RemedyKind},
    other::capability::POWERFUL,
    place::Place,
};

/// How many lines of the profile are shown that are nearly it.
const NEAR: usize = 4;

/// What loads a profile again.
pub(super) fn reload(file: &Path) -> String {
    format!("apparmor_parser -r {}", shell_words::quote(&file.to_string_lossy()))
}

/// The rules for requests; those about the same path are one.
pub(super) fn rules(
    requests: &BTreeSet<Request>,
    known: Option<&Known>,
    library: Option<&Library>,
) -> Vec<Rule> {
    let mut files: BTreeMap<Request, Request> = BTreeMap::new();
    let mut rest = BTreeSet::new();
    for request in requests {
        if request.kind != Kind::File {
            let variables = known.map(|known| &known.source.variables).or(library.map(Library::variables));
            rest.insert(tunables::apply(rule::rule(request, ""), request, variables));
            continue;
        }
        let key = Request { access: BTreeSet::new(), ..request.clone() };
        let joined = files.entry(key).or_insert_with(|| request.clone());
        joined.access.extend(request.access.iter().cloned());
    }
    let mut paths: BTreeMap<(bool, String), Request> = BTreeMap::new();
    let mut modes: BTreeMap<(bool, String), &str> = BTreeMap::new();
    for request in files.into_values() {
        let variables = known.map(|known| &known.source.variables).or(library.map(Library::variables));
        let Rule::File { owner, path, .. } = tunables::apply(rule::rule(&request, ""), &request, variables)
        else {
            continue;
        };
        let key = (owner, path);
        if let Some(program) = request.executes() {
            modes.insert(key.clone(), mode(program, known, library));
        }
        match paths.get_mut(&key) {
            Some(joined) => joined.access.extend(request.access),
            None => {
                paths.insert(key, request);
            }
        }
    }
    let files = paths.into_iter().map(|((owner, path), mut request)| {
        if request.access.contains("w") {
            request.access.remove("a");
        }
        let mode = modes.get(&(owner, path.clone())).copied().unwrap_or("ix");
        match rule::rule(&request, mode) {
            Rule::File { letters, .. } => Rule::File { owner, path, letters },
            other @ Rule::Other(_) => other,
        }
    });
    files.chain(rest).collect()
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
pub(crate) fn finish(finding: &mut Finding, key: &str, requests: &BTreeSet<Request>, place: &Place) {
    let (namespace, label) = key.split_once(SEPARATOR).unwrap_or(("", key));
    let host = finding.hosts.first().map(String::as_str).unwrap_or_default();
    let library = place.library(host).filter(|_| namespace.is_empty());
    let known = library.and_then(|library| library.profile(label));
    let known = known.as_deref();
    if !namespace.is_empty() {
        finding
            .evidence
            .push(format!("the profile is of the namespace {namespace}: look for it in that container"));
    }
    match known {
        Some(known) => absence(finding, known, requests),
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
        let rules = rules(&left, known, library);
        let mut lines: Vec<String> = found.iter().map(|found| format!("include <{}>", found.name)).collect();
        lines.extend(rules.iter().map(Rule::to_string));
        let mut remedy = change(known, lines);
        remedy.warnings = found
            .iter()
            .map(|found| {
                let (covered, all) = (found.covered.len(), requests.len());
                format!(
                    "{} allows {covered} of the {all} that were refused, and {} rules more",
                    found.name, found.more
                )
            })
            .collect();
        remedy.warnings.extend(rules.iter().filter_map(warning));
        if rules.iter().any(|rule| matches!(rule, Rule::File { letters, .. } if letters.ends_with("ix"))) {
            let choice = "ix runs the program under this profile, Px under its own; choose by what it is";
            remedy.warnings.push(choice.to_owned());
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

/// Why a profile is in no file here.
fn nowhere(label: &str) -> String {
    let outer = label.split("//").next().unwrap_or(label);
    let by = [
        (
            "docker-default",
            "Docker writes it when it starts; give the container one of its own: --security-opt apparmor=NAME",
        ),
        ("cri-containerd.apparmor.d", "containerd writes it when it starts; give the pod one of its own"),
        (
            "containers-default-",
            "Podman writes it when it starts; give the container one of its own: --security-opt apparmor=NAME",
        ),
        ("snap.", "snapd writes it; connect the interface that the snap needs: snap connections"),
        (
            "libvirt-",
            "libvirt writes it for each machine; what all need belongs into abstractions/libvirt-qemu",
        ),
        ("lxc-", "LXC writes it; lxc.apparmor.raw adds rules"),
    ];
    match by.into_iter().find(|(prefix, _)| outer.starts_with(prefix)) {
        Some((_, by)) => format!("the profile {outer} is in no file here: {by}"),
        None => format!("no file of this machine's /etc/apparmor.d was found that has the profile {outer}"),
    }
}

/// The remedy that these lines are added.
fn change(known: Option<&Known>, lines: Vec<String>) -> Remedy {
    let mut remedy = Remedy::new(RemedyKind::Rules, "");
    remedy.rules = lines;
    let Some(known) = known else {
        "add the rules to the profile, and load it again with apparmor_parser -r FILE"
            .clone_into(&mut remedy.text);
        return remedy;
    };
    let profile = known.profile();
    let local = profile
        .includes
        .iter()
        .find(|include| include.written.starts_with("local/") && !include.path.is_dir());
    let edit = match local {
        Some(local) => Edit {
            file: local.path.to_string_lossy().into_owned(),
            line: None,
            remove: Vec::new(),
            add: remedy.rules.clone(),
            reload: reload(known.file()),
        },
        None => Edit {
            file: known.file().to_string_lossy().into_owned(),
            line: Some(profile.at.end),
            remove: Vec::new(),
            add: remedy.rules.iter().map(|rule| format!("  {rule}")).collect(),
            reload: reload(known.file()),
        },
    };
    let inside = if local.is_some() { "" } else { ", before the closing brace of the profile" };
    remedy.text = format!("add the rules to {}{inside}, and load the profile again", edit.file);
    remedy.commands = commands(&edit);
    remedy.edit = Some(edit);
    remedy
}

/// The remedy that a deny rule of the profile's own file goes.
pub(super) fn without(
    known: &Known,
    deny: &Entry,
    answer: &Answer<'_>,
    request: &Request,
    library: Option<&Library>,
) -> Remedy {
    let mut remedy = Remedy::new(
        RemedyKind::Rules,
        format!("if it is needed: take the rule out of {}, or narrow it", known.position(deny)),
    );
    let file = &known.source.files[deny.at.file];
    let text = fs::read_to_string(file).unwrap_or_default();
    let lines: Vec<String> =
        text.lines().skip(deny.at.line - 1).take(deny.at.end + 1 - deny.at.line).map(str::to_owned).collect();
    if !answer.is_allowed() {
        let rules = rules(&BTreeSet::from([request.clone()]), Some(known), library);
        remedy.rules = rules.iter().map(Rule::to_string).collect();
        remedy.text.push_str("; no other rule allows it, so put this one in its place");
    }
    let edit = Edit {
        file: file.to_string_lossy().into_owned(),
        line: Some(deny.at.line),
        remove: lines,
        add: remedy.rules.iter().map(|rule| format!("  {rule}")).collect(),
        reload: reload(known.file()),
    };
    remedy.commands = commands(&edit);
    remedy.edit = Some(edit);
    remedy
}

/// The remedy that a profile gets the flag `attach_disconnected`.
pub(super) fn connected(known: &Known, remedy: Remedy) -> Remedy {
    const FLAG: &str = "attach_disconnected";
    let profile = known.profile();
    if profile.flags.iter().any(|flag| flag == FLAG) {
        let text = "load the profile again: its file has flags=(attach_disconnected) by now";
        return Remedy::new(RemedyKind::Reload, text).run(reload(known.file()));
    }
    let text = fs::read_to_string(known.file()).unwrap_or_default();
    let header = text.lines().nth(profile.at.line - 1).unwrap_or_default();
    let changed = match header.split_once("flags=(") {
        Some((before, after)) => format!("{before}flags=({FLAG}, {after}"),
        None => match header.rsplit_once('{') {
            Some((before, after)) => {
                format!("{}flags=({FLAG}) {{{after}", before.trim_end().to_owned() + " ")
            }
            None => return remedy,
        },
    };
    let edit = Edit {
        file: known.file().to_string_lossy().into_owned(),
        line: Some(profile.at.line),
        remove: vec![header.to_owned()],
        add: vec![changed],
        reload: reload(known.file()),
    };
    Remedy { commands: commands(&edit), edit: Some(edit), ..remedy }
}

/// The commands that make an edit.
fn commands(edit: &Edit) -> Vec<String> {
    let file = shell_words::quote(&edit.file);
    let mut commands = Vec::new();
    match edit.line {
        None => {
            let lines: Vec<_> = edit.add.iter().map(|line| shell_words::quote(line)).collect();
            commands.push(format!("printf '%s\\n' {} >>{file}", lines.join(" ")));
        }
        Some(line) => {
            let mut script = Vec::new();
            // What is inserted at a line comes before what happens to it.
            for added in &edit.add {
                let text = format!("{line}i\\{}", added.replace('\\', r"\\"));
                script.push(format!("-e {}", shell_words::quote(&text)));
            }
            if let Some(last) = edit.remove.len().checked_sub(1) {
                script.push(format!("-e {line},{}d", line + last));
            }
            commands.push(format!("sed -i {} {file}", script.join(" ")));
        }
    }
    commands.push(edit.reload.clone());
    commands
}

/// What is dangerous about a rule.
fn warning(rule: &Rule) -> Option<String> {
    let text = rule.to_string();
    if let Some(name) = text.strip_prefix("capability ").and_then(|rest| rest.strip_suffix(',')) {
        return POWERFUL.contains(&name).then(|| {
            format!("{name} is much of what root may do; programs often only try it, and work without")
        });
    }
    if text.starts_with("change_profile -> unconfined") {
        return Some("unconfined is no confinement at all".to_owned());
    }
    let Rule::File { path, letters, .. } = rule else { return None };
    let writes = letters.contains('w');
    let known = match path.as_str() {
        "/etc/shadow" | "/etc/gshadow" => {
            Some("only programs that check passwords read it; this may be an attack")
        }
        "/dev/mem" | "/dev/kmem" | "/dev/port" => Some("it is the machine's memory"),
        "/etc/passwd" | "/etc/sudoers" if writes => Some("who writes it may become root"),
        path if writes && path.starts_with("/etc/apparmor.d/") => {
            Some("who writes it changes what profiles allow")
        }
        path if writes
            && ["/usr/bin/", "/usr/sbin/", "/usr/lib/", "/bin/", "/lib/"]
                .iter()
                .any(|folder| path.starts_with(folder)) =>
        {
            Some("others run it")
        }
        _ => None,
    };
    if let Some(known) = known {
        return Some(format!("{path}: {known}"));
    }
    let is_shell = ["/sh", "/bash", "/dash", "/zsh"].iter().any(|name| path.ends_with(name));
    (is_shell && letters.ends_with('x')).then(|| format!("a service that starts {path} may be under attack"))
}
