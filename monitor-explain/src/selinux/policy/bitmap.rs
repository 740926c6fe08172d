//! Sets of numbers, as policies have them: only the words that are not empty.

use super::{PolicyError, Problem, reader::Reader};

/// The bits of a word.
const WORD: u32 = u64::BITS;

/// A set of numbers (`struct ebitmap`, security/selinux/ss/ebitmap.h).
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Bitmap {
    /// The number of the first bit, a multiple of [`WORD`], and the bits, of which one is set at least; in order.
    words: Vec<(u32, u64)>,
}

impl Bitmap {
    /// Reads one (`ebitmap_read()`, security/selinux/ss/ebitmap.c).
    pub(super) fn read(reader: &mut Reader<'_>) -> Result<Self, PolicyError> {
        let [size, end, count] = reader.words()?;
        let broken = |reader: &Reader<'_>, why| Err(reader.error(Problem::Bitmap(why)));
        if size != WORD {
            return broken(reader, "its words have another size");
        }
        if end == 0 {
            return if count == 0 { Ok(Self::default()) } else { broken(reader, "it has words, but no end") };
        }
        if end % WORD != 0 || count == 0 {
            return broken(reader, "its end is not that of a word");
        }
        let count = reader.fits(count, 12)?;
        let mut words: Vec<(u32, u64)> = Vec::with_capacity(count);
        for _ in 0..count {
            let start = reader.u32()?;
            let bits = reader.u64()?;
            if start % WORD != 0 || start > end - WORD {
                return broken(reader, "a word is in no place for one");
            }
            if bits == 0 {
                return broken(reader, "a word is empty");
            }
            if words.last().is_some_and(|(previous, _)| *previous >= start) {
                return broken(reader, "its words are not in order");
            }
            words.push((start, bits));
        }
        if words.last().is_none_or(|(start, _)| *start != end - WORD) {
            return broken(reader, "it ends elsewhere than it says");
        }
        Ok(Self { words })
    }

    /// Whether `bit` is in it.
    #[must_use]
    pub fn contains(&self, bit: u32) -> bool {
        self.words
            .binary_search_by_key(&(bit - bit % WORD), |(start, _)| *start)
            .is_ok_and(|place| self.words[place].1 & (1 << (bit % WORD)) != 0)
    }

    /// Puts `bit` in.
    pub(crate) fn insert(&mut self, bit: u32) {
        let start = bit - bit % WORD;
        let bits = 1 << (bit % WORD);
        match self.words.binary_search_by_key(&start, |(start, _)| *start) {
            Ok(place) => self.words[place].1 |= bits,
            Err(place) => self.words.insert(place, (start, bits)),
        }
    }

    /// Whether nothing is in it.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.words.is_empty()
    }

    /// What is in it, in order.
    pub fn iter(&self) -> impl Iterator<Item = u32> + '_ {
        self.words.iter().flat_map(|(start, bits)| {
            let mut left = *bits;
            std::iter::from_fn(move || {
                let bit = left.trailing_zeros();
                left &= left.checked_sub(1)?;
                Some(start + bit)
            })
        })
    }

    /// The largest number in it.
    #[must_use]
    pub fn last(&self) -> Option<u32> {
        self.words.last().map(|(start, bits)| start + bits.ilog2())
    }

    /// Whether all that is in `other` is in it (`ebitmap_contains()`).
    #[must_use]
    pub fn is_superset(&self, other: &Self) -> bool {
        other.words.iter().all(|(start, bits)| bits & !self.word(*start) == 0)
    }

    /// What is in both (`ebitmap_and()`).
    #[must_use]
    pub fn intersection(&self, other: &Self) -> Self {
        let words = self.words.iter().map(|(start, bits)| (*start, bits & other.word(*start)));
        Self { words: words.filter(|(_, bits)| *bits != 0).collect() }
    }

    fn word(&self, start: u32) -> u64 {
        self.words.binary_search_by_key(&start, |(start, _)| *start).map_or(0, |place| self.words[place].1)
    }
}

impl FromIterator<u32> for Bitmap {
    fn from_iter<I: IntoIterator<Item = u32>>(bits: I) -> Self {
        let mut bitmap = Self::default();
        for bit in bits {
            bitmap.insert(bit);
        }
        bitmap
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn is_a_set(left: BTreeSet<u32>, right in prop::collection::btree_set(0_u32..300, 0..40)) {
            let small: BTreeSet<u32> = left.iter().map(|bit| bit % 300).collect();
            let bitmap: Bitmap = small.iter().copied().collect();
            let other: Bitmap = right.iter().copied().collect();
            prop_assert!(bitmap.iter().eq(small.iter().copied()));
            prop_assert_eq!(bitmap.last(), small.last().copied());
            prop_assert_eq!(bitmap.is_superset(&other), small.is_superset(&right));
            prop_assert!(bitmap.intersection(&other).iter().eq(small.intersection(&right).copied()));
            for bit in 0..310 {
                prop_assert_eq!(bitmap.contains(bit), small.contains(&bit));
            }
            let wide: Bitmap = left.iter().copied().collect();
            prop_assert!(wide.iter().eq(left.iter().copied()));
        }
    }
}
