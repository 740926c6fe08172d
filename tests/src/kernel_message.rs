//! What modules without audit records write into the kernel's log, and its comparison with events.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use crate::expectation::lookup;

/// A message about a refusal.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Message {
    /// `Lockdown: COMM: REASON is restricted; see man kernel_lockdown.7`
    Lockdown {
        /// The thread's name.
        comm: String,
        /// What it tried.
        reason: String,
    },
    /// `ptrace ACCESS of "COMMAND"[PID] was attempted by "COMMAND"[PID]`
    Ptrace {
        /// `attach` or `traceme`.
        access: String,
        /// The id of the process that was to be traced.
        target: u32,
        /// That of the process that was to trace it; `None` if the kernel cut the line, in which are command lines.
        agent: Option<u32>,
    },
    /// A record of TOMOYO's own log: a line of fields, the domain, the request.
    Tomoyo {
        /// The fields, those in braces after the name that stands before these: `task.uid`.
        fields: BTreeMap<String, String>,
        /// The domain.
        domain: String,
        /// What was asked.
        request: String,
    },
}

impl Message {
    /// Reads a line of the kernel's log; `None` if it is about something else.
    #[must_use]
    pub fn parse(line: &str) -> Option<Self> {
        Self::lockdown(line).or_else(|| Self::ptrace(line)).or_else(|| Self::tomoyo(line))
    }

    fn lockdown(line: &str) -> Option<Self> {
        let rest =
            line.strip_prefix("Lockdown: ")?.strip_suffix(" is restricted; see man kernel_lockdown.7")?;
        let (comm, reason) = rest.split_once(": ")?;
        Some(Self::Lockdown { comm: comm.to_owned(), reason: reason.to_owned() })
    }

    fn ptrace(line: &str) -> Option<Self> {
        let (access, rest) = line.strip_prefix("ptrace ")?.split_once(" of ")?;
        let (target, agent) = rest.split_once(" was attempted by ")?;
        Some(Self::Ptrace { access: access.to_owned(), target: process(target)?, agent: process(agent) })
    }

    fn tomoyo(record: &str) -> Option<Self> {
        let mut lines = record.strip_prefix('#')?.lines();
        let (_time, header) = lines.next()?.split_once("# ")?;
        let (domain, request) = (lines.next()?.to_owned(), lines.next()?.to_owned());
        let mut fields = BTreeMap::new();
        let mut group = String::new();
        for word in header.split_whitespace() {
            match word.trim_matches(['(', ')']).split_once('=') {
                Some((name, "{")) => group = format!("{name}."),
                Some((name, value)) => drop(fields.insert(format!("{group}{name}"), value.to_owned())),
                None => group.clear(),
            }
        }
        Some(Self::Tomoyo { fields, domain, request })
    }

    /// Whether it is about this event, as far as the message says who it is about.
    #[must_use]
    pub fn is_of(&self, event: &Value) -> bool {
        match self {
            Self::Lockdown { comm, .. } => {
                event["module"] == "lockdown" && lookup(event, "process.comm") == Some(&json!(comm))
            }
            Self::Ptrace { target, .. } => {
                event["module"] == "yama" && lookup(event, "object.process.pid") == Some(&json!(target))
            }
            Self::Tomoyo { fields, request, .. } => {
                event["module"] == "tomoyo"
                    && lookup(event, "process.tid").map(Value::to_string).as_ref() == fields.get("global-pid")
                    && lookup(event, "action.info") == Some(&json!(request.replace('\\', r"\\")))
            }
        }
    }

    /// What the event gets wrong; empty if nothing.
    #[must_use]
    pub fn compare(&self, event: &Value) -> Vec<String> {
        let fields = match self {
            Self::Lockdown { comm, reason } => {
                vec![("process.comm", json!(comm)), ("action.info", json!(reason))]
            }
            Self::Ptrace { access, target, agent } => {
                let is_parent = lookup(event, "subject.not_process") == Some(&json!(true));
                let agent_pid = if is_parent { "process.ppid" } else { "process.pid" };
                let agent = agent.map(|agent| (agent_pid, json!(agent)));
                [("action.operation", json!(access)), ("object.process.pid", json!(target))]
                    .into_iter()
                    .chain(agent)
                    .collect()
            }
            Self::Tomoyo { fields, domain, .. } => {
                let mut wanted = tomoyo_fields(fields, lookup(event, "object.inode").is_some());
                wanted.push(("subject.label", json!(domain)));
                wanted
            }
        };
        let differing = fields.iter().filter(|(field, wanted)| lookup(event, field) != Some(wanted));
        differing
            .map(|(field, wanted)| {
                format!("{field}: the kernel's log has {wanted}, the event {:?}", lookup(event, field))
            })
            .collect()
    }
}

