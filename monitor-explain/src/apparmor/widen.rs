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
