//! What a mistyped word may have been meant to be.

/// How alike two words must be, from 0 to 1, for one to be meant by the other.
const ALIKE: f64 = 0.7;

/// The nearest of these words to one that is none of them, if any is near.
#[must_use]
pub fn nearest<'a>(word: &str, of: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let alike = of.into_iter().map(|known| (strsim::normalized_damerau_levenshtein(word, known), known));
    let (_, nearest) = alike.filter(|(alike, _)| *alike >= ALIKE).max_by(|(a, _), (b, _)| a.total_cmp(b))?;
    Some(nearest)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_nearest_is_named_and_what_is_far_is_not() {
        let known = ["ring_size", "sources", "silent"];
        assert_eq!(nearest("ringsize", known), Some("ring_size"));
        assert_eq!(nearest("slient", known), Some("silent"));
        assert_eq!(nearest("colour", known), None);
        assert_eq!(nearest("x", []), None);
    }
}
