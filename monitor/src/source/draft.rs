//! An event in the making: what every source fills in the same way.

use std::borrow::Cow;

use monitor_common::{Directory, Flags};

use crate::{
    event::{Event, Missing, ObjectKind, Text},
    record::Chunk,
    source::{
        Tables,
        context::{ContextReader, Formatted},
    },
    text,
};

/// An event in the making.
pub(super) struct Draft<'a> {
    pub(super) event: Event<'a>,
    pub(super) tables: &'a Tables,
    pub(super) contexts: ContextReader<'a>,
    pub(super) flags: Flags,
    /// Arguments that the program was started with; 0 if unknown.
    pub(super) arguments: u32,
    /// The magic number of the object's file system.
    pub(super) magic: u32,
    /// The directory that the object's entry is in.
    pub(super) parent: Option<Directory>,
}

/// That an event says what it lacks: only [`Draft::finish`] gives it, so that no decoder forgets that.
pub(super) struct Finished {
    _by_finish: (),
}

impl<'a> Draft<'a> {
    /// Notes that a field could not be had.
    pub(super) fn missing(&mut self, field: impl Into<Text<'a>>, reason: impl Into<Text<'a>>) {
        self.event.missing.push(Missing { field: field.into(), reason: reason.into() });
    }

    /// Notes that a string chunk is not whole.
    pub(super) fn note_defect(&mut self, field: &'static str, chunk: &Chunk<'_>) {
        use monitor_common::chunk::{FLAG_CUT, FLAG_FAULT};
        if chunk.has(FLAG_FAULT) {
            self.missing(field, "its end could not be read");
        } else if chunk.has(FLAG_CUT) {
            self.missing(field, "its end did not fit");
        }
    }

    /// Formats the contexts that were read, sets the task's, and gives the subject's and the object's.
    pub(super) fn contexts(&mut self) -> [Formatted; 2] {
        let contexts = std::mem::take(&mut self.contexts);
        let [subject, object, task] = contexts.format(self.tables.ebitmap.as_ref());
        match task {
            Some((_, Ok(context))) => self.event.process.label = Some(Cow::Owned(context)),
            Some((sid, Err(reason))) => self.missing("process.label", format!("SID {sid}: {reason}")),
            None => {}
        }
        [subject, object]
    }

    /// Compares the subject's label with the process's own, which is there only if it is another.
    pub(super) fn not_own_label(&mut self) {
        let Event { subject, process, .. } = &mut self.event;
        if subject.label.is_none() || subject.label == process.label {
            subject.label = subject.label.take().or_else(|| process.label.take());
            process.label = None;
        } else if process.label.is_some() {
            subject.not_process = true;
        }
    }

    /// Says what is not there, when all chunks have been taken.
    pub(super) fn finish(&mut self) -> Finished {
        self.contexts();
        let full = self.flags.contains(Flags::FULL);
        let why = if full { "the record was full" } else { "it could not be read" };
        if self.event.process.exe.is_none() && !self.flags.contains(Flags::KERNEL_THREAD) {
            self.missing("process.exe", why);
        }
        let object = &self.event.object;
        if object.kind == ObjectKind::File && object.path.is_none() && object.name.is_none() {
            self.missing("object.path", why);
        }
        if full {
            self.cut_short();
        }
        Finished { _by_finish: () }
    }
}

impl Draft<'_> {
    /// Says what of the process found no room in the record. What decides comes before it, and always has its room.
    fn cut_short(&mut self) {
        let process = &self.event.process;
        let absent = [
            ("process.cgroup.path", process.cgroup.as_ref().is_none_or(|cgroup| cgroup.path.is_none())),
            ("process.cmdline", process.cmdline.is_empty()),
            ("process.cwd", process.cwd.is_none()),
            ("process.ancestors", true),
        ];
        for (field, is_absent) in absent {
            if is_absent {
                self.missing(field, "the record was full");
            }
        }
    }
}

/// Adds a profile to an AppArmor label: a label of several has a chunk for each, and audit joins them so.
pub(super) fn stack<'a>(label: &mut Option<Text<'a>>, profile: &'a [u8]) {
    let profile = text::escape(profile);
    *label = Some(match label.take() {
        None => profile,
        Some(label) => Cow::Owned(format!("{label}//&{profile}")),
    });
}
