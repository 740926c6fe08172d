//! Points in time as people write them, in the forms that journalctl takes.

use jiff::{Span, Timestamp, Zoned, civil, tz::TimeZone};

/// A text that is no point in time.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("it is no time: write `2026-11-22 10:00`, `10:00`, `yesterday`, `-1h` or `10 min ago`")]
pub struct MomentError;

/// Reads a point in time, as seen from `now` and in its time zone:
///
/// - `2026-11-22 10:00:30.5`, `2026-11-22 10:00`, `2026-11-22` (its start), `10:00` (today)
/// - with a zone: `2026-11-22T10:00:00Z`, `2026-11-22 10:00 UTC`
/// - `now`, `today`, `yesterday`, `tomorrow`
/// - `-1h`, `+5min`, `1h 30min ago`
/// - `@1763805600`: seconds since 1970
///
/// # Errors
///
/// If it is none of these.
pub fn parse(text: &str, now: &Zoned) -> Result<Timestamp, MomentError> {
    let text = text.trim();
    let found = word(text, now)
        .or_else(|| seconds(text.strip_prefix('@')?))
        .or_else(|| text.parse().ok())
        .or_else(|| relative(text, now))
        .or_else(|| universal(text))
        .or_else(|| civil(text, now));
    found.ok_or(MomentError)
}

fn word(text: &str, now: &Zoned) -> Option<Timestamp> {
    let day = match text {
        "now" => return Some(now.timestamp()),
        "today" => now.date(),
        "yesterday" => now.date().yesterday().ok()?,
        "tomorrow" => now.date().tomorrow().ok()?,
        _ => return None,
    };
    at(day.into(), now.time_zone())
}

fn seconds(text: &str) -> Option<Timestamp> {
    let (seconds, fraction) = text.split_once('.').unwrap_or((text, "0"));
    if fraction.is_empty() || fraction.len() > 9 || !fraction.bytes().all(|digit| digit.is_ascii_digit()) {
        return None;
    }
    let nanoseconds = format!("{fraction:0<9}").parse().ok()?;
    Timestamp::new(seconds.parse().ok().filter(|&seconds: &i64| seconds >= 0)?, nanoseconds).ok()
}

fn relative(text: &str, now: &Zoned) -> Option<Timestamp> {
    // A span without a sign or `ago` says no direction.
    if !text.starts_with(['-', '+']) && !text.ends_with("ago") {
        return None;
    }
    let span: Span = text.parse().ok()?;
    Some(now.checked_add(span).ok()?.timestamp())
}

fn universal(text: &str) -> Option<Timestamp> {
    at(
        date_time(text.strip_suffix("UTC").or_else(|| text.strip_suffix('Z'))?.trim_end(), None)?,
        &TimeZone::UTC,
    )
}

fn civil(text: &str, now: &Zoned) -> Option<Timestamp> {
    at(date_time(text, Some(now.date()))?, now.time_zone())
}

/// A date and a time, or one of them alone: a time is of this day.
fn date_time(text: &str, today: Option<civil::Date>) -> Option<civil::DateTime> {
    if let Ok(date_time) = text.parse() {
        return Some(date_time);
    }
    let (date, time) = text.split_once([' ', 'T']).map_or((None, text), |(date, time)| (Some(date), time));
    let date = match date {
        Some(date) => date.parse().ok()?,
        None => today?,
    };
    Some(date.to_datetime(time.trim_start().parse().ok()?))
}

/// A time that the clock showed twice is the first; one that it skipped, what it showed instead.
fn at(date_time: civil::DateTime, zone: &TimeZone) -> Option<Timestamp> {
    Some(zone.to_ambiguous_zoned(date_time).compatible().ok()?.timestamp())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn now() -> Zoned {
        let zone = TimeZone::posix("CET-1CEST,M3.5.0,M10.5.0/3").unwrap();
        "2026-11-22T10:50:36.25Z".parse::<Timestamp>().unwrap().to_zoned(zone)
    }

    #[test]
    fn the_forms_of_journalctl_are_understood() {
        for (text, moment) in [
            ("2026-11-22 10:00:30.5", "2026-11-22T09:00:30.5Z"),
            ("2026-11-22 10:00", "2026-11-22T09:00:00Z"),
            ("2026-07-01 10:00", "2026-07-01T08:00:00Z"),
            ("2026-11-22", "2026-11-21T23:00:00Z"),
            ("10:00", "2026-11-22T09:00:00Z"),
            ("10:00:30", "2026-11-22T09:00:30Z"),
            ("2026-11-22T10:00:00Z", "2026-11-22T10:00:00Z"),
            ("2026-11-22T10:00:00+05:00", "2026-11-22T05:00:00Z"),
            ("2026-11-22 10:00 UTC", "2026-11-22T10:00:00Z"),
            ("2026-11-22 UTC", "2026-11-22T00:00:00Z"),
            ("now", "2026-11-22T10:50:36.25Z"),
            ("today", "2026-11-21T23:00:00Z"),
            ("yesterday", "2026-11-20T23:00:00Z"),
            ("tomorrow", "2026-11-22T23:00:00Z"),
            ("-1h", "2026-11-22T09:50:36.25Z"),
            ("-1h30min", "2026-11-22T09:20:36.25Z"),
            ("+5min", "2026-11-22T10:55:36.25Z"),
            ("10 min ago", "2026-11-22T10:40:36.25Z"),
            ("10min ago", "2026-11-22T10:40:36.25Z"),
            ("2 days ago", "2026-11-20T10:50:36.25Z"),
            ("1 month ago", "2026-10-22T09:50:36.25Z"),
            ("@1763805600.25", "2025-11-22T10:00:00.25Z"),
            (" today ", "2026-11-21T23:00:00Z"),
        ] {
            let expected: Timestamp = moment.parse().unwrap();
            assert_eq!(parse(text, &now()), Ok(expected), "{text}");
        }
    }

    #[test]
    fn anything_else_is_refused() {
        for text in
            ["", "soon", "1h", "10 min", "25:00", "2026-13-01", "@", "@-1", "@1.", "ago", "-", "-1parsec"]
        {
            assert_eq!(parse(text, &now()), Err(MomentError), "{text}");
        }
    }

    proptest! {
        #[test]
        fn any_text_is_a_time_or_none(text: String) {
            let _either = parse(&text, &now());
        }
    }
}
