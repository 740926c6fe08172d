//! The kernel's log, from one moment to another.

use std::{
    fs::{File, OpenOptions},
    io::{self, Read as _, Seek as _, SeekFrom, Write as _},
};

/// A reader of `/dev/kmsg` that starts at the moment when it is made.
pub struct KernelLog(File);

impl KernelLog {
    /// Starts here.
    ///
    /// # Errors
    /// Fails if the log can't be read.
    pub fn from_now() -> io::Result<Self> {
        let mut file = OpenOptions::new().read(true).write(true).open("/dev/kmsg")?;
        file.seek(SeekFrom::End(0))?;
        Ok(Self(file))
    }

    /// Writes a line into the log.
    ///
    /// # Errors
    /// As `write`.
    pub fn write(&mut self, line: &str) -> io::Result<()> {
        writeln!(self.0, "{line}")
    }

    /// Reads up to the first line that contains `marker`, which is awaited and left out. A message that was
    /// overwritten before it was read stands as a line that says so.
    ///
    /// # Errors
    /// As `read`.
    pub fn read_until(&mut self, marker: &str) -> io::Result<Vec<String>> {
        let mut lines = Vec::new();
        let mut room = vec![0_u8; 16 * 1024];
        loop {
            match self.0.read(&mut room) {
                Ok(count) => {
                    let record = String::from_utf8_lossy(&room[..count]);
                    // "level,serial,time,flags;text\n" and then continuation lines that start with a space.
                    let text = record.split_once(';').map_or(&*record, |(_, text)| text);
                    let line = text.lines().next().unwrap_or_default().to_owned();
                    if line.contains(marker) {
                        return Ok(lines);
                    }
                    lines.push(line);
                }
                Err(error) if error.kind() == io::ErrorKind::BrokenPipe => {
                    lines.push("kernel log: messages were overwritten".to_owned());
                }
                Err(error) => return Err(error),
            }
        }
    }
}
