//! What is reported: the findings, and what they are made of. `denyd explain --json` prints it, and a daemon sends it.

use serde::{Deserialize, Serialize};

use crate::{denials::Denials, finding::Finding, place::Place};

/// What was found out.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct Report {
    /// Denials that were read.
    pub denials: u64,
    /// Those that no finding is about, since too many differ.
    pub not_explained: u64,
    /// Lines, or events, that were read.
    pub lines: u64,
    /// Those that can't be read.
    pub broken_lines: u64,
    /// SELinux's policy that was asked, by its file.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(test, schemars(with = "String"))]
    pub policy: Option<String>,
    /// What could not be read, and why.
    pub notes: Vec<String>,
    /// What was found; what explains the most denials comes first.
    pub findings: Vec<Finding>,
}

impl Report {
    /// Explains denials.
    #[must_use]
    pub fn new(denials: &Denials, place: &Place) -> Self {
        Self {
            denials: denials.total,
            not_explained: denials.beyond,
            lines: 0,
            broken_lines: 0,
            policy: place.policy.as_ref().map(|(_, file)| file.to_string_lossy().into_owned()),
            notes: place.notes.clone(),
            findings: crate::explain(denials, place),
        }
    }

    /// With the number of lines that the denials were read from, and of those that can't be read.
    #[must_use]
    pub fn of_lines(mut self, lines: u64, broken: u64) -> Self {
        (self.lines, self.broken_lines) = (lines, broken);
        self
    }
}

#[cfg(test)]
mod tests {
    use std::{fs, path::Path};

    use schemars::generate::SchemaSettings;

    use super::*;

    /// `UPDATE_GOLDEN=1 cargo test -p monitor-explain --lib report` writes the file anew.
    #[test]
    fn the_schema_in_the_repository_is_that_of_the_types() {
        let settings = SchemaSettings::draft2020_12().for_serialize();
        let mut schema = settings.into_generator().into_root_schema_for::<Report>();
        schema.insert("title".to_owned(), "What denyd explain --json prints".into());
        let text = serde_json::to_string_pretty(&schema).unwrap() + "\n";
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/explain.schema.json");
        if std::env::var_os("UPDATE_GOLDEN").is_some() {
            fs::write(&path, &text).unwrap();
        }
        let there = fs::read_to_string(&path).unwrap();
        assert!(text == there, "docs/explain.schema.json is not up to date: {text}");
    }
}
