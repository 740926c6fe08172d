//! What every source's records have: the head, and chunks that mean the same whatever the source.

use std::borrow::Cow;

use monitor_common::{Flags, chunk::ChunkKind};

use crate::{
    event::{Action, Audit, Event, Kind, Object, SCHEMA_VERSION, Subject, Verdict},
    record::{Chunk, Record, RecordError},
    source::{
        Tables, by_id,
        context::ContextReader,
        draft::{Draft, stack},
        object, stacks, task,
    },
    text,
};

impl<'a> Draft<'a> {
    /// Begins with the head.
    pub(super) fn new(record: &Record<'a>, tables: &'a Tables) -> Self {
        let head = record.head();
        let source = by_id(record.source());
        let has = |flag| head.flags.contains(flag);
        let mut draft = Self {
            event: Event {
                schema: SCHEMA_VERSION,
                time: tables.clock.time_of_day(head.time),
                host: Cow::Borrowed(&tables.host),
                kind: source.kind,
                module: source.module,
                verdict: match source.kind {
                    Kind::Denial if has(Flags::PERMITTED) => Some(Verdict::Permitted),
                    Kind::Denial => Some(Verdict::Denied),
                    Kind::Policy => None,
                },
                silent: has(Flags::SILENT),
                fingerprint: None,
                count: None,
                first: None,
                last: None,
                pids: Vec::new(),
                action: Action::default(),
                changes: Vec::new(),
                subject: Subject { not_process: has(Flags::NOT_SUBJECT), ..Subject::default() },
                object: Object::default(),
                process: task::process(&head.task, head.missing, &tables.clock),
                manager: None,
                unit: None,
                container: None,
                stack: None,
                audit: (head.task.audit_serial != 0).then_some(Audit { serial: head.task.audit_serial }),
                advice: None,
                missing: Vec::new(),
            },
            tables,
            contexts: ContextReader::default(),
            flags: head.flags,
            arguments: head.task.argument_count,
            magic: 0,
            parent: None,
        };
        draft.event.process.in_interrupt = has(Flags::IN_INTERRUPT);
        task::note_missing(head.missing, &mut draft);
        draft
    }

    /// Takes a chunk that means the same whatever the source. One that doesn't is left to the source, and what the
    /// source doesn't know either is passed over.
    pub(super) fn take(&mut self, chunk: &Chunk<'a>) -> Result<(), RecordError> {
        match chunk.kind {
            ChunkKind::Exe
            | ChunkKind::Cwd
            | ChunkKind::Root
            | ChunkKind::Credentials
            | ChunkKind::Argv
            | ChunkKind::Cgroup
            | ChunkKind::Ancestor
            | ChunkKind::AncestorExe => task::take(self, chunk),
            ChunkKind::ObjectPath
            | ChunkKind::UnixName
            | ChunkKind::ObjectName
            | ChunkKind::ObjectExe
            | ChunkKind::Interface
            | ChunkKind::Parent => object::take(self, chunk),
            ChunkKind::SubjectContext
            | ChunkKind::ObjectContext
            | ChunkKind::TaskContext
            | ChunkKind::CategoriesLow
            | ChunkKind::CategoriesHigh => self.contexts.take(chunk),
            ChunkKind::SubjectContextText => {
                self.event.subject.unknown_label = Some(text::escape(chunk.bytes));
                self.note_defect("subject.unknown_label", chunk);
                Ok(())
            }
            ChunkKind::ObjectContextText => {
                self.event.object.unknown_label = Some(text::escape(chunk.bytes));
                self.note_defect("object.unknown_label", chunk);
                Ok(())
            }
            ChunkKind::TaskProfile => {
                stack(&mut self.event.process.label, chunk.bytes);
                self.note_defect("process.label", chunk);
                Ok(())
            }
            ChunkKind::KernelStack | ChunkKind::UserStack => stacks::take(self, chunk),
            _ => Ok(()),
        }
    }
}
