//! AppArmor's patterns: variables, `*`, `**`, `?`, `[...]`, `{a,b}`.

use std::{collections::BTreeMap, fmt::Write as _, sync::OnceLock};

use regex::bytes::{Regex, RegexBuilder};

/// What variables stand for.
pub(super) type Variables = BTreeMap<String, Vec<String>>;

/// How many patterns one with variables may stand for.
const ALTERNATIVES: usize = 512;
/// How long these may be together, in bytes.
const LENGTH: usize = 256 << 10;
/// How large an expression may become, in bytes.
const SIZE: usize = 4 << 20;

/// A pattern, with its variables replaced.
#[derive(Clone, Debug)]
pub(super) struct Glob {
    /// Without variables; None if one is not known, or there are too many.
    alternatives: Option<Vec<String>>,
    expression: OnceLock<Option<Regex>>,
}

impl Glob {
    pub(super) fn new(text: &str, variables: &Variables) -> Self {
        Self { alternatives: expand(text, variables), expression: OnceLock::new() }
    }

    /// That of a path, where two slashes, as variables leave them, are one.
    pub(super) fn of_path(text: &str, variables: &Variables) -> Self {
        let mut glob = Self::new(text, variables);
        for pattern in glob.alternatives.iter_mut().flatten() {
            // A slash before a variable whose value begins with one is none of two.
            let is_elsewhere = is_elsewhere(if text.starts_with('/') { text } else { pattern });
            without_double_slashes(pattern);
            if is_elsewhere {
                pattern.insert(0, '/');
            }
        }
        glob
    }

    /// How long its patterns are together, in bytes.
    pub(super) fn size(&self) -> usize {
        self.alternatives.iter().flatten().map(|pattern| pattern.len() + size_of::<String>()).sum()
    }

    /// Whether it can be used: all its variables are known.
    pub(super) fn is_known(&self) -> bool {
        self.alternatives.is_some()
    }

    /// Whether it matches the whole text.
    pub(super) fn matches(&self, text: &str) -> bool {
        let Some(alternatives) = &self.alternatives else { return false };
        if !alternatives.iter().any(|pattern| text.starts_with(literal(pattern))) {
            return false;
        }
        let expression = self.expression.get_or_init(|| {
            let parts: Vec<String> = alternatives.iter().map(|pattern| expression(pattern)).collect();
            RegexBuilder::new(&format!("^(?:{})$", parts.join("|")))
                .unicode(false)
                .dot_matches_new_line(true)
                .size_limit(SIZE)
                .build()
                .ok()
        });
        expression.as_ref().is_some_and(|expression| expression.is_match(text.as_bytes()))
    }

    /// Whether it says how deep a path is: it stands for files of some folders, and not for whole trees.
    pub(super) fn names_folders(&self) -> bool {
        self.alternatives.iter().flatten().any(|pattern| !pattern.contains("**"))
    }
}

/// What a pattern begins with before anything special.
fn literal(pattern: &str) -> &str {
    &pattern[..pattern.find(['*', '?', '[', '{', '\\']).unwrap_or(pattern.len())]
}

/// The patterns that one with variables stands for.
fn expand(text: &str, variables: &Variables) -> Option<Vec<String>> {
    let mut done = Vec::new();
    let mut length = text.len();
    let mut open = vec![(text.to_owned(), 0_u32)];
    while let Some((pattern, depth)) = open.pop() {
        let Some(start) = pattern.find("@{") else {
            done.push(pattern);
            if done.len() > ALTERNATIVES {
                return None;
            }
            continue;
        };
        let (name, after) = pattern[start + 2..].split_once('}')?;
        if depth > 32 {
            return None;
        }
        for value in variables.get(name)?.iter().rev() {
            let replaced = format!("{}{value}{after}", &pattern[..start]);
            length += replaced.len();
            if length > LENGTH {
                return None;
            }
            open.push((replaced, depth + 1));
        }
    }
    Some(done)
}

/// Leaves one slash where there are several, as `filter_slashes` of the parser does.
fn without_double_slashes(pattern: &mut String) {
    while pattern.contains("//") {
        *pattern = pattern.replace("//", "/");
    }
}

/// Whether a pattern begins with two slashes and no third: with another root (POSIX), which no path of Linux has.
fn is_elsewhere(pattern: &str) -> bool {
    pattern.starts_with("//") && !pattern.starts_with("///")
}

/// The regular expression of a pattern (`convert_aaregex_to_pcre` of the parser).
fn expression(pattern: &str) -> String {
    let mut expression = String::with_capacity(2 * pattern.len());
    let mut characters = pattern.chars().peekable();
    let mut previous = None;
    let mut groups = 0_usize;
    while let Some(c) = characters.next() {
        match c {
            '*' => {
                let is_double = characters.next_if_eq(&'*').is_some();
                while characters.next_if_eq(&'*').is_some() {}
                // Right behind a slash and at the end of a path's element, there must be something.
                if previous == Some('/') && matches!(characters.peek(), None | Some('/')) {
                    expression.push_str("[^/]");
                }
                expression.push_str(if is_double { ".*" } else { "[^/]*" });
            }
            '?' => expression.push_str("[^/]"),
            '[' => class(&mut characters, &mut expression),
            '{' => {
                groups += 1;
                expression.push_str("(?:");
            }
            '}' if groups > 0 => {
                groups -= 1;
                expression.push(')');
            }
            ',' if groups > 0 => expression.push('|'),
            '\\' => {
                if let Some(escaped) = escaped(&mut characters) {
                    push_byte(escaped, &mut expression);
                }
            }
            c => push_literal(c, &mut expression),
        }
        previous = Some(c);
    }
    expression.extend(std::iter::repeat_n(')', groups));
    expression
}

