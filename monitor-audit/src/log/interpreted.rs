//! What `ausearch -i` and `aureport -i` print: numbers are words, and names stand without quotes, whatever is in them.
//!
//! `type=AVC msg=audit(11/28/26 10:00:00.140:418) : avc:  denied  { read } for  pid=9 comm=my daemon name=a b ...`
//!
//! A name may hold what looks like a field. So a line with a field twice is not believed. The time depends on who asked
//! for it (time zone, language) and is not taken.

use super::head::{Head, Type};
use crate::record::{Field, RecordError};

/// Finds a record's head, and gives what follows it.
pub(super) fn find(line: &str) -> Option<(Head, &str)> {
    let rest =
        line.strip_prefix("node=").map_or(line, |rest| rest.split_once(' ').map_or("", |(_, rest)| rest));
    let host = line.strip_prefix("node=").and_then(|rest| rest.split(' ').next());
    let (kind, rest) = rest.strip_prefix("type=")?.split_once(" msg=audit(")?;
    let (stamp, rest) = rest.split_once(") : ")?;
    let (time, serial) = stamp.rsplit_once(':')?;
    // `DATE TIME.MILLIS`; the raw form has no space.
    if kind.contains(' ') || !time.contains(' ') {
        return None;
    }
    let head = Head {
        kind: Type::of(kind),
        time: None,
        serial: Some(serial.parse().ok()?),
        host: host.map(str::to_owned),
        repeats: None,
    };
    Some((head, rest))
}

/// Splits fields at ` name=`.
///
/// # Errors
///
/// If a field stands twice.
pub(super) fn fields(text: &str) -> Result<Vec<(String, Field)>, RecordError> {
    let mut fields: Vec<(String, Field)> = Vec::new();
    let mut words = text.trim().split(' ').peekable();
    while let Some(word) = words.next() {
        let Some((name, start)) = word.split_once('=').filter(|(name, _)| is_name(name)) else {
            // `for`, before the first field.
            continue;
        };
        let mut value = start.to_owned();
        while let Some(more) =
            words.next_if(|word| word.split_once('=').is_none_or(|(name, _)| !is_name(name)))
        {
            value.push(' ');
            value.push_str(more);
        }
        if fields.iter().any(|(known, _)| known == name) {
            return Err(RecordError::Twice(name.to_owned()));
        }
        let value = value.trim_end();
        // Some values keep their quotes.
        let bare = value.strip_prefix('"').and_then(|value| value.strip_suffix('"')).unwrap_or(value);
        fields.push((name.to_owned(), Field::Quoted(bare.to_owned())));
    }
    Ok(fields)
}

fn is_name(text: &str) -> bool {
    text.starts_with(|first: char| first.is_ascii_lowercase())
        && text
            .bytes()
            .all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || b"_-".contains(&byte))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_hold_spaces_and_a_field_twice_is_not_believed() {
        let of = |text: &str| {
            fields(text).map(|fields| {
                fields.into_iter().map(|(name, field)| (name, field.bare().to_owned())).collect::<Vec<_>>()
            })
        };
        let owned = |pairs: &[(&str, &str)]| {
            Ok(pairs.iter().map(|&(name, value)| (name.to_owned(), value.to_owned())).collect())
        };
        assert_eq!(
            of("for  pid=9 comm=my daemon name=a  b dev=\"sda1\" exit=EACCES(Permission denied) "),
            owned(&[
                ("pid", "9"),
                ("comm", "my daemon"),
                ("name", "a  b"),
                ("dev", "sda1"),
                ("exit", "EACCES(Permission denied)")
            ]),
        );
        let faked = "name=x scontext=u:r:good_t:s0 y ino=1 scontext=u:r:bad_t:s0";
        assert_eq!(of(faked), Err(RecordError::Twice("scontext".to_owned())));
    }

    #[test]
    fn only_lines_with_a_date_are_of_this_form() {
        let (head, rest) = find("node=web1 type=AVC msg=audit(11/28/26 10:00:00.140:418) : x=1").unwrap();
        assert_eq!(
            (head.kind, head.serial, head.host.as_deref(), rest),
            (Type::Denial, Some(418), Some("web1"), "x=1")
        );
        assert_eq!(find("type=AVC msg=audit(1795322866.140:4): x=1"), None);
    }
}
