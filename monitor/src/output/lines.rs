//! Writing lines, and how many of them were written whole.

use std::io::{self, Write};

use bytes::Bytes;

/// Writes all bytes, or as many as can be. Returns how many, and the error that kept the others from it.
pub(crate) fn write_all(to: &mut impl Write, bytes: &[u8]) -> (usize, io::Result<()>) {
    let mut written = 0;
    while written < bytes.len() {
        match to.write(&bytes[written..]) {
            Ok(0) => return (written, Err(io::ErrorKind::WriteZero.into())),
            Ok(count) => written += count,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return (written, Err(error)),
        }
    }
    (written, Ok(()))
}

/// How many of these lines the first `bytes` bytes hold whole.
pub(crate) fn whole_lines(lines: &[Bytes], bytes: usize) -> usize {
    let ends = lines.iter().scan(0, |end, line| {
        *end += line.len();
        Some(*end)
    });
    ends.take_while(|&end| end <= bytes).count()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Takes three bytes, in two writes, and then no more.
    struct Small(Vec<u8>);

    impl Write for Small {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            let count = bytes.len().min(2).min(3 - self.0.len());
            self.0.extend_from_slice(&bytes[..count]);
            Ok(count)
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn what_was_written_before_an_error_is_told() {
        let mut small = Small(Vec::new());
        let (written, result) = write_all(&mut small, b"abcdef");
        assert_eq!((written, small.0.as_slice()), (3, &b"abc"[..]));
        assert_eq!(result.unwrap_err().kind(), io::ErrorKind::WriteZero);
    }

    #[test]
    fn only_whole_lines_count_as_written() {
        let batch = ["ab\n", "c\n", "d\n"].map(|line| Bytes::from_static(line.as_bytes()));
        let counts = [0, 2, 3, 4, 5, 7].map(|bytes| whole_lines(&batch, bytes));
        assert_eq!(counts, [0, 0, 1, 1, 2, 3]);
    }
}
