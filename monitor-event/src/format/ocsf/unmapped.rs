//! What OCSF has no attribute for.

use serde::{Serialize, Serializer};

use super::{
    actor::{Contained, Program},
    target::{Resource, Target},
};
use crate::{
    event::{Ancestor, Container, Event, Process, TargetProcess},
    format::{
        absolute,
        except::{Mapping, serialize_rest},
        is_parent_known, program,
    },
};

/// What OCSF has no attribute for.
pub(super) struct Unmapped<'e>(pub(super) &'e Event<'e>);

impl Serialize for Unmapped<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let Self(event) = self;
        serialize_rest(event, &Mapped { event, target: Target::new(event) }, serializer)
    }
}

/// What OCSF has of an event.
struct Mapped<'e> {
    event: &'e Event<'e>,
    target: Target<'e>,
}

impl Mapping for Mapped<'_> {
    fn has(&self, name: &str) -> bool {
        matches!(name, "time" | "host" | "module" | "verdict" | "changes")
    }

    fn has_of_action(&self, name: &str) -> bool {
        matches!(name, "errno" | "info")
    }

    fn has_of_object(&self, name: &str) -> bool {
        let object = &self.event.object;
        match &self.target {
            Target::File { file } => match name {
                "path" => file.path.is_some(),
                "inode" | "owner" | "deleted" => true,
                _ => false,
            },
            Target::Process { .. } => {
                let is_whole =
                    |TargetProcess { comm, exe, .. }: &_| Program::is_whole(exe.as_deref(), comm.as_deref());
                name == "process" && object.process.as_ref().is_some_and(is_whole)
            }
            Target::Network(_) => match name {
                "source" | "destination" | "protocol" => true,
                "local" => object.source.is_none(),
                "remote" => object.destination.is_none(),
                "family" => matches!(object.family.as_deref(), Some("inet" | "inet6")),
                _ => false,
            },
            Target::Kernel { .. } => {
                // A system call is named by the action.
                self.event.action.syscall.is_none()
                    && Resource::named(object).is_some_and(|(field, _)| field == name)
            }
            Target::Entity { .. } | Target::None {} => false,
        }
    }

    fn has_of_process(&self, name: &str) -> bool {
        has_of_process(&self.event.process, name)
    }

    fn has_of_container(&self, container: &Container<'_>, name: &str) -> bool {
        has_of_container(container, name)
    }
}

/// Whether OCSF has this field of the process, and has it whole.
fn has_of_process(process: &Process<'_>, name: &str) -> bool {
    // A process is nothing without its number.
    if process.pid.is_none() {
        return false;
    }
    match name {
        "pid" | "tid" | "ns_pid" | "start_time" | "uid" | "euid" | "gid" | "egid" | "loginuid"
        | "session" | "user" | "group" => true,
        "ppid" => is_parent_known(process),
        // The name of the program stands in its place.
        "comm" => program(process.exe.as_deref(), process.comm.as_deref()) == process.comm.as_deref(),
        "ancestors" => process
            .ancestors
            .iter()
            .all(|Ancestor { comm, exe, .. }| Program::is_whole(exe.as_deref(), Some(comm))),
        "exe" | "exe_deleted" => absolute(process.exe.as_deref()).is_some(),
        "cwd" => process.cwd.as_deref().is_some_and(|cwd| cwd.starts_with('/')),
        // Where one argument ends and the next begins is lost otherwise.
        "cmdline" => !process.cmdline.iter().any(|argument| argument.is_empty() || argument.contains(' ')),
        _ => false,
    }
}

/// Whether OCSF has this field of a container.
fn has_of_container(container: &Container<'_>, name: &str) -> bool {
    let mapped = Contained::new(container);
    match name {
        "id" => true,
        "runtime" | "name" | "image" => mapped.is_some(),
        "pod" => {
            mapped.is_some_and(|mapped| mapped.pod_uuid.is_some())
                && container
                    .pod
                    .as_ref()
                    .is_none_or(|pod| pod.qos.is_none() && pod.name.is_none() && pod.namespace.is_none())
        }
        _ => false,
    }
}
