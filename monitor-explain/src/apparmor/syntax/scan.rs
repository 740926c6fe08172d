//! The characters of a profile's text.

use super::Word;

/// Goes through a text.
pub(super) struct Scanner<'t> {
    rest: &'t str,
    line: usize,
}

impl<'t> Scanner<'t> {
    pub(super) fn new(text: &'t str) -> Self {
        Self { rest: text, line: 1 }
    }

    /// The line on which it is.
    pub(super) fn line(&self) -> usize {
        self.line
    }

    /// Goes on by so many bytes, which end a character.
    fn advance(&mut self, bytes: usize) -> &'t str {
        let (taken, rest) = self.rest.split_at(bytes);
        self.line += taken.matches('\n').count();
        self.rest = rest;
        taken
    }

    /// Goes past blanks and comments. False at the end.
    pub(super) fn skip(&mut self) -> bool {
        loop {
            let blank = self.rest.len() - self.rest.trim_start().len();
            self.advance(blank);
            if !self.rest.starts_with('#') || self.rest.starts_with("#include") {
                return !self.rest.is_empty();
            }
            self.advance(self.rest.find('\n').unwrap_or(self.rest.len()));
        }
    }

    pub(super) fn next_is(&self, text: &str) -> bool {
        self.rest.starts_with(text)
    }

    /// Takes this, if it is next.
    pub(super) fn take(&mut self, text: &str) -> bool {
        let is_next = self.next_is(text);
        if is_next {
            self.advance(text.len());
        }
        is_next
    }

    /// Takes a word of the language that is followed by a blank, and the blanks.
    fn keyword(&mut self, word: &str) -> bool {
        let after = self.rest.strip_prefix(word);
        let is_next = after.is_some_and(|after| after.starts_with([' ', '\t', '<', '"']));
        if is_next {
            self.advance(word.len());
            self.blanks();
        }
        is_next
    }

    fn blanks(&mut self) {
        self.advance(self.rest.len() - self.rest.trim_start_matches([' ', '\t']).len());
    }

    /// Takes an `include`, whose path it gives, and whether it was in angle brackets.
    pub(super) fn include(&mut self) -> Option<(String, bool)> {
        if !self.keyword("include") && !self.keyword("#include") {
            return None;
        }
        if self.keyword("if") {
            self.keyword("exists");
        }
        let line = &self.rest[..self.rest.find('\n').unwrap_or(self.rest.len())];
        let end = match line.chars().next() {
            Some('<') => line.find('>'),
            Some('"') => line[1..].find('"').map(|end| end + 1),
            _ => None,
        };
        let (path, bracketed, length) = if let Some(end) = end {
            (&line[1..end], line.starts_with('<'), end + 1)
        } else {
            let end = line.find([' ', '\t', ',']).unwrap_or(line.len());
            (&line[..end], false, end)
        };
        let path = path.to_owned();
        self.advance(length);
        self.blanks();
        self.take(",");
        Some((path, bracketed))
    }

    /// Takes `@{NAME} =` or `$NAME =`, and gives the name and whether it is `+=`.
    pub(super) fn assignment(&mut self) -> Option<(String, bool)> {
        let (name, after) = if let Some(inner) = self.rest.strip_prefix("@{") {
            inner.split_once('}')?
        } else {
            let inner = self.rest.strip_prefix('$')?;
            inner.split_at(inner.find(|c: char| !is_of_name(c)).unwrap_or(inner.len()))
        };
        let after = after.trim_start_matches([' ', '\t']);
        let (adds, after) = match after.strip_prefix("+=") {
            Some(after) => (true, after),
            None => (false, after.strip_prefix('=')?),
        };
        if !name.chars().all(is_of_name) {
            return None;
        }
        let name = name.to_owned();
        self.advance(self.rest.len() - after.len());
        Some((name, adds))
    }

    /// Takes the values of a variable: the rest of the line, and of those after it that a backslash joins.
    pub(super) fn values(&mut self) -> Vec<String> {
        let mut values = Vec::new();
        loop {
            self.blanks();
            if self.take("\\\n") {
                continue;
            }
            if self.rest.is_empty() || self.next_is("\n") || self.next_is("\r") || self.next_is("#") {
                return values;
            }
            // A comma at the end belongs to no value, as some write one.
            if self.take(",") {
                continue;
            }
            if let Word::Text { text, .. } = self.word(false, true) {
                values.push(text);
            }
        }
    }

    /// Takes a word; at least a character. A comma ends it if a blank follows, or if it is in a list and in no braces. A `key=`
    /// is one, except where a value is expected.
    pub(super) fn word(&mut self, in_list: bool, is_value: bool) -> Word {
        if self.next_is("\"") {
            return self.quoted();
        }
        let mut text = String::new();
        let mut braces = 0_usize;
        let mut characters = self.rest.char_indices().peekable();
        let mut end = self.rest.len();
        while let Some((at, c)) = characters.next() {
            let next = characters.peek().map(|(_, next)| *next);
            let before_blank = next.is_none_or(char::is_whitespace);
            let ends = match c {
                c if c.is_whitespace() => true,
                ',' => before_blank || (in_list && braces == 0),
                ')' => in_list && braces == 0,
                '{' => braces == 0 && before_blank && at > 0,
                '}' => braces == 0,
                _ => false,
            };
            if ends && at > 0 {
                end = at;
                break;
            }
            match c {
                '{' => braces += 1,
                '}' => braces = braces.saturating_sub(1),
                '=' if !is_value && is_key(&text) => {
                    self.advance(at + 1);
                    return Word::Key(text);
                }
                '\\' => {
                    text.push(c);
                    if let Some((_, escaped)) = characters.next() {
                        text.push(escaped);
                    }
                    continue;
                }
                _ => {}
            }
            text.push(c);
        }
        self.advance(end);
        Word::Text { text, quoted: false }
    }

    fn quoted(&mut self) -> Word {
        let mut text = String::new();
        let mut characters = self.rest.char_indices().skip(1);
        let mut end = self.rest.len();
        while let Some((at, c)) = characters.next() {
            match c {
                '"' => {
                    end = at + 1;
                    break;
                }
                '\\' => match characters.next() {
                    Some((_, '"')) => text.push('"'),
                    escaped => {
                        text.push(c);
                        text.extend(escaped.map(|(_, escaped)| escaped));
                    }
                },
                _ => text.push(c),
            }
        }
        self.advance(end);
        Word::Text { text, quoted: true }
    }
}

fn is_of_name(c: char) -> bool {
    c.is_ascii_alphanumeric() || c == '_'
}

/// Whether a text before `=` is the name of a condition.
fn is_key(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'_')
}
