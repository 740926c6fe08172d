//! What programs are refused, and the rules that come of it.

use std::{fs, io, path::Path};

use monitor_explain::finding::Finding;

use super::{Compiled, Place, findings};

type Failure = Box<dyn std::error::Error>;

/// Denials as programs cause them: a few are from reports of users, the others are made up in the form of such.
const DENIALS: &str = include_str!("programs.log");
const RULES: &str = include_str!("programs.txt");

/// What the parser that is installed may not know yet.
const NEWER: [&str; 3] = ["mqueue ", "io_uring ", "userns,"];

fn rules(finding: &Finding) -> impl Iterator<Item = &String> {
    // The best of those that are of rules, and not of a setting.
    finding
        .remedies
        .iter()
        .find(|remedy| !remedy.rules.is_empty())
        .into_iter()
        .flat_map(|remedy| &remedy.rules)
}

/// What is said of each denial by itself: whose it is, then what is set, the rules, and what is dangerous about them.
fn said() -> String {
    let mut said = Vec::new();
    for line in DENIALS.lines() {
        let profile =
            line.split_once("profile=\"").or(line.split_once(" label=\"")).map_or("", |(_, rest)| rest);
        for finding in findings(format!("{line}\n"), &Place::default()) {
            said.extend(profile.split('"').next().map(str::to_owned));
            let (settings, with_rules): (Vec<_>, Vec<_>) =
                finding.remedies.iter().partition(|remedy| remedy.rules.is_empty());
            said.extend(settings.iter().map(|setting| format!("    {}", setting.text)));
            said.extend(rules(&finding).map(|rule| format!("  {rule}")));
            let warnings = with_rules.iter().flat_map(|remedy| &remedy.warnings);
            said.extend(warnings.map(|warning| format!("    ! {warning}")));
        }
    }
    said.join("\n") + "\n"
}

#[test]
fn what_programs_are_refused_gets_these_rules() -> io::Result<()> {
    let said = said();
    if std::env::var_os("UPDATE_GOLDEN").is_some() {
        return fs::write(Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/apparmor/programs.txt"), said);
    }
    assert_eq!(said, RULES, "read the difference, then UPDATE_GOLDEN=1");
    Ok(())
}

#[test]
fn the_rules_of_all_together_compile() -> Result<(), Failure> {
    let found = findings(DENIALS, &Place::default());
    let all: Vec<&str> = found
        .iter()
        .flat_map(rules)
        .map(String::as_str)
        .filter(|rule| !NEWER.iter().any(|newer| rule.starts_with(newer)))
        .collect();
    assert!(all.len() > 80, "{all:#?}");
    let text = format!("include <tunables/global>\nprofile app {{\n{}\n}}\n", all.join("\n"));
    let folder = super::folder(&["abi", "tunables"], &text)?;
    Compiled::of(&folder.path().join("app"), folder.path())?;
    Ok(())
}
