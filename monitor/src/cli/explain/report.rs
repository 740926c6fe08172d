//! Findings, as people and programs read them.

use std::{cmp::Reverse, fmt::Write as _};

use jiff::{Timestamp, tz::TimeZone};
use monitor_explain::{
    finding::{Finding, Remedy, RemedyKind},
    report::Report,
    selinux::advice::module::{self, Allow},
};

use crate::text::printable;

/// The name of the module that is written.
const MODULE: &str = "denyd_local";

/// How many commands of a remedy are shown to people.
const SHOWN: usize = 10;

/// A line; control characters in it are shown, not obeyed.
fn line(text: &mut String, indent: &str, words: &str) {
    // Writing to a String can't fail.
    let _infallible = writeln!(text, "{indent}{}", printable(words));
}

/// For people: what, then what to do, then why.
pub(super) fn people(report: &Report, zone: &TimeZone) -> String {
    let mut text = String::new();
    let findings = &report.findings;
    if report.denials == 0 {
        return "No denials found.\n".to_owned();
    }
    let plural = |count: u64, word: &str| format!("{count} {word}{}", if count == 1 { "" } else { "s" });
    let found = plural(findings.len() as u64, "finding");
    line(&mut text, "", &format!("{}, {found}", plural(report.denials, "denial")));
    for (finding, number) in findings.iter().zip(1..) {
        text.push('\n');
        line(&mut text, "", &format!("{number}. {}: {}", finding.module.name(), finding.summary));
        line(&mut text, "   ", &circumstances(finding, zone));
        for (nth, remedy) in finding.remedies.iter().enumerate() {
            self::remedy(&mut text, if nth == 0 { "do:  " } else { "or:  " }, remedy);
        }
        if finding.remedies.is_empty() {
            line(&mut text, "   ", "do:  nothing that could be proposed");
        }
        for (nth, evidence) in finding.evidence.iter().enumerate() {
            line(&mut text, "   ", &format!("{}{evidence}", if nth == 0 { "why: " } else { "     " }));
        }
    }
    text
}

fn remedy(text: &mut String, word: &str, remedy: &Remedy) {
    line(text, "   ", &format!("{word}{}", remedy.text));
    for rule in remedy.allows.iter().flat_map(Allow::te).chain(remedy.rules.iter().cloned()) {
        line(text, "          ", &rule);
    }
    for command in remedy.commands.iter().take(SHOWN) {
        line(text, "        $ ", command);
    }
    if let Some(more) = remedy.commands.len().checked_sub(SHOWN).filter(|more| *more > 0) {
        line(text, "          ", &format!("and {more} more: -o commands shows all"));
    }
    for warning in &remedy.warnings {
        line(text, "        ! ", warning);
    }
    for note in &remedy.notes {
        line(text, "        * ", note);
    }
}

/// How often, when, by whom, on what.
fn circumstances(finding: &Finding, zone: &TimeZone) -> String {
    let time = |time: Timestamp| time.to_zoned(zone.clone()).strftime("%Y-%m-%d %H:%M:%S").to_string();
    let mut parts =
        vec![if finding.count == 1 { "once".to_owned() } else { format!("{} times", finding.count) }];
    match (finding.first, finding.last) {
        (Some(first), Some(last)) if time(first) != time(last) => {
            parts.push(format!("{} to {}", time(first), time(last)));
        }
        (Some(first), _) => parts.push(time(first)),
        _ => {}
    }
    for (word, list) in [("by", &finding.who), ("on", &finding.objects), ("at", &finding.hosts)] {
        if !list.is_empty() {
            parts.push(format!("{word} {}", list.join(" ")));
        }
    }
    parts.join(", ")
}

/// For programs.
pub(super) fn json(report: &Report) -> String {
    // It has no maps with keys that are no strings, and nothing that fails to be written.
    serde_json::to_string_pretty(report).unwrap_or_default() + "\n"
}

