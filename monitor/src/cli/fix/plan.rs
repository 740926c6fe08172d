//! What would be done about a finding.

use monitor_explain::finding::{Finding, Remedy, RemedyKind};

use super::{
    step::{Step, Undo},
    tools::{ToolError, Tools},
};
use crate::text::printable;

/// What would be done.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Plan {
    /// The steps, none if nothing can be done.
    pub(super) steps: Vec<Step>,
    /// Why nothing is done, or what is to be known before.
    notes: Vec<String>,
    /// Whether it opens what is dangerous to open.
    pub(super) is_dangerous: bool,
}

impl Plan {
    /// What would be done about it on this machine.
    pub(super) fn of(finding: &Finding, host: &str) -> Self {
        let nothing = |note: String| Self { steps: Vec::new(), notes: vec![note], is_dangerous: false };
        let first = |name: &str| name.split('.').next().unwrap_or_default().to_owned();
        if !finding.hosts.is_empty() && !finding.hosts.iter().any(|name| first(name) == first(host)) {
            return nothing(format!("nothing is done here: it was on {}", finding.hosts.join(", ")));
        }
        let Some(best) = finding.remedies.first() else {
            return nothing("nothing could be proposed".to_owned());
        };
        let steps = steps(best);
        if steps.is_empty() {
            return nothing(match best.kind {
                RemedyKind::Nothing | RemedyKind::Refuse => best.text.clone(),
                _ => format!("denyd can't do it by itself: {}", best.text),
            });
        }
        // A choice among labels is no danger.
        let is_choice = matches!(best.kind, RemedyKind::FileContext | RemedyKind::Port);
        let is_dangerous = !is_choice && !best.warnings.is_empty();
        let mut notes = vec![best.text.clone()];
        notes.extend(best.warnings.iter().map(|warning| format!("! {warning}")));
        notes.extend(best.notes.iter().map(|note| format!("* {note}")));
        Self { steps, notes, is_dangerous }
    }

    /// For people: the finding, and what would be done.
    pub(super) fn text(&self, number: usize, finding: &Finding) -> String {
        let mut lines = vec![format!("{number}. {}: {}", finding.module.name(), finding.summary)];
        lines.extend(self.notes.iter().map(|note| format!("   {note}")));
        lines.extend(self.steps.iter().flat_map(Step::lines).map(|line| format!("     {line}")));
        lines.iter().flat_map(|line| [printable(line).to_string(), "\n".to_owned()]).collect()
    }

    /// The line from which on it changes a file: a change moves the lines behind it.
    pub(super) fn line(&self) -> Option<usize> {
        let line = |step: &Step| match step {
            Step::Edit(edit) => edit.line,
            _ => None,
        };
        self.steps.iter().find_map(line)
    }

    /// Does it. What was done before a step that fails is taken back.
    pub(super) fn apply(&self, tools: &Tools) -> Result<Vec<Undo>, ToolError> {
        let mut done = Vec::new();
        for step in &self.steps {
            match step.apply(tools) {
                Ok(undo) => done.extend(undo),
                Err(error) => {
                    for undo in done.iter().rev() {
                        // What can't be taken back is said, and the first fault is what matters.
                        if let Err(other) = undo.run(tools) {
                            crate::cli::say(format_args!("not taken back: {}: {other}", undo.line()));
                        }
                    }
                    return Err(error);
                }
            }
        }
        Ok(done)
    }
}

/// The steps of a remedy.
fn steps(remedy: &Remedy) -> Vec<Step> {
    if !remedy.changes.is_empty() {
        return remedy.changes.iter().cloned().map(Step::Change).collect();
    }
    if let Some(edit) = &remedy.edit {
        return vec![Step::Edit(edit.clone())];
    }
    match remedy.kind {
        RemedyKind::Module if !remedy.allows.is_empty() => vec![Step::Module(remedy.allows.clone())],
        RemedyKind::Reload => {
            let words = |line: &String| shell_words::split(line).ok();
            remedy.commands.iter().filter_map(words).map(Step::Reload).collect()
        }
        RemedyKind::Restart => {
            let unit = |line: &String| shell_words::split(line).ok()?.pop();
            remedy.commands.iter().filter_map(unit).map(Step::Restart).collect()
        }
        _ => Vec::new(),
    }
}
