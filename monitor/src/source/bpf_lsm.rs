//! The records of what other BPF LSM programs refused.

use monitor_common::{BpfLsm, SourceId};

use crate::{
    event::{BpfProgram, Kind, Module},
    record::{Record, RecordError},
    source::{
        Attachment, Hook, Program, Source,
        draft::{Draft, Finished},
        object,
    },
    text,
};

/// What there is to know of it before it is attached.
pub(super) const SOURCE: Source = Source {
    id: SourceId::BpfLsm,
    name: "bpf-lsm",
    module: Module::Bpf,
    lsm: Some("bpf"),
    kind: Kind::Denial,
    silent: false,
    about: "what other BPF LSM programs refused, which were attached before denyd was",
    attachments: &[
        Attachment { programs: &SESSIONS, needs: &[], reads: &["bpf_lsm_"], caveat: None },
        Attachment { programs: &PROGRAMS, needs: &[], reads: &["bpf_lsm_"], caveat: None },
    ],
    cost: Some("runs at each call of the hooks that have BPF LSM programs, also an allowed one"),
    advice: "start denyd after the BPF LSM programs that it is to watch, with CAP_SYS_ADMIN, on Linux 5.13 or newer",
    advice_if_refused: super::FEXIT,
    decode,
};

const fn session(name: &'static str, slot: usize) -> Program {
    Program { name, hook: Hook::LsmSession(slot) }
}

const SESSIONS: [Program; monitor_common::BPF_LSM_SLOTS] = [
    session("bpf_lsm_0_session", 0),
    session("bpf_lsm_1_session", 1),
    session("bpf_lsm_2_session", 2),
    session("bpf_lsm_3_session", 3),
    session("bpf_lsm_4_session", 4),
    session("bpf_lsm_5_session", 5),
    session("bpf_lsm_6_session", 6),
    session("bpf_lsm_7_session", 7),
];

const fn program(name: &'static str, slot: usize) -> Program {
    Program { name, hook: Hook::LsmSlot(slot) }
}

const PROGRAMS: [Program; monitor_common::BPF_LSM_SLOTS] = [
    program("bpf_lsm_0", 0),
    program("bpf_lsm_1", 1),
    program("bpf_lsm_2", 2),
    program("bpf_lsm_3", 3),
    program("bpf_lsm_4", 4),
    program("bpf_lsm_5", 5),
    program("bpf_lsm_6", 6),
    program("bpf_lsm_7", 7),
];

/// A hook that is watched.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WatchedHook {
    /// Its name: `file_open`.
    pub name: String,
    /// The programs that were on it when denyd started.
    pub programs: Vec<AttachedProgram>,
}

/// A BPF LSM program.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AttachedProgram {
    /// Its id.
    pub id: u32,
    /// Its name, up to 15 bytes.
    pub name: Vec<u8>,
    /// Its tag: the hash of its instructions.
    pub tag: u64,
}

/// Decodes a record.
pub(super) fn decode<'a>(draft: &mut Draft<'a>, record: &Record<'a>) -> Result<Finished, RecordError> {
    let (body, chunks) = record.body::<BpfLsm>()?;
    object::describe(draft, &body.object);
    for chunk in chunks {
        draft.take(&chunk?)?;
    }
    draft.event.action.class = Some("bpf_lsm".into());
    draft.event.action.errno = (body.error < 0).then_some(body.error.unsigned_abs());
    match usize::try_from(body.slot).ok().and_then(|slot| draft.tables.bpf_lsm.get(slot)) {
        Some(hook) => {
            let name = text::escape(hook.name.as_bytes());
            draft.event.action.operation = Some(name.clone());
            draft.event.action.permissions = vec![name];
            draft.event.action.bpf_programs = hook.programs.iter().map(describe).collect();
        }
        None => draft.missing("action", format!("hook {} is not one that is watched", body.slot)),
    }
    Ok(draft.finish())
}

fn describe(program: &AttachedProgram) -> BpfProgram<'_> {
    BpfProgram {
        id: program.id,
        name: (!program.name.is_empty()).then(|| text::escape(&program.name)),
        tag: format!("{:016x}", program.tag).into(),
    }
}
