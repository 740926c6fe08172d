//! What is said: findings, their causes and remedies.

use std::collections::BTreeSet;

use jiff::Timestamp;
use monitor_event::event::{Event, Fingerprint, Module};
use serde::{Deserialize, Serialize};

use crate::{
    apparmor::{self, Refusing, request::Request},
    change::Change,
    denials::{NAMES, Seen},
    place::Place,
    selinux::advice::{module::Allow, order, session::Part},
    unit,
};

/// Many denials with one cause and one remedy.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct Finding {
    /// The module that refused.
    #[cfg_attr(test, schemars(with = "String", extend("enum" = Module::ALL.map(Module::name))))]
    pub module: Module,
    /// Why.
    pub cause: Cause,
    /// Who may not do what, and why, in one line.
    pub summary: String,
    /// How many denials it explains.
    pub count: u64,
    /// When the first was.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(test, schemars(with = "Timestamp"))]
    pub first: Option<Timestamp>,
    /// When the last was.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(test, schemars(with = "Timestamp"))]
    pub last: Option<Timestamp>,
    /// The threads' names.
    pub who: Vec<String>,
    /// The objects.
    pub objects: Vec<String>,
    /// The machines.
    pub hosts: Vec<String>,
    /// The services of systemd's.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub units: Vec<String>,
    /// Which denials these are: the fingerprints of the first of them.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub fingerprints: Vec<String>,
    /// What to do; the best first.
    pub remedies: Vec<Remedy>,
    /// What shows that it is so, and what could not be checked.
    pub evidence: Vec<String>,
}

/// Why something is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum Cause {
    /// It is allowed by now.
    Allowed,
    /// No rule allows it.
    NoRule,
    /// A rule allows it that a boolean switches off.
    Boolean,
    /// The object has another label than it should have.
    Label,
    /// The object has a label that nothing was made for.
    CustomPath,
    /// The port has no label of its own.
    Port,
    /// A constraint forbids it: users, roles, types or levels.
    Constraint,
    /// The role may not change so, or not have the type.
    Role,
    /// The type that bounds the subject's may not do it.
    Bounds,
    /// The program does not run in the domain that was made for it.
    Transition,
    /// The ioctl or netlink message is not among those that are allowed.
    Extended,
    /// A descriptor was left open for a program that did not ask for it.
    Leak,
    /// It should be refused.
    Attack,
    /// The policy doesn't know a word of it.
    Unknown,
    /// There was no policy to ask.
    Unchecked,
    /// The profile has no rule that allows it.
    Profile,
    /// A rule of the profile says that it is to be refused, whatever others allow.
    Deny,
    /// The path leads nowhere from the process's root.
    Disconnected,
    /// The program, or what started it, has restricted itself.
    Sandbox,
    /// The process lacks a capability.
    Capability,
    /// A setting of the kernel forbids it.
    Setting,
}

/// What to do.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct Remedy {
    /// Of which kind it is.
    pub kind: RemedyKind,
    /// What it is, in one line.
    pub text: String,
    /// What to run.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub commands: Vec<String>,
    /// What that changes. `denyd fix` makes these changes, and none if there are none.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub changes: Vec<Change>,
    /// SELinux: what it would allow.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub allows: Vec<Allow>,
    /// AppArmor: the rules for the profile.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub rules: Vec<String>,
    /// AppArmor: the same as a change of a file, where the file is known. The commands make it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(test, schemars(with = "Edit"))]
    pub edit: Option<Edit>,
    /// What is dangerous about it: `denyd fix --yes` then leaves it to be asked for.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub warnings: Vec<String>,
    /// What it opens besides, and what was chosen, where neither is dangerous.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub notes: Vec<String>,
}

/// A change of a text file: lines that go, and lines that come in their place.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct Edit {
    /// The file; if it is not there, it is to be made.
    pub file: String,
    /// The line, counted from 1, before which lines are added and from which on they go; absent: at the file's end.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(test, schemars(with = "usize"))]
    pub line: Option<usize>,
    /// The lines that go, as they stand there. If something else stands there, the file has changed since.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub remove: Vec<String>,
    /// The lines that come, without their ends.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub add: Vec<String>,
    /// The command that puts the file in force.
    pub reload: String,
    /// The unit whose processes are as before until it is started again.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(test, schemars(with = "String"))]
    pub restart: Option<String>,
}

