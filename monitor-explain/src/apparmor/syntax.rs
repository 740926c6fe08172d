//! The text of profiles as statements: where each begins and of which words it is. It refuses nothing; what makes no sense
//! is a statement that nobody understands.

mod scan;

use self::scan::Scanner;

/// A statement, and the lines on which it begins and ends, from 1.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Statement {
    pub(super) line: usize,
    pub(super) end: usize,
    pub(super) kind: Kind,
}

/// What a statement is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// `include <abstractions/base>`, `include if exists "/x"`.
    Include { path: String, bracketed: bool },
    /// `@{X} = a b`, or `+=`.
    Variable { name: String, adds: bool, values: Vec<String> },
    /// `profile x /path flags=(complain) {`, `^hat {`, `deny {`, `if $x {`.
    Open(Vec<Word>),
    /// `}`
    Close,
    /// Whatever ends with a comma.
    Rule(Vec<Word>),
}

/// A part of a statement.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Word {
    /// A word, without its quotes; a backslash before a special character stays.
    Text { text: String, quoted: bool },
    /// `key=`
    Key(String),
    /// `(`
    Begin,
    /// `)`
    End,
    /// `->`
    Arrow,
}

impl Word {
    /// Its text, if it is one and not quoted.
    pub(super) fn plain(&self) -> Option<&str> {
        match self {
            Self::Text { text, quoted: false } => Some(text),
            _ => None,
        }
    }

    /// Its text, if it is one.
    pub(super) fn text(&self) -> Option<&str> {
        match self {
            Self::Text { text, .. } => Some(text),
            _ => None,
        }
    }
}

/// The statements of a text, in order.
pub(super) fn statements(text: &str) -> Vec<Statement> {
    let mut scanner = Scanner::new(text);
    let mut all = Vec::new();
    while scanner.skip() {
        let line = scanner.line();
        let kind = statement(&mut scanner);
        all.push(Statement { line, end: scanner.line(), kind });
    }
    all
}

fn statement(scanner: &mut Scanner<'_>) -> Kind {
    if scanner.take("}") {
        return Kind::Close;
    }
    if let Some((path, bracketed)) = scanner.include() {
        return Kind::Include { path, bracketed };
    }
    if let Some((name, adds)) = scanner.assignment() {
        return Kind::Variable { name, adds, values: scanner.values() };
    }
    let mut words: Vec<Word> = Vec::new();
    let mut depth = 0_usize;
    while scanner.skip() {
        if depth == 0 {
            if scanner.take(",") {
                break;
            }
            if scanner.take("{") {
                return Kind::Open(words);
            }
            if scanner.next_is("}") {
                // A comma is missing.
                break;
            }
        }
        if scanner.take("->") {
            words.push(Word::Arrow);
        } else if scanner.take("(") {
            depth += 1;
            words.push(Word::Begin);
        } else if depth > 0 && scanner.take(")") {
            depth -= 1;
            words.push(Word::End);
        } else if depth > 0 && scanner.take(",") {
        } else if scanner.take("=") {
            match words.pop() {
                Some(Word::Text { text, quoted: false }) => words.push(Word::Key(text)),
                other => words.extend(other),
            }
        } else {
            let after_key = matches!(words.last(), Some(Word::Key(_)));
            words.push(scanner.word(depth > 0, after_key));
        }
    }
    Kind::Rule(words)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(text: &str) -> Word {
        Word::Text { text: text.to_owned(), quoted: false }
    }

    #[track_caller]
    fn rule(source: &str) -> Vec<Word> {
        let mut all = statements(source);
        assert_eq!(all.len(), 1, "{all:?}");
        match all.remove(0).kind {
            Kind::Rule(words) => words,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn a_comma_in_a_glob_ends_no_rule() {
        assert_eq!(rule("/{usr/,}bin/a rix,"), [text("/{usr/,}bin/a"), text("rix")]);
        assert_eq!(rule("@{HOME}/x,y r , # why"), [text("@{HOME}/x,y"), text("r")]);
    }

    #[test]
    fn quoted_words_and_escapes_stay_whole() {
        let quoted = Word::Text { text: r"/a b\*".to_owned(), quoted: true };
        assert_eq!(rule(r#""/a b\*" r,"#), [quoted, text("r")]);
        assert_eq!(rule(r"/a\ b r,"), [text(r"/a\ b"), text("r")]);
    }

    #[test]
    fn conditions_and_lists_are_told_apart() {
        let key = |name: &str| Word::Key(name.to_owned());
        let wanted = [
            text("dbus"),
            Word::Begin,
            text("send"),
            text("receive"),
            Word::End,
            key("peer"),
            Word::Begin,
            key("name"),
            text("{a,b}"),
            key("label"),
            text("c"),
            Word::End,
        ];
        assert_eq!(rule("dbus (send,receive) peer=(name={a,b}, label = c),"), wanted);
        assert_eq!(rule("mount options in (ro) /a=b -> /c/,").len(), 9);
    }

    #[test]
    fn a_file_is_taken_apart() {
        let source = "#include <tunables/global>\n@{X} = /a \"/b c\" # d\n@{X}+=/e\nprofile a /bin/a flags=(complain) {\n  \
                      include if exists <local/a>\n  @{X}/** r,\n  ^hat {\n  }\n}\n";
        let kinds: Vec<(usize, Kind)> =
            statements(source).into_iter().map(|statement| (statement.line, statement.kind)).collect();
        let include = |path: &str| Kind::Include { path: path.to_owned(), bracketed: true };
        let variable = |adds, values: &[&str]| Kind::Variable {
            name: "X".to_owned(),
            adds,
            values: values.iter().map(|value| (*value).to_owned()).collect(),
        };
        assert_eq!(kinds[0], (1, include("tunables/global")));
        assert_eq!(kinds[1], (2, variable(false, &["/a", "/b c"])));
        assert_eq!(kinds[2], (3, variable(true, &["/e"])));
        assert!(matches!(&kinds[3], (4, Kind::Open(words)) if words.len() == 7));
        assert_eq!(kinds[4], (5, include("local/a")));
        assert_eq!(kinds[5], (6, Kind::Rule(vec![text("@{X}/**"), text("r")])));
        assert_eq!(kinds[6], (7, Kind::Open(vec![text("^hat")])));
        assert_eq!(kinds[8], (9, Kind::Close));
    }
}
