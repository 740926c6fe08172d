//! The steps of a remedy, and what takes each back.

use std::{
    collections::BTreeMap,
    fs, io,
    os::unix::ffi::OsStrExt as _,
    path::{Path, PathBuf},
};

use monitor_explain::{change::Change, finding::Edit, selinux::advice::module::Allow};
use serde::{Deserialize, Serialize};
use xxhash_rust::xxh3::xxh3_64;

use super::tools::{RUN, ToolError, Tools};

/// The booleans, each of which says whether it is on.
const BOOLEANS: &str = "/sys/fs/selinux/booleans";

/// Of so many files, labels are kept to be taken back.
const LABELS: usize = 10_000;
/// So many files are given to a tool at once.
const AT_ONCE: usize = 500;

/// A step.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Step {
    /// A change that a tool of SELinux's makes.
    Change(Change),
    /// A policy module with these rules.
    Module(Vec<Allow>),
    /// A change of a text file.
    Edit(Edit),
    /// Something is loaded again.
    Reload(Vec<String>),
    /// A unit is to be started again: nothing else is to be done.
    Restart(String),
}

/// What takes a step back.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub(super) enum Undo {
    /// A file gets its label back.
    Label { path: String, label: String },
    /// The files in a folder get their labels back: of each label, which.
    Labels { labels: BTreeMap<String, Vec<String>> },
    /// The file context goes, or has the type that it had.
    FileContext {
        pattern: String,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        before: Option<String>,
    },
    /// The file context comes again.
    FileContextGone { pattern: String, label_type: String },
    /// Booleans are as they were.
    Booleans { states: BTreeMap<String, bool> },
    /// The port's label goes.
    Port { protocol: String, port: u16 },
    /// The module goes.
    Module { name: String },
    /// A file is as it was, or goes if it was not there; if it is not as it was left, it stays.
    File {
        path: PathBuf,
        content: Option<String>,
        left: u64,
        reload: Vec<Vec<String>>,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        restart: Option<String>,
    },
}

/// A policy module.
pub(super) struct Module {
    /// Its name, which is another for other rules.
    pub(super) name: String,
    text: String,
}

impl Module {
    pub(super) fn of(rules: &[Allow]) -> Self {
        let mut text = String::new();
        for rule in rules.iter().flat_map(Allow::cil) {
            text.push_str(&rule);
            text.push('\n');
        }
        Self { name: format!("denyd_{:016x}", xxh3_64(text.as_bytes())), text }
    }

    fn path(&self, folder: &Path) -> PathBuf {
        folder.join(format!("{}.cil", self.name))
    }

    /// Installs modules, all or none.
    pub(super) fn install(modules: &[&Self], tools: &Tools) -> Result<(), ToolError> {
        let mut command = vec!["semodule".to_owned()];
        for module in modules {
            let path = module.path(tools.scratch());
            fs::write(&path, &module.text).map_err(|error| file("write", &path, error))?;
            command.extend(["-i".to_owned(), path.display().to_string()]);
        }
        let installed = tools.run(&command);
        for module in modules {
            // It is in the store by now, or of no use.
            let _removed = fs::remove_file(module.path(tools.scratch()));
        }
        installed
    }
}

impl Step {
    /// It in lines: commands, or a file's difference.
    pub(super) fn lines(&self) -> Vec<String> {
        match self {
            Self::Change(change) => vec![format!("$ {}", change.line())],
            Self::Module(rules) => {
                let module = Module::of(rules);
                let path = module.path(Path::new(RUN)).display().to_string();
                let mut lines = vec![format!("+++ {path}")];
                lines.extend(module.text.lines().map(|line| format!("+{line}")));
                lines.push(format!("$ semodule -i {path}"));
                lines
            }
            Self::Edit(edit) => {
                let at = edit.line.map_or_else(|| "its end".to_owned(), |line| format!("line {line}"));
                let mut lines = vec![format!("--- {}", edit.file), format!("@@ {at} @@")];
                lines.extend(edit.remove.iter().map(|line| format!("-{line}")));
                lines.extend(edit.add.iter().map(|line| format!("+{line}")));
                lines.push(format!("$ {}", edit.reload));
                lines
            }
            Self::Reload(words) => vec![format!("$ {}", shell_words::join(words))],
            Self::Restart(_) => Vec::new(),
        }
    }

