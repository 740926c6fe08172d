//! Samples, and how far they lie apart.

use std::fmt;

/// The middle of several samples, with the least and the largest.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Spread {
    /// The least.
    pub least: f64,
    /// As many are below as above.
    pub median: f64,
    /// The largest.
    pub largest: f64,
}

impl Spread {
    /// Of these samples; none of none.
    pub(super) fn of(samples: impl IntoIterator<Item = f64>) -> Option<Self> {
        let mut samples: Vec<f64> = samples.into_iter().collect();
        samples.sort_by(f64::total_cmp);
        let (&least, &largest) = samples.first().zip(samples.last())?;
        Some(Self { least, median: quantile(&samples, 0.5), largest })
    }
}

/// What so many of the samples, which are in order, are at most: the nearest rank.
pub(super) fn quantile(sorted: &[f64], share: f64) -> f64 {
    #[expect(clippy::cast_precision_loss, reason = "there are not that many samples")]
    let rank = (sorted.len() as f64 * share).ceil();
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "it is a rank, or 0")]
    let rank = rank as usize;
    sorted.get(rank.saturating_sub(1)).copied().unwrap_or(f64::NAN)
}

/// `1.25 (1.20 to 1.31)`, or one number where all are the same.
impl fmt::Display for Spread {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [least, median, largest] = [self.least, self.median, self.largest].map(significant);
        if least == largest {
            return formatter.write_str(&median);
        }
        write!(formatter, "{median} ({least} to {largest})")
    }
}

/// A number by its first three digits.
pub(super) fn significant(number: f64) -> String {
    let size = number.abs();
    let digits = if size >= 100.0 || size == 0.0 {
        0
    } else if size >= 10.0 {
        1
    } else if size >= 1.0 {
        2
    } else {
        3
    };
    grouped(&format!("{number:.digits$}"))
}

/// A number with its thousands apart.
pub(super) fn grouped(number: &str) -> String {
    let (whole, rest) = number.find('.').map_or((number, ""), |point| number.split_at(point));
    let mut text = String::new();
    for (position, digit) in whole.chars().enumerate() {
        let left = whole.len() - position;
        if position > 0 && left % 3 == 0 && digit.is_ascii_digit() && !text.ends_with('-') {
            text.push(',');
        }
        text.push(digit);
    }
    text + rest
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_quantile_is_one_of_the_samples() {
        let samples: Vec<f64> = (1..=1000).map(f64::from).collect();
        let quantiles = [0.5, 0.99, 0.999, 1.0].map(|share| quantile(&samples, share).to_string());
        assert_eq!(quantiles, ["500", "990", "999", "1000"]);
        assert_eq!(quantile(&[7.0], 0.5).to_string(), "7");
        assert!(quantile(&[], 0.5).is_nan());
    }

    #[test]
    fn numbers_are_short_and_say_how_sure_they_are() {
        let spread = Spread::of([3.0, 1.0, 2.345]).unwrap();
        assert_eq!(spread.to_string(), "2.35 (1.00 to 3.00)");
        assert_eq!(Spread::of([1234.6, 1235.4]).unwrap().to_string(), "1,235");
        assert_eq!([0.0, 0.1234, 12.34, 1_234_567.0].map(significant), ["0", "0.123", "12.3", "1,234,567"]);
        assert_eq!(significant(-1234.0), "-1,234");
        assert_eq!(Spread::of([]), None);
    }
}
