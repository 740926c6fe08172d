//! The running task, its cgroup and its ancestors.

use monitor_common::{
    Credentials, Task, TaskField,
    chunk::{ChunkKind, FLAG_CUT, FLAG_FAULT},
};
use zerocopy::FromBytes as _;

use crate::{
    clock::Clock,
    event::{Ancestor, Cgroup, Event, Namespaces, PathRoot, Process, Text},
    path::{Path, Start},
    record::{Chunk, RecordError},
    source::draft::Draft,
    text,
};

/// The fields of an event that a member of the task fills.
const fn fields(member: TaskField) -> &'static [&'static str] {
    match member {
        TaskField::StartTime => &["process.start_time"],
        TaskField::CgroupId => &["process.cgroup"],
        TaskField::CapEffective => &["process.cap_effective"],
        TaskField::Ppid => &["process.ppid"],
        TaskField::NsPid => &["process.ns_pid"],
        TaskField::Ids => &["process.uid", "process.euid", "process.fsuid", "process.gid", "process.egid"],
        TaskField::Loginuid => &["process.loginuid"],
        TaskField::Session => &["process.session"],
        TaskField::Namespaces => &["process.namespaces"],
        TaskField::Comm => &["process.comm"],
    }
}

/// The process, without what chunks add.
pub(super) fn process<'a>(task: &'a Task, missing: u64, clock: &Clock) -> Process<'a> {
    let known = |member: TaskField| missing & member.bit() == 0;
    let ids = |id: u32| known(TaskField::Ids).then_some(id);
    let [pid, mnt, net, user] = task.namespaces;
    Process {
        pid: Some(task.pid),
        tid: Some(task.tid),
        ns_pid: (known(TaskField::NsPid) && task.ns_pid != task.pid).then_some(task.ns_pid),
        comm: known(TaskField::Comm).then(|| text::escape_padded(&task.comm)),
        start_time: known(TaskField::StartTime).then(|| clock.time_of_day(task.start_time)),
        ppid: known(TaskField::Ppid).then_some(task.ppid),
        uid: ids(task.uid),
        euid: ids(task.euid),
        fsuid: ids(task.fsuid),
        gid: ids(task.gid),
        egid: ids(task.egid),
        loginuid: (known(TaskField::Loginuid) && task.loginuid != u32::MAX).then_some(task.loginuid),
        session: (known(TaskField::Session) && task.session != u32::MAX).then_some(task.session),
        cap_effective: known(TaskField::CapEffective).then(|| format!("{:016x}", task.cap_effective).into()),
        namespaces: known(TaskField::Namespaces).then_some(Namespaces { pid, mnt, net, user }),
        cgroup: known(TaskField::CgroupId).then_some(Cgroup { id: task.cgroup_id, path: None }),
        ..Process::default()
    }
}

/// Says which fields the probe could not read.
pub(super) fn note_missing(missing: u64, draft: &mut Draft<'_>) {
    for &member in TaskField::ALL.iter().filter(|member| missing & member.bit() != 0) {
        for &field in fields(member) {
            draft.missing(field, "it could not be read");
        }
    }
}

/// Takes a chunk about the task.
pub(super) fn take<'a>(draft: &mut Draft<'a>, chunk: &Chunk<'a>) -> Result<(), RecordError> {
    match chunk.kind {
        ChunkKind::Exe => {
            let path = Path::new(chunk);
            if let Some(defect) = path.defect() {
                draft.missing("process.exe", defect);
            }
            draft.event.process.exe_deleted = path.deleted;
            draft.event.process.exe = Some(path.text.into());
        }
        ChunkKind::Cwd => {
            let path = Path::new(chunk);
            if let Some(defect) = path.defect() {
                draft.missing("process.cwd", defect);
            }
            draft.event.process.cwd = Some(path.text.into());
        }
        ChunkKind::Argv => {
            let cut = chunk.has(FLAG_CUT | FLAG_FAULT);
            draft.event.process.cmdline = arguments(chunk.bytes, draft.arguments);
            draft.event.process.cmdline_cut = cut;
        }
        ChunkKind::Root => {
            let path = Path::new(chunk);
            if path.text != "/" || path.root != PathRoot::MountNamespace {
                if let Some(defect) = path.defect() {
                    draft.missing("process.root", defect);
                }
                draft.event.process.root = Some(path.text.into());
            }
        }
        ChunkKind::Credentials => {
            let error = RecordError::ChunkForm(chunk.kind);
            let judged = Credentials::read_from_bytes(chunk.bytes).map_err(|_| error)?;
            judge(&mut draft.event, &judged);
        }
        ChunkKind::Cgroup => {
            let path = Path::new(chunk);
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
                ancestor.exe = Some(Path::new(chunk).text.into());
            }
        }
        _ => {}
    }
    Ok(())
}

/// The arguments of a command line as it is in memory, of which `count` were given at the start; 0 if that is unknown.
///
/// A program may write a title over them (`setproctitle`), and fills the rest with zeros. Then there are more ends of
/// strings than arguments, and those behind the title are none.
fn arguments(bytes: &[u8], count: u32) -> Vec<Text<'_>> {
    if bytes.is_empty() {
        return Vec::new();
    }
    let bytes = bytes.strip_suffix(b"\0").unwrap_or(bytes);
    let parts = bytes.split(|&byte| byte == 0);
    let mut arguments = Vec::with_capacity(parts.clone().count());
    arguments.extend(parts.map(text::escape));
    let count = usize::try_from(count).unwrap_or(usize::MAX);
    if count != 0 && arguments.len() > count {
        let end = arguments.iter().rposition(|argument| !argument.is_empty()).map_or(1, |last| last + 1);
        arguments.truncate(end);
    }
    arguments
}

/// Fills in the credentials that were judged, as far as they are not the process's own.
fn judge(event: &mut Event<'_>, judged: &Credentials) {
    let Event { subject, process, .. } = event;
    let other = |judged: u32, own: Option<u32>| (own != Some(judged)).then_some(judged);
    subject.uid = other(judged.uid, process.uid);
    subject.euid = other(judged.euid, process.euid);
    subject.fsuid = other(judged.fsuid, process.fsuid);
    subject.gid = other(judged.gid, process.gid);
    subject.egid = other(judged.egid, process.egid);
    let capabilities = format!("{:016x}", judged.cap_effective);
    subject.cap_effective =
        (process.cap_effective.as_deref() != Some(&capabilities)).then(|| capabilities.into());
    let ids = [subject.uid, subject.euid, subject.fsuid, subject.gid, subject.egid];
    subject.not_process |= ids.iter().any(Option::is_some) || subject.cap_effective.is_some();
}

#[cfg(test)]
mod tests {
    use super::arguments;

    #[test]
    fn a_title_written_over_the_arguments_is_one_argument() {
        let title = [&b"worker: idle"[..], &[0; 40]].concat();
        assert_eq!(arguments(&title, 3), ["worker: idle"]);
        assert_eq!(arguments(&[0; 8], 2), [""]);
    }

    #[test]
    fn empty_arguments_that_were_given_stay() {
        assert_eq!(arguments(b"sh\0-c\0\0x\0\0", 5), ["sh", "-c", "", "x", ""]);
        assert_eq!(arguments(b"sh\0\0\0", 3), ["sh", "", ""]);
        assert_eq!(arguments(b"sh\0\0\0", 0), ["sh", "", ""], "how many there were is unknown");
        assert_eq!(arguments(b"", 1), [""; 0]);
    }
}
