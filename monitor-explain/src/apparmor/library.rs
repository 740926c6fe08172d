//! The profiles of this machine: which there are, in which files, and the abstractions that they may include.

use std::{
    collections::{HashMap, HashSet},
    fs,
    path::{Path, PathBuf},
    sync::{Arc, Mutex, OnceLock},
    time::SystemTime,
};

use super::{
    entry::Entry,
    glob::{Glob, Variables},
    source::{self, Header, Profile, Source},
    syntax::{self, Kind},
};

/// Where the kernel shows what is loaded.
const LOADED: &str = "/sys/kernel/security/apparmor/policy/profiles";

/// How many files are listed.
const FILES: usize = 4_000;
/// How deep files that include profiles may be nested.
const NESTED: usize = 8;

/// The profiles of a folder, as `/etc/apparmor.d`.
#[derive(Debug)]
pub(crate) struct Library {
    folder: PathBuf,
    /// Variables that profiles usually have.
    variables: Variables,
    headers: Vec<Listed>,
    known: Mutex<HashMap<String, Option<Arc<Known>>>>,
    abstractions: OnceLock<Vec<Abstraction>>,
}

/// A profile at the outermost level of a file.
#[derive(Debug)]
struct Listed {
    name: String,
    /// The programs that it confines.
    attachment: Option<Glob>,
    /// The file that is loaded: its own, or one that includes that.
    file: PathBuf,
}

/// A profile with its file.
#[derive(Debug)]
pub(super) struct Known {
    pub(super) source: Source,
    /// Which of the source's profiles it is.
    index: usize,
}

/// Rules that profiles include.
#[derive(Debug)]
pub(super) struct Abstraction {
    /// As profiles name it: `abstractions/nameservice`.
    pub(super) name: String,
    pub(super) path: PathBuf,
    pub(super) entries: Vec<Entry>,
}

impl Known {
    pub(super) fn profile(&self) -> &Profile {
        &self.source.profiles[self.index]
    }

    /// The profile's own file.
    pub(super) fn file(&self) -> &Path {
        &self.source.files[self.profile().at.file]
    }

    /// The file that is loaded: the profile's own, or one that includes it.
    pub(super) fn loaded(&self) -> &Path {
        self.source.files.first().map_or_else(|| self.file(), PathBuf::as_path)
    }

    /// Where a rule stands: `/etc/apparmor.d/abstractions/base:12`.
    pub(super) fn position(&self, entry: &Entry) -> String {
        format!("{}:{}", self.source.files[entry.at.file].display(), entry.at.line)
    }

    /// The children of the profile.
    pub(super) fn children(&self) -> impl Iterator<Item = &Profile> {
        let prefix = format!("{}//", self.profile().name);
        self.source.profiles.iter().filter(move |profile| profile.name.starts_with(&prefix))
    }
}

impl Library {
    /// Lists the profiles of a folder.
    pub(crate) fn read(folder: &Path) -> Self {
        let variables = source::read(folder, &folder.join("tunables/global"), Variables::new()).variables;
        let files = source::files(folder);
        let mut list = List { folder, read: files.iter().cloned().collect(), headers: Vec::new() };
        for file in &files {
            list.file(file, file, variables.clone(), 0);
        }
        let headers = list.headers;
        Self {
            folder: folder.to_owned(),
            variables,
            headers,
            known: Mutex::default(),
            abstractions: OnceLock::new(),
        }
    }

    /// The variables that profiles usually have.
    pub(super) fn variables(&self) -> &Variables {
        &self.variables
    }

    /// The profile of a label, such as `outer//child`.
    pub(super) fn profile(&self, label: &str) -> Option<Arc<Known>> {
        let mut known = self.known.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        if let Some(known) = known.get(label) {
            return known.clone();
        }
        let found = self.look_up(label).map(Arc::new);
        known.insert(label.to_owned(), found.clone());
        found
    }

    fn look_up(&self, label: &str) -> Option<Known> {
        let outer = label.split("//").next().unwrap_or(label);
        let listed = self.headers.iter().find(|listed| listed.name == outer)?;
        let source = source::read(&self.folder, &listed.file, Variables::new());
        let index = source.profiles.iter().position(|profile| profile.name == label)?;
        Some(Known { source, index })
    }

    /// The profile that a program gets by its path; not one that leaves it unconfined.
    pub(super) fn attached(&self, path: &str) -> Option<&str> {
        let matches =
            |listed: &&Listed| listed.attachment.as_ref().is_some_and(|pattern| pattern.matches(path));
        self.headers.iter().find(matches).map(|listed| listed.name.as_str())
    }

    /// The abstractions that are installed.
    pub(super) fn abstractions(&self) -> &[Abstraction] {
        self.abstractions.get_or_init(|| {
            let files = source::files(&self.folder.join("abstractions"));
            let read = |path: PathBuf| {
                let source = source::read(&self.folder, &path, self.variables.clone());
                let name = format!("abstractions/{}", path.file_name()?.to_str()?);
                Some(Abstraction { name, path, entries: source.entries })
            };
            files.into_iter().filter_map(read).collect()
        })
    }
}

/// Lists the profiles that files have at their outermost level.
struct List<'f> {
    folder: &'f Path,
    /// The files that need not be read again.
    read: HashSet<PathBuf>,
    headers: Vec<Listed>,
}

impl List<'_> {
    /// Lists those of a file; `loaded` is the one that includes it in the end, and that is loaded.
    fn file(&mut self, file: &Path, loaded: &Path, mut variables: Variables, nested: usize) {
        let Ok(text) = source::text(file, u64::MAX) else { return };
        let mut depth = 0_usize;
        for statement in syntax::statements(&text) {
            match statement.kind {
                Kind::Variable { name, adds, values } => {
                    let known = variables.entry(name).or_default();
                    if !adds {
                        known.clear();
                    }
                    known.extend(values);
                }
                Kind::Include { path, bracketed } if depth == 0 && nested < NESTED => {
                    for file in source::files_of(source::included(self.folder, &path, bracketed)) {
                        if self.read.len() < FILES && self.read.insert(file.clone()) {
                            self.file(&file, loaded, variables.clone(), nested + 1);
                        }
                    }
                }
                Kind::Open(words) => {
                    if let Some(header) = Header::read(&words).filter(|_| depth == 0) {
                        // A program that it leaves unconfined gets out of the profile that executes it.
                        let leaves = header.flags.iter().any(|flag| flag == "unconfined");
                        let pattern = header.attachment.filter(|_| !leaves);
                        let attachment = pattern.map(|pattern| Glob::of_path(&pattern, &variables));
                        self.headers.push(Listed { name: header.name, attachment, file: loaded.to_owned() });
                    }
                    depth += 1;
                }
                Kind::Close => depth = depth.saturating_sub(1),
                _ => {}
            }
        }
    }
}

/// When the running kernel was given a profile, if it shows that.
pub(super) fn loaded(label: &str) -> Option<SystemTime> {
    let outer = label.split("//").next().unwrap_or(label);
    let folders = fs::read_dir(LOADED).ok()?.flatten().map(|entry| entry.path());
    let is_it =
        |folder: &PathBuf| fs::read_to_string(folder.join("name")).is_ok_and(|name| name.trim_end() == outer);
    fs::metadata(folders.into_iter().find(is_it)?).ok()?.modified().ok()
}

/// When a file was changed.
pub(super) fn changed(file: &Path) -> Option<SystemTime> {
    fs::metadata(file).ok()?.modified().ok()
}
