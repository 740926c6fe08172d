//! Every field, one a line, below the short line.

use std::fmt::Write as _;

use serde::Serialize as _;
use serde_json::Value;

use super::{Look, Summary, style};
use crate::{event::Event, text::printable};

/// Columns of the fields' names.
const NAME_WIDTH: usize = 26;

/// The event, without the last newline.
pub(super) fn show(event: &Event<'_>, look: &Look, count: u64) -> String {
    let mut text = Summary::new(event, &look.zone).text(look.colour, None, count);
    // An event is an object, and never fails to be one.
    let fields = event.serialize(serde_json::value::Serializer).unwrap_or_default();
    let mut lines = Vec::new();
    flatten(String::new(), &fields, &mut lines);
    // In the order of docs/events.md: what is told, who, what for, then where.
    lines.sort_by_key(|(name, _)| group(name));
    for (name, value) in lines {
        let padding = " ".repeat(NAME_WIDTH.saturating_sub(name.len()).max(1));
        let name = style::paint(style::FIELD, &name, look.colour);
        let _infallible = write!(text, "\n    {name}{padding}{}", printable(&value));
    }
    text
}

/// Where a field stands.
fn group(name: &str) -> usize {
    const ORDER: [&str; 20] = [
        "time",
        "host",
        "kind",
        "module",
        "verdict",
        "silent",
        "fingerprint",
        "count",
        "first",
        "last",
        "pids",
        "action",
        "changes",
        "subject",
        "object",
        "process",
        "unit",
        "container",
        "audit",
        "advice",
    ];
    let first = name.split(['.', '[']).next().unwrap_or(name);
    ORDER.iter().position(|&group| group == first).unwrap_or(ORDER.len())
}

/// The values by their names, as docs/events.md writes these. A list of words is one value.
fn flatten(name: String, value: &Value, lines: &mut Vec<(String, String)>) {
    match value {
        Value::Object(fields) => {
            let mut fields: Vec<_> = fields.iter().collect();
            fields.sort_unstable_by_key(|(field, _)| *field);
            for (field, value) in fields {
                let name = if name.is_empty() { field.clone() } else { format!("{name}.{field}") };
                flatten(name, value, lines);
            }
        }
        Value::Array(items) if items.iter().all(Value::is_string) => {
            let words: Vec<_> = items.iter().filter_map(Value::as_str).map(quoted).collect();
            lines.push((name, words.join(" ")));
        }
        Value::Array(items) => {
            for (nth, item) in items.iter().enumerate() {
                flatten(format!("{name}[{nth}]"), item, lines);
            }
        }
        Value::String(text) => lines.push((name, text.clone())),
        other => lines.push((name, other.to_string())),
    }
}

/// A word of a list, so that it can be distinguished from its neighbours.
fn quoted(word: &str) -> String {
    if word.is_empty() || word.contains([' ', '"', '\'']) { format!("\"{word}\"") } else { word.to_owned() }
}
