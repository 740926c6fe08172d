//! What to do about a denial, as far as it can be said of one alone.

use serde::{Deserialize, Serialize};

use super::Text;

/// Why the denial was, and the best remedy. docs/explain.md has the causes and remedies.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct Advice<'a> {
    /// Why, in a word: `label`, `boolean`, `no_rule`, ...
    #[serde(borrow)]
    pub cause: Text<'a>,
    /// Who may not do what, and why, in one line.
    pub summary: Text<'a>,
    /// The kind of the best remedy: `relabel`, `boolean`, `module`, ... Absent if none is known.
    #[serde(default, borrow, skip_serializing_if = "Option::is_none")]
    pub remedy: Option<Text<'a>>,
    /// What it is, in one line.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub text: Option<Text<'a>>,
    /// What to run.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub commands: Vec<Text<'a>>,
    /// The remedy in a few words, where it is certain: `restorecon`, `boolean httpd_can_network_connect`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fix: Option<Text<'a>>,
}
