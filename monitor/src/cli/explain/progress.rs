//! How much of a log is read, shown while it is.

use std::io::{self, IsTerminal as _, Read, Write as _};

/// After so many bytes the line is written anew.
const STEP: u64 = 4 << 20;

/// A log, of which a terminal shows how much is read.
pub(super) struct Progress<R> {
    input: R,
    length: u64,
    read: u64,
    shown: Option<u64>,
}

impl<R> Progress<R> {
    /// A log of this length in bytes.
    pub(super) fn new(input: R, length: u64) -> Self {
        let is_shown = length > STEP && io::stderr().is_terminal();
        Self { input, length, read: 0, shown: is_shown.then_some(0) }
    }
}

impl<R: Read> Read for Progress<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let length = self.input.read(buffer)?;
        self.read += length as u64;
        if let Some(shown) = &mut self.shown
            && self.read >= *shown + STEP
        {
            *shown = self.read;
            // Nobody misses what a closed terminal does not show.
            let _unseen = write!(io::stderr(), "\r\x1b[Kreading: {}", part(self.read, self.length));
        }
        Ok(length)
    }
}

impl<R> Drop for Progress<R> {
    fn drop(&mut self) {
        if self.shown.is_some() {
            let _unseen = write!(io::stderr(), "\r\x1b[K");
        }
    }
}

/// `12 of 40 MiB`. A log may grow while it is read.
fn part(read: u64, length: u64) -> String {
    format!("{} of {} MiB", read >> 20, length.max(read) >> 20)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_log_that_grows_is_never_read_beyond_its_end() {
        assert_eq!(part(13 << 20, 40 << 20), "13 of 40 MiB");
        assert_eq!(part(41 << 20, 40 << 20), "41 of 41 MiB");
    }
}
