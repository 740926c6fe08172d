//! The sources: what each is called, and how its records become events.
//!
//! One decoder a source; what they share is the running task (`task`), the object (`object`), SELinux contexts
//! ([`context`]) and the names of the kernel's constants ([`names`]).

mod apparmor;
mod apparmor_policy;
mod apparmor_silent;
mod attachment;
pub mod bpf_lsm;
mod capability;
mod common;
pub mod context;
mod draft;
mod ipe;
mod landlock;
mod lockdown;
pub use monitor_event::names;
mod object;
mod seccomp;
mod seccomp_unlogged;
mod selinux;
mod selinux_error;
mod selinux_policy;
mod selinux_silent;
mod stacks;
mod task;
mod tomoyo;
mod userspace;
mod yama;

use std::os::unix::ffi::OsStrExt as _;

use monitor_common::SourceId;

pub use self::attachment::{Attachment, Hook, Program};
pub use crate::record::RecordError as DecodeError;
use crate::{
    clock::Clock,
    event::{Event, Fingerprint, Kind, Module},
    record::Record,
    source::{
        bpf_lsm::WatchedHook,
        context::EbitmapLayout,
        draft::{Draft, Finished},
        names::{ipe::Numbers, lockdown::Reasons, selinux::ClassMap},
    },
    text,
};

/// What there is to know of a source before it is attached.
#[derive(Clone, Copy, Debug)]
pub struct Source {
    /// Its number.
    pub id: SourceId,
    /// Its name, by which users choose it.
    pub name: &'static str,
    /// The module that it watches.
    pub module: Module,
    /// The name under which the kernel lists the module that must be active for it (`/sys/kernel/security/lsm`); `None`
    /// if it needs none.
    pub lsm: Option<&'static str>,
    /// What its events tell.
    pub kind: Kind,
    /// Whether it reports only denials that the policy keeps out of the log, so that it is watched only with
    /// `--silent`.
    pub silent: bool,
    /// What it reports, for a list.
    pub about: &'static str,
    /// The ways to attach it, the best first.
    pub attachments: &'static [Attachment],
    /// What watching costs while nothing is refused. A source that costs anything is off unless asked for.
    pub cost: Option<&'static str>,
    /// What to do if it can't be attached in any way.
    pub advice: &'static str,
    /// What to do if the reason is that the kernel refuses to trace its functions.
    pub advice_if_refused: &'static str,
    /// Fills in what its records say.
    decode: Decode,
}

/// The event is filled in where it stands: it is large, and each move of it would copy it.
type Decode = for<'a> fn(&mut Draft<'a>, &Record<'a>) -> Result<Finished, DecodeError>;

/// Every source, in the order of its number.
pub static ALL: [Source; SourceId::ALL.len()] = [
    selinux::SOURCE,
    apparmor::SOURCE,
    landlock::SOURCE,
    capability::SOURCE,
    seccomp::SOURCE,
    seccomp_unlogged::SOURCE,
    yama::SOURCE,
    lockdown::SOURCE,
    apparmor_silent::SOURCE,
    selinux_silent::SOURCE,
    selinux_policy::SOURCE,
    apparmor_policy::SOURCE,
    userspace::SELINUX,
    userspace::APPARMOR,
    tomoyo::SOURCE,
    bpf_lsm::SOURCE,
    ipe::SOURCE,
    selinux_error::SOURCE,
];

/// Advice for the sources that trace a function of the kernel.
const TRAMPOLINES: &str = "use a kernel that allows BPF trampolines (fentry/fexit) or kprobes: x86-64 from 5.10 on, or \
     arm64 from 6.4 on, with CONFIG_DEBUG_INFO_BTF=y, not booted with lockdown=confidentiality";

/// Advice for the sources that need a function's return value.
const FEXIT: &str = "use a kernel that allows BPF trampolines (fexit): x86-64 from 5.10 on, or arm64 from 6.4 on, with \
     CONFIG_DEBUG_INFO_BTF=y, not booted with lockdown=confidentiality";

/// Whether an entry of the layout is one that all sources use: who asked, and what for.
#[must_use]
pub fn is_shared(entry: &str) -> bool {
    !ALL.iter().flat_map(|source| source.attachments).any(|attachment| attachment.reads(entry))
}

/// The source of this number.
#[must_use]
pub fn by_id(id: SourceId) -> &'static Source {
    &ALL[id as usize]
}

/// What decoding needs to know of the machine.
#[derive(Debug)]
pub struct Tables {
    /// The machine's host name.
    pub host: String,
    /// denyd's own process, whose denials are not reported.
    pub own_pid: u32,
    /// The time of day.
    pub clock: Clock,
    /// SELinux's classes and permissions, as the running kernel numbers them.
    pub classes: ClassMap,
    /// How the running kernel lays out SELinux's sets of categories; `None` where its BTF doesn't say.
    pub ebitmap: Option<EbitmapLayout>,
    /// What a locked-down kernel refuses, as the running kernel numbers it.
    pub lockdown: Reasons,
    /// IPE's numbers.
    pub ipe: Numbers,
    /// The LSM hooks that have BPF programs, by their slots.
    pub bpf_lsm: Vec<WatchedHook>,
}

impl Tables {
    /// Those of this machine; the ones that only the kernel knows are empty.
    #[must_use]
    pub fn from_kernel() -> Self {
        let host = text::escape(crate::host::name().as_bytes()).into_owned();
        Self {
            host,
            own_pid: std::process::id(),
            clock: Clock::measure(),
            classes: ClassMap::default(),
            ebitmap: None,
            lockdown: Reasons::default(),
            ipe: Numbers::default(),
            bpf_lsm: Vec::new(),
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
    let mut draft = Draft::new(&record, tables);
    let _finished: Finished = (by_id(record.source()).decode)(&mut draft, &record)?;
    draft.event.fingerprint = Fingerprint::new(&draft.event);
    Ok(draft.event)
}

#[cfg(test)]
mod tests {
    use monitor_common::layout::{ENTRIES, Settings};

    use super::*;

    #[test]
    fn the_list_is_in_the_order_of_the_numbers() {
        for id in SourceId::ALL {
            assert_eq!(by_id(id).id, id);
        }
    }

    #[test]
    fn what_an_attachment_needs_and_reads_is_in_the_layout() {
        let is_setting = |name: &str| Settings::UNKNOWN.known().any(|(known, _)| known == name);
        let is_entry = |name: &str| is_setting(name) || ENTRIES.iter().any(|entry| entry.name == name);
        let starts_one = |start: &str| ENTRIES.iter().any(|entry| entry.name.starts_with(start));
        for attachment in ALL.iter().flat_map(|source| source.attachments) {
            let needed = attachment.needs.iter().filter(|name| !is_entry(name));
            let read = attachment.reads.iter().filter(|start| !starts_one(start));
            let wrong: Vec<_> = needed.chain(read).collect();
            assert!(wrong.is_empty(), "{wrong:?}: a misspelt need guards nothing");
        }
    }
}
