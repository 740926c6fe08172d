//! What stands before a record's fields: `type=AVC msg=audit(1.002:3): `, and what syslog, the kernel or the journal
//! puts before that.

use std::num::NonZeroU64;

use jiff::Timestamp;

use super::{bare, kernel};

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
    /// A domain of Landlock's, and who made it.
    LandlockDomain,
    /// A denial by IPE.
    Ipe,
    /// What lockdown refused: a message of the kernel's, and no audit record.
    Lockdown,
    /// What Yama refused: a message, too.
    Yama,
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
    /// How many times more syslog had the line that it stands for.
    pub(super) repeats: Option<NonZeroU64>,
}

impl Type {
    /// Whether a record of it reports a denial, with all that it has to say.
    pub(super) fn tells_of_denial(self) -> bool {
        matches!(
            self,
            Self::Denial | Self::Manager | Self::SelinuxError | Self::Seccomp | Self::Landlock | Self::Ipe
        )
    }

    /// By name, number, or what is written for a number that is not known.
    pub(super) fn of(name: &str) -> Self {
        // auditd's and journald's ways to write a number.
        let name = [("UNKNOWN[", ']'), ("<audit-", '>')]
            .into_iter()
            .find_map(|(start, end)| name.strip_prefix(start)?.strip_suffix(end))
            .unwrap_or(name);
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
            "LANDLOCK_DOMAIN" | "1424" => Self::LandlockDomain,
            "IPE_ACCESS" | "1420" => Self::Ipe,
            "EOE" | "1320" => Self::End,
            _ => Self::Other,
        }
    }
}

/// Splits a record from what ENRICHED logs have behind it: what auditd looked up, in names of capitals, after a character
/// that syslog and terminals write in ways of their own.
pub(super) fn split_enriched(record: &str) -> (&str, &str) {
    if let Some(split) = record.split_once('\x1d') {
        return split;
    }
    let found = ["^]", "#035"].into_iter().find_map(|mark| {
        let (raw, enriched) = record.rsplit_once(mark)?;
        let (name, _) = enriched.split_once('=')?;
        (!name.is_empty() && name.bytes().all(|byte| byte.is_ascii_uppercase())).then_some((raw, enriched))
    });
    found.unwrap_or((record, ""))
}

/// The records in a line: more than one where records of one event were joined. Whoever can put words into a record does
/// not know its time and serial number beforehand.
pub(super) fn records(line: &str) -> impl Iterator<Item = &str> {
    let stamp = line.split_once("audit(").and_then(|(_, rest)| rest.split_once(')')).map(|(stamp, _)| stamp);
    let joint = stamp.map(|stamp| format!(" msg=audit({stamp})"));
    let mut rest = Some(line);
    std::iter::from_fn(move || {
        let line = rest.take()?;
        let next = joint.as_deref().and_then(|joint| {
            let own = line.find(joint)? + joint.len();
            let next = own + line[own..].find(joint)?;
            line[own..next].rfind(" type=").map(|at| own + at)
        });
        let Some(next) = next else { return Some(line) };
        rest = Some(line[next..].trim_start());
        Some(&line[..next])
    })
}

/// Whether a line has the words of a denial, in whatever form.
pub(super) fn tells_of_denial(line: &str) -> bool {
    let has = |words: &[&str]| words.iter().all(|word| line.contains(word));
    has(&["avc:", "denied", "scontext="]) || has(&["apparmor=", "DENIED", "operation="])
}

/// Whether a line may be a record.
pub(super) fn looks_like(line: &[u8]) -> bool {
    line.windows(6).any(|window| window == b"audit(")
}

/// Finds a record's head, and gives what follows it.
pub(super) fn find<'a>(line: &'a str, around: &Head) -> Option<(Head, &'a str)> {
    stamped(line, around)
        .or_else(|| of_journal(line, around))
        .or_else(|| bare::find(line, around))
        .or_else(|| kernel::find(line, around))
}

/// `PREFIX type=TYPE [msg=]audit(SECONDS.MILLIS:SERIAL): REST`. The first counts: what follows it is in others' hands.
fn stamped<'a>(line: &'a str, around: &Head) -> Option<(Head, &'a str)> {
    let at = line.find("audit(")?;
    let (before, rest) = (&line[..at], &line[at + "audit(".len()..]);
    let before = before.strip_suffix("msg=").unwrap_or(before).strip_suffix(' ')?;
    let (prefix, kind) = before.rsplit_once("type=")?;
    // Before it stand the blanks of who pasted it, and what grep puts there: `audit.log:211:`.
    if kind.contains(' ') || prefix.ends_with(|last: char| last.is_alphanumeric() || last == '_') {
        return None;
    }
    let (stamp, rest) = rest.split_once("):")?;
    let (time, serial) = stamp.split_once(':')?;
    let repeats = repeats(prefix);
    let rest = match repeats {
        Some(_) => rest.strip_suffix(']').unwrap_or(rest),
        None => rest,
    };
    let head = Head {
        kind: Type::of(kind),
        // All that Android's logd leaves of it.
        time: if time == "0.0" { None } else { Some(time_of(time)?) },
        serial: Some(serial.parse().ok()?),
        host: host(prefix).or_else(|| around.host.clone()),
        repeats,
    };
    Some((head, rest))
}

