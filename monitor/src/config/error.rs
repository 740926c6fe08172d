//! What is wrong with a configuration, and where.

use std::{
    fmt, io,
    path::{Path, PathBuf},
};

use monitor_event::nearest::nearest;

/// A configuration that can't be used.
#[derive(Debug)]
pub(crate) enum ConfigError {
    /// The file can't be read.
    Read {
        /// The file.
        path: PathBuf,
        /// Why.
        error: io::Error,
    },
    /// It says what denyd doesn't know.
    Invalid {
        /// The file.
        path: PathBuf,
        /// The line, from 1, if it is known.
        line: Option<usize>,
        /// What is wrong, in one line.
        problem: String,
    },
}

impl std::error::Error for ConfigError {}

impl fmt::Display for ConfigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Read { path, error } => {
                write!(f, "cannot read the configuration {}: {error}", path.display())
            }
            Self::Invalid { path, line: Some(line), problem } => {
                write!(f, "{}, line {line}: {problem}", path.display())
            }
            Self::Invalid { path, line: None, problem } => write!(f, "{}: {problem}", path.display()),
        }
    }
}

impl ConfigError {
    pub(super) fn invalid(path: &Path, text: &str, error: &toml::de::Error) -> Self {
        let line = error
            .span()
            .and_then(|span| text.get(..span.start))
            .map(|before| before.matches('\n').count() + 1);
        let problem = unknown_key(error.message()).unwrap_or_else(|| {
            let lines: Vec<_> = error.message().lines().collect();
            lines.join(", ")
        });
        Self::Invalid { path: path.to_owned(), line, problem }
    }
}

/// What serde says of an unknown key (``unknown field `x`, expected one of `y`, `z` ``), with the nearest known key.
fn unknown_key(message: &str) -> Option<String> {
    let mut quoted = message.strip_prefix("unknown field ")?.split('`').skip(1).step_by(2);
    let unknown = quoted.next()?;
    let known: Vec<_> = quoted.collect();
    Some(match nearest(unknown, known.iter().copied()) {
        Some(nearest) => format!("unknown key `{unknown}`: did you mean `{nearest}`?"),
        None => format!("unknown key `{unknown}`: there are `{}`", known.join("`, `")),
    })
}
