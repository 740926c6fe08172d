//! Filters: which events someone wants, as one expression.
//!
//! The language is [CEL](https://cel.dev), the Common Expression Language, as the crate `cel` parses it; the part of it
//! that can be asked of an event without a loop that lasts:
//!
//! ```text
//! module == "selinux" && process.comm.startsWith("nginx") && !silent
//! "write" in action.permissions || object.path.glob("/etc/**")
//! process.ancestors.exists(a, a.comm == "sshd" && a.uid == 0)
//! ```
//!
//! An expression is checked whole when it is parsed (`compile`): every field against the list of the event's names
//! (`fields`), every value against the field's type. So a filter never fails while events flow.
//!
//! It isn't evaluated by `cel`, which would copy the event into maps first. The comparisons sit at the places of their
//! fields (`place`), and one walk over the event (`walk`) makes those that it meets; what is true is a bit each.
//! A field that the event does not have is not met: every comparison of it is false.

mod compile;
mod error;
mod fields;
mod place;
mod program;
mod test;
mod walk;

use std::{fmt, str::FromStr, sync::Arc};

pub use self::error::{FilterError, Problem};
use self::program::Program;
use crate::event::Event;

/// Which events someone wants. Cheap to clone.
#[derive(Clone)]
pub struct Filter {
    text: Arc<str>,
    program: Arc<Program>,
}

impl Filter {
    /// Parses an expression.
    ///
    /// # Errors
    ///
    /// If it is no expression, or asks what no event can answer: the error says where and why.
    pub fn parse(text: &str) -> Result<Self, FilterError> {
        let program = compile::compile(text)?;
        Ok(Self { text: text.into(), program: Arc::new(program) })
    }

    /// Whether it wants this event.
    #[must_use]
    pub fn matches(&self, event: &Event<'_>) -> bool {
        self.program.matches(event)
    }

    /// The expression, as it was given.
    #[must_use]
    pub fn text(&self) -> &str {
        &self.text
    }
}

impl FromStr for Filter {
    type Err = FilterError;

    fn from_str(text: &str) -> Result<Self, FilterError> {
        Self::parse(text)
    }
}

impl PartialEq for Filter {
    fn eq(&self, other: &Self) -> bool {
        self.text == other.text
    }
}

impl fmt::Debug for Filter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Filter").field(&self.text).finish()
    }
}

#[cfg(test)]
mod tests;
