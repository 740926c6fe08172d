//! The newest events in memory, which all clients and the history on disk read from.
//!
//! Each line has a number, one more than that of the line before. A reader keeps the number that it wants next and
//! takes what is there; the memory is bounded, so one that is too slow finds that its next line is gone, and knows from
//! the numbers how many are. No reader holds up the writer or another reader, and one more reader costs no memory.

use std::{
    collections::VecDeque,
    sync::{Mutex, MutexGuard, PoisonError},
};

use bytes::Bytes;
use tokio::sync::watch;

/// The newest events, each with its number.
#[derive(Debug)]
pub struct Recent {
    lines: Mutex<Lines>,
    news: watch::Sender<News>,
}

/// What there is to read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct News {
    /// The number that the next line will have.
    pub next: u64,
    /// Whether there will be none.
    pub closed: bool,
}

#[derive(Debug)]
struct Lines {
    queue: VecDeque<Bytes>,
    /// The number of the first line in the queue, or of the next that comes.
    first: u64,
    bytes: usize,
    limit: usize,
}

/// Some lines, in order, without a gap.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Chunk {
    /// The number of the first.
    pub first: u64,
    /// The lines, each with its newline.
    pub lines: Vec<Bytes>,
}

impl Chunk {
    /// The number after the last line.
    #[must_use]
    pub fn next(&self) -> u64 {
        self.first + self.lines.len() as u64
    }
}

impl Recent {
    /// Room for so many bytes of lines, of which the first will have this number.
    #[must_use]
    pub fn new(limit: usize, first: u64) -> Self {
        let lines = Lines { queue: VecDeque::new(), first, bytes: 0, limit };
        Self { lines: Mutex::new(lines), news: watch::Sender::new(News { next: first, closed: false }) }
    }

    /// Adds lines, for which the oldest have to go.
    pub fn push(&self, new: impl IntoIterator<Item = Bytes>) {
        let next = {
            let mut lines = self.lines();
            for line in new {
                lines.bytes += line.len();
                lines.queue.push_back(line);
                while lines.bytes > lines.limit && lines.queue.len() > 1 {
                    let gone = lines.queue.pop_front().map_or(0, |line| line.len());
                    lines.bytes -= gone;
                    lines.first += 1;
                }
            }
            lines.next()
        };
        self.news.send_modify(|news| news.next = next);
    }

    /// Says that no more lines come.
    pub fn close(&self) {
        self.news.send_modify(|news| news.closed = true);
    }

    /// Wakes when there are new lines.
    #[must_use]
    pub fn news(&self) -> watch::Receiver<News> {
        self.news.subscribe()
    }

    /// Lines from this number on, or from the first that is still there: at least one if there is any, and then about
    /// so many bytes.
    #[must_use]
    pub fn take(&self, from: u64, bytes: usize) -> Chunk {
        let lines = self.lines();
        let first = from.clamp(lines.first, lines.next());
        let skipped = usize::try_from(first - lines.first).unwrap_or(usize::MAX);
        let mut room = bytes;
        let fits = |line: &&Bytes| {
            let fits = room > 0;
            room = room.saturating_sub(line.len());
            fits
        };
        Chunk { first, lines: lines.queue.iter().skip(skipped).take_while(fits).cloned().collect() }
    }

    fn lines(&self) -> MutexGuard<'_, Lines> {
        // Each change leaves the lines whole, so a panic elsewhere can't have broken them.
        self.lines.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Lines {
    fn next(&self) -> u64 {
        self.first + self.queue.len() as u64
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn lines(from: u64, to: u64) -> Vec<Bytes> {
        (from..to).map(|number| Bytes::from(format!("{number:09}\n"))).collect()
    }

    #[test]
    fn a_reader_gets_every_line_once() {
        let recent = Recent::new(1000, 7);
        recent.push(lines(7, 17));
        let chunk = recent.take(7, 25);
        assert_eq!(chunk, Chunk { first: 7, lines: lines(7, 10) });
        assert_eq!(recent.take(chunk.next(), 1000), Chunk { first: 10, lines: lines(10, 17) });
        assert_eq!(recent.take(17, 1000), Chunk { first: 17, lines: vec![] });
    }

    #[test]
    fn a_slow_reader_knows_how_many_it_lost() {
        let recent = Recent::new(30, 0);
        recent.push(lines(0, 10));
        assert_eq!(recent.take(2, 1000), Chunk { first: 7, lines: lines(7, 10) });
    }

    #[test]
    fn a_line_that_is_too_long_is_kept_until_the_next() {
        let recent = Recent::new(5, 0);
        recent.push(lines(0, 2));
        assert_eq!(recent.take(0, 1), Chunk { first: 1, lines: lines(1, 2) });
    }

    #[test]
    fn readers_are_told_of_lines_and_of_the_end() {
        let recent = Recent::new(100, 0);
        let mut news = recent.news();
        assert!(!news.has_changed().unwrap());
        recent.push(lines(0, 2));
        assert_eq!(*news.borrow_and_update(), News { next: 2, closed: false });
        recent.close();
        assert_eq!(*news.borrow_and_update(), News { next: 2, closed: true });
    }

    proptest! {
        #[test]
        fn what_a_reader_gets_and_lost_is_all(
            limit in 0..200_usize, pushes in prop::collection::vec((0..30_u64, any::<bool>()), 0..20),
        ) {
            let recent = Recent::new(limit, 0);
            let (mut pushed, mut cursor, mut got, mut lost) = (0, 0, 0, 0);
            for (count, reads) in pushes {
                recent.push(lines(pushed, pushed + count));
                pushed += count;
                while reads && cursor < pushed {
                    let chunk = recent.take(cursor, 35);
                    prop_assert_eq!(&chunk.lines, &lines(chunk.first, chunk.next()));
                    lost += chunk.first - cursor;
                    got += chunk.lines.len() as u64;
                    cursor = chunk.next();
                }
                prop_assert_eq!(got + lost, cursor);
            }
        }
    }
}
