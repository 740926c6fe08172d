//! Comparisons of one value.

use std::cmp::Ordering;

use globset::GlobMatcher;
use jiff::Timestamp;
use regex::Regex;

/// A value that a walk meets, or that a filter compares with.
#[derive(Clone, Copy, Debug)]
pub(super) enum Value<'v> {
    /// A string.
    Text(&'v str),
    /// A whole number.
    Number(i128),
    /// True or false.
    Flag(bool),
}

/// A value that a filter compares with.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Literal {
    /// A string.
    Text(Box<str>),
    /// A whole number.
    Number(i128),
    /// True or false.
    Flag(bool),
    /// A time.
    Time(Timestamp),
}

/// A comparison.
#[derive(Debug)]
pub(super) enum Test {
    /// It is this.
    Equal(Literal),
    /// It is one of these.
    OneOf(Box<[Literal]>),
    /// It is less than this (`Less`), or more (`Greater`).
    Ordered(Ordering, Literal),
    /// It starts with this.
    StartsWith(Box<str>),
    /// It ends with this.
    EndsWith(Box<str>),
    /// It has this in it.
    Contains(Box<str>),
    /// A part of it matches this regular expression.
    Matches(Regex),
    /// The whole of it matches this pattern.
    Glob(GlobMatcher),
}

impl Test {
    /// Whether it is true of this value.
    pub(super) fn passes(&self, value: Value<'_>) -> bool {
        match (self, value) {
            (Self::Equal(literal), value) => literal.compare(value) == Some(Ordering::Equal),
            (Self::OneOf(literals), value) => {
                literals.iter().any(|literal| literal.compare(value) == Some(Ordering::Equal))
            }
            (Self::Ordered(ordering, literal), value) => literal.compare(value) == Some(*ordering),
            (Self::StartsWith(start), Value::Text(text)) => text.starts_with(&**start),
            (Self::EndsWith(end), Value::Text(text)) => text.ends_with(&**end),
            (Self::Contains(part), Value::Text(text)) => text.contains(&**part),
            (Self::Matches(regex), Value::Text(text)) => regex.is_match(text),
            (Self::Glob(glob), Value::Text(text)) => glob.is_match(text),
            _ => false,
        }
    }
}

impl Literal {
    /// How a value compares with it; a value of another type doesn't.
    fn compare(&self, value: Value<'_>) -> Option<Ordering> {
        Some(match (self, value) {
            (Self::Text(literal), Value::Text(text)) => text.cmp(literal),
            (Self::Number(literal), Value::Number(number)) => number.cmp(literal),
            (Self::Flag(literal), Value::Flag(flag)) => flag.cmp(literal),
            (Self::Time(literal), Value::Text(text)) => text.parse::<Timestamp>().ok()?.cmp(literal),
            _ => return None,
        })
    }
}
