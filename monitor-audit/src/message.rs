//! The text of one record as the kernel makes it, before it has a type or a line of a log:
//! `audit(1795749248.057:61): op=setxattr invalid_context="..."`.

/// A message's serial number and fields.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Message<'a> {
    /// The serial number, which all records of one event share, if it has one.
    pub serial: Option<u64>,
    fields: &'a [u8],
}

impl<'a> Message<'a> {
    /// Reads a message, up to the first NUL; `None` if it is none of audit's.
    #[must_use]
    pub fn parse(bytes: &'a [u8]) -> Option<Self> {
        let message = bytes.split(|&byte| byte == 0).next()?;
        let rest = message.strip_prefix(b"audit(")?;
        let end = rest.windows(3).position(|window| window == b"): ")?;
        let stamp = str::from_utf8(&rest[..end]).ok()?;
        let serial = stamp.split_once(':').and_then(|(_, serial)| serial.parse().ok());
        Some(Self { serial, fields: &rest[end + 3..] })
    }

    /// The fields, each a name and a value as it stands. No value of a record of SELinux's errors has a space in it:
    /// contexts can't, and [untrusted](crate::untrusted()) strings are in hexadecimal then.
    pub fn fields(self) -> impl Iterator<Item = (&'a [u8], &'a [u8])> {
        self.fields.split(|&byte| byte == b' ').filter_map(|word| {
            let at = word.iter().position(|&byte| byte == b'=')?;
            Some((&word[..at], &word[at + 1..]))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_is_its_serial_and_its_fields() {
        let text = b"audit(1795749248.057:61): op=security_compute_av reason=bounds tclass=file perms=read,write\0x=y";
        let message = Message::parse(text).unwrap();
        assert_eq!(message.serial, Some(61));
        let fields: Vec<_> = message.fields().collect();
        assert_eq!(fields[0], (&b"op"[..], &b"security_compute_av"[..]));
        assert_eq!(fields[3], (&b"perms"[..], &b"read,write"[..]));
        assert_eq!(fields.len(), 4);
        assert_eq!(Message::parse(b"op=setxattr"), None);
    }
}