    /// The unit whose processes have nothing of it until it is started again.
    pub(super) fn unit(&self) -> Option<&str> {
        match self {
            Self::Edit(edit) => edit.restart.as_deref(),
            Self::Restart(unit) => Some(unit),
            _ => None,
        }
    }

    /// Makes it. Gives what takes it back, if anything has to be.
    pub(super) fn apply(&self, tools: &Tools) -> Result<Option<Undo>, ToolError> {
        match self {
            Self::Change(change) => {
                let undo = before(change)?;
                tools.run(&change.command())?;
                Ok(Some(undo.of_changed()))
            }
            Self::Module(rules) => {
                let module = Module::of(rules);
                Module::install(&[&module], tools)?;
                Ok(Some(Undo::Module { name: module.name }))
            }
            Self::Edit(edit) => self::edit(edit, tools).map(Some),
            Self::Reload(words) => tools.run(words).map(|()| None),
            Self::Restart(_) => Ok(None),
        }
    }
}

pub(super) fn file(what: &str, path: &Path, error: io::Error) -> ToolError {
    ToolError::File { what: format!("cannot {what} {}", path.display()), error }
}

/// What takes a change back, as things are now.
pub(super) fn before(change: &Change) -> Result<Undo, ToolError> {
    Ok(match change {
        Change::Relabel { path, recursive: true, .. } => Undo::Labels { labels: labels(Path::new(path))? },
        Change::Relabel { path, .. } => {
            let label = label(Path::new(path)).map_err(|error| unseen(Path::new(path), error))?;
            Undo::Label { path: path.clone(), label }
        }
        Change::FileContext { pattern, instead, .. } => {
            Undo::FileContext { pattern: pattern.clone(), before: instead.clone() }
        }
        Change::FileContextGone { pattern, label_type } => {
            Undo::FileContextGone { pattern: pattern.clone(), label_type: label_type.clone() }
        }
        Change::Booleans { states } => {
            let now = states.keys().map(|name| {
                let path = Path::new(BOOLEANS).join(name);
                let state = fs::read(&path).map_err(|error| file("read", &path, error))?;
                Ok((name.clone(), state.first() == Some(&b'1')))
            });
            Undo::Booleans { states: now.collect::<Result<_, ToolError>>()? }
        }
        Change::Port { protocol, port, .. } => Undo::Port { protocol: protocol.clone(), port: *port },
    })
}

/// A file's label.
fn label(path: &Path) -> io::Result<String> {
    let mut label = vec![0; 4096];
    let length = rustix::fs::lgetxattr(path.as_os_str().as_bytes(), "security.selinux", &mut label[..])?;
    label.truncate(length);
    let text = String::from_utf8_lossy(&label);
    Ok(text.trim_end_matches('\0').to_owned())
}

fn unseen(path: &Path, error: io::Error) -> ToolError {
    file("see the label of", path, error)
}

/// The labels of a folder and of all that is in it.
fn labels(folder: &Path) -> Result<BTreeMap<String, Vec<String>>, ToolError> {
    let mut labels: BTreeMap<String, Vec<String>> = BTreeMap::new();
    let mut waiting = vec![folder.to_owned()];
    let mut count = 0;
    while let Some(path) = waiting.pop() {
        count += 1;
        if count > LABELS {
            return Err(ToolError::Many(folder.display().to_string()));
        }
        let kind = fs::symlink_metadata(&path).map_err(|error| unseen(&path, error))?;
        if kind.is_dir() {
            for entry in fs::read_dir(&path).map_err(|error| unseen(&path, error))? {
                waiting.push(entry.map_err(|error| unseen(&path, error))?.path());
            }
        }
        // What has no label gets none back, and a name that is no text can't be noted.
        if let (Ok(label), Some(name)) = (label(&path), path.to_str()) {
            labels.entry(label).or_default().push(name.to_owned());
        }
    }
    Ok(labels)
}

