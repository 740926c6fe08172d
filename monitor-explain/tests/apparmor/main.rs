//! What is said of AppArmor's denials, with profiles on disk and `apparmor_parser`.

mod compiled;
mod denial;
mod profiles;

use std::{collections::BTreeSet, fs, io, os::unix::fs::symlink, path::Path};

use monitor_audit::log::{self, Item};
use monitor_explain::{
    denials::Denials,
    explain,
    finding::{Cause, Finding},
    place::Place,
};
use proptest::prelude::*;
use tempfile::TempDir;

use self::{
    compiled::Compiled,
    denial::{Denial, denial},
};

/// What is said of a log.
fn findings(lines: impl AsRef<[u8]>, place: &Place) -> Vec<Finding> {
    let mut denials = Denials::default();
    let read = log::read(lines.as_ref(), |item| {
        if let Item::Denial(denial) = item {
            denials.add(&denial.event, denial.timed, denial.syscall.as_deref());
        }
    });
    assert!(read.is_ok());
    explain(&denials, place)
}

/// A folder with these of this machine's, and a profile.
fn folder(names: &[&str], profile: &str) -> io::Result<TempDir> {
    let folder = tempfile::tempdir()?;
    for name in names {
        symlink(Path::new("/etc/apparmor.d").join(name), folder.path().join(name))?;
    }
    fs::write(folder.path().join("app"), profile)?;
    Ok(folder)
}

/// A profile that has these rules and little else: compiled, and as denyd reads it.
fn profile(rules: &[String]) -> Result<(Compiled, Place, TempDir), TestCaseError> {
    let text = format!(
        "include <tunables/global>\nprofile app {{\n/always r,\nsignal (send) set=(cont) peer=always,\n{}\n}}\n",
        rules.join("\n")
    );
    let folder = folder(&["abi", "tunables"], &text)?;
    let compiled = Compiled::of(&folder.path().join("app"), folder.path());
    let compiled = compiled.map_err(|error| TestCaseError::fail(error.to_string()))?;
    Ok((compiled, Place::with_profiles(folder.path()), folder))
}

/// Whether denyd says that the profile on disk allows it.
fn is_said_to_be_allowed(denial: &Denial, place: &Place) -> bool {
    findings(denial.line(1), place).iter().any(|finding| finding.cause == Cause::Allowed)
}

/// Few, so that it takes a second; `PROPTEST_CASES` says how many.
fn config() -> ProptestConfig {
    match std::env::var_os("PROPTEST_CASES") {
        Some(_) => ProptestConfig::default(),
        None => ProptestConfig::with_cases(16),
    }
}

proptest! {
    #![proptest_config(config())]

    /// What is asked for is allowed afterwards, and was not before; what is like it is not, unless it was asked for, too.
    /// And denyd reads from the profile what the parser does.
    #[test]
    fn rules_allow_exactly_what_was_refused(denials in prop::collection::vec(denial(), 1..30)) {
        let lines: String = denials.iter().enumerate().map(|(serial, denial)| denial.line(serial)).collect();
        let found = findings(lines, &Place::default());
        let best = found.iter().filter_map(|finding| finding.remedies.first());
        let rules: Vec<String> = best.flat_map(|remedy| remedy.rules.clone()).collect();
        prop_assert!(rules.len() <= denials.len(), "{rules:#?}");
        let ((before, ..), (after, place, _folder)) = (profile(&[])?, profile(&rules)?);
        let unique: BTreeSet<&String> = rules.iter().collect();
        prop_assert_eq!(unique.len(), rules.len());
        for denial in &denials {
            prop_assert!(!denial.is_allowed(&before), "{denial:?}");
            prop_assert!(denial.is_allowed(&after), "{denial:?} {rules:#?}");
            prop_assert!(is_said_to_be_allowed(denial, &place), "{denial:?} {rules:#?}");
        }
        for other in denials.iter().flat_map(Denial::others) {
            let asked = other.is_part_of(&denials);
            prop_assert!(asked || !other.is_allowed(&after), "{other:?} {rules:#?}");
            let said = is_said_to_be_allowed(&other, &place);
            prop_assert_eq!(said, other.is_allowed(&after), "{:?} {:#?}", other, rules);
        }
    }
}
