//! What is wrong with a filter, and where.

use std::fmt;

/// Why an expression is no filter.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FilterError {
    /// Where: the line, from 1.
    pub line: usize,
    /// Where: the character of the line, from 1.
    pub column: usize,
    /// What.
    pub problem: Problem,
}

impl std::error::Error for FilterError {}

impl fmt::Display for FilterError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.line > 1 {
            write!(f, "line {}, ", self.line)?;
        }
        write!(f, "character {}: {}", self.column, self.problem)
    }
}

/// What is wrong.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Problem {
    /// It is not CEL.
    #[error("{0}")]
    Syntax(String),
    /// It is longer than any filter needs to be.
    #[error("a filter has {0} characters at most")]
    TooLong(usize),
    /// It has more comparisons than any filter needs.
    #[error("a filter has {0} comparisons at most")]
    TooMany(usize),
    /// No event has this field.
    #[error("an event has no field `{field}`{}", suggestion(.nearest.as_deref()))]
    NoField {
        /// As it was written.
        field: String,
        /// The field that it may have been meant to be.
        nearest: Option<String>,
    },
    /// The field never has this value.
    #[error("`{field}` is never \"{value}\"{}", suggestion(.nearest.as_deref()))]
    NoValue {
        /// The field.
        field: String,
        /// As it was written.
        value: String,
        /// The value that it may have been meant to be, or those that there are.
        nearest: Option<String>,
    },
    /// The field has another type.
    #[error("`{field}` is {is}: {write}")]
    Type {
        /// The field.
        field: String,
        /// What it is.
        is: &'static str,
        /// What to write.
        write: &'static str,
    },
    /// There is no such function.
    #[error("there is no function `{function}()`{}", suggestion(.nearest.as_deref()))]
    NoFunction {
        /// As it was written.
        function: String,
        /// The function that it may have been meant to be.
        nearest: Option<String>,
    },
    /// It is CEL, but can't be asked of an event.
    #[error("{0}")]
    NotAsked(&'static str),
    /// A pattern or a time can't be read.
    #[error("{0}")]
    Value(String),
}

fn suggestion(nearest: Option<&str>) -> String {
    nearest.map_or_else(String::new, |nearest| format!(": did you mean `{nearest}`?"))
}