/// What to run for the best remedies.
pub(super) fn commands(findings: &[Finding]) -> String {
    let mut text = String::new();
    let mut ordered: Vec<&Finding> = findings.iter().collect();
    // A change of a file moves the lines behind it, so the last ones are changed first.
    ordered.sort_by_key(|finding| finding.remedies.first()?.edit.as_ref()?.line.map(Reverse));
    for finding in ordered {
        line(&mut text, "# ", &format!("{}: {}", finding.module.name(), finding.summary));
        let Some(best) = finding.remedies.first() else { continue };
        match best.kind {
            RemedyKind::Module => {
                line(
                    &mut text,
                    "# ",
                    "only a module helps: the same command with -o cil >local.cil, then semodule -i local.cil",
                );
            }
            _ => line(&mut text, "# ", &best.text),
        }
        for rule in &best.rules {
            line(&mut text, "#   ", rule);
        }
        for warning in &best.warnings {
            line(&mut text, "# ! ", warning);
        }
        for note in &best.notes {
            line(&mut text, "# * ", note);
        }
        for command in &best.commands {
            line(&mut text, "", command);
        }
    }
    text
}

/// The rules of findings for which only a module helps; of the others, what helps instead.
fn modular<'f>(findings: &'f [Finding], comment: &str, text: &mut String) -> Vec<Allow> {
    let mut allows: Vec<Allow> = Vec::new();
    let of_module = |finding: &'f Finding| finding.remedies.iter().find(|remedy| !remedy.allows.is_empty());
    for (finding, module) in findings.iter().filter_map(|finding| Some((finding, of_module(finding)?))) {
        let best = finding.remedies.first().filter(|best| best.kind != RemedyKind::Module);
        if let Some(best) = best {
            line(
                text,
                comment,
                &format!("not among these rules, since there is something better: {}", finding.summary),
            );
            line(text, comment, &format!("  {}", best.text));
            continue;
        }
        for warning in &module.warnings {
            line(text, comment, warning);
        }
        for allow in &module.allows {
            match allows.iter_mut().find(|own| {
                (&own.source, &own.target, &own.class) == (&allow.source, &allow.target, &allow.class)
            }) {
                Some(own) => {
                    own.permissions.extend(allow.permissions.iter().cloned());
                    own.ioctls.extend(&allow.ioctls);
                }
                None => allows.push(allow.clone()),
            }
        }
    }
    allows.sort();
    allows
}

/// A module in SELinux's own language.
pub(super) fn te(findings: &[Finding]) -> String {
    let mut text = String::new();
    let allows = modular(findings, "# ", &mut text);
    if allows.is_empty() {
        return text + "# nothing is left for a module\n";
    }
    text + &module::te(MODULE, &allows)
}

/// A module in the common intermediate language.
pub(super) fn cil(findings: &[Finding]) -> String {
    let mut text = String::new();
    let allows = modular(findings, "; ", &mut text);
    if allows.is_empty() {
        return text + "; nothing is left for a module\n";
    }
    for rule in allows.iter().flat_map(Allow::cil) {
        line(&mut text, "", &rule);
    }
    text
}

/// Rules for profiles.
pub(super) fn rules(findings: &[Finding]) -> String {
    let mut text = String::new();
    let with_rules = |finding: &&Finding| finding.remedies.iter().any(|remedy| !remedy.rules.is_empty());
    for finding in findings.iter().filter(with_rules) {
        line(&mut text, "# ", &finding.summary);
        // Of those that would do, the best.
        let Some(remedy) = finding.remedies.iter().find(|remedy| !remedy.rules.is_empty()) else { continue };
        line(&mut text, "# ", &remedy.text);
        for warning in &remedy.warnings {
            line(&mut text, "# ! ", warning);
        }
        for note in &remedy.notes {
            line(&mut text, "# * ", note);
        }
        for rule in &remedy.rules {
            line(&mut text, "", rule);
        }
    }
    if text.is_empty() { "# no rule of a profile is missing\n".to_owned() } else { text }
}