/// Changes a text file and has it loaded. If it can't be, the file is as before.
fn edit(edit: &Edit, tools: &Tools) -> Result<Undo, ToolError> {
    let path = PathBuf::from(&edit.file);
    let content = match fs::read_to_string(&path) {
        Ok(text) => Some(text),
        Err(error) if error.kind() == io::ErrorKind::NotFound && edit.remove.is_empty() => None,
        Err(error) => return Err(file("read", &path, error)),
    };
    let text = edited(edit, content.as_deref().unwrap_or_default())
        .ok_or_else(|| ToolError::Changed(edit.file.clone()))?;
    let reload = commands(&edit.reload);
    let undo = Undo::File {
        path: path.clone(),
        content,
        left: xxh3_64(text.as_bytes()),
        reload: reload.clone(),
        restart: edit.restart.clone(),
    };
    replace(&path, &text)?;
    if let Err(error) = run_all(&reload, tools) {
        undo.restore_file()?;
        return Err(error);
    }
    Ok(undo)
}

/// The commands of a line that denyd wrote for people: joined by `&&`, if there are several.
fn commands(line: &str) -> Vec<Vec<String>> {
    let words = shell_words::split(line).unwrap_or_default();
    words.split(|word| word == "&&").map(<[String]>::to_vec).collect()
}

fn run_all(commands: &[Vec<String>], tools: &Tools) -> Result<(), ToolError> {
    commands.iter().try_for_each(|words| tools.run(words))
}

/// The file's new text. `None`: it does not have the lines that are to go.
fn edited(edit: &Edit, text: &str) -> Option<String> {
    let mut lines: Vec<&str> = text.lines().collect();
    // Several findings may have one remedy.
    let is_there = || lines.windows(edit.add.len().max(1)).any(|part| part.iter().eq(&edit.add));
    if edit.line.is_none() && edit.remove.is_empty() && is_there() {
        return Some(text.to_owned());
    }
    let at = match edit.line {
        Some(line) => line.checked_sub(1)?,
        None => lines.len(),
    };
    let end = at.checked_add(edit.remove.len())?;
    if lines.get(at..end)?.iter().ne(edit.remove.iter()) {
        return None;
    }
    lines.splice(at..end, edit.add.iter().map(String::as_str));
    Some(lines.iter().flat_map(|line| [line, "\n"]).collect())
}

/// Writes a file whole or not at all, with the mode that it had.
fn replace(path: &Path, text: &str) -> Result<(), ToolError> {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    if let Some(folder) = path.parent() {
        fs::create_dir_all(folder).map_err(|error| file("make", folder, error))?;
    }
    // What begins with a dot is loaded by nobody.
    let new = path.with_file_name(format!(".{name}.denyd"));
    let write = || -> io::Result<()> {
        fs::write(&new, text)?;
        if let Ok(before) = fs::metadata(path) {
            fs::set_permissions(&new, before.permissions())?;
        }
        fs::rename(&new, path)
    };
    write().map_err(|error| file("write", path, error))
}

impl Undo {
    /// Only what has changed, once it has.
    fn of_changed(self) -> Self {
        let Self::Labels { mut labels } = self else { return self };
        for (before, paths) in &mut labels {
            paths.retain(|path| label(Path::new(path)).is_ok_and(|now| now != *before));
        }
        labels.retain(|_, paths| !paths.is_empty());
        Self::Labels { labels }
    }

    pub(super) fn commands(&self) -> Vec<Vec<String>> {
        let words = |words: &[&str]| -> Vec<String> { words.iter().map(|&word| word.to_owned()).collect() };
        let command: Vec<String> = match self {
            Self::Label { path, label } => words(&["chcon", "-h", label, path]),
            Self::Labels { labels } => {
                let chunks = labels
                    .iter()
                    .flat_map(|(label, paths)| paths.chunks(AT_ONCE).map(move |chunk| (label, chunk)));
                let command = |(label, paths): (&String, &[String])| {
                    let mut command = words(&["chcon", "-h", label]);
                    command.extend(paths.iter().cloned());
                    command
                };
                return chunks.map(command).collect();
            }
            Self::FileContext { pattern, before: None } => words(&["semanage", "fcontext", "-d", pattern]),
            Self::FileContext { pattern, before: Some(before) } => {
                words(&["semanage", "fcontext", "-m", "-t", before, pattern])
            }
            Self::FileContextGone { pattern, label_type } => {
                let (pattern, label_type) = (pattern.clone(), label_type.clone());
                Change::FileContext { pattern, label_type, instead: None }.command()
            }
            Self::Booleans { states } => Change::Booleans { states: states.clone() }.command(),
            Self::Port { protocol, port } => {
                words(&["semanage", "port", "-d", "-p", protocol, &port.to_string()])
            }
            Self::Module { name } => words(&["semodule", "-r", name]),
            Self::File { reload, .. } => return reload.clone(),
        };
        vec![command]
    }

