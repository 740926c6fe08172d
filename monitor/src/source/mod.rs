//! The sources: what each is called, and how its records become events.
//!
//! One decoder a source; what they share is the running task (`task`), the object (`object`), SELinux contexts
//! ([`context`]) and the names of the kernel's constants ([`names`]).

mod apparmor;
mod capability;
pub mod context;
mod draft;
mod landlock;
pub mod names;
mod object;
mod selinux;
mod task;

use monitor_common::SourceId;

pub use crate::record::RecordError as DecodeError;
use crate::{
    clock::Clock,
    event::{Event, Module},
    record::Record,
    source::{
        context::{Contexts, EbitmapLayout},
        names::selinux::ClassMap,
    },
    text,
};

/// What there is to know of a source before it is attached.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Source {
    /// Its number.
    pub id: SourceId,
    /// Its name, which is also its module's.
    pub name: &'static str,
    /// The module that it watches.
    pub module: Module,
    /// What it reports, for a list.
    pub about: &'static str,
    /// Whether it runs only when something is refused. One that doesn't is off unless asked for.
    pub denial_path_only: bool,
}

/// Every source, in the order of its number.
pub const ALL: [Source; SourceId::ALL.len()] = [
    Source {
        id: SourceId::Selinux,
        name: "selinux",
        module: Module::Selinux,
        about: "SELinux denials, enforcing and permissive",
        denial_path_only: true,
    },
    Source {
        id: SourceId::Apparmor,
        name: "apparmor",
        module: Module::Apparmor,
        about: "AppArmor's DENIED, ALLOWED (complain) and KILLED",
        denial_path_only: true,
    },
    Source {
        id: SourceId::Landlock,
        name: "landlock",
        module: Module::Landlock,
        about: "Landlock denials, the unlogged ones too",
        denial_path_only: true,
    },
    Source {
        id: SourceId::Capability,
        name: "capability",
        module: Module::Capability,
        about: "capabilities that a process lacked; runs at every check, also a passed one",
        denial_path_only: false,
    },
];

/// The source of this number.
#[must_use]
pub fn of(id: SourceId) -> &'static Source {
    &ALL[id as usize]
}

/// What decoding needs to know of the machine.
#[derive(Debug)]
pub struct Tables {
    /// The machine's host name.
    pub host: String,
    /// The time of day.
    pub clock: Clock,
    /// SELinux's classes and permissions, as the running kernel numbers them.
    pub classes: ClassMap,
    /// How the running kernel lays out SELinux's sets of categories; `None` where its BTF doesn't say.
    pub ebitmap: Option<EbitmapLayout>,
    /// The SELinux contexts seen so far.
    pub contexts: Contexts,
}

impl Tables {
    /// Those of this machine; the ones that only the kernel knows are empty.
    #[must_use]
    pub fn of_this_machine() -> Self {
        let host = text::escape(rustix::system::uname().nodename().to_bytes()).into_owned();
        Self {
            host,
            clock: Clock::measure(),
            classes: ClassMap::default(),
            ebitmap: None,
            contexts: Contexts::default(),
        }
    }
}

/// Turns a record's bytes into an event, which borrows from them.
///
/// # Errors
///
/// If the bytes are no record.
pub fn decode<'a>(record: &'a [u8], tables: &'a Tables) -> Result<Event<'a>, DecodeError> {
    let record = Record::parse(record)?;
    match record.source() {
        SourceId::Selinux => selinux::decode(&record, tables),
        SourceId::Apparmor => apparmor::decode(&record, tables),
        SourceId::Landlock => landlock::decode(&record, tables),
        SourceId::Capability => capability::decode(&record, tables),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_list_is_in_the_order_of_the_numbers() {
        for id in SourceId::ALL {
            assert_eq!(of(id).id, id);
        }
    }
}
