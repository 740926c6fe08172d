//! The event: the typed, enriched form of a denial, and what every output prints.
//!
//! Serialised, it is one JSON object a line. Field names are stable. What is unknown is absent, and
//! [`Event::missing`] says why. Strings that came from the kernel or a process are [`Text`]: UTF-8, in which a byte
//! that isn't part of valid UTF-8 stands as `\xNN` and a backslash as `\\`, so that no byte is lost.
//!
//! An event borrows from the record it was decoded from: the ring buffer's memory goes to the output in one pass.

mod action;
mod advice;
mod container;
mod object;
mod process;
#[cfg(test)]
mod schema;
mod stack;
mod subject;
mod unit;

use std::{borrow::Cow, fmt, num::NonZeroU64};

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

pub use self::{
    action::{Action, BpfProgram},
    advice::Advice,
    container::{Container, FoundBy, OuterContainer, Pod, QosClass, Runtime},
    object::{Dbus, Endpoint, Executable, Object, ObjectKind, PathRoot, TargetProcess},
    process::{Ancestor, Cgroup, Namespaces, Process},
    stack::{Frame, Stack},
    subject::Subject,
    unit::Unit,
};
pub use crate::fingerprint::Fingerprint;

/// Schema version. Incremented when a field changes its name or meaning, not when one is added.
pub const SCHEMA_VERSION: u32 = 2;

/// A string from outside, escaped without loss; see the module's documentation.
pub type Text<'a> = Cow<'a, str>;

/// The name that the native format gives to a value that serialises as a string.
pub(crate) struct Word<T>(pub(crate) T);

impl<T: Serialize> fmt::Display for Word<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.serialize(f)
    }
}

/// One denial, or one change of a module's policy. docs/events.md explains every field.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct Event<'a> {
    /// Schema version.
    #[cfg_attr(test, schemars(extend("const" = SCHEMA_VERSION)))]
    pub schema: u32,
    /// When the module decided.
    pub time: Timestamp,
    /// This machine's host name.
    #[serde(borrow)]
    pub host: Text<'a>,
    /// What is told.
    pub kind: Kind,
    /// The module that refused, or whose policy changed.
    pub module: Module,
    /// Whether it was refused; absent if nothing was asked for ([`Kind::Policy`]).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub verdict: Option<Verdict>,
    /// True if the policy asked for no log, so that audit never shows it.
    pub silent: bool,
    /// What makes it the same as others, whenever and on whatever host they happen: see [`crate::fingerprint`]. Absent
    /// for [`Kind::Policy`].
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fingerprint: Option<Fingerprint>,
    /// How many denials this event stands for: repeats of one that was reported before, whose process, object and all the
    /// rest it shows. Absent for a denial itself.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub count: Option<NonZeroU64>,
    /// When the first of these repeats was.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub first: Option<Timestamp>,
    /// When the last of them was, as [`Self::time`].
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last: Option<Timestamp>,
    /// Process ids of the first of them.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub pids: Vec<u32>,
    /// What was asked for, in the module's own terms.
    pub action: Action<'a>,
    /// What changed in the module's policy, for [`Kind::Policy`].
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub changes: Vec<Change<'a>>,
    /// Who asked.
    pub subject: Subject<'a>,
    /// What it was asked for.
    pub object: Object<'a>,
    /// The process that asked; absent if nothing is known of it.
    #[serde(default, skip_serializing_if = "Process::is_unknown")]
    pub process: Process<'a>,
    /// The object manager that refused: a program that asks the module before it does something for others, such as
    /// dbus-daemon or systemd. Absent where the kernel itself refused.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub manager: Option<Box<Process<'a>>>,
    /// The systemd unit that the process belongs to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub unit: Option<Unit<'a>>,
    /// The container that the process is in, or, where [`Container::found_by`] says so, the subject.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub container: Option<Container<'a>>,
    /// Where the process was, in the kernel and in its program, if that was asked for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stack: Option<Stack<'a>>,
    /// The audit record of the same denial.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub audit: Option<Audit>,
    /// What to do about it, if that was asked for (`denyd tail --advice`, an output's `advice = true`).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub advice: Option<Box<Advice<'a>>>,
    /// Fields that should be here and could not be had.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub missing: Vec<Missing<'a>>,
}

