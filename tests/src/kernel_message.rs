//! What modules without audit records write into the kernel's log, and its comparison with events.

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
}

impl Message {
    /// Reads a line of the kernel's log; `None` if it is about something else.
    #[must_use]
    pub fn parse(line: &str) -> Option<Self> {
        Self::lockdown(line).or_else(|| Self::ptrace(line))
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
        };
        let differing = fields.iter().filter(|(field, wanted)| lookup(event, field) != Some(wanted));
        differing
            .map(|(field, wanted)| {
                format!("{field}: the kernel's log has {wanted}, the event {:?}", lookup(event, field))
            })
            .collect()
    }
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
}
