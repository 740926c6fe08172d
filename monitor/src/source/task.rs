//! The running task, its cgroup and its ancestors.

use monitor_common::{
    Task,
    chunk::{ChunkKind, FLAG_CUT, FLAG_FAULT},
};
use zerocopy::FromBytes as _;

use crate::{
    clock::Clock,
    event::{Ancestor, Cgroup, Namespaces, Process},
    path::{Path, Start},
    record::{Chunk, RecordError},
    source::draft::Draft,
    text,
};

/// The fields behind each bit of `Head::missing`, in the order of the bits.
const FIELDS: [&[&str]; 9] = [
    &["process.start_time"],
    &["process.cgroup"],
    &["process.cap_effective"],
    &["process.ppid"],
    &["process.ns_pid"],
    &["process.uid", "process.euid", "process.fsuid", "process.gid", "process.egid"],
    &["process.loginuid"],
    &["process.session"],
    &["process.namespaces"],
];

/// The process, without what chunks add.
pub(super) fn process<'a>(task: &'a Task, missing: u64, clock: &Clock) -> Process<'a> {
    let known = |bit: u32| missing & (1 << bit) == 0;
    let ids = |id: u32| known(5).then_some(id);
    let [pid, mnt, net, user] = task.namespaces;
    Process {
        pid: Some(task.pid),
        tid: Some(task.tid),
        ns_pid: (known(4) && task.ns_pid != task.pid).then_some(task.ns_pid),
        comm: Some(text::escape_padded(&task.comm)),
        start_time: known(0).then(|| clock.time_of_day(task.start_time)),
        ppid: known(3).then_some(task.ppid),
        uid: ids(task.uid),
        euid: ids(task.euid),
        fsuid: ids(task.fsuid),
        gid: ids(task.gid),
        egid: ids(task.egid),
        loginuid: (known(6) && task.loginuid != u32::MAX).then_some(task.loginuid),
        session: (known(7) && task.session != u32::MAX).then_some(task.session),
        cap_effective: known(2).then(|| format!("{:016x}", task.cap_effective).into()),
        namespaces: known(8).then_some(Namespaces { pid, mnt, net, user }),
        cgroup: known(1).then_some(Cgroup { id: task.cgroup_id, path: None }),
        ..Process::default()
    }
}

/// Says which fields the probe could not read.
pub(super) fn note_missing(missing: u64, draft: &mut Draft<'_>) {
    for (bit, fields) in FIELDS.iter().enumerate() {
        if missing & (1 << bit) != 0 {
            fields.iter().for_each(|&field| draft.missing(field, "it could not be read"));
        }
    }
}

/// Takes a chunk about the task.
pub(super) fn take<'a>(draft: &mut Draft<'a>, chunk: &Chunk<'a>) -> Result<(), RecordError> {
    match chunk.kind {
        ChunkKind::Exe => {
            let path = Path::of(chunk);
            if let Some(defect) = path.defect() {
                draft.missing("process.exe", defect);
            }
            draft.event.process.exe_deleted = path.deleted;
            draft.event.process.exe = Some(path.text.into());
        }
        ChunkKind::Cwd => {
            let path = Path::of(chunk);
            if let Some(defect) = path.defect() {
                draft.missing("process.cwd", defect);
            }
            draft.event.process.cwd = Some(path.text.into());
        }
        ChunkKind::Argv => {
            let cut = chunk.has(FLAG_CUT | FLAG_FAULT);
            let args = chunk.bytes.strip_suffix(b"\0").unwrap_or(chunk.bytes);
            if !chunk.bytes.is_empty() {
                draft.event.process.cmdline = args.split(|&byte| byte == 0).map(text::escape).collect();
            }
            draft.event.process.cmdline_cut = cut;
        }
        ChunkKind::Cgroup => {
            let path = Path::of(chunk);
            if path.start != Start::There {
                draft.missing("process.cgroup.path", "its start could not be read or did not fit");
            }
            if let Some(cgroup) = &mut draft.event.process.cgroup {
                cgroup.path = Some(path.text.into());
            }
        }
        ChunkKind::Ancestor => {
            let error = RecordError::ChunkForm(chunk.kind);
            let ancestor = monitor_common::Ancestor::read_from_bytes(chunk.bytes).map_err(|_| error)?;
            let (_, comm) = chunk.bytes.split_last_chunk::<16>().ok_or(error)?;
            draft.event.process.ancestors.push(Ancestor {
                pid: ancestor.pid,
                comm: text::escape_padded(comm),
                exe: None,
                uid: ancestor.uid,
                start_time: Some(draft.tables.clock.time_of_day(ancestor.start_time)),
            });
        }
        ChunkKind::AncestorExe => {
            if let Some(ancestor) = draft.event.process.ancestors.last_mut() {
                ancestor.exe = Some(Path::of(chunk).text.into());
            }
        }
        _ => {}
    }
    Ok(())
}