type Characters<'p> = std::iter::Peekable<std::str::Chars<'p>>;

/// What an escape stands for; more than a byte only for a character that needs none.
#[derive(Clone, Copy)]
enum Escaped {
    Byte(u8),
    Character(char),
}

/// What is behind a backslash: an octal, decimal or hexadecimal number, or a character that stands for itself.
fn escaped(characters: &mut Characters<'_>) -> Option<Escaped> {
    let c = characters.next()?;
    let mut number = |radix: u32, start: u32, digits: usize| {
        let mut value = start;
        for _ in 0..digits {
            let Some(digit) = characters.peek().and_then(|c| c.to_digit(radix)) else { break };
            value = value * radix + digit;
            characters.next();
        }
        u8::try_from(value).ok().map(Escaped::Byte)
    };
    match c {
        '0'..='3' => number(8, c.to_digit(8)?, 2),
        'd' => number(10, 0, 3),
        'x' => number(16, 0, 2),
        'n' => Some(Escaped::Byte(b'\n')),
        't' => Some(Escaped::Byte(b'\t')),
        'r' => Some(Escaped::Byte(b'\r')),
        c => Some(Escaped::Character(c)),
    }
}

fn push_byte(escaped: Escaped, expression: &mut String) {
    match escaped {
        Escaped::Byte(byte) => {
            let _infallible = write!(expression, r"\x{byte:02x}");
        }
        Escaped::Character(c) => push_literal(c, expression),
    }
}

fn push_literal(c: char, expression: &mut String) {
    if c.is_ascii_alphanumeric() || c == '/' || c == '_' {
        expression.push(c);
        return;
    }
    let mut buffer = [0; 4];
    for byte in c.encode_utf8(&mut buffer).bytes() {
        let _infallible = write!(expression, r"\x{byte:02x}");
    }
}

/// `[a-z]`, `[^ab]`: of bytes, as the kernel matches.
fn class(characters: &mut Characters<'_>, expression: &mut String) {
    expression.push('[');
    if characters.next_if_eq(&'^').is_some() {
        expression.push('^');
    }
    let mut is_empty = true;
    while let Some(c) = characters.next() {
        match c {
            ']' if !is_empty => break,
            '-' if !is_empty && characters.peek().is_some_and(|next| *next != ']') => expression.push('-'),
            '\\' => {
                if let Some(escaped) = escaped(characters) {
                    push_byte(escaped, expression);
                }
            }
            c => push_literal(c, expression),
        }
        is_empty = false;
    }
    expression.push(']');
}

#[cfg(test)]
mod tests {
    use super::*;

    fn variables() -> Variables {
        let list = |values: &[&str]| values.iter().map(|value| (*value).to_owned()).collect();
        Variables::from([
            ("HOME".to_owned(), list(&["@{HOMEDIRS}/*/", "/root/"])),
            ("HOMEDIRS".to_owned(), list(&["/home/"])),
            ("loop".to_owned(), list(&["@{loop}@{loop}"])),
            ("pid".to_owned(), list(&["{[1-9],[1-9][0-9]}"])),
        ])
    }

    #[test]
    fn patterns_match_as_apparmors_do() {
        for (pattern, matches, others) in [
            ("/a/*", &["/a/b"][..], &["/a/", "/a/b/c", "/a/b/"][..]),
            ("/a/*/", &["/a/b/"], &["/a//", "/a/b"]),
            ("/a/**", &["/a/b", "/a/b/", "/a/b/c"], &["/a/"]),
            ("/a/{,**}", &["/a/", "/a/b/c"], &["/a"]),
            ("/a*b", &["/ab", "/axb"], &["/a/b"]),
            ("/{usr/,}bin/x", &["/usr/bin/x", "/bin/x"], &["/usr/x"]),
            ("/a?[b-d][^e]", &["/axcf"], &["/axce", "/a/cf"]),
            (r"/a\*\x2a\053", &["/a**+"], &["/ax*+"]),
            ("/ü?", &["/üx"], &["/ü"]),
            ("@{HOME}/.x", &["/home/ann/.x", "/root/.x"], &["/home/.x"]),
            ("/proc/@{pid}/x", &["/proc/12/x"], &["/proc/0/x", "/proc/123/x"]),
            ("/a[", &[], &["/a["]),
            ("/a}", &["/a}"], &[]),
        ] {
            let glob = Glob::of_path(pattern, &variables());
            for text in matches {
                assert!(glob.matches(text), "{pattern} {text}");
            }
            for text in others {
                assert!(!glob.matches(text), "{pattern} {text}");
            }
        }
    }

    #[test]
    fn variables_that_are_unknown_or_endless_match_nothing() {
        for pattern in ["/@{nobody}", "@{loop}", "@{HOME"] {
            let glob = Glob::of_path(pattern, &variables());
            assert!(!glob.is_known() && !glob.matches(pattern), "{pattern}");
        }
    }
}
