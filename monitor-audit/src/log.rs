//! Reads logs as they are handed around: audit's own (raw, ENRICHED, and as `ausearch -i` prints them), those of syslog,
//! `dmesg` and the journal (its lines, JSON, export form) with the kernel's records in them, and denyd's JSON lines.
//!
//! Records of one serial number are joined: the denial says who was refused what, and the records beside it
//! (`SYSCALL`, `PATH`, `CWD`, `PROCTITLE`) say what else is known. A log is read once, and no more of it is kept than
//! [`PENDING`] groups of records. A line that can't be read is named, and the rest is read on.

mod apparmor;
mod bare;
mod group;
mod head;
mod interpreted;
mod journal;
mod json;
mod kernel;
mod other;
mod selinux;
mod told;
mod twice;

use std::{
    collections::{BTreeSet, VecDeque},
    io::{self, BufRead, Read as _},
};

use monitor_event::event::Event;

use self::{
    group::Group,
    head::{Head, Type},
    journal::Entry,
    twice::Twice,
};
use crate::record::{self, RecordError};

/// How many groups of records are waited for at once: records of one event stand within so many others.
pub const PENDING: usize = 64;

/// How many records of one serial number are kept together.
const RECORDS: usize = 256;

/// Longer lines are not read. The kernel's records are at most 8 KiB, an event of denyd's at most 1 MiB.
const LINE: u64 = 1 << 20;

/// How many bytes of text are kept at once.
const BYTES: usize = 8 << 20;

/// What a log has.
#[derive(Debug)]
pub enum Item<'a> {
    /// A denial.
    Denial(Box<Denial<'a>>),
    /// A line that can't be read.
    Broken(BrokenLine),
}

/// A denial in a log.
#[derive(Clone, Debug)]
pub struct Denial<'a> {
    /// What denyd itself would have told, as far as the log has it.
    pub event: Event<'a>,
    /// Whether [`Event::time`] is known; if not, it is 1970.
    pub timed: bool,
    /// The system call during which it happened, by name.
    pub syscall: Option<String>,
    /// The number of the line, from 1.
    pub line: u64,
}

/// A line that looks like a record, and can't be read.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("line {line}: {problem}")]
pub struct BrokenLine {
    /// Its number, from 1.
    pub line: u64,
    /// What is wrong with it.
    pub problem: Problem,
}

/// What is wrong with a line.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Problem {
    /// It is too long.
    #[error("longer than 1 MiB")]
    Long,
    /// It has bytes that no log of these forms has.
    #[error("a record with bytes that are not UTF-8")]
    Bytes,
    /// The fields of a record can't be told apart.
    #[error(transparent)]
    Record(#[from] RecordError),
    /// A denial without a part that it can't be without.
    #[error("a denial without {0}")]
    Without(&'static str),
    /// It has a denial's words, in no form that is known.
    #[error(
        "a denial's words, but not as a log has them: each record needs a line of its own, as it was written"
    )]
    Form,
    /// A JSON line that says it is denyd's.
    #[error("an event that this version of denyd can't read: {0}")]
    Json(String),
}

/// What was read.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Summary {
    /// Lines, broken ones too.
    pub lines: u64,
    /// Denials.
    pub denials: u64,
    /// Lines that can't be read.
    pub broken: u64,
}

