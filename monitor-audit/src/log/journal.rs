//! Entries of the journal: of `journalctl -o json`, a line each, and of `journalctl -o export`, a line a field and an
//! empty one after the last.

use jiff::Timestamp;

use super::head::{Head, Type};

/// What is known of an entry.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Entry {
    /// The message, and its line.
    pub(super) message: Option<(String, u64)>,
    /// How it came into the journal.
    pub(super) transport: Option<String>,
    /// The machine.
    pub(super) host: Option<String>,
    /// Audit's serial number.
    pub(super) serial: Option<String>,
    /// Microseconds since 1970, by who wrote it.
    pub(super) time: Option<String>,
}

impl Entry {
    /// The message, if it is the kernel's, with what is known beside it.
    pub(super) fn record(self) -> Option<(String, u64, Head)> {
        if !matches!(self.transport.as_deref(), Some("audit" | "kernel")) {
            return None;
        }
        let (message, line) = self.message?;
        let micros = self.time.and_then(|time| time.parse().ok());
        let head = Head {
            // A message of the journal's own form may follow.
            kind: Type::Denial,
            time: micros.and_then(|micros| Timestamp::from_microsecond(micros).ok()),
            serial: self.serial.and_then(|serial| serial.parse().ok()),
            host: self.host,
            repeats: None,
        };
        Some((message, line, head))
    }

    /// Takes a field of the export form.
    pub(super) fn set(&mut self, name: &str, value: &str, line: u64) {
        let value = || Some(value.to_owned());
        match name {
            "MESSAGE" => self.message = value().map(|message| (message, line)),
            "_TRANSPORT" => self.transport = value(),
            "_HOSTNAME" => self.host = value(),
            "_AUDIT_ID" => self.serial = value(),
            "_SOURCE_REALTIME_TIMESTAMP" => self.time = value(),
            _ => {}
        }
    }
}

/// A field's name and its value; `None` as the value: length and bytes follow the line.
pub(super) fn field(line: &str) -> Option<(&str, Option<&str>)> {
    let (name, value) = match line.split_once('=') {
        Some((name, value)) => (name, Some(value)),
        None => (line, None),
    };
    let is_name = name.starts_with(|first: char| first.is_ascii_uppercase() || first == '_')
        && name.bytes().all(|byte| byte.is_ascii_uppercase() || byte.is_ascii_digit() || byte == b'_');
    is_name.then_some((name, value))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_of_the_export_form_are_told_from_other_lines() {
        assert_eq!(field("_TRANSPORT=audit"), Some(("_TRANSPORT", Some("audit"))));
        assert_eq!(field("MESSAGE=a=b"), Some(("MESSAGE", Some("a=b"))));
        assert_eq!(field("MESSAGE"), Some(("MESSAGE", None)));
        for line in ["", "type=AVC", "Nov 28 10:00:00 web1 X=1", "A b=1", "1A=2", "----"] {
            assert_eq!(field(line), None, "{line}");
        }
    }
}