/// What TOMOYO's fields say of an event; those of the file only if it is one that was there.
fn tomoyo_fields(fields: &BTreeMap<String, String>, has_file: bool) -> Vec<(&'static str, Value)> {
    let number = |name: &str| {
        let value = fields.get(name)?;
        value.parse::<u64>().ok().map(|number| json!(number))
    };
    let mut wanted = vec![("subject.mode", json!(fields.get("mode")))];
    wanted.push((
        "verdict",
        if fields.get("mode").is_some_and(|mode| mode == "enforcing") {
            json!("denied")
        } else {
            json!("permitted")
        },
    ));
    for (field, name) in [
        ("subject.profile", "profile"),
        ("process.ppid", "task.ppid"),
        ("process.pid", "task.pid"),
        ("process.uid", "task.uid"),
        ("process.gid", "task.gid"),
        ("process.euid", "task.euid"),
        ("process.egid", "task.egid"),
        ("process.fsuid", "task.fsuid"),
    ] {
        wanted.push((field, json!(number(name))));
    }
    // Of a mount, the second path is the place; the first is there only if it is of a device.
    let path = if fields.contains_key("path1.ino") { "path1" } else { "path2" };
    if has_file {
        wanted.push(("object.inode", json!(number(&format!("{path}.ino")))));
        wanted.push(("object.owner", json!(number(&format!("{path}.uid")))));
        let part = |name| fields.get(&format!("{path}.{name}")).map_or("", String::as_str);
        wanted.push(("object.device_number", json!(format!("{}:{}", part("major"), part("minor")))));
    }
    wanted
}

/// Reads the id in `"COMMAND"[PID]`.
fn process(text: &str) -> Option<u32> {
    let (_, pid) = text.strip_prefix('"')?.strip_suffix(']')?.rsplit_once("\"[")?;
    pid.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_what_lockdown_and_yama_write() {
        let lockdown = "Lockdown: ports: raw io port access is restricted; see man kernel_lockdown.7";
        let message = Message::parse(lockdown).unwrap();
        assert_eq!(
            message,
            Message::Lockdown { comm: "ports".to_owned(), reason: "raw io port access".to_owned() }
        );
        let event = json!({"module": "lockdown", "process": {"comm": "ports"}, "action": {"info": "raw io port access"}});
        assert!(message.is_of(&event));
        assert_eq!(message.compare(&event), Vec::<String>::new());
        assert_eq!(message.compare(&json!({})).len(), 2);

        let yama = "ptrace attach of \"actor stand \"x\"[7]\"[181] was attempted by \"actor act x\"[182]";
        let message = Message::parse(yama).unwrap();
        let Message::Ptrace { target, agent, .. } = &message else { panic!("{message:?}") };
        assert_eq!((*target, *agent), (181, Some(182)));
        let event = json!({
            "module": "yama",
            "process": {"pid": 182},
            "object": {"process": {"pid": 181}},
            "action": {"operation": "attach"},
        });
        assert!(message.is_of(&event));
        assert_eq!(message.compare(&event), Vec::<String>::new());
        assert_eq!(message.compare(&json!({})).len(), 3);
        assert_eq!(Message::parse("audit: type=1326 audit(1.2:3): pid=7"), None);
    }

    #[test]
    fn reads_what_tomoyo_writes() {
        let record = "#2026/11/22 11:05:00# profile=12 mode=enforcing granted=no (global-pid=99) task={ pid=99 \
            ppid=98 uid=0 gid=0 euid=0 egid=0 suid=0 sgid=0 fsuid=0 fsgid=0 } path1={ uid=7 gid=0 ino=3 major=0 \
            minor=24 perm=0644 type=file } path1.parent={ uid=0 gid=0 ino=2 perm=0755 }\n\
            <kernel> /init /usr/local/bin/actor\nfile unlink /srv/open/ledger";
        let message = Message::parse(record).unwrap();
        let event = json!({
            "module": "tomoyo",
            "verdict": "denied",
            "subject": {"label": "<kernel> /init /usr/local/bin/actor", "profile": 12, "mode": "enforcing"},
            "process": {"pid": 99, "tid": 99, "ppid": 98, "uid": 0, "gid": 0, "euid": 0, "egid": 0, "fsuid": 0},
            "action": {"info": "file unlink /srv/open/ledger"},
            "object": {"inode": 3, "owner": 7, "device_number": "0:24"},
        });
        assert!(message.is_of(&event));
        assert_eq!(message.compare(&event), Vec::<String>::new());
        assert_eq!(message.compare(&json!({})).len(), 11);
    }
}