/// Reads a log to its end, and hands each denial to `take`.
///
/// # Errors
///
/// Fails if the log can't be read.
pub fn read(mut input: impl BufRead, mut take: impl FnMut(Item<'_>)) -> io::Result<Summary> {
    let mut reader = Reader {
        pending: VecDeque::new(),
        bytes: 0,
        summary: Summary::default(),
        entry: Entry::default(),
        twice: Twice::default(),
    };
    let mut line = Vec::new();
    loop {
        line.clear();
        let length = input.by_ref().take(LINE).read_until(b'\n', &mut line)?;
        if length == 0 {
            break;
        }
        reader.summary.lines += 1;
        let is_whole = line.ends_with(b"\n");
        if !is_whole && length as u64 == LINE {
            input.skip_until(b'\n')?;
            reader.broken(Problem::Long, &mut take);
            continue;
        }
        if let Some(name) = reader.line(&line, &mut take) {
            reader.bytes_of(&name, &mut input)?;
        }
    }
    reader.entry(&mut take);
    reader.flush(0, &mut take);
    Ok(reader.summary)
}

/// What is kept between lines.
struct Reader {
    /// The oldest first.
    pending: VecDeque<Group>,
    /// Of all groups.
    bytes: usize,
    summary: Summary,
    /// The entry of the journal that is being read.
    entry: Entry,
    /// What the journal may have twice.
    twice: Twice,
}

impl Reader {
    fn broken(&mut self, problem: Problem, take: &mut impl FnMut(Item<'_>)) {
        self.summary.broken += 1;
        take(Item::Broken(BrokenLine { line: self.summary.lines, problem }));
    }

    fn denial(&mut self, denial: Denial<'_>, take: &mut impl FnMut(Item<'_>)) {
        self.summary.denials += 1;
        take(Item::Denial(Box::new(denial)));
    }

    /// Takes a line. Gives the name of a field of the journal whose bytes follow it.
    fn line(&mut self, line: &[u8], take: &mut impl FnMut(Item<'_>)) -> Option<String> {
        let line = line.trim_ascii_end();
        let text = match str::from_utf8(line) {
            Ok(text) => text,
            Err(_) if head::looks_like(line) => {
                self.broken(Problem::Bytes, take);
                return None;
            }
            Err(_) => return None,
        };
        if text.is_empty() {
            self.entry(take);
            return None;
        }
        if let Some((name, value)) = journal::field(text) {
            match value {
                Some(value) => self.entry.set(name, value, self.summary.lines),
                // A word of capitals alone is a field only within an entry.
                None if self.entry != Entry::default() => return Some(name.to_owned()),
                None => {}
            }
            return None;
        }
        if text.starts_with('{') {
            match json::read(text, self.summary.lines) {
                Ok(Some(json::Line::Denial(denial))) => self.denial(*denial, take),
                Ok(Some(json::Line::Text(text, head))) => {
                    self.record(&text, &head, self.summary.lines, take);
                }
                Ok(None) => {}
                Err(problem) => self.broken(problem, take),
            }
        } else {
            self.record(text, &Head::default(), self.summary.lines, take);
        }
        None
    }

    /// The entry of the journal ends.
    fn entry(&mut self, take: &mut impl FnMut(Item<'_>)) {
        if let Some((message, line, head)) = std::mem::take(&mut self.entry).record() {
            self.record(&message, &head, line, take);
        }
    }

    /// Takes a field of the journal that stands as its length, 64 bits and little-endian, and its bytes.
    fn bytes_of(&mut self, name: &str, input: &mut impl BufRead) -> io::Result<()> {
        let mut length = Vec::new();
        input.by_ref().take(8).read_to_end(&mut length)?;
        let Ok(length) = length.try_into().map(u64::from_le_bytes) else { return Ok(()) };
        let mut bytes = Vec::new();
        input.by_ref().take(length.min(LINE)).read_to_end(&mut bytes)?;
        if length > LINE {
            io::copy(&mut input.by_ref().take(length - LINE), &mut io::sink())?;
        } else if let Ok(text) = str::from_utf8(&bytes) {
            self.entry.set(name, text, self.summary.lines);
        }
        // The line's end.
        input.skip_until(b'\n')?;
        self.summary.lines += 1;
        Ok(())
    }

    /// A line with a record, maybe; `around` is what is known from around it.
    fn record(&mut self, line: &str, around: &Head, number: u64, take: &mut impl FnMut(Item<'_>)) {
        // Records of one event that were pasted into one line.
        for line in head::records(line) {
            self.one_record(line, around, number, take);
        }
    }

    fn one_record(&mut self, line: &str, around: &Head, number: u64, take: &mut impl FnMut(Item<'_>)) {
        let of_words = interpreted::find(line);
        let is_interpreted = of_words.is_some();
        let Some((head, rest)) = of_words.or_else(|| head::find(line, around)) else {
            if head::tells_of_denial(line) && !is_grant(line) {
                self.broken(Problem::Form, take);
            }
            return;
        };
        if head.kind == Type::Other {
            return;
        }
        if head.kind == Type::End {
            let place = self.pending.iter().position(|group| group.is_of(&head));
            if let Some(group) = place.and_then(|place| self.pending.remove(place)) {
                self.finish(&group, take);
            }
            return;
        }
        let (raw, enriched) = head::split_enriched(rest);
        if head.kind.tells_of_denial() && self.twice.is_told(&head, raw) {
            return;
        }
        let parsed = match head.kind {
            Type::Manager => told::split(raw),
            Type::Lockdown | Type::Yama => {
                Ok((BTreeSet::new(), kernel::fields(head.kind, raw).unwrap_or_default()))
            }
            _ if is_grant(raw) => return,
            _ => {
                let (permissions, rest) = record::split_permissions(raw);
                let fields = if is_interpreted { interpreted::fields(rest) } else { record::fields(rest) };
                fields.map(|fields| (permissions, fields))
            }
        };
        let (permissions, mut fields) = match parsed {
            Ok(parsed) => parsed,
            Err(problem) => return self.broken(Problem::Record(problem), take),
        };
        if let Ok(more) = record::fields(enriched) {
            fields.extend(more);
        }
        let part = group::Part { kind: head.kind, line: number, permissions, fields };
        // Without a serial number nothing can be joined.
        if head.serial.is_none() {
            return self.finish(&Group::new(head, part, line.len()), take);
        }
        self.bytes += line.len();
        match self.pending.iter_mut().rev().find(|group| group.is_of(&head) && group.parts.len() < RECORDS) {
            Some(group) => group.push(part, line.len()),
            None => self.pending.push_back(Group::new(head, part, line.len())),
        }
        self.flush(PENDING, take);
    }

    /// Hands on all groups but the newest.
    fn flush(&mut self, keep: usize, take: &mut impl FnMut(Item<'_>)) {
        while self.pending.len() > keep || (self.bytes > BYTES && !self.pending.is_empty()) {
            let Some(group) = self.pending.pop_front() else { break };
            self.finish(&group, take);
        }
    }

    fn finish(&mut self, group: &Group, take: &mut impl FnMut(Item<'_>)) {
        if group.head.serial.is_some() {
            self.bytes = self.bytes.saturating_sub(group.bytes);
        }
        for result in group.denials() {
            match result {
                Ok(denial) => self.denial(denial, take),
                Err(broken) => {
                    self.summary.broken += 1;
                    take(Item::Broken(broken));
                }
            }
        }
    }
}

/// Whether it reports what was allowed.
fn is_grant(text: &str) -> bool {
    text.split_once("avc:").is_some_and(|(_, rest)| rest.trim_start().starts_with("granted"))
}
