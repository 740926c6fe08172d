//! The fields that an event can have, with their types: the list `docs/event.names.txt`, which a test of
//! [`crate::event`] holds against the event's own definition.

use std::{collections::BTreeMap, sync::LazyLock};

static NAMES: &str = include_str!("../../../docs/event.names.txt");

/// The event.
pub(super) static EVENT: LazyLock<Field> = LazyLock::new(|| read(NAMES));

/// One field.
#[derive(Debug, Default)]
pub(super) struct Field {
    /// What it holds.
    pub shape: Shape,
    /// The only values that it can have, if these are known.
    pub values: Vec<&'static str>,
    /// The element of a list.
    pub element: Option<Box<Field>>,
    fields: BTreeMap<&'static str, Field>,
}

/// What a field holds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Shape {
    /// A string.
    #[default]
    Text,
    /// A whole number.
    Number,
    /// True or false.
    Flag,
    /// A time.
    Time,
    /// Further fields.
    Group,
    /// Elements.
    List,
}

impl Shape {
    /// What it is, and what to write for it.
    pub(super) fn described(self) -> (&'static str, &'static str) {
        match self {
            Self::Text => ("a string", "write its value in quotes, such as \"x\""),
            Self::Number => ("a number", "write it without quotes"),
            Self::Flag => ("true or false", "write it alone, or with ! before it"),
            Self::Time => ("a time", "compare it with timestamp(\"2026-01-31T12:00:00Z\")"),
            Self::Group => ("a group of fields", "name one of its fields, or write has(...)"),
            Self::List => ("a list", "write \"x\" in it, or it.exists(e, e == \"x\")"),
        }
    }

    fn new(kind: &str) -> Self {
        match kind {
            "boolean" => Self::Flag,
            "string (date-time)" => Self::Time,
            "object" => Self::Group,
            kind if kind.starts_with("integer") => Self::Number,
            _ => Self::Text,
        }
    }
}

impl Field {
    /// The field of this name in it.
    pub(super) fn field(&'static self, name: &str) -> Option<(&'static str, &'static Field)> {
        self.fields.get_key_value(name).map(|(&name, field)| (name, field))
    }

    /// The paths of all fields in it, but for those of lists' elements.
    pub(super) fn paths(&self) -> Vec<String> {
        let mut paths = Vec::new();
        for (&name, field) in &self.fields {
            paths.push(name.to_owned());
            paths.extend(field.paths().into_iter().map(|path| format!("{name}.{path}")));
        }
        paths
    }

    /// The field at this path below it, made if it is not there.
    fn at(&mut self, path: &'static str) -> &mut Self {
        path.split('.').fold(self, |field, step| match step.strip_suffix("[]") {
            Some(name) => field.fields.entry(name).or_default().element.get_or_insert_default(),
            None => field.fields.entry(step).or_default(),
        })
    }
}

/// Reads lines such as `object.inode: integer (uint64)`, `process.pid: integer (uint32), always`,
/// `process.ancestors: list of object` and `kind=denial: value`.
fn read(names: &'static str) -> Field {
    let mut event = Field { shape: Shape::Group, ..Field::default() };
    for (path, kind) in names.lines().filter_map(|line| line.split_once(": ")) {
        let kind = kind.strip_suffix(", always").unwrap_or(kind);
        if let Some((path, value)) = path.split_once('=') {
            event.at(path).values.push(value);
        } else if let Some(element) = kind.strip_prefix("list of ") {
            let list = event.at(path);
            list.shape = Shape::List;
            list.element.get_or_insert_default().shape = Shape::new(element);
        } else {
            event.at(path).shape = Shape::new(kind);
        }
    }
    event
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_list_gives_types_values_and_elements() {
        let (_, object) = EVENT.field("object").unwrap();
        assert!(matches!(object.field("inode").unwrap().1.shape, Shape::Number));
        assert!(matches!(object.field("deleted").unwrap().1.shape, Shape::Flag));
        assert!(object.field("kind").unwrap().1.values.contains(&"anon_inode"));
        assert!(matches!(EVENT.field("time").unwrap().1.shape, Shape::Time));
        let (_, ancestors) = EVENT.field("process").unwrap().1.field("ancestors").unwrap();
        assert_eq!(ancestors.shape, Shape::List);
        assert!(matches!(ancestors.element.as_deref().unwrap().field("uid").unwrap().1.shape, Shape::Number));
    }

    #[test]
    fn every_line_of_the_list_is_a_field() {
        let paths = EVENT.paths();
        for line in NAMES.lines().filter(|line| !line.contains('=') && !line.contains("[]")) {
            if let Some((path, _)) = line.split_once(": ") {
                assert!(paths.iter().any(|known| known == path), "{path}");
            }
        }
    }
}
