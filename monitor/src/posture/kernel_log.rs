//! What the kernel says of lost audit records in its log (`audit_log_lost`, kernel/audit.c).
//!
//! Reading the log takes a privilege only when it is opened (`devkmsg_open`, kernel/printk/printk.c).

use std::{fs::File, io, io::Read as _, os::unix::fs::OpenOptionsExt as _};

use rustix::fs::OFlags;

/// Lines read at once, at most, so that a log that grows as fast as it is read ends.
const LINES: usize = 100_000;

#[derive(Debug)]
pub(super) struct KernelLog {
    log: File,
    lost: Option<u32>,
}

impl KernelLog {
    /// Opens it at its first line that is still there.
    pub(super) fn open() -> io::Result<Self> {
        let flags = OFlags::NONBLOCK.bits().cast_signed();
        Ok(Self { log: File::options().read(true).custom_flags(flags).open("/dev/kmsg")?, lost: None })
    }

    /// How many audit records were lost since boot, as the last line about it says; `None` if there was none yet.
    pub(super) fn audit_lost(&mut self) -> Option<u32> {
        let mut line = [0; 8192];
        for _ in 0..LINES {
            match self.log.read(&mut line) {
                Ok(0) => break,
                Ok(len) => self.lost = audit_lost(&line[..len]).or(self.lost),
                // Lines were overwritten before they were read (EPIPE): on to those that are there.
                Err(error) if error.kind() == io::ErrorKind::BrokenPipe => {}
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(_none_yet) => break,
            }
        }
        self.lost
    }
}

/// The number in `4,1234,5678,-;audit: audit_lost=17 audit_rate_limit=0 audit_backlog_limit=64`. Only the kernel's own
/// lines count: root can write others, and their facility (the number divided by 8) is not 0.
fn audit_lost(line: &[u8]) -> Option<u32> {
    let line = str::from_utf8(line).ok()?;
    let (head, text) = line.split_once(';')?;
    let priority: u32 = head.split(',').next()?.parse().ok()?;
    if priority >= 8 {
        return None;
    }
    text.strip_prefix("audit: audit_lost=")?.split(' ').next()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_kernels_own_lines_about_lost_records_count() {
        let of = |line: &str| audit_lost(line.as_bytes());
        assert_eq!(
            of("4,812,7214,-;audit: audit_lost=17 audit_rate_limit=0 audit_backlog_limit=64\n"),
            Some(17)
        );
        assert_eq!(of("12,812,7214,-;audit: audit_lost=17 audit_rate_limit=0\n"), None, "written by a user");
        assert_eq!(of("4,813,7215,-;audit: backlog limit exceeded\n"), None);
        assert_eq!(audit_lost(b"\xff"), None);
    }
}
