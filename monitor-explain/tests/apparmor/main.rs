//! What is said of AppArmor's denials, with profiles on disk and `apparmor_parser`.

mod causes;
mod compiled;
mod denial;
mod names;
mod profiles;
mod programs;

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
        // What the parser refuses is not counted.
        Some(_) => ProptestConfig { max_global_rejects: u32::MAX, ..ProptestConfig::default() },
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

/// What patterns of paths are made of.
const PATTERN_PARTS: &[&str] = &[
    "/",
    "/",
    "a",
    "b",
    "c",
    ".",
    "-",
    "ab",
    "*",
    "**",
    "***",
    "?",
    "/*",
    "/**",
    "/*/",
    "[ab]",
    "[^a]",
    "[a-c]",
    "[^/]",
    "[.-]",
    "[]a]",
    "{a,b}",
    "{,c}",
    "{a,b/c}",
    "{a*,**}",
    "{a,{b,c}}",
    "\\*",
    "\\?",
    "\\[",
    "\\{a\\}",
    "\\,",
    "\\141",
    "\\x62",
    "\\d099",
    "@{X}",
    "@{Y}/",
];
/// What paths are made of.
const PATH_PARTS: &[&str] =
    &["/", "/", "a", "b", "c", "ab", ".", "-", "*", "?", "[", "{a}", ",", "]", "d", "\\"];

/// A path of these parts, without empty names.
fn path_of(parts: &[&str]) -> String {
    let mut path = format!("/{}", parts.concat());
    while path.contains("//") {
        path = path.replace("//", "/");
    }
    path
}

proptest! {
    #![proptest_config(config())]

    /// A pattern matches what it does in the automaton that the parser makes of it.
    #[test]
    fn a_pattern_matches_what_it_does_for_the_kernel(
        pattern in prop::collection::vec(prop::sample::select(PATTERN_PARTS), 1..7),
        paths in prop::collection::vec(prop::collection::vec(prop::sample::select(PATH_PARTS), 0..7), 40),
    ) {
        let pattern = pattern.concat();
        let text = format!("@{{X}}=a b{{c,d}}\n@{{Y}}=/a/ /b/\nprofile app {{\n\"/{pattern}\" r,\nsignal,\n}}\n");
        let folder = folder(&["abi", "tunables"], &text)?;
        // What the parser refuses never reaches the kernel.
        let compiled = Compiled::of(&folder.path().join("app"), folder.path());
        prop_assume!(compiled.is_ok());
        let (compiled, place) = (compiled.unwrap(), Place::with_profiles(folder.path()));
        for path in paths.iter().map(|parts| path_of(parts)) {
            let denial = Denial::File { path: path.clone(), letters: "r".to_owned(), owned: true };
            let allowed = compiled.file(&path, true).contains('r');
            prop_assert_eq!(is_said_to_be_allowed(&denial, &place), allowed, "{} {}", pattern, path);
        }
    }
}

/// What profiles are made of.
const WORDS: &[&str] = &[
    "include <tunables/global>\n",
    "#include <app>\n",
    "include if exists <app>\n",
    "include \"/\"\n",
    "include",
    "@{X}=",
    "@{X} += ",
    "@{X}",
    "@{HOME}",
    "$x = true\n",
    "profile app ",
    "/usr/bin/app ",
    "^hat ",
    "flags=(complain, ",
    "{",
    "}",
    "(",
    ")",
    ",",
    "\n",
    " ",
    "\"",
    "\\",
    "->",
    "=",
    "if $x ",
    "else ",
    "deny ",
    "owner ",
    "audit ",
    "/etc/{a,b}* ",
    "/** ",
    "[",
    "]",
    "{{{",
    "rwlk",
    "Px ",
    "signal ",
    "set=(term) ",
    "peer=(label=a, name=b) ",
    "mount ",
    "options in (ro) ",
    "change_profile ",
    "set rlimit nofile <= 1 ",
    "capability ",
    "network inet ",
    "priority=1 ",
    "link subset ",
    "mqueue ",
    "ü",
    "\\x",
    "\\377",
    "#",
    "all",
    "\0",
];

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    /// A profile is untrusted: whatever it is, it is read to its end, and a denial is explained.
    #[test]
    fn any_profile_is_read(parts in prop::collection::vec(prop::sample::select(WORDS), 0..60)) {
        let text = parts.concat();
        for start in ["", "profile app {\n", "include <tunables/global>\nprofile app /app {\n"] {
            let folder = folder(&["tunables"], &format!("{start}{text}"))?;
            let lines = Denial::File { path: "/etc/a".to_owned(), letters: "rx".to_owned(), owned: false }.line(1)
                + &Denial::Signal { number: 1, sends: true, peer: "a".to_owned() }.line(2);
            let found = findings(lines, &Place::with_profiles(folder.path()));
            prop_assert!(!found.is_empty() && found.iter().all(|finding| !finding.summary.is_empty()));
        }
    }
}

/// A profile that is cut off anywhere is read as far as it goes; so is one that includes itself without end.
#[test]
fn a_profile_that_is_cut_off_or_endless_is_read() -> io::Result<()> {
    let whole = fs::read("/etc/apparmor.d/abstractions/base")?;
    let line = Denial::File { path: "/etc/a".to_owned(), letters: "r".to_owned(), owned: false }.line(1);
    for end in (0..whole.len()).step_by(7) {
        let folder = folder(&[], "profile app {\n")?;
        fs::write(folder.path().join("app"), [b"profile app {\n", &whole[..end]].concat())?;
        assert_eq!(findings(&line, &Place::with_profiles(folder.path())).len(), 1, "{end}");
    }
    let folder = folder(&[], "profile app {\ninclude <app>\ninclude <app>\n}\n")?;
    let found = findings(&line, &Place::with_profiles(folder.path()));
    assert!(found[0].evidence.iter().any(|note| note.contains("too much to include")), "{found:#?}");
    Ok(())
}
