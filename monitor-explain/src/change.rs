//! Changes that remedies make, as data. What is run follows from them, word by word: no shell reads what a denial brought.

use std::{borrow::Cow, collections::BTreeMap, fmt::Write as _};

use monitor_event::text;
use serde::{Deserialize, Serialize};

/// One change of the machine.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Change {
    /// A file gets the label that file contexts have for it.
    Relabel {
        /// The file.
        path: String,
        /// Whether it is a folder, and what is in it gets its label, too.
        #[serde(default, skip_serializing_if = "std::ops::Not::not")]
        recursive: bool,
        /// Whether user, role and level are put right, too; else it is only the type.
        #[serde(default, skip_serializing_if = "std::ops::Not::not")]
        whole: bool,
    },
    /// File contexts get a label for paths. The files themselves keep theirs.
    FileContext {
        /// The paths, as a regular expression.
        pattern: String,
        /// The type of the label.
        label_type: String,
        /// The type that a local rule for the same pattern has, in whose place this one comes.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        #[cfg_attr(test, schemars(with = "String"))]
        instead: Option<String>,
    },
    /// A local rule of file contexts goes, so that the policy's own holds. The files themselves keep their labels.
    FileContextGone {
        /// The paths, as a regular expression.
        pattern: String,
        /// The type of the label that it has.
        label_type: String,
    },
    /// Booleans are set, now and for the next start.
    Booleans {
        /// Each one's name, and whether it is on.
        states: BTreeMap<String, bool>,
    },
    /// A port gets a label.
    Port {
        /// `tcp`, `udp`, `dccp` or `sctp`.
        protocol: String,
        /// Its number.
        port: u16,
        /// The type of the label.
        label_type: String,
    },
}

impl Change {
    /// The program that makes the change, and its arguments.
    #[must_use]
    pub fn command(&self) -> Vec<String> {
        let words = |words: &[&str]| -> Vec<String> { words.iter().map(|&word| word.to_owned()).collect() };
        match self {
            Self::Relabel { path, recursive, whole } => {
                let options = [(*recursive, "-R"), (*whole, "-F")];
                let options = options.into_iter().filter_map(|(is_set, option)| is_set.then_some(option));
                let mut command = words(&["restorecon", "-v"]);
                command.extend(options.chain([path.as_str()]).map(str::to_owned));
                command
            }
            Self::FileContext { pattern, label_type, instead } => {
                let verb = if instead.is_some() { "-m" } else { "-a" };
                words(&["semanage", "fcontext", verb, "-t", label_type, pattern])
            }
            Self::FileContextGone { pattern, .. } => words(&["semanage", "fcontext", "-d", pattern]),
            Self::Booleans { states } => {
                let mut command = words(&["setsebool", "-P"]);
                command.extend(states.iter().map(|(name, on)| format!("{name}={}", on_off(*on))));
                command
            }
            Self::Port { protocol, port, label_type } => {
                words(&["semanage", "port", "-a", "-t", label_type, "-p", protocol, &port.to_string()])
            }
        }
    }

    /// Whether a folder gets its label with all that is in it.
    pub(crate) fn is_recursive(&self) -> bool {
        matches!(self, Self::Relabel { recursive: true, .. })
    }

    /// The same as a line that a shell reads so.
    #[must_use]
    pub fn line(&self) -> String {
        let words = self.command();
        let words: Vec<_> = words.iter().map(|word| quoted(word)).collect();
        words.join(" ")
    }
}

/// A word for a shell. After the program's name, `a=b` needs no quotes. What a terminal is not shown as it is, any shell
/// makes of octal numbers again, except for newlines at the end.
pub(crate) fn quoted(word: &str) -> Cow<'_, str> {
    if !word.chars().all(text::is_printable) {
        let mut octal = String::from("\"$(printf '");
        for byte in word.bytes() {
            if byte.is_ascii_alphanumeric() || matches!(byte, b'/' | b'.' | b'_' | b'-') {
                octal.push(char::from(byte));
            } else {
                let _infallible = write!(octal, r"\{byte:03o}");
            }
        }
        // A format that begins so would be an option.
        return (octal.replacen("'-", r"'\055", 1) + "')\"").into();
    }
    let is_setting = word
        .split_once('=')
        .is_some_and(|(name, value)| [name, value].iter().all(|part| shell_words::quote(part) == *part));
    if is_setting { Cow::Borrowed(word) } else { shell_words::quote(word) }
}

/// A boolean's state, as `setsebool` takes it.
#[must_use]
pub fn on_off(on: bool) -> &'static str {
    if on { "on" } else { "off" }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_with_anything_in_it_is_one_word() {
        let path = "/srv/a b;reboot'$(id)".to_owned();
        let change = Change::Relabel { path, recursive: true, whole: true };
        assert_eq!(change.command()[..4], ["restorecon", "-v", "-R", "-F"]);
        assert_eq!(change.command().len(), 5);
        assert_eq!(shell_words::split(&change.line()).unwrap(), change.command());
    }

    #[test]
    fn a_shell_reads_the_name_that_a_terminal_is_not_shown() {
        for path in ["/srv/\u{202e}gpj.exe", "-\u{2028}%s\\'\"$x é\u{feff}", "\u{9b}\n\u{200b}"] {
            let change = Change::Relabel { path: path.to_owned(), recursive: false, whole: false };
            let line = change.line();
            assert_eq!(text::printable(&line).to_string(), line);
            let script = format!("restorecon() {{ printf %s \"$2\"; }}; {line}");
            let output = std::process::Command::new("sh").args(["-c", &script]).output().unwrap();
            assert_eq!(String::from_utf8(output.stdout).unwrap(), path, "{line}");
        }
    }

    #[test]
    fn every_boolean_is_set_at_once() {
        let states = [("one".to_owned(), true), ("two".to_owned(), false)].into();
        assert_eq!(Change::Booleans { states }.line(), "setsebool -P one=on two=off");
    }
}
