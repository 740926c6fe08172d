//! What a release says of itself: its section of the changelog.

use super::{PackageError, contents::source_file};

/// The section of CHANGELOG.md about this version, without its heading.
///
/// # Errors
/// When the changelog can't be read, or has nothing about it.
pub fn of(version: &str) -> Result<String, PackageError> {
    let changelog = source_file("CHANGELOG.md")?;
    section(&String::from_utf8_lossy(&changelog), version)
        .map(str::to_owned)
        .ok_or(PackageError::NoNotes { version: version.to_owned() })
}

/// What stands below the heading `## VERSION`, or `## VERSION - DATE`.
fn section<'a>(changelog: &'a str, version: &str) -> Option<&'a str> {
    let sections = changelog.split("\n## ").skip(1);
    let about = sections.filter_map(|section| section.split_once('\n'));
    about
        .filter(|(heading, _)| heading.split_whitespace().next() == Some(version))
        .map(|(_, text)| text.trim())
        .find(|text| !text.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_section_of_a_version_is_found() {
        let changelog = "# Changelog\n\n## Unreleased\n\n- c\n\n## 0.2.0 - 2026-01-02\n\n### Added\n\n- b\n\n## 0.1.0\n\n";
        assert_eq!(section(changelog, "0.2.0"), Some("### Added\n\n- b"));
        assert_eq!(section(changelog, "Unreleased"), Some("- c"));
        assert_eq!(section(changelog, "0.1.0"), None, "it says nothing");
        assert_eq!(section(changelog, "0.2"), None);
    }
}