    /// The unit whose processes are as they were only when it is started again.
    pub(super) fn unit(&self) -> Option<&str> {
        match self {
            Self::File { restart, .. } => restart.as_deref(),
            _ => None,
        }
    }

    /// It as a line.
    pub(super) fn line(&self) -> String {
        let commands: Vec<_> = self.commands().iter().map(shell_words::join).collect();
        let words = commands.join(" && ");
        match self {
            Self::File { path, content: Some(_), .. } => {
                format!("{words}    # after {} is as it was", path.display())
            }
            Self::File { path, content: None, .. } => {
                format!("{words}    # after {} is removed", path.display())
            }
            _ => words,
        }
    }

    /// Takes the step back.
    pub(super) fn run(&self, tools: &Tools) -> Result<(), ToolError> {
        self.restore_file()?;
        run_all(&self.commands(), tools)
    }

    fn restore_file(&self) -> Result<(), ToolError> {
        let Self::File { path, content, left, .. } = self else { return Ok(()) };
        let now = fs::read(path).map_err(|error| file("read", path, error))?;
        if xxh3_64(&now) != *left {
            return Err(ToolError::Changed(path.display().to_string()));
        }
        match content {
            Some(content) => replace(path, content),
            None => fs::remove_file(path).map_err(|error| file("remove", path, error)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lines(line: Option<usize>, remove: &[&str], add: &[&str]) -> Edit {
        let owned = |lines: &[&str]| lines.iter().map(|&line| line.to_owned()).collect();
        Edit {
            file: "/f".to_owned(),
            line,
            remove: owned(remove),
            add: owned(add),
            reload: String::new(),
            restart: None,
        }
    }

    #[test]
    fn lines_go_and_come_where_they_should_or_not_at_all() {
        let text = "profile x {\n  deny /a r,\n}\n";
        let added = edited(&lines(Some(3), &[], &["  /b r,"]), text).unwrap();
        assert_eq!(added, "profile x {\n  deny /a r,\n  /b r,\n}\n");
        let replaced = edited(&lines(Some(2), &["  deny /a r,"], &["  /a r,"]), text).unwrap();
        assert_eq!(replaced, "profile x {\n  /a r,\n}\n");
        assert_eq!(edited(&lines(None, &[], &["/c r,"]), "").unwrap(), "/c r,\n");
        let setting = lines(None, &[], &["[Service]", "ProtectHome=no"]);
        let once = edited(&setting, "[Service]\n").unwrap();
        assert_eq!(once, "[Service]\n[Service]\nProtectHome=no\n");
        assert_eq!(edited(&setting, &once).unwrap(), once, "another finding had the same remedy");
        assert_eq!(edited(&lines(Some(2), &["  deny /b r,"], &[]), text), None, "it has changed");
        assert_eq!(edited(&lines(Some(9), &[], &["x"]), text), None, "it is shorter by now");
    }

    #[test]
    fn another_rule_is_another_module() {
        let allow = |name: &str| Allow {
            source: "a_t".to_owned(),
            target: "b_t".to_owned(),
            class: "file".to_owned(),
            permissions: [name.to_owned()].into(),
            ioctls: [].into(),
        };
        let read = Module::of(&[allow("read")]);
        assert_eq!(read.text, "(allow a_t b_t (file (read)))\n");
        assert_eq!(Module::of(&[allow("read")]).name, read.name);
        assert_ne!(Module::of(&[allow("write")]).name, read.name);
    }
}
