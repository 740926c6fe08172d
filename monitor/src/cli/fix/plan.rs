//! What would be done about a finding.

use monitor_explain::finding::{Finding, Remedy, RemedyKind};

use super::{
    step::{Step, Undo},
    tools::{ToolError, Tools},
    transaction,
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
        if !finding.hosts.iter().all(|name| first(name) == first(host)) {
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
        let mut notes = vec![best.text.clone()];
        notes.extend(best.warnings.iter().map(|warning| format!("! {warning}")));
        notes.extend(best.notes.iter().map(|note| format!("* {note}")));
        Self { steps, notes, is_dangerous: best.is_dangerous() }
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

    /// Does what is not done yet. What was done before a step that fails is taken back.
    fn apply(&self, done: Vec<Option<Undo>>, tools: &Tools) -> Result<Vec<Undo>, ToolError> {
        let (mut undos, mut failed) = (Vec::new(), None);
        for (step, done) in self.steps.iter().zip(done) {
            // What was made together is there, and may have to be taken back.
            match done {
                Some(undo) => undos.push(undo),
                None if failed.is_some() => {}
                None => match step.apply(tools) {
                    Ok(undo) => undos.extend(undo),
                    Err(error) => failed = Some(error),
                },
            }
        }
        let Some(error) = failed else { return Ok(undos) };
        for undo in undos.iter().rev() {
            // What can't be taken back is said, and the first fault is what matters.
            if let Err(other) = undo.run(tools) {
                crate::cli::say(format_args!("not taken back: {}: {other}", undo.line()));
            }
        }
        Err(error)
    }
}

/// Does what is planned, at once what can be. Gives for each plan what takes it back, or why nothing of it is done.
pub(super) fn apply(plans: &[&Plan], tools: &Tools) -> Vec<Result<Vec<Undo>, ToolError>> {
    let steps: Vec<&Step> = plans.iter().flat_map(|plan| &plan.steps).collect();
    // If what is there can't be seen, each step says so itself.
    let together = transaction::apply(&steps, tools).unwrap_or_else(|_| steps.iter().map(|_| None).collect());
    let mut together = together.into_iter();
    let apply = |plan: &&Plan| {
        let done = together.by_ref().take(plan.steps.len()).collect();
        plan.apply(done, tools)
    };
    plans.iter().map(apply).collect()
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
