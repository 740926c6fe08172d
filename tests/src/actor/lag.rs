//! How long it takes from a refusal to the line that tells of it, one after another.

use std::{
    fs::File,
    io::{self, Read as _, Write as _},
    mem::MaybeUninit,
    num::NonZeroU32,
    path::PathBuf,
    thread,
    time::Duration,
};

use rustix::{
    fs::inotify,
    time::{ClockId, clock_gettime},
};

use super::flood;
use crate::{case::Module, cases, operation::process};

/// What is waited for, and how often.
#[derive(Clone, Debug, clap::Args)]
pub struct Wait {
    /// The file that lines are appended to.
    #[arg(long)]
    pub file: PathBuf,
    /// What the line of a denial has in it.
    #[arg(long)]
    pub needle: String,
    /// How many denials.
    #[arg(long)]
    pub count: NonZeroU32,
    /// Milliseconds between a line and the next denial.
    #[arg(long)]
    pub pause: u64,
}

/// Has a process refused by `module`, waits for the line, and so on; gives the nanoseconds of each.
///
/// # Errors
/// Fails if it was not refused, or the file can't be watched.
pub fn lag(module: Module, wait: &Wait) -> anyhow::Result<Vec<u64>> {
    flood::set_up(module)?;
    let (ask, mut asks) = io::pipe()?;
    let (mut told, tell) = io::pipe()?;
    let child = process::fork(|| {
        cases::default_confinement(module).enter()?;
        answer(module, &ask, &tell)
    })?;
    drop((ask, tell));
    let mut tail = Tail::open(&wait.file)?;
    let mut lags = Vec::new();
    for _ in 0..wait.count.get() {
        asks.write_all(b".")?;
        let mut at = [0; size_of::<u128>()];
        told.read_exact(&mut at)?;
        let lag = tail.until(wait.needle.as_bytes())?.saturating_sub(u128::from_ne_bytes(at));
        lags.push(u64::try_from(lag)?);
        thread::sleep(Duration::from_millis(wait.pause));
    }
    asks.write_all(b"!")?;
    process::wait(child)?;
    Ok(lags)
}

/// Is refused whenever it is asked to be, and tells when it was about to be.
fn answer(module: Module, mut asked: impl io::Read, mut tell: impl io::Write) -> io::Result<()> {
    let mut word = [0];
    loop {
        asked.read_exact(&mut word)?;
        if word != *b"." {
            return Ok(());
        }
        let at = now();
        flood::be_refused_once(module)?;
        tell.write_all(&at.to_ne_bytes())?;
    }
}

/// A file that grows.
struct Tail {
    file: File,
    changes: rustix::fd::OwnedFd,
    rest: Vec<u8>,
}

impl Tail {
    /// From its end on.
    fn open(path: &std::path::Path) -> io::Result<Self> {
        let changes = inotify::init(inotify::CreateFlags::CLOEXEC)?;
        inotify::add_watch(&changes, path, inotify::WatchFlags::MODIFY)?;
        let mut file = File::open(path)?;
        io::Seek::seek(&mut file, io::SeekFrom::End(0))?;
        Ok(Self { file, changes, rest: Vec::new() })
    }

    /// Waits for a line with this in it, and gives the time when it was there.
    fn until(&mut self, needle: &[u8]) -> io::Result<u128> {
        loop {
            let read = self.file.read_to_end(&mut self.rest)?;
            let at = now();
            let mut found = false;
            while let Some(end) = self.rest.iter().position(|&byte| byte == b'\n') {
                let line: Vec<u8> = self.rest.drain(..=end).collect();
                found |= line.windows(needle.len()).any(|part| part == needle);
            }
            if found {
                return Ok(at);
            }
            if read == 0 {
                let mut buffer = [MaybeUninit::uninit(); 4096];
                inotify::Reader::new(&self.changes, &mut buffer).next()?;
            }
        }
    }
}

/// Nanoseconds since the machine started.
fn now() -> u128 {
    let time = clock_gettime(ClockId::Monotonic);
    Duration::new(time.tv_sec.unsigned_abs(), u32::try_from(time.tv_nsec).unwrap_or(0)).as_nanos()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_is_awaited_that_has_it_in_it() {
        let mut file = tempfile::NamedTempFile::new().unwrap();
        file.write_all(b"before AVC\n").unwrap();
        let mut tail = Tail::open(file.path()).unwrap();
        let writer = thread::spawn(move || {
            for part in ["other\nno", "t yet AV", "C\nAV"] {
                file.write_all(part.as_bytes()).unwrap();
            }
            file
        });
        tail.until(b"AVC").unwrap();
        writer.join().unwrap();
        tail.file.read_to_end(&mut tail.rest).unwrap();
        assert_eq!(tail.rest, b"AV");
    }
}
