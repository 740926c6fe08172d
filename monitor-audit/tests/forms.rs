//! What real kernels wrote, in every form in which logs are handed around: the denials are the same.

use monitor_audit::log::{self, Item};
use proptest::prelude::*;

/// A log's denials as JSON, without what a form does not have; and the lines that can't be read.
fn read(text: impl AsRef<[u8]>, without: &[&str]) -> (Vec<serde_json::Value>, Vec<u64>) {
    let (mut denials, mut broken) = (Vec::new(), Vec::new());
    log::read(text.as_ref(), |item| match item {
        Item::Denial(denial) => {
            let mut event = serde_json::to_value(&denial.event).unwrap();
            for field in without {
                event.as_object_mut().unwrap().remove(*field);
            }
            denials.push(event);
        }
        Item::Broken(line) => broken.push(line.line),
    })
    .unwrap();
    (denials, broken)
}

/// Real records as the kernel's log has them, by kernel and module; and how many denials these are at least.
const CAPTURED: [(&str, usize); 7] = [
    (include_str!("../../tests/captured/audit-6.1-apparmor.log"), 40),
    (include_str!("../../tests/captured/audit-6.1-seccomp.log"), 14),
    (include_str!("../../tests/captured/audit-6.1-selinux.log"), 40),
    (include_str!("../../tests/captured/audit-7-apparmor.log"), 40),
    (include_str!("../../tests/captured/audit-7-landlock.log"), 40),
    (include_str!("../../tests/captured/audit-7-seccomp.log"), 14),
    (include_str!("../../tests/captured/audit-7-selinux.log"), 40),
];

/// The name of a type, as auditd and the journal write it.
fn name(number: &str) -> &str {
    match number {
        "1300" => "SYSCALL",
        "1326" => "SECCOMP",
        "1400" => "AVC",
        "1401" => "SELINUX_ERR",
        "1423" => "LANDLOCK_ACCESS",
        other => panic!("type {other}"),
    }
}

/// A kernel's line in its parts: type, stamp, the rest.
fn parts(line: &str) -> (&str, &str, &str) {
    let (kind, rest) = line.strip_prefix("audit: type=").unwrap().split_once(" audit(").unwrap();
    let (stamp, rest) = rest.split_once("):").unwrap();
    (kind, stamp, rest)
}

fn lines<'l>(log: &'l str, form: impl Fn(&'l str) -> String) -> String {
    log.lines().filter(|line| line.starts_with("audit: type=")).map(|line| form(line) + "\n").collect()
}

