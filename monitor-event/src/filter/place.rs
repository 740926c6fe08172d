//! The comparisons of a filter, each at the place of its field.

use super::test::Test;

/// How many comparisons a filter can have: a bit each.
pub(super) const BITS: usize = u64::BITS as usize;

/// A place in an event, and what is to be done when a walk comes there.
#[derive(Debug, Default)]
pub(super) struct Place {
    /// The bits that are set because it is there.
    pub present: u64,
    /// Comparisons of its value.
    pub tests: Vec<(u64, Test)>,
    /// Its fields.
    pub fields: Vec<(&'static str, Place)>,
    /// Each of its elements.
    pub element: Option<Box<Place>>,
    /// What may be true of one element.
    pub any: Vec<Any>,
}

impl Place {
    /// The place of one of its fields.
    pub(super) fn field(&mut self, name: &'static str) -> &mut Self {
        let index = self.fields.iter().position(|(known, _)| *known == name).unwrap_or_else(|| {
            self.fields.push((name, Self::default()));
            self.fields.len() - 1
        });
        &mut self.fields[index].1
    }
}

/// A condition that one and the same element must fulfil.
#[derive(Debug)]
pub(super) struct Any {
    /// The condition.
    pub condition: Condition,
    /// The bits of its comparisons, which are of one element.
    pub bits: u64,
    /// The bit that is set if an element fulfils it.
    pub result: u64,
}

/// What must be true of the bits.
#[derive(Debug)]
pub(super) enum Condition {
    /// Always this.
    Always(bool),
    /// This bit is set.
    Bit(u64),
    /// The opposite.
    Not(Box<Self>),
    /// Both.
    And(Box<[Self; 2]>),
    /// One or both.
    Or(Box<[Self; 2]>),
}

impl Condition {
    /// Whether it holds.
    pub(super) fn holds(&self, hits: u64) -> bool {
        match self {
            Self::Always(holds) => *holds,
            Self::Bit(bit) => hits & bit != 0,
            Self::Not(other) => !other.holds(hits),
            Self::And(both) => both.iter().all(|condition| condition.holds(hits)),
            Self::Or(both) => both.iter().any(|condition| condition.holds(hits)),
        }
    }
}