/// `message repeated 4 times: [ LINE]`, as rsyslog writes lines that it left out.
fn repeats(prefix: &str) -> Option<NonZeroU64> {
    let (_, rest) = prefix.split_once("message repeated ")?;
    rest.split_once(" times: [")?.0.parse().ok()
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
pub(super) fn host(prefix: &str) -> Option<String> {
    if let Some((before, node)) = prefix.split_once("node=")
        && (before.is_empty() || before.ends_with([' ', ':']))
    {
        return Some(node.split(' ').next()?.to_owned());
    }
    let (before, _) = prefix.split_once(" kernel:")?;
    // Some put the message's level there.
    let host = before.rsplit(' ').find(|word| !LEVELS.contains(word))?;
    (!host.is_empty()).then(|| host.to_owned())
}

/// Syslog's levels, as rsyslog's `syslogseverity-text` has them in capitals.
const LEVELS: [&str; 8] = ["EMERG", "ALERT", "CRIT", "ERR", "WARNING", "NOTICE", "INFO", "DEBUG"];

/// `Nov 28 10:00:00 HOST audit[PID]: AVC REST`, as `journalctl` shows the records that it took from the kernel: without
/// a serial number, and mostly without a year.
fn of_journal<'a>(line: &'a str, around: &Head) -> Option<(Head, &'a str)> {
    let at_start = line.strip_prefix("audit[").map(|rest| ("", rest));
    let (prefix, rest) = match at_start.or_else(|| line.split_once(" audit[")) {
        Some((prefix, rest)) => (prefix, behind_pid(rest)?),
        // The message alone, as `journalctl -o json` has it.
        None if around.kind != Type::Other => ("", line),
        None => return None,
    };
    let (name, rest) = rest.split_once(' ')?;
    let kind = Type::of(name);
    if kind == Type::Other {
        return None;
    }
    Some((of_line(kind, prefix, around), rest))
}

/// What follows a program's number: `PID]: REST`.
pub(super) fn behind_pid(text: &str) -> Option<&str> {
    let (pid, rest) = text.split_once("]: ")?;
    (!pid.is_empty() && pid.bytes().all(|byte| byte.is_ascii_digit())).then_some(rest)
}

/// The head of a line of syslog's form, `TIME HOST`, or of none: what stands in it, and what is known from around it.
pub(super) fn of_line(kind: Type, prefix: &str, around: &Head) -> Head {
    let time = prefix.split(' ').next().and_then(|word| word.parse().ok());
    let host = prefix.rsplit(' ').next().filter(|host| !host.is_empty()).map(str::to_owned);
    Head {
        kind,
        time: time.or(around.time),
        serial: around.serial,
        host: host.or_else(|| around.host.clone()),
        repeats: None,
    }
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
            ("Nov 28 10:00:00 web1 NOTICE kernel: type=1400 audit(1795322866.140:4): x=1", Some(4), host()),
            ("\ttype=AVC msg=audit(1795322866.140:4): x=1", Some(4), None),
            ("211:type=AVC msg=audit(1795322866.140:4): x=1", Some(4), None),
            ("audit.log:211:node=web1 type=AVC msg=audit(1795322866.140:4): x=1", Some(4), host()),
            ("'type=AVC msg=audit(1795322866.140:4): x=1", Some(4), None),
            ("audit[77]: AVC x=1", None, None),
            ("Nov 28 10:00:00 web1 audit[77]: <audit-1400> x=1", None, host()),
            ("04-03 22:07:47.961  9965  9965 I x: type=1400 audit(0.0:279): x=1", Some(279), None),
        ] {
            let (kind, found, of, rest) = head(line);
            assert_eq!((kind, found, of, rest.trim()), (Type::Denial, serial, name, "x=1"), "{line}");
        }
        assert_eq!(head("type=UNKNOWN[1423] msg=audit(1.002:3): x=1").0, Type::Landlock);
    }

    #[test]
    fn records_of_one_event_in_one_line_are_told_apart() {
        let all = |line| records(line).collect::<Vec<_>>();
        let line = "type=PROCTITLE msg=audit(06/25/2025 04:34:13.163:11) : proctitle=x --a type=AVC \
                    msg=audit(06/25/2025 04:34:13.163:11) : avc:  denied  { read } type=SYSCALL \
                    msg=audit(06/25/2025 04:34:13.163:11) : arch=x86_64";
        let starts = ["type=PROCTITLE", "type=AVC", "type=SYSCALL"];
        let found = all(line);
        assert_eq!(found.len(), 3, "{found:?}");
        for (record, start) in found.iter().zip(starts) {
            assert!(record.starts_with(start), "{record}");
        }
        for one in [
            "type=AVC msg=audit(1.002:3): name=\" type=AVC msg=audit(1.002:4): x\"",
            "audit: type=1400 audit(1.002:3): x=1",
            "no record",
        ] {
            assert_eq!(all(one), [one]);
        }
    }

    #[test]
    fn what_auditd_looked_up_is_split_off_however_its_mark_is_written() {
        for mark in ["\x1d", "^]", "#035"] {
            let record = format!("fsuid=1 ouid=1000{mark}FSUID=\"root\" OUID=\"a\"");
            assert_eq!(
                split_enriched(&record),
                ("fsuid=1 ouid=1000", "FSUID=\"root\" OUID=\"a\""),
                "{mark:?}"
            );
        }
        assert_eq!(split_enriched("name=\"a^]b\" ouid=1"), ("name=\"a^]b\" ouid=1", ""));
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
