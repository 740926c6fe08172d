//! A line of `file_contexts`: a pattern, a kind of file, a label.

use std::sync::OnceLock;

use regex::bytes::Regex;

use super::Origin;

/// A kind of file.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum FileKind {
    /// A regular file (`--`).
    Regular,
    /// A directory (`-d`).
    Directory,
    /// A symbolic link (`-l`).
    Link,
    /// A character device (`-c`).
    Character,
    /// A block device (`-b`).
    Block,
    /// A pipe (`-p`).
    Pipe,
    /// A socket (`-s`).
    Socket,
}

impl FileKind {
    /// The kind in a mode, as stat(2) has it.
    #[must_use]
    pub fn of_mode(mode: u32) -> Option<Self> {
        Some(match mode & 0o170_000 {
            0o100_000 => Self::Regular,
            0o040_000 => Self::Directory,
            0o120_000 => Self::Link,
            0o020_000 => Self::Character,
            0o060_000 => Self::Block,
            0o010_000 => Self::Pipe,
            0o140_000 => Self::Socket,
            _ => return None,
        })
    }

    fn of_word(word: &[u8]) -> Option<Self> {
        Some(match word {
            b"--" => Self::Regular,
            b"-d" => Self::Directory,
            b"-l" => Self::Link,
            b"-c" => Self::Character,
            b"-b" => Self::Block,
            b"-p" => Self::Pipe,
            b"-s" => Self::Socket,
            _ => return None,
        })
    }
}

/// A pattern can't be understood, so that it is not known whether it matches.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{origin}:{line}: the pattern {pattern} can't be understood: {why}")]
pub struct PatternError {
    /// The file it is from.
    pub origin: Origin,
    /// Its line.
    pub line: usize,
    /// The pattern.
    pub pattern: String,
    /// Why.
    pub why: String,
}

/// A specification that matches.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Match<'a> {
    /// The label; none if the policy says that such files get none (`<<none>>`).
    pub context: Option<&'a str>,
    /// The pattern.
    pub pattern: &'a str,
    /// The kind of files that it is for; all if none.
    pub kind: Option<FileKind>,
    /// Where it stands.
    pub origin: Origin,
    /// In which line.
    pub line: usize,
}

/// A specification.
#[derive(Debug)]
pub(super) struct Specification {
    pattern: String,
    kind: Option<FileKind>,
    context: String,
    pub(super) origin: Origin,
    line: usize,
    /// Whether it is more than a path.
    pub(super) is_pattern: bool,
    /// How much of the pattern is the first directory of all that it matches; 0 if that is not known.
    stem: usize,
    /// What all that it matches begins with, after the stem: thousands of patterns need not be compiled to be passed over.
    beginning: String,
    compiled: OnceLock<Result<Regex, String>>,
}

