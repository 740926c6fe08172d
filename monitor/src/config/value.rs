//! Values that are words of their own kind.

use std::{fmt, str::FromStr, time::Duration};

use clap::ValueEnum;
use serde::{
    Deserialize, Deserializer,
    de::{Error, Unexpected, Visitor},
};

use super::{Choice, FoldKey, parse_fold_slots, parse_fold_window, parse_name_wait, parse_ring_size};
use monitor_event::nearest::nearest;

use crate::enrich::runtime::Socket;

/// A word of a fixed choice.
pub(super) struct Word<T>(pub T);

impl<'de, T: ValueEnum> Deserialize<'de> for Word<T> {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        let word = String::deserialize(from)?;
        T::from_str(&word, false).map(Self).map_err(|_| {
            let variants = T::value_variants().iter().filter_map(ValueEnum::to_possible_value);
            let known: Vec<_> = variants.map(|value| value.get_name().to_owned()).collect();
            let near = nearest(&word, known.iter().map(String::as_str));
            let advice = near.map_or_else(
                || format!("choose from {}", known.join(", ")),
                |near| format!("did you mean \"{near}\"?"),
            );
            D::Error::custom(format_args!("there is no \"{word}\": {advice}"))
        })
    }
}

/// What is written as a string and parsed.
pub(super) struct Parsed<T>(pub T);

impl<'de, T: FromStr<Err: fmt::Display>> Deserialize<'de> for Parsed<T> {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        String::deserialize(from)?.parse().map(Self).map_err(D::Error::custom)
    }
}

/// Several words.
pub(super) fn words<'de, D: Deserializer<'de>>(from: D) -> Result<Vec<Choice>, D::Error> {
    let words = Vec::<Word<Choice>>::deserialize(from)?;
    if words.is_empty() {
        return Err(D::Error::custom("name at least one source, or leave the key out"));
    }
    Ok(words.into_iter().map(|Word(word)| word).collect())
}

/// Sockets of containers' runtimes.
pub(super) fn sockets<'de, D: Deserializer<'de>>(from: D) -> Result<Vec<Socket>, D::Error> {
    let sockets = Vec::<Parsed<Socket>>::deserialize(from)?;
    Ok(sockets.into_iter().map(|Parsed(socket)| socket).collect())
}

/// How long an event may wait for a name.
pub(super) fn name_wait<'de, D: Deserializer<'de>>(from: D) -> Result<Duration, D::Error> {
    parse_name_wait(&String::deserialize(from)?).map_err(D::Error::custom)
}

/// The size of the ring buffer: a number of bytes, or a string with a unit.
pub(super) fn ring_size<'de, D: Deserializer<'de>>(from: D) -> Result<u32, D::Error> {
    struct Size;
    impl Visitor<'_> for Size {
        type Value = u32;

        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("a size such as \"4M\"")
        }

        fn visit_str<E: Error>(self, text: &str) -> Result<u32, E> {
            parse_ring_size(text).map_err(E::custom)
        }

        fn visit_i64<E: Error>(self, bytes: i64) -> Result<u32, E> {
            if bytes < 0 {
                return Err(E::invalid_value(Unexpected::Signed(bytes), &self));
            }
            self.visit_str(&bytes.to_string())
        }
    }
    from.deserialize_any(Size)
}

/// How long repeats of a denial are counted.
pub(super) fn fold_window<'de, D: Deserializer<'de>>(from: D) -> Result<Duration, D::Error> {
    parse_fold_window(&String::deserialize(from)?).map_err(D::Error::custom)
}

/// Which denials are repeats of one.
pub(super) fn fold_key<'de, D: Deserializer<'de>>(from: D) -> Result<FoldKey, D::Error> {
    Word::deserialize(from).map(|Word(key)| key)
}

/// How many denials' repeats can be counted at the same time.
pub(super) fn fold_slots<'de, D: Deserializer<'de>>(from: D) -> Result<u32, D::Error> {
    parse_fold_slots(&i64::deserialize(from)?.to_string()).map_err(D::Error::custom)
}