/// The kinds of remedies, in the order in which they are considered.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum RemedyKind {
    /// Nothing has to be done any more.
    Nothing,
    /// It should stay refused.
    Refuse,
    /// Put the label right.
    Relabel,
    /// Say which label the path should have.
    FileContext,
    /// Set booleans.
    Boolean,
    /// Say which label the port should have.
    Port,
    /// Change a setting of the service, container or kernel.
    Setting,
    /// Load a profile again: what is on disk has changed since.
    Reload,
    /// Start a unit again: what it may do has changed since.
    Restart,
    /// Change the rules of a profile.
    Rules,
    /// Add a policy module.
    Module,
}

impl Remedy {
    pub(crate) fn new(kind: RemedyKind, text: impl Into<String>) -> Self {
        Self {
            kind,
            text: text.into(),
            commands: Vec::new(),
            changes: Vec::new(),
            allows: Vec::new(),
            rules: Vec::new(),
            edit: None,
            warnings: Vec::new(),
            notes: Vec::new(),
        }
    }

    /// None is needed any more.
    pub(crate) fn again() -> Self {
        Self::new(RemedyKind::Nothing, "nothing has to be done: try again")
    }

    /// Whether it has a warning that is more than the choice among labels.
    #[must_use]
    pub fn is_dangerous(&self) -> bool {
        let has_choice = matches!(self.kind, RemedyKind::FileContext | RemedyKind::Port);
        self.warnings.iter().any(|warning| !(has_choice && warning.starts_with(CHOICE)))
    }

    pub(crate) fn run(mut self, command: impl Into<String>) -> Self {
        self.commands.push(command.into());
        self
    }

    /// Runs what makes the change.
    pub(crate) fn change(mut self, change: Change) -> Self {
        self.commands.push(change.line());
        self.changes.push(change);
        self
    }

    pub(crate) fn note(mut self, note: impl Into<String>) -> Self {
        self.notes.push(note.into());
        self
    }

    pub(crate) fn warn(mut self, warning: impl Into<String>) -> Self {
        self.warnings.push(warning.into());
        self
    }
}

/// How a warning begins that names the labels to choose from.
const CHOICE: &str = "these would do, too";

/// Stands for the permissions until all are known.
pub(crate) const ASKED: char = '\0';

/// A finding that more denials may join.
#[derive(Clone, Debug)]
pub(crate) struct Draft {
    /// What those have in common that join.
    pub(crate) key: String,
    pub(crate) finding: Finding,
    /// SELinux: what was asked for, whose permissions stand in the summary for [`ASKED`].
    pub(crate) asked: Option<Allow>,
    /// SELinux: what was asked for of other classes.
    pub(crate) also: Vec<Allow>,
    /// SELinux: the type that the remedy gives to the object.
    pub(crate) gives: Option<String>,
    /// SELinux: what it belongs to, if it was only logged.
    pub(crate) session: Option<Part>,
    /// AppArmor: what a profile refuses.
    pub(crate) requests: BTreeSet<Request>,
    /// AppArmor: of which profile that is said, and what.
    pub(crate) profile: Option<Refusing>,
}

impl Draft {
    pub(crate) fn new(
        module: Module,
        cause: Cause,
        key: impl Into<String>,
        summary: impl Into<String>,
    ) -> Self {
        let finding = Finding {
            module,
            cause,
            summary: summary.into(),
            count: 0,
            first: None,
            last: None,
            who: Vec::new(),
            objects: Vec::new(),
            hosts: Vec::new(),
            units: Vec::new(),
            fingerprints: Vec::new(),
            remedies: Vec::new(),
            evidence: Vec::new(),
        };
        let key = format!("{}\0{cause:?}\0{}", module.name(), key.into());
        Self {
            key,
            finding,
            asked: None,
            also: Vec::new(),
            gives: None,
            session: None,
            requests: BTreeSet::new(),
            profile: None,
        }
    }

    /// Says which type the object would have.
    pub(crate) fn giving(mut self, type_: &str) -> Self {
        self.gives = Some(type_.to_owned());
        self
    }

    pub(crate) fn remedy(mut self, remedy: Remedy) -> Self {
        self.finding.remedies.push(remedy);
        self
    }

