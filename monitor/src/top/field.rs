//! What events can be counted by.

use monitor_event::selection::selinux_type;

use crate::{
    event::{Event, Text},
    show::{Phrase, word},
    text::printable,
};

/// A field by which events are counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum Field {
    /// The security module.
    Module,
    /// The verdict.
    Verdict,
    /// The SELinux type, AppArmor profile or Landlock domain that asked.
    Subject,
    /// What was asked for: the SELinux type or the kind of the object.
    Object,
    /// The permissions, or the operation.
    Action,
    /// The object's path, address or name.
    Path,
    /// The systemd unit.
    Unit,
    /// The container or pod.
    Container,
    /// The name of the thread.
    Comm,
    /// The executable.
    Exe,
    /// The process.
    Pid,
    /// The user.
    User,
    /// What makes denials the same.
    Fingerprint,
    /// The cause and the best remedy, as `denyd explain` has them.
    Finding,
}

/// What stands for a field that an event lacks.
const ABSENT: &str = "-";

impl Field {
    /// Its name, for a column's head and the command line.
    #[must_use]
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Module => "module",
            Self::Verdict => "verdict",
            Self::Subject => "subject",
            Self::Object => "object",
            Self::Action => "action",
            Self::Path => "path",
            Self::Unit => "unit",
            Self::Container => "container",
            Self::Comm => "comm",
            Self::Exe => "exe",
            Self::Pid => "pid",
            Self::User => "user",
            Self::Fingerprint => "fingerprint",
            Self::Finding => "finding",
        }
    }

    /// Its value in an event, as it may be shown on a terminal.
    #[must_use]
    pub(crate) fn value(self, event: &Event<'_>) -> String {
        let process = &event.process;
        let text = |text: Option<&Text<'_>>| text.map(|text| text.clone().into_owned());
        let value = match self {
            Self::Module => Some(word(event.module)),
            Self::Verdict => Some(Phrase::new(event).verdict.to_owned()),
            Self::Subject => {
                let label = event.subject.label.as_deref();
                let name = selinux_type(label).or(label).or(event.subject.domain.as_deref());
                name.map(str::to_owned)
            }
            Self::Object => {
                let kind = || word(event.object.kind);
                Some(selinux_type(event.object.label.as_deref()).map_or_else(kind, str::to_owned))
            }
            Self::Action => Some(Phrase::new(event).what),
            Self::Path => Some(Phrase::new(event).object),
            Self::Unit => {
                text(event.unit.as_ref().and_then(|unit| unit.user_unit.as_ref().or(unit.name.as_ref())))
            }
            Self::Container => {
                let container = event.container.as_ref();
                let pod = container.and_then(|container| container.pod.as_ref()?.name.as_ref());
                text(pod.or_else(|| container.and_then(|one| one.name.as_ref().or(one.id.as_ref()))))
            }
            Self::Comm => text(process.comm.as_ref()),
            Self::Exe => text(process.exe.as_ref()),
            Self::Pid => process.pid.map(|pid| pid.to_string()),
            Self::User => text(process.user.as_ref()).or_else(|| process.uid.map(|uid| uid.to_string())),
            Self::Fingerprint => event.fingerprint.map(|fingerprint| fingerprint.to_string()),
            Self::Finding => event.advice.as_ref().map(|advice| {
                let who = Self::Subject.value(event);
                let text = advice.text.as_deref().unwrap_or("nothing to propose");
                format!("{}: {who}: {text}", advice.cause)
            }),
        };
        let value = value.filter(|value| !value.is_empty());
        value.map_or_else(|| ABSENT.to_owned(), |value| printable(&value).to_string())
    }
}
