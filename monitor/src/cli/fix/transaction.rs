//! Many changes in one transaction: each `semanage` and each `semodule` builds the policy anew, which takes seconds.

use std::fs;

use super::{
    step::{Module, Step, Undo, file},
    tools::{ToolError, Tools},
};

/// The changes that `semanage import` makes at once: lines of its input.
#[derive(Debug, Default)]
struct Import(Vec<String>);

impl Import {
    /// Adds a command, if it is one that can be had so.
    fn add(&mut self, command: &[String]) -> bool {
        let Some(lines) = lines(command) else { return false };
        self.0.extend(lines);
        true
    }

    fn run(&self, tools: &Tools) -> Result<(), ToolError> {
        let path = tools.scratch().join(format!("denyd-fix-{}.semanage", std::process::id()));
        let text: String = self.0.iter().flat_map(|line| [line, "\n"]).collect();
        fs::write(&path, text).map_err(|error| file("write", &path, error))?;
        let words = ["semanage", "import", "-f"].map(str::to_owned);
        let words: Vec<_> = words.into_iter().chain([path.display().to_string()]).collect();
        let done = tools.run(&words);
        let _removed = fs::remove_file(&path);
        done
    }
}

/// A command as `semanage import` reads it: without quotes, and a line for each boolean. Nothing, if a word of it would not be
/// one there.
fn lines(command: &[String]) -> Option<Vec<String>> {
    let is_word = |word: &String| {
        !word.is_empty()
            && !word.contains(|c: char| c.is_whitespace() || c.is_control() || matches!(c, '"' | '\''))
    };
    if !command.iter().all(is_word) {
        return None;
    }
    match command.split_first()? {
        (tool, words) if tool == "semanage" => Some(vec![words.join(" ")]),
        (tool, [option, states @ ..]) if tool == "setsebool" && option == "-P" => states
            .iter()
            .map(|state| {
                let (name, value) = state.split_once('=')?;
                Some(format!("boolean -m {} {name}", if value == "on" { "--on" } else { "--off" }))
            })
            .collect(),
        _ => None,
    }
}

/// Makes those of the steps together that can be, and gives for each that was made what takes it back. If they can't be made
/// together, none is: each is then tried for itself, so that it is seen which of them fails.
pub(super) fn apply(steps: &[&Step], tools: &Tools) -> Result<Vec<Option<Undo>>, ToolError> {
    let mut done: Vec<Option<Undo>> = steps.iter().map(|_| None).collect();
    let (mut import, mut imported) = (Import::default(), Vec::new());
    let mut modules = Vec::new();
    for (at, step) in steps.iter().enumerate() {
        match step {
            Step::Change(change) if import.add(&change.command()) => {
                imported.push((at, super::step::before(change)?));
            }
            Step::Module(rules) => modules.push((at, Module::of(rules))),
            _ => {}
        }
    }
    if imported.len() > 1 && import.run(tools).is_ok() {
        for (at, undo) in imported {
            done[at] = Some(undo);
        }
    }
    let sources: Vec<_> = modules.iter().map(|(_, module)| module).collect();
    if sources.len() > 1 && Module::install(&sources, tools).is_ok() {
        for (at, module) in modules {
            done[at] = Some(Undo::Module { name: module.name });
        }
    }
    Ok(done)
}

/// Takes changes back, the last one first; those that can be together, at the end.
pub(super) fn take_back(undos: &[Undo], tools: &Tools) -> Result<(), ToolError> {
    let (mut import, mut imported) = (Import::default(), Vec::new());
    let mut modules = Vec::new();
    for undo in undos.iter().rev() {
        let commands = undo.commands();
        match (undo, &*commands) {
            (Undo::Module { name }, _) => modules.push(name.clone()),
            (_, [command]) if import.add(command) => imported.push(undo),
            _ => undo.run(tools)?,
        }
    }
    match &*imported {
        [] => {}
        [undo] => undo.run(tools)?,
        _ => import.run(tools)?,
    }
    if modules.is_empty() {
        return Ok(());
    }
    let options = modules.into_iter().flat_map(|name| ["-r".to_owned(), name]);
    tools.run(&std::iter::once("semodule".to_owned()).chain(options).collect::<Vec<_>>())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(line: &str) -> Vec<String> {
        shell_words::split(line).unwrap()
    }

    #[test]
    fn what_would_be_other_words_is_not_put_together() {
        let line = |command| lines(&words(command)).map(|lines| lines.join(";"));
        let said = |text: &str| Some(text.to_owned());
        assert_eq!(
            line("semanage fcontext -a -t a_t '/srv/a(/.*)?'"),
            said("fcontext -a -t a_t /srv/a(/.*)?")
        );
        assert_eq!(line("setsebool -P a=on b=off"), said("boolean -m --on a;boolean -m --off b"));
        for command in [
            "semanage fcontext -a -t a_t '/srv/a b'",
            "semanage fcontext -a -t a_t \"/srv/it's\"",
            "semanage fcontext -a -t a_t '/srv/a\nboolean -m --on b'",
            "restorecon -v /srv/a",
        ] {
            assert_eq!(line(command), None, "{command}");
        }
    }
}