    pub(crate) fn because(mut self, evidence: impl Into<String>) -> Self {
        self.finding.evidence.push(evidence.into());
        self
    }

    /// Counts denials.
    pub(crate) fn add(&mut self, event: &Event<'_>, seen: &Seen) {
        let finding = &mut self.finding;
        finding.count += seen.count;
        finding.first = least(finding.first, seen.first);
        finding.last = finding.last.max(seen.last);
        join(&mut finding.who, seen.comms.iter().cloned());
        join(&mut finding.hosts, seen.hosts.iter().cloned());
        join(&mut finding.objects, object(event));
        join(&mut finding.units, unit::service(event));
        join(&mut finding.fingerprints, Fingerprint::new(event).map(|one| one.to_string()));
    }

    /// Joins what is the same.
    pub(crate) fn merge(&mut self, other: Self) {
        let (finding, more) = (&mut self.finding, other.finding);
        finding.count += more.count;
        finding.first = least(finding.first, more.first);
        finding.last = finding.last.max(more.last);
        join(&mut finding.who, more.who);
        join(&mut finding.hosts, more.hosts);
        join(&mut finding.objects, more.objects);
        join(&mut finding.units, more.units);
        join(&mut finding.fingerprints, more.fingerprints);
        join(&mut finding.evidence, more.evidence);
        for remedy in more.remedies {
            match finding.remedies.iter_mut().find(|own| own.kind == remedy.kind && own.text == remedy.text) {
                Some(own) => {
                    // Each is needed.
                    append(&mut own.commands, remedy.commands);
                    append(&mut own.changes, remedy.changes);
                    join(&mut own.warnings, remedy.warnings);
                    join(&mut own.notes, remedy.notes);
                    for allow in remedy.allows {
                        if !own.allows.iter_mut().any(|known| known.join(&allow)) {
                            own.allows.push(allow);
                        }
                    }
                }
                // What helps only some of them helps not all.
                None => finding.remedies.push(remedy),
            }
        }
        for more in other.asked.into_iter().chain(other.also) {
            if !self.asked.iter_mut().chain(&mut self.also).any(|own| own.join(&more)) {
                self.also.push(more);
            }
        }
        self.requests.extend(other.requests);
    }

    /// Says what follows from all that joined.
    pub(crate) fn finish(mut self, place: &Place) -> Finding {
        if let Some(refusing) = self.profile.take() {
            apparmor::finish(&mut self.finding, &refusing, &self.requests, place);
        }
        if let Some(asked) = &self.asked {
            let also =
                self.also.iter().map(|also| format!(" and {} {}", also.class, also.permissions_text()));
            let text: String = std::iter::once(asked.permissions_text()).chain(also).collect();
            self.finding.summary = self.finding.summary.replace(ASKED, &text);
        }
        let remedies = &mut self.finding.remedies;
        remedies.sort_by_key(|remedy| remedy.kind);
        if let Some(asked) = &self.asked {
            order::sort(remedies, asked);
        }
        self.finding
    }
}

fn least(one: Option<Timestamp>, other: Option<Timestamp>) -> Option<Timestamp> {
    match (one, other) {
        (Some(one), Some(other)) => Some(one.min(other)),
        (one, other) => one.or(other),
    }
}

fn join(list: &mut Vec<String>, more: impl IntoIterator<Item = String>) {
    for one in more {
        if list.len() < NAMES && !list.contains(&one) {
            list.push(one);
        }
    }
}

/// How many commands a remedy may have: with the longest paths, it still fits into a message of the daemon's.
const COMMANDS: usize = 256;

fn append<T: PartialEq>(list: &mut Vec<T>, more: Vec<T>) {
    for one in more {
        if list.len() < COMMANDS && !list.contains(&one) {
            list.push(one);
        }
    }
}

/// The most telling name of what was asked for.
fn object(event: &Event<'_>) -> Option<String> {
    let object = &event.object;
    let end = || object.destination.as_ref().or(object.source.as_ref()).and_then(|end| end.port);
    let name = [&object.path, &object.abstract_name, &object.name, &object.capability, &event.action.syscall];
    let name = name.into_iter().find_map(|name| name.as_deref()).map(str::to_owned);
    name.or_else(|| end().map(|port| format!("port {port}")))
        .or_else(|| object.label.as_deref().map(str::to_owned))
}
