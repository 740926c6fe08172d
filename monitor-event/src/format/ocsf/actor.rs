//! Who did it: the process, its user, and the container that it is in.

use jiff::Timestamp;
use serde::Serialize;

use super::target::File;
use crate::{
    event::{Ancestor, Container, Event, Process, Runtime, Text},
    format::{Joined, Shown, absolute, file::Path, program},
};

#[derive(Serialize)]
pub(super) struct Actor<'e> {
    #[serde(skip_serializing_if = "Option::is_none")]
    process: Option<Caller<'e>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    user: Option<User<'e>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    session: Option<Session>,
    /// The object manager that asked for the process.
    #[serde(skip_serializing_if = "Option::is_none")]
    app_name: Option<&'e str>,
}

impl<'e> Actor<'e> {
    pub(super) fn new(event: &'e Event<'_>) -> Self {
        let Event { process, container, manager, .. } = event;
        Self {
            process: process.pid.is_some().then(|| Caller::new(process, container.as_ref())),
            user: User::new(process.uid, process.user.as_ref()),
            app_name: manager
                .as_ref()
                .and_then(|manager| program(manager.exe.as_deref(), manager.comm.as_deref())),
            session: process.session.map(|session| Session { uid: Shown(session) }),
        }
    }
}

#[derive(Serialize)]
pub(super) struct User<'e> {
    uid: Shown<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    name: Option<&'e str>,
}

impl<'e> User<'e> {
    pub(super) fn new(uid: Option<u32>, name: Option<&'e Text<'_>>) -> Option<Self> {
        uid.map(|uid| Self { uid: Shown(uid), name: name.map(|name| &**name) })
    }
}

#[derive(Serialize)]
struct Session {
    uid: Shown<u32>,
}

/// The process that asked.
#[derive(Serialize)]
struct Caller<'e> {
    #[serde(flatten)]
    program: Program<'e>,
    #[serde(skip_serializing_if = "Option::is_none")]
    tid: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    namespace_pid: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    cmd_line: Option<Shown<Joined<'e>>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    working_directory: Option<&'e str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    user: Option<User<'e>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    euid: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    group: Option<User<'e>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    egid: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    auid: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    container: Option<Contained<'e>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    parent_process: Option<Parent<'e>>,
}

impl<'e> Caller<'e> {
    pub(super) fn new(process: &'e Process<'e>, container: Option<&'e Container<'e>>) -> Self {
        let Process { pid, comm, exe, exe_deleted, start_time, .. } = process;
        let parts = &process.cmdline[..];
        Self {
            program: Program::new(*pid, comm.as_deref(), exe.as_deref(), *exe_deleted, *start_time),
            tid: process.tid,
            namespace_pid: process.ns_pid,
            cmd_line: (!parts.is_empty()).then_some(Shown(Joined { parts, separator: " " })),
            working_directory: process.cwd.as_deref().filter(|cwd| cwd.starts_with('/')),
            user: User::new(process.uid, process.user.as_ref()),
            euid: process.euid,
            group: User::new(process.gid, process.group.as_ref()),
            egid: process.egid,
            auid: process.loginuid,
            container: container.and_then(Contained::new),
            parent_process: Parent::new(&process.ancestors, process.ppid),
        }
    }
}

/// What every process has.
#[derive(Serialize)]
pub(super) struct Program<'e> {
    #[serde(skip_serializing_if = "Option::is_none")]
    pid: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    name: Option<&'e str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    path: Option<&'e str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    file: Option<File<'e>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    created_time: Option<i64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    created_time_dt: Option<Timestamp>,
}

impl<'e> Program<'e> {
    pub(super) fn new(
        pid: Option<u32>,
        comm: Option<&'e str>,
        exe: Option<&'e str>,
        is_deleted: bool,
        start: Option<Timestamp>,
    ) -> Self {
        let path = absolute(exe);
        Self {
            name: program(exe, comm),
            path,
            file: path.and_then(Path::new).map(|path| File::executed(path, is_deleted)),
            created_time: start.map(Timestamp::as_millisecond),
            created_time_dt: start,
            ..Self::numbered(pid)
        }
    }

    /// Whether nothing is lost: a name that is not the file's has no place beside it, nor has a path without its start.
    pub(super) fn is_whole(exe: Option<&str>, comm: Option<&str>) -> bool {
        program(exe, comm) == comm && (exe.is_none() || absolute(exe).is_some())
    }

    pub(super) fn numbered(pid: Option<u32>) -> Self {
        Self { pid, name: None, path: None, file: None, created_time: None, created_time_dt: None }
    }
}

/// A parent, with its own.
#[derive(Serialize)]
struct Parent<'e> {
    #[serde(flatten)]
    program: Program<'e>,
    #[serde(skip_serializing_if = "Option::is_none")]
    user: Option<User<'e>>,
    #[serde(rename = "parent_process", skip_serializing_if = "Option::is_none")]
    older: Option<Box<Parent<'e>>>,
}

impl<'e> Parent<'e> {
    /// The nearest of these ancestors, or the one of which only the number is known.
    pub(super) fn new(ancestors: &'e [Ancestor<'_>], pid: Option<u32>) -> Option<Self> {
        match ancestors {
            [] => pid.map(|pid| Self { program: Program::numbered(Some(pid)), user: None, older: None }),
            [Ancestor { pid, comm, exe, uid, start_time }, older @ ..] => Some(Self {
                program: Program::new(Some(*pid), Some(comm), exe.as_deref(), false, *start_time),
                user: User::new(Some(*uid), None),
                older: Self::new(older, None).map(Box::new),
            }),
        }
    }
}

#[derive(Serialize)]
pub(super) struct Contained<'e> {
    uid: &'e str,
    #[serde(skip_serializing_if = "Option::is_none")]
    name: Option<&'e str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    image: Option<Image<'e>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    runtime: Option<Runtime>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) pod_uuid: Option<&'e str>,
}

#[derive(Serialize)]
struct Image<'e> {
    uid: &'e str,
}

impl<'e> Contained<'e> {
    pub(super) fn new(container: &'e Container<'_>) -> Option<Self> {
        let pod = container.pod.as_ref().and_then(|pod| pod.uid.as_deref());
        let Container { id, name, image, runtime, .. } = container;
        id.as_deref().map(|uid| Self {
            uid,
            name: name.as_deref(),
            image: image.as_deref().map(|uid| Image { uid }),
            runtime: *runtime,
            pod_uuid: pod.filter(|pod| is_uuid(pod)),
        })
    }
}

/// Kubernetes has UUIDs, Podman has not.
fn is_uuid(text: &str) -> bool {
    let groups = text.split('-');
    let is_hex = |group: &str| group.bytes().all(|byte| byte.is_ascii_hexdigit());
    groups.clone().map(str::len).eq([8, 4, 4, 4, 12]) && groups.into_iter().all(is_hex)
}
