//! What events that are read as they come add up to.

use std::{
    collections::BTreeMap,
    io::BufRead,
    time::{SystemTime, UNIX_EPOCH},
};

use anyhow::Context as _;
use serde::{Deserialize, Serialize};

use super::flood::QUIET_UID;

/// The sums.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Tally {
    /// Events of one denial.
    pub single: u64,
    /// Events that count repeats.
    pub repeats: u64,
    /// Denials of each user: events, and what they count.
    pub users: BTreeMap<u32, u64>,
    /// What is known of the flood's single denial.
    pub quiet: Option<Quiet>,
}

/// When the flood's single denial came.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Quiet {
    /// The event's time: when it was refused.
    pub time: String,
    /// When the event was read, in nanoseconds since 1970.
    pub read_at: u64,
}

/// As much of an event as is needed.
#[derive(Deserialize)]
struct Event {
    count: Option<u64>,
    time: Option<String>,
    process: Process,
}

#[derive(Deserialize)]
struct Process {
    uid: u32,
}

/// Reads events, one a line, to the end.
///
/// # Errors
/// Fails if a line is no event.
pub fn tally(lines: impl BufRead) -> anyhow::Result<Tally> {
    let mut tally = Tally::default();
    for line in lines.lines() {
        let event: Event = serde_json::from_str(&line?)?;
        match event.count {
            None => tally.single += 1,
            Some(_) => tally.repeats += 1,
        }
        *tally.users.entry(event.process.uid).or_default() += event.count.unwrap_or(1);
        if event.process.uid == QUIET_UID {
            let read_at = SystemTime::now().duration_since(UNIX_EPOCH)?;
            let time = event.time.context("the event has no time")?;
            tally.quiet = Some(Quiet { time, read_at: u64::try_from(read_at.as_nanos())? });
        }
    }
    Ok(tally)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn repeats_are_added_to_their_user() {
        let events = "{\"process\":{\"uid\":7,\"pid\":1}}\n{\"count\":4,\"process\":{\"uid\":7}}\n\
                      {\"module\":\"selinux\",\"process\":{\"uid\":8}}\n";
        let Tally { single, repeats, users, quiet } = tally(events.as_bytes()).unwrap();
        assert_eq!((single, repeats, quiet), (2, 1, None));
        assert_eq!(users, BTreeMap::from([(7, 5), (8, 1)]));
        assert!(tally(&b"no event\n"[..]).is_err());
    }
}
