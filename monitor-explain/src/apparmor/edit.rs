//! Changes of a profile's files, each as lines that go and come, and as commands.

use std::{collections::BTreeSet, fs, path::Path};

use super::{
    answer,
    entry::{Entry, Position},
    library::{Known, Library},
    remedy::{Rules, rules},
    request::Request,
    rule::Rule,
    source::Profile,
};
use crate::{
    change::quoted,
    finding::{Edit, Remedy, RemedyKind},
};

/// What loads a profile again.
pub(super) fn reload(file: &Path) -> String {
    format!("apparmor_parser -r {}", shell_words::quote(&file.to_string_lossy()))
}

/// The remedy that these lines are added.
pub(super) fn change(known: Option<&Known>, lines: Vec<String>) -> Remedy {
    let mut remedy = Remedy::new(RemedyKind::Rules, "");
    remedy.rules = lines;
    let Some(known) = known else {
        "add the rules to the profile, and load it again with apparmor_parser -r FILE"
            .clone_into(&mut remedy.text);
        return remedy;
    };
    let local = known
        .profile()
        .includes
        .iter()
        .find(|include| include.written.starts_with("local/") && !include.path.is_dir());
    let (file, inside) = match local {
        Some(local) => (&*local.path, ""),
        None => (known.file(), ", before the closing brace of the profile"),
    };
    remedy.text = format!("add the rules to {}{inside}, and load the profile again", file.display());
    let edit = match local {
        Some(_) => Some(Edit {
            file: file.to_string_lossy().into_owned(),
            line: None,
            remove: Vec::new(),
            add: remedy.rules.clone(),
            reload: reload(known.loaded()),
            restart: None,
        }),
        None => before_the_brace(known, &remedy.rules),
    };
    remedy.commands = edit.as_ref().map(commands).unwrap_or_default();
    remedy.edit = edit;
    remedy
}

/// Puts rules before the brace that closes a profile. None if several profiles end in that line.
fn before_the_brace(known: &Known, rules: &[String]) -> Option<Edit> {
    let at = known.profile().at;
    let text = fs::read_to_string(known.file()).ok()?;
    let last = text.lines().nth(at.end.checked_sub(1)?)?;
    let add = rules.iter().map(|rule| format!("  {rule}"));
    let (remove, add) = if last.trim_start().starts_with('}') {
        (Vec::new(), add.collect())
    } else {
        // `profile x { /a r, }`
        let is_there = |other: &&Profile| (other.at.file, other.at.end) == (at.file, at.end);
        if known.source.profiles.iter().filter(is_there).count() != 1 {
            return None;
        }
        let (before, after) = last.rsplit_once('}')?;
        let add = [before.trim_end().to_owned()].into_iter().chain(add).chain([format!("}}{after}")]);
        (vec![last.to_owned()], add.collect())
    };
    Some(Edit {
        file: known.file().to_string_lossy().into_owned(),
        line: Some(at.end),
        remove,
        add,
        reload: reload(known.loaded()),
        restart: None,
    })
}

/// The remedy that a deny rule of the profile's own file goes.
pub(super) fn without(
    known: &Known,
    deny: &Entry,
    requests: &BTreeSet<Request>,
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
    let is_lacking = |request: &&Request| !answer::ask(&known.profile().entries, request).is_allowed();
    let lacking: BTreeSet<Request> = requests.iter().filter(is_lacking).cloned().collect();
    if !lacking.is_empty() {
        let Rules { rules, notes } = rules(&lacking, Some(known), library);
        remedy.rules = rules.iter().map(Rule::to_string).collect();
        remedy.notes = notes;
        remedy.text.push_str("; no other rule allows what was refused, so put this in its place");
    }
    if shares_a_line(known, deny) {
        return remedy;
    }
    let edit = Edit {
        file: file.to_string_lossy().into_owned(),
        line: Some(deny.at.line),
        remove: lines,
        add: remedy.rules.iter().map(|rule| format!("  {rule}")).collect(),
        reload: reload(known.loaded()),
        restart: None,
    };
    remedy.commands = commands(&edit);
    remedy.edit = Some(edit);
    remedy
}

/// Whether something else stands on a line of the rule, which must not go with it.
fn shares_a_line(known: &Known, rule: &Entry) -> bool {
    let lines = rule.at.line..=rule.at.end;
    let is_in_file = |at: &Position| at.file == rule.at.file;
    let overlaps =
        |at: Position| is_in_file(&at) && at != rule.at && at.line <= rule.at.end && rule.at.line <= at.end;
    let has_edge = |at: &Position| is_in_file(at) && (lines.contains(&at.line) || lines.contains(&at.end));
    known
        .source
        .profiles
        .iter()
        .any(|profile| has_edge(&profile.at) || profile.entries.iter().any(|entry| overlaps(entry.at)))
}

/// The remedy with the warning that goes with each change of a deny rule.
pub(super) fn warn(remedy: Remedy) -> Remedy {
    remedy.warn("somebody wrote this rule to have it refused: find out why first")
}

/// The remedy that a profile gets a flag, such as `attach_disconnected`.
pub(super) fn flagged(known: &Known, flag: &str, remedy: Remedy) -> Remedy {
    let profile = known.profile();
    if profile.flags.iter().any(|own| own == flag) {
        let text = format!("load the profile again: its file has flags=({flag}) by now");
        return Remedy::new(RemedyKind::Reload, text).run(reload(known.loaded()));
    }
    let text = fs::read_to_string(known.file()).unwrap_or_default();
    let header = text.lines().nth(profile.at.line - 1).unwrap_or_default();
    let changed = match header.split_once("flags=(") {
        Some((before, after)) => format!("{before}flags=({flag}, {after}"),
        None => match header.rsplit_once('{') {
            Some((before, after)) => {
                format!("{}flags=({flag}) {{{after}", before.trim_end().to_owned() + " ")
            }
            None => return remedy,
        },
    };
    let edit = Edit {
        file: known.file().to_string_lossy().into_owned(),
        line: Some(profile.at.line),
        remove: vec![header.to_owned()],
        add: vec![changed],
        reload: reload(known.loaded()),
        restart: None,
    };
    Remedy { commands: commands(&edit), edit: Some(edit), ..remedy }
}

/// The commands that make an edit.
fn commands(edit: &Edit) -> Vec<String> {
    let file = quoted(&edit.file);
    let mut commands = Vec::new();
    match edit.line {
        None => {
            let lines: Vec<_> = edit.add.iter().map(|line| quoted(line)).collect();
            commands.push(format!("printf '%s\\n' {} >>{file}", lines.join(" ")));
        }
        Some(line) => {
            let mut script = Vec::new();
            // What is inserted at a line comes before what happens to it.
            for added in &edit.add {
                let text = format!("{line}i\\{}", added.replace('\\', r"\\"));
                script.push(format!("-e {}", quoted(&text)));
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
