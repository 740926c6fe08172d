//! Globs for names that are others each time: numbers, and what `mkstemp` makes up.
//!
//! Names are those of rules, with variables and escapes.

mod made;
mod one;
mod several;

pub(super) use self::{
    one::{of_address, of_label, of_object, of_one},
    several::{Named, Names, join},
};

/// Stands for a number.
pub(super) const NUMBER: &str = "[0-9]*";

/// How many characters `mkstemp` makes up, at least.
const RANDOM: usize = 6;
/// How many at most: 12 by ssh-agent and `PulseAudio`.
const LONGEST: usize = 12;

/// Whether a name has escapes or quotes, but for a `#` or `@`, so that it can't be cut anywhere.
fn has_escapes(name: &str) -> bool {
    name.replace(r"\#", "").replace(r"\@", "").contains(['\\', '"'])
}

/// Whether a name is of no language: a letter after a digit, or small and large ones in turn.
fn is_made_up(name: &str) -> bool {
    let bytes = name.as_bytes();
    let pairs = || bytes.iter().zip(bytes.iter().skip(1));
    let is_word = bytes.iter().all(|byte| byte.is_ascii_alphanumeric() || *byte == b'_');
    let begins_again = pairs().any(|(one, next)| one.is_ascii_digit() && next.is_ascii_alphabetic());
    let grows = pairs().filter(|(one, next)| one.is_ascii_lowercase() && next.is_ascii_uppercase()).count();
    is_word && (begins_again || grows >= 3)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use proptest::prelude::*;

    use super::*;
    use crate::apparmor::{
        glob::{Glob, Variables},
        request::{Key, Kind, Request},
        rule::quoted,
    };

    /// What names are made of, with what is known of them.
    const PARTS: &[&str] = &[
        "/",
        "/",
        ".",
        "-",
        "_",
        "a",
        "é",
        " ",
        "#",
        "#77",
        "@",
        "*",
        "\\",
        "4711",
        "4711",
        "20261129",
        "2026-11-29",
        "2026-",
        "1764400000",
        "0x",
        "deadbeef",
        "0123456789abcdef",
        "Cu",
        "tmp",
        "sed",
        "a1B2c3",
        "AunDfT",
        "pid",
        "/tmp/",
        "/dev/pts/",
        "user@1000.service",
        "session-7.scope",
        "/e1/",
        "#sql",
    ];

    proptest! {
        /// Whatever a name is, its glob stands for it.
        #[test]
        fn a_glob_stands_for_the_name_that_it_was_made_of(
            parts in prop::collection::vec(prop::sample::select(PARTS), 0..8),
            other in prop::collection::vec(prop::sample::select(PARTS), 0..4),
            right in prop::sample::select(vec!["r", "w", "l", "x"]),
        ) {
            let name = format!("/{}", parts.concat());
            let mut request = Request::new(Kind::File, [right.to_owned()]).with(Key::Path, name.as_str());
            request.own = BTreeSet::from([4711]);
            let rule = quoted(&name);
            let globs =
                [of_one(&rule, Some(&other.concat()), &request), of_address(&rule, &request), of_object(&rule, &request)];
            for glob in globs.into_iter().flatten() {
                let pattern = Glob::new(glob.trim_matches('"'), &Variables::new());
                prop_assert!(pattern.matches(&name), "{name} {glob}");
            }
        }
    }
}
