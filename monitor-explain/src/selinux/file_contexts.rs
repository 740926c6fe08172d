//! Which label a policy wants a file to have, by its path (`file_contexts`), as libselinux finds it.
//!
//! Of the specifications that match, the last one counts; those without a pattern come after all others, and those of
//! `.homedirs` and `.local` after the policy's own. So do all versions of libselinux from 3.4 to 3.11 (`label_file.c`),
//! as long as the kind of the file is known; if not, those since 3.8 may prefer a pattern for all kinds.

mod specification;
mod substitution;

use std::{
    fmt, fs, io,
    path::{Path, PathBuf},
    sync::OnceLock,
};

pub use self::specification::{FileKind, Match, PatternError};
use self::{specification::Specification, substitution::Substitutions};

/// What a policy's files say about files.
#[derive(Debug, Default)]
pub struct FileContexts {
    specifications: Vec<Specification>,
    roots: OnceLock<Vec<Root>>,
    local: Substitutions,
    distribution: Substitutions,
    /// Lines that make no sense; they are left out.
    pub problems: Vec<LineProblem>,
}

/// A folder that is the root of a service's.
#[derive(Debug)]
pub(crate) struct Root {
    /// Its path.
    pub(crate) path: String,
    /// The label that it should have.
    pub(crate) context: String,
    /// The pattern that says so.
    pub(crate) pattern: String,
}

/// A line that makes no sense.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{}:{line}: {problem}", file.display())]
pub struct LineProblem {
    /// The file.
    pub file: PathBuf,
    /// The number of the line, from 1.
    pub line: usize,
    /// What is wrong with it.
    pub problem: &'static str,
}

/// Why there are no file contexts.
#[derive(Debug, thiserror::Error)]
#[error("cannot read {}: {source}", file.display())]
pub struct FileContextsError {
    /// The file.
    pub file: PathBuf,
    /// Why.
    pub source: io::Error,
}

/// Where a specification stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Origin {
    /// The policy's own file.
    Policy,
    /// `.homedirs`: made from the policy's for the users' home directories.
    Homes,
    /// `.local`: of this machine's administrator (`semanage fcontext`).
    Local,
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Policy => "file_contexts",
            Self::Homes => "file_contexts.homedirs",
            Self::Local => "file_contexts.local",
        })
    }
}

impl FileContexts {
    /// Reads `path` (`/etc/selinux/TYPE/contexts/files/file_contexts`), and those of `.homedirs`, `.local`, `.subs` and
    /// `.subs_dist` beside it that there are (`init()`, libselinux's `label_file.c`).
    ///
    /// # Errors
    /// When a file can't be read, or there is none of that name itself.
    pub fn read(path: &Path) -> Result<Self, FileContextsError> {
        let beside = |end: &str| {
            let mut name = path.as_os_str().to_owned();
            name.push(end);
            PathBuf::from(name)
        };
        let required = read(path)?;
        let read_beside = |end: &str| {
            let file = beside(end);
            match read(&file) {
                Err(FileContextsError { source, .. }) if source.kind() == io::ErrorKind::NotFound => {
                    Ok((file, Vec::new()))
                }
                other => other.map(|bytes| (file, bytes)),
            }
        };
        let mut contexts = Self::default();
        contexts.add(path, Origin::Policy, &required);
        let (file, bytes) = read_beside(".homedirs")?;
        contexts.add(&file, Origin::Homes, &bytes);
        let (file, bytes) = read_beside(".local")?;
        contexts.add(&file, Origin::Local, &bytes);
        contexts.distribution = Substitutions::parse(&read_beside(".subs_dist")?.1);
        contexts.local = Substitutions::parse(&read_beside(".subs")?.1);
        // A stable sort: what has no pattern comes last (`sort_specs()`).
        contexts.specifications.sort_by_key(|one| !one.is_pattern);
        Ok(contexts)
    }

    fn add(&mut self, file: &Path, origin: Origin, bytes: &[u8]) {
        for (line, number) in bytes.split(|byte| *byte == b'\n').zip(1..) {
            match Specification::parse(line, origin, number) {
                Ok(one) => self.specifications.extend(one),
                Err(problem) => {
                    self.problems.push(LineProblem { file: file.to_owned(), line: number, problem });
                }
            }
        }
    }

    /// What the policy says about the file at `path`, if anything (`selabel_lookup()`). Without a `kind`,
    /// specifications for files of any kind count.
    ///
    /// # Errors
    /// When a pattern that may match can't be understood.
    pub fn find(&self, path: &[u8], kind: Option<FileKind>) -> Result<Option<Match<'_>>, PatternError> {
        self.find_in(path, kind, |_| true)
    }

    /// What it would say without the rules of this machine's administrator.
    ///
    /// # Errors
    /// When a pattern that may match can't be understood.
    pub fn find_without_local(
        &self,
        path: &[u8],
        kind: Option<FileKind>,
    ) -> Result<Option<Match<'_>>, PatternError> {
        self.find_in(path, kind, |origin| origin != Origin::Local)
    }

    fn find_in(
        &self,
        path: &[u8],
        kind: Option<FileKind>,
        counts: impl Fn(Origin) -> bool,
    ) -> Result<Option<Match<'_>>, PatternError> {
        let mut path = path.to_vec();
        path.dedup_by(|next, previous| *next == b'/' && *previous == b'/');
        let path = self.substitute(path);
        for one in self.specifications.iter().rev() {
            if counts(one.origin) && one.matches(&path, kind)? {
                return Ok(Some(one.found()));
            }
        }
        Ok(None)
    }

    /// The labels of the policy's own specifications for what is below a folder, which ends in a slash.
    pub(crate) fn labels_below(&self, folder: &str) -> impl Iterator<Item = &str> {
        let below = self.specifications.iter().filter(move |one| one.is_below(folder));
        below.filter(|one| one.origin == Origin::Policy).filter_map(|one| one.found().context)
    }

    /// Folders that are the root of a service's, since they have an `etc` of their own.
    pub(crate) fn roots(&self) -> &[Root] {
        self.roots.get_or_init(|| {
            let mut paths: Vec<&str> = self.specifications.iter().filter_map(Specification::root).collect();
            paths.sort_unstable();
            paths.dedup();
            let root = |path: &str| {
                let kind = Some(FileKind::Directory);
                let found = self.find_without_local(path.as_bytes(), kind).ok()??;
                let context = found.context?.to_owned();
                Some(Root { path: path.to_owned(), context, pattern: found.pattern.to_owned() })
            };
            paths.into_iter().filter_map(root).collect()
        })
    }

    /// `path` as the specifications have it: `/run/lock` is `/var/lock` (`selabel_sub_key()`).
    fn substitute(&self, path: Vec<u8>) -> Vec<u8> {
        let path = self.local.apply(&path).unwrap_or(path);
        self.distribution.apply(&path).unwrap_or(path)
    }

    /// How many specifications there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.specifications.len()
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.specifications.is_empty()
    }

    /// The patterns that can't be understood.
    pub fn broken(&self) -> impl Iterator<Item = PatternError> {
        self.specifications.iter().filter_map(|one| one.compile().err())
    }
}

fn read(file: &Path) -> Result<Vec<u8>, FileContextsError> {
    fs::read(file).map_err(|source| FileContextsError { file: file.to_owned(), source })
}