impl Specification {
    /// Reads a line (`process_line()`, libselinux's `label_file.h`).
    pub(super) fn parse(line: &[u8], origin: Origin, number: usize) -> Result<Option<Self>, &'static str> {
        let line = str::from_utf8(line).map_err(|_| "it is not text")?;
        let mut words = line.split_ascii_whitespace();
        let Some(pattern) = words.next().filter(|word| !word.starts_with('#')) else { return Ok(None) };
        let (kind, context) = match (words.next(), words.next()) {
            (Some(context), None) => (None, context),
            (Some(kind), Some(context)) => {
                (Some(FileKind::of_word(kind.as_bytes()).ok_or("there is no such kind of files")?), context)
            }
            (None, _) => return Err("the label is missing"),
        };
        Ok(Some(Self {
            pattern: pattern.to_owned(),
            kind,
            context: context.to_owned(),
            origin,
            line: number,
            is_pattern: is_pattern(pattern),
            stem: stem(pattern),
            beginning: beginning(&pattern[stem(pattern)..]),
            compiled: OnceLock::new(),
        }))
    }

    /// Whether it is about a file.
    pub(super) fn matches(&self, path: &[u8], kind: Option<FileKind>) -> Result<bool, PatternError> {
        let other_kind = |own| kind.is_some_and(|kind| kind != own);
        if self.kind.is_some_and(other_kind) {
            return Ok(false);
        }
        let Some(rest) = path.strip_prefix(&self.pattern.as_bytes()[..self.stem]) else { return Ok(false) };
        if self.stem != 0 && rest.first() != Some(&b'/') {
            return Ok(false);
        }
        Ok(rest.starts_with(self.beginning.as_bytes()) && self.compile()?.is_match(rest))
    }

    /// The pattern without its stem, as libselinux compiles it (`^PATTERN$`; PCRE's `$` also matches before the last
    /// byte, if that ends a line).
    pub(super) fn compile(&self) -> Result<&Regex, PatternError> {
        let compiled = self.compiled.get_or_init(|| {
            let pattern = &self.pattern[self.stem..];
            Regex::new(&format!("(?s-u)^{pattern}(?:\\n?\\z)")).map_err(|error| error.to_string())
        });
        compiled.as_ref().map_err(|why| PatternError {
            origin: self.origin,
            line: self.line,
            pattern: self.pattern.clone(),
            why: why.clone(),
        })
    }

    /// Whether its pattern begins with a folder, and names something in it.
    pub(super) fn is_below(&self, folder: &str) -> bool {
        let rest = self.pattern.strip_prefix(folder);
        rest.is_some_and(|rest| rest.starts_with(|c: char| c.is_alphanumeric()))
    }

    /// The folder, not one of programs, whose `etc` the pattern is about.
    pub(super) fn root(&self) -> Option<&str> {
        let (root, rest) = self.pattern.rsplit_once("/etc")?;
        let is_etc = rest.starts_with(['/', '(']);
        (is_etc && !root.is_empty() && !root.starts_with("/usr") && !is_pattern(root)).then_some(root)
    }

    pub(super) fn found(&self) -> Match<'_> {
        Match {
            context: Some(&*self.context).filter(|context| *context != "<<none>>"),
            pattern: &self.pattern,
            kind: self.kind,
            origin: self.origin,
            line: self.line,
        }
    }
}

/// `spec_hasMetaChars()`.
fn is_pattern(text: &str) -> bool {
    let mut bytes = text.bytes();
    while let Some(byte) = bytes.next() {
        match byte {
            b'.' | b'^' | b'$' | b'?' | b'*' | b'+' | b'|' | b'[' | b'(' | b'{' => return true,
            b'\\' => _ = bytes.next(),
            _ => {}
        }
    }
    false
}

/// `get_stem_from_spec()`.
fn stem(text: &str) -> usize {
    let Some(end) = text.bytes().skip(1).position(|byte| byte == b'/') else { return 0 };
    let first = &text[..=end];
    if first.contains(['.', '^', '$', '?', '*', '+', '|', '[', '(', '{']) { 0 } else { end + 1 }
}

/// What everything begins with that a pattern matches.
fn beginning(pattern: &str) -> String {
    let mut beginning = String::new();
    // An alternative may begin otherwise.
    if has_alternatives(pattern) {
        return beginning;
    }
    let mut chars = pattern.chars();
    while let Some(c) = chars.next() {
        match c {
            '?' | '*' | '{' => {
                beginning.pop();
                break;
            }
            '\\' => match chars.next() {
                Some(escaped) if !escaped.is_alphanumeric() => beginning.push(escaped),
                _ => break,
            },
            '.' | '^' | '$' | '+' | '[' | '(' | ')' => break,
            c => beginning.push(c),
        }
    }
    beginning
}

/// Whether a pattern is one of several, outside of parentheses. In doubt it is.
fn has_alternatives(pattern: &str) -> bool {
    let mut depth = 0_u32;
    let mut chars = pattern.chars();
    while let Some(c) = chars.next() {
        match c {
            '\\' => _ = chars.next(),
            '(' => depth += 1,
            ')' => depth = depth.saturating_sub(1),
            '|' if depth == 0 => return true,
            // What is in it may be no group.
            '[' if pattern.contains('|') => return true,
            _ => {}
        }
    }
    false
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_pattern_matches_begins_so() {
        for (pattern, begins) in [
            ("/www(/.*)?", "/www"),
            ("/lib/x\\.db", "/lib/x.db"),
            ("/lib/x\\.?", "/lib/x"),
            ("/libs?", "/lib"),
            ("/libs+", "/libs"),
            ("/lib\\d", "/lib"),
            ("/é*", "/"),
            ("/a|/b", ""),
            ("/(a|b)", "/"),
            ("/a(b|c)", "/a"),
            ("/a[(]|b", ""),
            ("", ""),
        ] {
            assert_eq!(beginning(pattern), begins, "{pattern}");
        }
    }
}
