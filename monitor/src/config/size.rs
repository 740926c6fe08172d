//! Sizes in the configuration and on the command line.

/// The smallest ring buffer: room for a few records.
pub(crate) const RING_MIN: u32 = 64 * 1024;

/// A size that can't be a ring buffer's.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum SizeError {
    #[error("give a number of bytes, or of KiB or MiB with K or M after it")]
    NotANumber,
    #[error("it must be less than 4096M")]
    TooLarge,
    #[error("it must be at least 64K")]
    TooSmall,
    #[error("{0} is not a power of two")]
    NotAPowerOfTwo(u32),
}

/// Parses the size of the ring buffer: `1048576`, `1024K`, `1M`.
///
/// # Errors
///
/// If it is no number of bytes, too small, too large, or no power of two.
pub(crate) fn ring(text: &str) -> Result<u32, SizeError> {
    let (digits, unit) = match text.as_bytes() {
        [.., b'K' | b'k'] => (&text[..text.len() - 1], 1 << 10),
        [.., b'M' | b'm'] => (&text[..text.len() - 1], 1 << 20),
        _ => (text, 1),
    };
    if digits.is_empty() || !digits.bytes().all(|digit| digit.is_ascii_digit()) {
        return Err(SizeError::NotANumber);
    }
    let size = digits.parse::<u32>().ok().and_then(|number| number.checked_mul(unit));
    match size {
        None => Err(SizeError::TooLarge),
        Some(size) if size < RING_MIN => Err(SizeError::TooSmall),
        Some(size) if !size.is_power_of_two() => Err(SizeError::NotAPowerOfTwo(size)),
        Some(size) => Ok(size),
    }
}

/// The fewest and the most slots for folded denials.
const SLOTS: [u32; 2] = [64, 1 << 20];

/// A number of slots that there can't be.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("give a power of two from 64 to 1048576")]
pub(crate) struct SlotsError;

/// Parses how many denials' repeats can be counted at the same time.
///
/// # Errors
///
/// If it is no power of two, too few or too many.
pub(crate) fn slots(text: &str) -> Result<u32, SlotsError> {
    let [min, max] = SLOTS;
    let number = text.parse::<u32>().ok().filter(|number| (min..=max).contains(number));
    number.filter(|number| number.is_power_of_two()).ok_or(SlotsError)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_power_of_two_in_any_unit_is_a_size() {
        for text in ["1048576", "1024K", "1024k", "1M", "1m"] {
            assert_eq!(ring(text), Ok(1 << 20), "{text}");
        }
    }

    #[test]
    fn anything_else_is_refused_with_its_reason() {
        for text in ["", "K", "-1", "+65536", "1G", "1.5M", "0x10000", "1 M", "é"] {
            assert_eq!(ring(text), Err(SizeError::NotANumber), "{text}");
        }
        assert_eq!(ring("32K"), Err(SizeError::TooSmall));
        assert_eq!(ring("0"), Err(SizeError::TooSmall));
        assert_eq!(ring("4096M"), Err(SizeError::TooLarge));
        assert_eq!(ring("99999999999999999999"), Err(SizeError::TooLarge));
        assert_eq!(ring("96K"), Err(SizeError::NotAPowerOfTwo(98304)));
    }
}
