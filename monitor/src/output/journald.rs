//! Events as the journal's own entries, whose fields can be asked for: `journalctl DENYD_MODULE=selinux`.
//!
//! This is the native protocol (<https://systemd.io/JOURNAL_NATIVE_PROTOCOL>): one datagram an entry, `NAME=value` a
//! line, or the name alone, the length in eight bytes and the value, if that has line ends in it. The crates that speak
//! it block their caller and hide why a message was not taken; that is why it is here.

use std::{fmt, io};

use bytes::{BufMut as _, BytesMut};
use serde::Serialize;

use super::encoding::Append;
use crate::{
    event::{Event, Verdict},
    format,
};

/// Where the journal listens.
pub const SOCKET: &str = "/run/systemd/journal/socket";

/// Priority of a denial: warning. Nothing is broken, but someone may want to look.
const DENIED: &str = "4";
/// Priority of what was let pass and of policy changes: notice.
const NOTED: &str = "5";

/// Writes an event as an entry.
pub(super) fn encode(event: &Event<'_>, buffer: &mut BytesMut) -> Result<(), super::error::EncodeError> {
    let mut entry = Entry(buffer);
    entry.text("MESSAGE", &format::message(event).to_string());
    entry.text("PRIORITY", if event.verdict == Some(Verdict::Denied) { DENIED } else { NOTED });
    entry.text("SYSLOG_IDENTIFIER", "denyd");
    entry.word("DENYD_KIND", &event.kind)?;
    entry.word("DENYD_MODULE", &event.module)?;
    if let Some(verdict) = &event.verdict {
        entry.word("DENYD_VERDICT", verdict)?;
    }
    entry.text("DENYD_SILENT", if event.silent { "true" } else { "false" });
    let (action, subject, object, process) = (&event.action, &event.subject, &event.object, &event.process);
    entry.optional("DENYD_CLASS", action.class.as_deref());
    entry.optional("DENYD_OPERATION", action.operation.as_deref());
    for permission in &action.permissions {
        entry.text("DENYD_PERMISSION", permission);
    }
    entry.optional("DENYD_SUBJECT", subject.label.as_deref().or(subject.domain.as_deref()));
    entry.word("DENYD_OBJECT_KIND", &object.kind)?;
    entry.optional("DENYD_OBJECT", object.label.as_deref());
    entry.optional("DENYD_PATH", object.path.as_deref().or(object.name.as_deref()));
    if let Some(pid) = process.pid {
        entry.number("DENYD_PID", pid);
    }
    entry.optional("DENYD_COMM", process.comm.as_deref());
    entry.optional("DENYD_EXE", process.exe.as_deref());
    if let Some(uid) = process.uid {
        entry.number("DENYD_UID", uid);
    }
    entry.optional("DENYD_UNIT", event.unit.as_ref().and_then(|unit| unit.name.as_deref()));
    entry.optional("DENYD_CONTAINER", event.container.as_ref().and_then(|container| container.id.as_deref()));
    if let Some(audit) = &event.audit {
        entry.number("DENYD_AUDIT_SERIAL", audit.serial);
    }
    entry.json(event)
}

/// An entry that is being written.
struct Entry<'b>(&'b mut BytesMut);

impl Entry<'_> {
    /// A field. Its value may be anything.
    fn text(&mut self, name: &str, value: &str) {
        self.0.put_slice(name.as_bytes());
        if value.contains('\n') {
            self.0.put_u8(b'\n');
            self.0.put_u64_le(value.len() as u64);
        } else {
            self.0.put_u8(b'=');
        }
        self.0.put_slice(value.as_bytes());
        self.0.put_u8(b'\n');
    }

    fn optional(&mut self, name: &str, value: Option<&str>) {
        if let Some(value) = value {
            self.text(name, value);
        }
    }

    fn number(&mut self, name: &str, value: impl fmt::Display) {
        self.text(name, &value.to_string());
    }

    /// A value that serialises as a string.
    fn word(&mut self, name: &str, value: &impl Serialize) -> Result<(), serde_json::Error> {
        let word = serde_json::to_value(value)?;
        self.optional(name, word.as_str());
        Ok(())
    }

    /// The whole event. JSON escapes line ends, so there is none in it.
    fn json(&mut self, event: &Event<'_>) -> Result<(), super::error::EncodeError> {
        self.0.put_slice(b"DENYD_EVENT=");
        serde_json::to_writer(Append(self.0), event).map_err(|error| io::Error::other(error.to_string()))?;
        self.0.put_u8(b'\n');
        Ok(())
    }
}
