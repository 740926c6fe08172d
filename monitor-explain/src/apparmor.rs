//! AppArmor: the rules that would allow what profiles refused, where they belong, and how they are loaded.

mod profile;
pub mod rule;
mod tunables;

use std::collections::{BTreeMap, BTreeSet};

use monitor_event::event::{Event, Module, Verdict};

use self::{profile::Found, rule::Rule};
use crate::{
    finding::{Cause, Draft, Finding, Remedy, RemedyKind},
    place::Place,
};

/// Stands between a profile and its namespace in a draft.
const SEPARATOR: char = '\0';

/// Says why a denial was, and what to do.
pub(crate) fn judge(event: &Event<'_>) -> Draft {
    let Some(label) = event.subject.label.as_deref() else {
        return Draft::new(Module::Apparmor, Cause::Unknown, "", "a denial without a profile")
            .because("which profile refused is not known, so there is none to change");
    };
    let namespace = event.subject.namespace.as_deref().unwrap_or_default();
    let key = format!("{namespace}{SEPARATOR}{label}");
    let draft = |cause, why: &str| {
        let verb = if event.verdict == Some(Verdict::Permitted) { "would refuse" } else { "refuses" };
        Draft::new(
            Module::Apparmor,
            cause,
            format!("{key} {why} {verb}"),
            format!("the profile {label} {verb}: {why}"),
        )
    };
    let info = event.action.info.as_deref().unwrap_or_default();
    if info.contains("disconnected path") {
        return draft(Cause::Disconnected, "the path does not lead to the process's root")
            .because(format!("the kernel says: {info}"))
            .remedy(Remedy::new(
                RemedyKind::Setting,
                format!("give the profile flags=(attach_disconnected): `profile {label} flags=(attach_disconnected) {{`"),
            ));
    }
    if label == "unprivileged_userns" {
        return draft(Cause::Profile, "a program without a profile made a user namespace").remedy(Remedy::new(
            RemedyKind::Setting,
            "write a profile of its own for the program, with `userns,`; the sysctl that lifts this for all programs is worse",
        ));
    }
    if let Some((outer, _)) = label.split_once("//null-") {
        return draft(Cause::Profile, "it is of a program that has no exec rule yet")
            .because(format!("complain mode made the profile {label} up"))
            .remedy(Remedy::new(
                RemedyKind::Rules,
                format!("add the exec rule to the profile {outer} first, and run the program again"),
            ));
    }
    let Some(rule) = rule::of(event) else {
        let class = event.action.class.as_deref().unwrap_or("unknown");
        let operation = event.action.operation.as_deref().unwrap_or("unknown");
        return draft(Cause::Profile, "no rule can be told").because(format!(
            "what was refused is {operation} of class {class}, whose rule can't be derived from it"
        ));
    };
    let mut draft = draft(Cause::Profile, "its rules do not allow what is below");
    draft.rules.insert(tunables::apply(rule));
    draft.profile = Some(key);
    draft
}

/// Joins rules about the same path.
fn joined(rules: &BTreeSet<Rule>) -> Vec<Rule> {
    let mut files: BTreeMap<(bool, &str), String> = BTreeMap::new();
    let mut others = Vec::new();
    for rule in rules {
        match rule {
            Rule::File { owner, path, letters } => {
                let known = files.entry((*owner, path)).or_default();
                // An exec mode is two letters, and stays together at the end.
                let (plain, exec) =
                    letters.split_once("ix").map_or((&**letters, ""), |(plain, _)| (plain, "ix"));
                let has_exec = known.ends_with("ix");
                let mut all: String = known.trim_end_matches("ix").to_owned();
                all.extend(plain.chars().filter(|letter| !known.contains(*letter)));
                if all.contains('w') {
                    all.retain(|letter| letter != 'a');
                }
                let exec = if has_exec { "ix" } else { exec };
                *known = all + exec;
            }
            Rule::Other(_) => others.push(rule.clone()),
        }
    }
    let files = files.into_iter().map(|((owner, path), letters)| Rule::File {
        owner,
        path: path.to_owned(),
        letters,
    });
    files.chain(others).collect()
}

/// Says what to add to a profile, where, and how to load it.
pub(crate) fn finish(finding: &mut Finding, key: &str, rules: &BTreeSet<Rule>, place: &Place) {
    let (namespace, label) = key.split_once(SEPARATOR).unwrap_or(("", key));
    let rules = joined(rules);
    let mut remedy = Remedy::new(RemedyKind::Rules, "");
    let executes =
        rules.iter().any(|rule| matches!(rule, Rule::File { letters, .. } if letters.ends_with("ix")));
    for rule in rules {
        let rule = match rule {
            Rule::File { owner, path, letters } if letters.ends_with("ix") => {
                let has_profile =
                    place.profiles.as_deref().is_some_and(|folder| profile::find(folder, &path).is_some());
                let letters = if has_profile { letters.replace("ix", "Px") } else { letters };
                Rule::File { owner, path, letters }
            }
            other => other,
        };
        remedy.rules.push(rule.to_string());
        remedy.warnings.extend(warning(&rule));
    }
    if executes {
        remedy.warnings.push(
            "ix runs the program under this profile, Px under its own; choose by what it is".to_owned(),
        );
    }
    // A child profile stands in its parent's file.
    let outer = label.split("//").next().unwrap_or(label);
    let found = if namespace.is_empty() {
        place.profiles.as_deref().and_then(|folder| profile::find(folder, outer))
    } else {
        finding
            .evidence
            .push(format!("the profile is of the namespace {namespace}: look for it in that container"));
        None
    };
    if let Some(Found { file, local }) = found {
        let is_child = outer != label;
        let into = local.as_ref().filter(|_| !is_child).unwrap_or(&file);
        let inside =
            if local.is_some() && !is_child { "" } else { ", before the closing brace of the profile" };
        remedy.text = format!("add the rules to {}{inside}, and load the profile again", into.display());
        let file = file.to_string_lossy();
        remedy.commands.push(format!("apparmor_parser -r {}", shell_words::quote(&file)));
    } else {
        "add the rules to the profile, and load it again with apparmor_parser -r FILE"
            .clone_into(&mut remedy.text);
        if namespace.is_empty() {
            finding.evidence.push(format!(
                "no file of this machine's /etc/apparmor.d was found that has the profile {outer}"
            ));
        }
    }
    finding.evidence.push(
        "an explicit deny rule would have to go first; by default AppArmor logs nothing of what such a rule refuses".to_owned(),
    );
    finding.remedies.push(remedy);
}

/// What is dangerous about a rule.
fn warning(rule: &Rule) -> Option<String> {
    let text = rule.to_string();
    let of_capability = [
        "sys_admin",
        "sys_module",
        "sys_rawio",
        "sys_ptrace",
        "dac_override",
        "dac_read_search",
        "mac_admin",
    ];
    if let Some(name) = text.strip_prefix("capability ").and_then(|rest| rest.strip_suffix(',')) {
        return of_capability.contains(&name).then(|| {
            format!("{name} is much of what root may do; programs often only try it, and work without")
        });
    }
    let Rule::File { path, letters, .. } = rule else { return None };
    if path == "/etc/shadow" {
        return Some("only programs that check passwords read /etc/shadow; this may be an attack".to_owned());
    }
    let is_shell = ["/sh", "/bash", "/dash", "/zsh"].iter().any(|name| path.ends_with(name));
    (is_shell && letters.contains('x')).then(|| format!("a service that starts {path} may be under attack"))
}
