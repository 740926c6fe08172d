//! Times in the configuration and on the command line.

use std::time::Duration;

use jiff::SignedDuration;

/// The longest time that an event may wait for a name.
const MAX_WAIT: Duration = Duration::from_secs(10);

/// The shortest and the longest time that repeats are counted.
const WINDOWS: [Duration; 2] = [Duration::from_millis(10), Duration::from_hours(1)];

/// A time that no event may wait.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum WaitError {
    #[error("give a time with its unit, such as 50ms or 1s; 0s is not to wait")]
    NotATime,
    #[error("it must be 10s at most")]
    TooLong,
    #[error("give a time from 10ms to 1h with its unit, such as 1s")]
    NoWindow,
}

/// Parses how long an event may wait for a name: `100ms`, `1s`.
///
/// # Errors
///
/// If it is no time, or too long.
pub(crate) fn name(text: &str) -> Result<Duration, WaitError> {
    let time = time(text)?;
    if time > MAX_WAIT { Err(WaitError::TooLong) } else { Ok(time) }
}

/// Parses how long repeats of a denial are counted: `1s`, `1m`.
///
/// # Errors
///
/// If it is no time, too short or too long.
pub(crate) fn fold(text: &str) -> Result<Duration, WaitError> {
    let [min, max] = WINDOWS;
    time(text).ok().filter(|time| (min..=max).contains(time)).ok_or(WaitError::NoWindow)
}

fn time(text: &str) -> Result<Duration, WaitError> {
    let time: SignedDuration = text.parse().map_err(|_| WaitError::NotATime)?;
    Duration::try_from(time).map_err(|_| WaitError::NotATime)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_has_a_unit() {
        for (text, ms) in [("100ms", 100), ("0s", 0), ("1s", 1000), ("1 second", 1000), ("10s", 10_000)] {
            assert_eq!(name(text), Ok(Duration::from_millis(ms)), "{text}");
        }
    }

    #[test]
    fn anything_else_is_refused_with_its_reason() {
        for text in ["", "100", "-1s", "ms", "1s ago", "1 month"] {
            assert_eq!(name(text), Err(WaitError::NotATime), "{text}");
        }
        assert_eq!(name("11s"), Err(WaitError::TooLong));
        for text in ["0s", "9ms", "61m", "1", ""] {
            assert_eq!(fold(text), Err(WaitError::NoWindow), "{text}");
        }
        assert_eq!(fold("1h"), Ok(Duration::from_hours(1)));
    }
}