impl Event<'_> {
    /// How many denials, or changes of a policy, it stands for.
    #[must_use]
    pub fn denials(&self) -> u64 {
        self.count.map_or(1, NonZeroU64::get)
    }
}

/// What an event reports.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "lowercase")]
pub enum Kind {
    /// A module refused, or would have.
    Denial,
    /// A module's policy or mode was changed; [`Event::process`] did it.
    Policy,
}

/// One change of a module's policy.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct Change<'a> {
    /// What changed.
    pub what: ChangeKind,
    /// The boolean's or profile's name.
    #[serde(default, borrow, skip_serializing_if = "Option::is_none")]
    pub name: Option<Text<'a>>,
    /// The namespace of an AppArmor profile, absent for the root namespace.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub namespace: Option<Text<'a>>,
    /// What it was: a mode (`enforcing`, `complain`), a boolean's value (`on`), a policy's sequence number; absent if it
    /// was not there.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub before: Option<Text<'a>>,
    /// What it is now, in the form of [`Self::before`]; absent if it is gone.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub after: Option<Text<'a>>,
}

impl Change<'_> {
    /// A change of this kind of which nothing else is known.
    #[must_use]
    pub fn new(what: ChangeKind) -> Self {
        Self { what, name: None, namespace: None, before: None, after: None }
    }
}

/// What of a module's policy changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum ChangeKind {
    /// SELinux was switched between enforcing and permissive; or the mode that all of AppArmor's profiles have was set
    /// (`/sys/module/apparmor/parameters/mode`).
    Mode,
    /// What all of AppArmor's profiles log was set (`/sys/module/apparmor/parameters/audit`).
    AuditMode,
    /// SELinux's whole policy was loaded.
    Policy,
    /// An SELinux boolean was set.
    Boolean,
    /// An AppArmor profile was loaded, replaced or removed.
    Profile,
}

/// A security module.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "lowercase")]
pub enum Module {
    /// SELinux.
    Selinux,
    /// AppArmor.
    Apparmor,
    /// Landlock.
    Landlock,
    /// POSIX capabilities.
    Capability,
    /// seccomp.
    Seccomp,
    /// Yama.
    Yama,
    /// Lockdown.
    Lockdown,
    /// TOMOYO.
    Tomoyo,
    /// A BPF LSM program.
    Bpf,
    /// IPE (Integrity Policy Enforcement).
    Ipe,
}

impl Module {
    /// Every module, in the order of their numbers.
    pub const ALL: [Self; 10] = [
        Self::Selinux,
        Self::Apparmor,
        Self::Landlock,
        Self::Capability,
        Self::Seccomp,
        Self::Yama,
        Self::Lockdown,
        Self::Tomoyo,
        Self::Bpf,
        Self::Ipe,
    ];

    /// Its name, as everywhere.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Selinux => "selinux",
            Self::Apparmor => "apparmor",
            Self::Landlock => "landlock",
            Self::Capability => "capability",
            Self::Seccomp => "seccomp",
            Self::Yama => "yama",
            Self::Lockdown => "lockdown",
            Self::Tomoyo => "tomoyo",
            Self::Bpf => "bpf",
            Self::Ipe => "ipe",
        }
    }
}

/// What the module decided.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "lowercase")]
pub enum Verdict {
    /// It refused.
    Denied,
    /// It would have refused, but its mode (permissive, complain) let it pass, or whom it asked (seccomp).
    Permitted,
}

/// The audit record of the same denial.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct Audit {
    /// Its serial number, for `ausearch --event`.
    pub serial: u64,
}

/// A field that should be here and could not be had.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct Missing<'a> {
    /// The field, by its path in the JSON: `process.exe`.
    #[serde(borrow)]
    pub field: Text<'a>,
    /// Why.
    pub reason: Text<'a>,
}
