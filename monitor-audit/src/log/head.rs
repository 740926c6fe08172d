//! What stands before a record's fields: `type=AVC msg=audit(1.002:3): `, and what syslog, the kernel or the journal
//! puts before that.

use jiff::Timestamp;

/// What a record is about.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Type {
    /// A denial by `SELinux` or `AppArmor`.
    Denial,
    /// What an object manager told.
    Manager,
    /// What `SELinux` refused, if that is no decision about permissions.
    SelinuxError,
    /// The system call.
    SystemCall,
    /// A file that it was about.
    Path,
    /// The working directory.
    WorkingDirectory,
    /// The command line.
    Title,
    /// A system call that seccomp refused or logged.
    Seccomp,
    /// A denial by Landlock.
    Landlock,
    /// The end of an event.
    End,
    /// Another.
    #[default]
    Other,
}

/// A record's head.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Head {
    pub(super) kind: Type,
    /// When, if the log says so without doubt.
    pub(super) time: Option<Timestamp>,
    /// The serial number, which all records of one event share.
    pub(super) serial: Option<u64>,
    /// The machine.
    pub(super) host: Option<String>,
}

impl Type {
    /// By name, number, or what auditd writes for a number that it doesn't know.
    pub(super) fn of(name: &str) -> Self {
        let name = name.strip_prefix("UNKNOWN[").and_then(|name| name.strip_suffix(']')).unwrap_or(name);
        match name {
            "AVC" | "1400" | "APPARMOR_DENIED" | "1503" | "APPARMOR_ALLOWED" | "1502" => Self::Denial,
            "USER_AVC" | "1107" => Self::Manager,
            "SELINUX_ERR" | "1401" => Self::SelinuxError,
            "SYSCALL" | "1300" => Self::SystemCall,
            "PATH" | "1302" => Self::Path,
            "CWD" | "1307" => Self::WorkingDirectory,
            "PROCTITLE" | "1327" => Self::Title,
            "SECCOMP" | "1326" => Self::Seccomp,
            "LANDLOCK_ACCESS" | "1423" => Self::Landlock,
            "EOE" | "1320" => Self::End,
            _ => Self::Other,
        }
    }
}

/// Whether a line may be a record.
pub(super) fn looks_like(line: &[u8]) -> bool {
    line.windows(6).any(|window| window == b"audit(")
}

/// Finds a record's head, and gives what follows it.
pub(super) fn find<'a>(line: &'a str, around: &Head) -> Option<(Head, &'a str)> {
    stamped(line, around).or_else(|| of_journal(line, around))
}

/// `PREFIX type=TYPE [msg=]audit(SECONDS.MILLIS:SERIAL): REST`. The first counts: what follows it is in others' hands.
fn stamped<'a>(line: &'a str, around: &Head) -> Option<(Head, &'a str)> {
    let at = line.find("audit(")?;
    let (before, rest) = (&line[..at], &line[at + "audit(".len()..]);
    let before = before.strip_suffix("msg=").unwrap_or(before).strip_suffix(' ')?;
    let (prefix, kind) = before.rsplit_once("type=")?;
    if kind.contains(' ') || !(prefix.is_empty() || prefix.ends_with(' ')) {
        return None;
    }
    let (stamp, rest) = rest.split_once("):")?;
    let (time, serial) = stamp.split_once(':')?;
    let head = Head {
        kind: Type::of(kind),
        time: Some(time_of(time)?),
        serial: Some(serial.parse().ok()?),
        host: host(prefix).or_else(|| around.host.clone()),
    };
    Some((head, rest))
}

/// `SECONDS.MILLIS`.
fn time_of(text: &str) -> Option<Timestamp> {
    let (seconds, millis) = text.split_once('.')?;
    let digits = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
    if millis.len() != 3 || !digits(millis) || !digits(seconds) {
        return None;
    }
    Timestamp::new(seconds.parse().ok()?, millis.parse::<i32>().ok()?.checked_mul(1_000_000)?).ok()
}

/// The machine: audit's `node=NAME`, or the word before `kernel:`.
fn host(prefix: &str) -> Option<String> {
    if let Some(node) = prefix.strip_prefix("node=") {
        return Some(node.split(' ').next()?.to_owned());
    }
    let (before, _) = prefix.split_once(" kernel:")?;
    let host = before.rsplit(' ').next()?;
    (!host.is_empty()).then(|| host.to_owned())
}

/// `Nov 28 10:00:00 HOST audit[PID]: AVC REST`, as `journalctl` shows the records that it took from the kernel: without
/// a serial number, and mostly without a year.
fn of_journal<'a>(line: &'a str, around: &Head) -> Option<(Head, &'a str)> {
    let (prefix, rest) = match line.split_once(" audit[") {
        Some((prefix, rest)) => {
            let (pid, rest) = rest.split_once("]: ")?;
            if pid.is_empty() || !pid.bytes().all(|byte| byte.is_ascii_digit()) {
                return None;
            }
            (prefix, rest)
        }
        // The message alone, as `journalctl -o json` has it.
        None if around.kind != Type::Other => ("", line),
        None => return None,
    };
    let (name, rest) = rest.split_once(' ')?;
    let kind = Type::of(name);
    if kind == Type::Other {
        return None;
    }
    let time = prefix.split(' ').next().and_then(|word| word.parse().ok());
    let host = prefix.rsplit(' ').next().filter(|host| !host.is_empty()).map(str::to_owned);
    Some((
        Head {
            kind,
            time: time.or(around.time),
            serial: around.serial,
            host: host.or_else(|| around.host.clone()),
        },
        rest,
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn head(line: &str) -> (Type, Option<u64>, Option<String>, &str) {
        let (head, rest) = find(line, &Head::default()).unwrap();
        (head.kind, head.serial, head.host, rest)
    }

    #[test]
    fn every_form_has_the_same_head() {
        let host = || Some("web1".to_owned());
        for (line, serial, name) in [
            ("type=AVC msg=audit(1795322866.140:4): x=1", Some(4), None),
            ("node=web1 type=AVC msg=audit(1795322866.140:4): x=1", Some(4), host()),
            ("audit: type=1400 audit(1795322866.140:4): x=1", Some(4), None),
            ("[   12.345678] audit: type=1400 audit(1795322866.140:4): x=1", Some(4), None),
            ("Nov 28 10:00:00 web1 kernel: audit: type=1400 audit(1795322866.140:4): x=1", Some(4), host()),
            ("Nov 28 10:00:00 web1 kernel: [ 1.2] type=1400 audit(1795322866.140:4): x=1", Some(4), host()),
            ("Nov 28 10:00:00 web1 audit[77]: AVC x=1", None, host()),
        ] {
            let (kind, found, of, rest) = head(line);
            assert_eq!((kind, found, of, rest.trim()), (Type::Denial, serial, name, "x=1"), "{line}");
        }
        assert_eq!(head("type=UNKNOWN[1423] msg=audit(1.002:3): x=1").0, Type::Landlock);
    }

    #[test]
    fn other_lines_have_none() {
        for line in [
            "",
            "time->Sat Nov 28 10:00:00 2026",
            "----",
            "Nov 28 10:00:00 web1 sshd[77]: AVC x=1",
            "type=AVC msg=audit(1:3): x=1",
            "type=A B audit(1.002:3): x=1",
            "xtype=AVC msg=audit(1.002:3): x=1",
            "audit: audit_lost=1 audit_rate_limit=0",
        ] {
            assert_eq!(find(line, &Head::default()), None, "{line}");
        }
    }
}
