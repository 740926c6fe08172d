//! The rule that would allow what was refused, where a rule of the module's policy can.
//!
//! A rule is what the denial itself says, as `audit2allow` and `aa-logprof` take it from the log. Whether it should be
//! allowed is another question.

use monitor_event::selection::selinux_type;

use super::parts;
use crate::{
    event::{Event, Kind, Module, Verdict},
    text,
};

/// What would allow it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Rule {
    /// This rule, and what is to be known of it.
    Policy {
        /// The rule, for the policy's source.
        rule: String,
        /// Where it belongs and what it leaves open.
        notes: Vec<String>,
    },
    /// No rule does, or none can be told.
    None(String),
}

impl Rule {
    /// The rule in one line; what it is not is behind a `#`, so that the lines can go into a policy as they are.
    #[must_use]
    pub fn show(&self, event: &Event<'_>, count: u64) -> String {
        let times = if count > 1 { format!(" ×{count}") } else { String::new() };
        let text = match self {
            Self::Policy { rule, notes } if notes.is_empty() => format!("{rule}{}", comment(&times)),
            Self::Policy { rule, notes } => format!("{rule}  # {}{times}", notes.join("; ")),
            Self::None(reason) => {
                let phrase = parts::Phrase::new(event);
                let separator = if phrase.object.is_empty() { "" } else { " " };
                format!(
                    "# none for {}: {} {}{separator}{}: {reason}{times}",
                    phrase.who,
                    event.module.name(),
                    phrase.what,
                    phrase.object,
                )
            }
        };
        text::printable(&text).to_string()
    }
}

fn comment(text: &str) -> String {
    if text.is_empty() { String::new() } else { format!("  #{text}") }
}

/// The rule that would allow what this event shows.
#[must_use]
pub fn rule(event: &Event<'_>) -> Rule {
    if event.kind == Kind::Policy {
        return Rule::None("the policy was changed, nothing was refused".to_owned());
    }
    let none = |reason: &str| Rule::None(reason.to_owned());
    match event.module {
        Module::Selinux => selinux(event),
        Module::Apparmor => apparmor(event),
        Module::Landlock => {
            none("the program has confined itself with Landlock; only the program can allow itself more")
        }
        Module::Seccomp => none(
            "the filter belongs to the program or to what started it (systemd: SystemCallFilter=; a container: its profile)",
        ),
        Module::Capability => {
            none("no policy refused it: the process lacks the capability (systemd: AmbientCapabilities=)")
        }
        Module::Yama => none("it is set by kernel.yama.ptrace_scope"),
        Module::Lockdown => none("the kernel was locked down when it was booted"),
        // TOMOYO shows the line that is missing, as it stands in a policy.
        Module::Tomoyo => match &event.action.info {
            Some(line) => Rule::Policy {
                rule: line.to_string(),
                notes: vec![format!("domain {}", event.subject.label.as_deref().unwrap_or("unknown"))],
            },
            None => none("TOMOYO did not tell what is missing"),
        },
        // A rule would have to name a property that the file has, which IPE does not tell.
        Module::Ipe => none(
            "IPE trusts what its policy's properties say (dm-verity, fs-verity, the initramfs): run it from there, or deploy \
             a signed policy that allows it",
        ),
        Module::Bpf => none("a BPF LSM program refused it; only who loaded the program knows why"),
    }
}

fn selinux(event: &Event<'_>) -> Rule {
    let (action, subject, object) = (&event.action, &event.subject, &event.object);
    let types = (selinux_type(subject.label.as_deref()), selinux_type(object.label.as_deref()));
    let (Some(source), Some(target)) = types else {
        return Rule::None("the event lacks a context".to_owned());
    };
    let Some(class) = action.class.as_deref().filter(|class| is_name(class)) else {
        return Rule::None("the event lacks the class".to_owned());
    };
    let unnamed = |permission: &&str| !is_name(permission) || permission.starts_with("perm_0x");
    let permissions: Vec<_> = action.permissions.iter().map(|permission| &**permission).collect();
    if permissions.is_empty() || permissions.iter().any(unnamed) {
        return Rule::None("the permission has no name in this kernel".to_owned());
    }
    // A policy's names are letters, digits, `_` and `.`; whatever else came must not be pasted.
    if !is_name(source) || !is_name(target) {
        return Rule::None("a context is not of this policy".to_owned());
    }
    let mut notes = Vec::new();
    let levels = [subject.label.as_deref(), object.label.as_deref()].map(low_level);
    if let [Some(who), Some(what)] = levels
        && who != what
    {
        notes.push(format!("if this rule is there already, a constraint refuses it: level {who} on {what}"));
    }
    if let Some(command) = action.ioctl_command {
        notes.push(format!("the ioctl is {command:#x}; allowxperm may narrow it down"));
    }
    if event.silent {
        notes.push("a dontaudit rule has it".to_owned());
    }
    let target = if source == target { "self" } else { target };
    Rule::Policy { rule: format!("allow {source} {target}:{class} {{ {} }};", permissions.join(" ")), notes }
}

/// The low level of a context: `s0:c1` in `u:r:t:s0:c1-s0:c1,c2`.
fn low_level(label: Option<&str>) -> Option<&str> {
    let range = label?.splitn(4, ':').nth(3)?;
    Some(range.split_once('-').map_or(range, |(low, _)| low))
}

fn is_name(text: &str) -> bool {
    !text.is_empty()
        && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'.' | b'-'))
}

fn apparmor(event: &Event<'_>) -> Rule {
    let action = &event.action;
    let Some(label) = event.subject.label.as_deref() else {
        return Rule::None("the event lacks the profile".to_owned());
    };
    if let Some(info) = action.info.as_deref().filter(|info| info.contains("disconnected path")) {
        return Rule::None(format!("{info}: the profile needs flags=(attach_disconnected)"));
    }
    let rule = monitor_explain::apparmor::rule::of(event).map(|rule| rule.to_string());
    let Some(rule) = rule else {
        return Rule::None("its rule can't be derived from the event".to_owned());
    };
    let namespace = event.subject.namespace.as_deref().map(|name| format!(":{name}:")).unwrap_or_default();
    let mut notes = vec![format!("profile {namespace}{label}")];
    if action.class.as_deref() == Some("file")
        && action.denied_mask.as_deref().is_some_and(|mask| mask.contains('x'))
    {
        notes.push("ix keeps the profile; Px and Cx give the program one of its own".to_owned());
    }
    if event.silent && event.verdict == Some(Verdict::Denied) {
        notes.push("a deny rule may have to go first".to_owned());
    }
    Rule::Policy { rule, notes }
}