/// An entry of the journal: the serial number and the time stand beside the message.
fn entry(line: &str) -> [(&'static str, String); 5] {
    let (kind, stamp, rest) = parts(line);
    let (time, serial) = stamp.split_once(':').unwrap();
    [
        ("_HOSTNAME", "web1".to_owned()),
        ("_TRANSPORT", "audit".to_owned()),
        ("_AUDIT_ID", serial.to_owned()),
        ("_SOURCE_REALTIME_TIMESTAMP", format!("{}000", time.replace('.', ""))),
        ("MESSAGE", format!("{} {}", name(kind), rest.trim_start())),
    ]
}

/// The same denials of a guest with auditd, as its own tools print them.
const TOOLS: [(&str, &str); 5] = [
    ("audit.log", include_str!("../../tests/captured/forms/audit.log")),
    ("ausearch -r", include_str!("../../tests/captured/forms/ausearch-raw.log")),
    ("ausearch -i", include_str!("../../tests/captured/forms/ausearch-i.txt")),
    ("journalctl -o json", include_str!("../../tests/captured/forms/journal.json")),
    ("journalctl -o export", include_str!("../../tests/captured/forms/journal.export")),
];

#[test]
fn what_the_systems_tools_print_has_the_same_denials() {
    let denials = |text: &str| {
        let mut denials = Vec::new();
        log::read(text.as_bytes(), |item| {
            let Item::Denial(denial) = item else { panic!("a line can't be read") };
            let event = serde_json::to_value(&denial.event).unwrap();
            let (comm, exe) = (&event["process"]["comm"], &event["process"]["exe"]);
            let asked = [&event["action"], &event["subject"], &event["object"], comm, exe];
            denials.push((asked.map(serde_json::Value::to_string), denial.syscall));
        })
        .unwrap();
        denials.sort();
        denials
    };
    let wanted = denials(TOOLS[0].1);
    assert_eq!(wanted.len(), 9);
    assert!(wanted.iter().any(|(_, syscall)| syscall.as_deref() == Some("execve")));
    for (tool, text) in TOOLS {
        assert_eq!(denials(text), wanted, "{tool}");
    }
}

#[test]
fn every_form_has_the_same_denials() {
    for (log, least) in CAPTURED {
        let (wanted, broken) = read(log, &[]);
        assert!(wanted.len() >= least && broken.is_empty(), "{}: {broken:?}", wanted.len());
        let auditd = |line| {
            let (kind, stamp, rest) = parts(line);
            format!("type={} msg=audit({stamp}):{rest}", name(kind))
        };
        let unknown = |line| {
            let (kind, stamp, rest) = parts(line);
            format!("type=UNKNOWN[{kind}] msg=audit({stamp}):{rest}")
        };
        for (form, text) in [
            ("raw", lines(log, auditd)),
            ("raw, by an older auditd", lines(log, unknown)),
            ("ENRICHED", lines(log, |line| auditd(line) + "\x1dARCH=x86_64 AUID=\"unset\" UID=\"root\"")),
            ("dmesg", lines(log, |line| format!("[  123.456789] {line}"))),
        ] {
            assert_eq!(read(text, &[]), (wanted.clone(), Vec::new()), "{form}");
        }
        let of_host: Vec<_> = wanted
            .iter()
            .map(|event| {
                let mut event = event.clone();
                event["host"] = "web1".into();
                event
            })
            .collect();
        let export = |line| entry(line).map(|(name, value)| format!("{name}={value}\n")).concat();
        let binary = |line| {
            let sized = |value: &str| {
                let length = (value.len() as u64).to_le_bytes().map(char::from);
                // The lengths here are below 2^7 in each byte or not text; those are left in the plain form.
                length.iter().all(char::is_ascii).then(|| length.iter().collect::<String>())
            };
            entry(line)
                .map(|(name, value)| match sized(&value) {
                    Some(length) if name == "MESSAGE" => format!("{name}\n{length}{value}\n"),
                    _ => format!("{name}={value}\n"),
                })
                .concat()
        };
        let json = |line| {
            let fields = entry(line).map(|(name, value)| (name.to_owned(), serde_json::Value::from(value)));
            serde_json::Value::from(serde_json::Map::from_iter(fields)).to_string()
        };
        for (form, text) in [
            ("syslog", lines(log, |line| format!("Nov 28 10:00:00 web1 kernel: {line}"))),
            ("audisp", lines(log, |line| format!("node=web1 {}", auditd(line)))),
            ("journal, export", lines(log, export)),
            ("journal, export with lengths", lines(log, binary)),
            ("journal, JSON", lines(log, json)),
        ] {
            assert_eq!(read(text, &[]), (of_host.clone(), Vec::new()), "{form}");
        }
    }
}

#[test]
fn denyds_own_lines_come_back_as_they_were() {
    for (log, _) in CAPTURED {
        let (events, _) = read(log, &[]);
        let own = events.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n");
        assert_eq!(read(own, &[]), (events, Vec::new()));
    }
}

#[test]
fn a_line_that_is_cut_anywhere_hurts_no_other() {
    let all: Vec<&str> = CAPTURED[6].0.lines().take(12).collect();
    let (whole, _) = read(all.join("\n"), &[]);
    let denial = all.iter().position(|line| line.contains("type=1400")).unwrap();
    for length in 0..all[denial].len() {
        let mut cut = all.clone();
        cut[denial] = &all[denial][..length];
        let (denials, broken) = read(cut.join("\n"), &[]);
        assert!(denials.len() + 1 >= whole.len(), "{length}: {}", denials.len());
        assert!(broken.iter().all(|line| *line == denial as u64 + 1), "{length}: {broken:?}");
    }
}

proptest! {
    /// The export form, cut and mixed with anything.
    #[test]
    fn any_journal_is_read(parts in prop::collection::vec(prop_oneof![
        Just(b"MESSAGE\n".to_vec()),
        Just(b"_TRANSPORT=audit\n".to_vec()),
        Just(b"MESSAGE=AVC avc:  denied  { read } for  pid=1 scontext=a:b:c tcontext=a:b:d tclass=file\n".to_vec()),
        Just(b"\x05\0\0\0\0\0\0\0hello\n".to_vec()),
        Just(b"\xff\xff\xff\xff\xff\xff\xff\xff".to_vec()),
        Just(b"\n".to_vec()),
        Just(b"type=AVC msg=audit(11/28/26 10:00:00.140:418) : avc:  denied  { read } for ".to_vec()),
        Just(b"comm=a b scontext=a:b:c tcontext=a:b:d tclass=file ".to_vec()),
        prop::collection::vec(any::<u8>(), 0..12),
    ], 0..40)) {
        let text = parts.concat();
        let lines = text.split(|&byte| byte == b'\n').count() as u64;
        let (_, broken) = read(&text, &[]);
        prop_assert!(broken.iter().all(|line| (1..=lines).contains(line)), "{:?}", broken);
    }
}
