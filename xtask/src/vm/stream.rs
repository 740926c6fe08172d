//! What comes over the guest's second serial port: the command's output, with the guest's own reports
//! in between.
//!
//! A report is a line `TOKEN word...`. The token is random for each boot and known to PID 1 only, so what
//! a command prints can't be taken for a report.

/// A piece of what the guest sent.
#[derive(Debug, PartialEq, Eq)]
pub enum Piece {
    /// Bytes of what is being sent: the command's output, or after [`Report::Log`] the kernel's log.
    Bytes(Vec<u8>),
    /// A report of the guest's PID 1.
    Report(Report),
}

/// What the guest's PID 1 reports.
#[derive(Debug, PartialEq, Eq)]
pub enum Report {
    /// The guest is up; the command starts now.
    Start,
    /// The command has ended; what follows is the kernel's log.
    Log,
    /// The command ended with this status, and nothing follows.
    Exit(u8),
    /// The guest can't be made ready, for this reason.
    Failed(String),
}

/// Takes the guest's bytes as they come and tells output and reports apart.
#[derive(Debug)]
pub struct Splitter {
    token: Vec<u8>,
    pending: Vec<u8>,
}

impl Splitter {
    /// A splitter for a guest that was given `token`.
    #[must_use]
    pub fn new(token: &str) -> Self {
        Self { token: format!("{token} ").into_bytes(), pending: Vec::new() }
    }

    /// The pieces that are complete now that `bytes` have come.
    pub fn push(&mut self, bytes: &[u8]) -> Vec<Piece> {
        self.pending.extend(bytes);
        let mut pieces = Vec::new();
        while let Some(start) = find(&self.pending, &self.token) {
            let Some(length) = find(&self.pending[start..], b"\n") else {
                self.release(start, &mut pieces);
                return pieces;
            };
            let report = parse(&self.pending[start + self.token.len()..start + length]);
            self.release(start, &mut pieces);
            self.pending.drain(..=length);
            pieces.extend(report.map(Piece::Report));
        }
        // The end may be the beginning of a token.
        let kept = (0..=self.token.len().min(self.pending.len()))
            .rev()
            .find(|&length| self.pending.ends_with(&self.token[..length]))
            .unwrap_or(0);
        self.release(self.pending.len() - kept, &mut pieces);
        pieces
    }

    /// What was held back, now that nothing more comes.
    #[must_use]
    pub fn finish(self) -> Vec<u8> {
        self.pending
    }

    fn release(&mut self, count: usize, pieces: &mut Vec<Piece>) {
        if count > 0 {
            pieces.push(Piece::Bytes(self.pending.drain(..count).collect()));
        }
    }
}

fn parse(words: &[u8]) -> Option<Report> {
    let words = String::from_utf8_lossy(words);
    match words.split_once(' ').unwrap_or((&words, "")) {
        ("start", "") => Some(Report::Start),
        ("log", "") => Some(Report::Log),
        ("exit", status) => Some(Report::Exit(status.trim().parse().ok()?)),
        ("failed", reason) => Some(Report::Failed(reason.to_owned())),
        _ => None,
    }
}

fn find(bytes: &[u8], pattern: &[u8]) -> Option<usize> {
    bytes.windows(pattern.len()).position(|window| window == pattern)
}

#[cfg(test)]
mod tests {
    use super::*;

    const SESSION: &[u8] = b"TOK start\noutput without a line end TOK exit 3\n";

    /// What came, with neighbouring bytes joined.
    fn pieces(chunks: impl IntoIterator<Item = impl AsRef<[u8]>>) -> Vec<Piece> {
        let mut splitter = Splitter::new("TOK");
        let mut joined: Vec<Piece> = Vec::new();
        for piece in chunks.into_iter().flat_map(|chunk| splitter.push(chunk.as_ref())) {
            match (joined.last_mut(), piece) {
                (Some(Piece::Bytes(all)), Piece::Bytes(more)) => all.extend(more),
                (_, piece) => joined.push(piece),
            }
        }
        joined
    }

    fn expected() -> Vec<Piece> {
        vec![
            Piece::Report(Report::Start),
            Piece::Bytes(b"output without a line end ".to_vec()),
            Piece::Report(Report::Exit(3)),
        ]
    }

    #[test]
    fn reports_are_told_from_output() {
        assert_eq!(pieces([SESSION]), expected());
    }

    #[test]
    fn it_does_not_matter_how_the_bytes_are_cut() {
        for size in 1..SESSION.len() {
            assert_eq!(pieces(SESSION.chunks(size)), expected(), "in chunks of {size}");
        }
    }

    #[test]
    fn output_that_looks_like_a_report_without_the_token_stays_output() {
        let output = b"exit 0\nTO start\nTOKexit 1\n";
        assert_eq!(pieces([output]), [Piece::Bytes(output.to_vec())]);
    }

    #[test]
    fn output_is_not_held_back_longer_than_needed() {
        let mut splitter = Splitter::new("TOK");
        assert_eq!(splitter.push(b"a line\nT"), [Piece::Bytes(b"a line\n".to_vec())]);
        assert_eq!(splitter.push(b"hen"), [Piece::Bytes(b"Then".to_vec())]);
        assert_eq!(splitter.push(b"TO"), []);
        assert_eq!(splitter.finish(), b"TO");
    }

    #[test]
    fn a_failure_carries_its_reason() {
        let reason = "the kernel refused /etc/policy".to_owned();
        assert_eq!(
            pieces(["TOK failed the kernel refused /etc/policy\n"]),
            [Piece::Report(Report::Failed(reason))]
        );
    }

    #[test]
    fn the_log_comes_apart_from_the_output() {
        assert_eq!(
            pieces(["TOK start\nout\nTOK log\nline\nTOK exit 0\n"]),
            [
                Piece::Report(Report::Start),
                Piece::Bytes(b"out\n".to_vec()),
                Piece::Report(Report::Log),
                Piece::Bytes(b"line\n".to_vec()),
                Piece::Report(Report::Exit(0)),
            ]
        );
    }
}
