//! Open Cybersecurity Schema Framework: what data lakes and SIEMs share.
//!
//! A denial is the activity that was attempted, in the class of its object, with what the `security_control` profile
//! says of the outcome. What OCSF has no attribute for stands under `unmapped` ([`Unmapped`]).

use std::net::IpAddr;

use jiff::Timestamp;
use serde::{Serialize, Serializer};

use crate::{
    event::{
        Action, Ancestor, Change, Container, Endpoint, Event, Kind as EventKind, Module, Object, ObjectKind,
        Process, Runtime, TargetProcess, Text, Verdict,
    },
    format::{
        Joined, PRODUCT, PRODUCT_VERSION, Shown, absolute,
        activity::Activity,
        except::{Mapping, serialize_rest},
        file::{Kind, Mode, Path},
        is_parent_known,
        message::Message,
        program,
    },
};

/// The version of OCSF whose classes these are.
const VERSION: &str = "1.7.0";

/// An activity that OCSF has no number for.
const OTHER: u32 = 99;

/// The activity of a system call, in the class of the kernel.
const INVOKE: u32 = 4;

/// The type of a kernel resource that is a system call.
const SYSTEM_CALL: u32 = 2;

/// An event as OCSF has it.
#[derive(Serialize)]
pub(super) struct OcsfEvent<'e> {
    metadata: Metadata,
    time: i64,
    time_dt: Timestamp,
    category_uid: u32,
    class_uid: u32,
    activity_id: u32,
    #[serde(skip_serializing_if = "Option::is_none")]
    activity_name: Option<Shown<Joined<'e>>>,
    type_uid: u32,
    severity_id: u32,
    message: Shown<Message<'e>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    status_id: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    status_code: Option<Shown<u32>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    status_detail: Option<&'e str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    action_id: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    disposition_id: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    policy: Option<Policy>,
    device: Device<'e>,
    actor: Actor<'e>,
    #[serde(flatten)]
    target: Target<'e>,
    unmapped: Unmapped<'e>,
}

impl<'e> OcsfEvent<'e> {
    pub(super) fn new(event: &'e Event<'e>) -> Self {
        let Event { action, process, .. } = event;
        let target = Target::new(event);
        let class = target.class();
        let activity_id = match class {
            Class::Kernel if action.syscall.is_some() => INVOKE,
            class => class.activity(activity(event)),
        };
        let outcome = event.verdict.map(Outcome::new);
        Self {
            metadata: Metadata::new(event),
            time: event.time.as_millisecond(),
            time_dt: event.time,
            category_uid: class.uid() / 1000,
            class_uid: class.uid(),
            activity_id,
            activity_name: (activity_id == OTHER).then(|| activity_name(action)).flatten(),
            type_uid: class.uid() * 100 + activity_id,
            // "Informational": denyd doesn't rate what it reports.
            severity_id: 1,
            message: Shown(Message(event)),
            status_id: match event.kind {
                EventKind::Denial => outcome.as_ref().map(|outcome| outcome.status),
                EventKind::Policy => Some(SUCCESS),
            },
            status_code: action.errno.map(Shown),
            status_detail: action.info.as_deref(),
            action_id: outcome.as_ref().map(|outcome| outcome.action),
            disposition_id: outcome.as_ref().map(|outcome| outcome.disposition),
            policy: outcome.is_some().then_some(Policy { name: event.module }),
            device: Device { hostname: &event.host, type_id: 0, os: Os { name: "Linux", type_id: 200 } },
            actor: Actor {
                process: process.pid.is_some().then(|| Caller::new(process, event.container.as_ref())),
                user: User::new(process.uid, process.user.as_ref()),
                app_name: event
                    .manager
                    .as_ref()
                    .and_then(|manager| program(manager.exe.as_deref(), manager.comm.as_deref())),
                session: process.session.map(|session| Session { uid: Shown(session) }),
            },
            target,
            unmapped: Unmapped(event),
        }
    }
}

/// What was attempted, or done to a policy.
fn activity(event: &Event<'_>) -> Option<Activity> {
    match event.kind {
        EventKind::Denial => Activity::new(&event.action),
        EventKind::Policy => Some(Activity::of_changes(&event.changes)),
    }
}

/// The module's own words for an activity.
fn activity_name<'e>(action: &'e Action<'e>) -> Option<Shown<Joined<'e>>> {
    let parts = match &action.permissions[..] {
        [] => action.operation.as_slice(),
        permissions => permissions,
    };
    (!parts.is_empty()).then_some(Shown(Joined { parts, separator: ", " }))
}

const SUCCESS: u32 = 1;
const FAILURE: u32 = 2;

/// What the profile `security_control` says of a verdict.
struct Outcome {
    status: u32,
    action: u32,
    disposition: u32,
}

impl Outcome {
    fn new(verdict: Verdict) -> Self {
        match verdict {
            // Denied, and blocked.
            Verdict::Denied => Self { status: FAILURE, action: 2, disposition: 2 },
            // Allowed, and logged.
            Verdict::Permitted => Self { status: SUCCESS, action: 1, disposition: 17 },
        }
    }
}

#[derive(Serialize)]
struct Metadata {
    version: &'static str,
    product: Product,
    log_provider: Module,
    profiles: &'static [&'static str],
    extensions: [Extension; 1],
}

#[derive(Serialize)]
struct Product {
    name: &'static str,
    vendor_name: &'static str,
    version: &'static str,
}

#[derive(Serialize)]
struct Extension {
    name: &'static str,
    uid: &'static str,
    version: &'static str,
}

impl Metadata {
    fn new(event: &Event<'_>) -> Self {
        Self {
            version: VERSION,
            product: Product { name: PRODUCT, vendor_name: PRODUCT, version: PRODUCT_VERSION },
            log_provider: event.module,
            profiles: match event.kind {
                EventKind::Denial => {
                    &["container", "datetime", "host", "linux/linux_users", "security_control"]
                }
                EventKind::Policy => &["container", "datetime", "host", "linux/linux_users"],
            },
            extensions: [Extension { name: "linux", uid: "1", version: VERSION }],
        }
    }
}

/// The policy that was asked: its module's.
#[derive(Serialize)]
struct Policy {
    name: Module,
}

#[derive(Serialize)]
struct Device<'e> {
    hostname: &'e str,
    type_id: u32,
    os: Os,
}

#[derive(Serialize)]
struct Os {
    name: &'static str,
    type_id: u32,
}

#[derive(Serialize)]
struct Actor<'e> {
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

#[derive(Serialize)]
struct User<'e> {
    uid: Shown<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    name: Option<&'e str>,
}

impl<'e> User<'e> {
    fn new(uid: Option<u32>, name: Option<&'e Text<'_>>) -> Option<Self> {
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
    fn new(process: &'e Process<'e>, container: Option<&'e Container<'e>>) -> Self {
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
struct Program<'e> {
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
    fn new(
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
            file: path.and_then(Path::new).map(|path| File {
                is_deleted,
                // An executable file, for it was executed.
                ..File::at(path, 8)
            }),
            created_time: start.map(Timestamp::as_millisecond),
            created_time_dt: start,
            ..Self::numbered(pid)
        }
    }

    /// Whether nothing is lost: a name that is not the file's has no place beside it, nor has a path without its start.
    fn is_whole(exe: Option<&str>, comm: Option<&str>) -> bool {
        program(exe, comm) == comm && (exe.is_none() || absolute(exe).is_some())
    }

    fn numbered(pid: Option<u32>) -> Self {
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
    fn new(ancestors: &'e [Ancestor<'_>], pid: Option<u32>) -> Option<Self> {
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
struct Contained<'e> {
    uid: &'e str,
    #[serde(skip_serializing_if = "Option::is_none")]
    name: Option<&'e str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    image: Option<Image<'e>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    runtime: Option<Runtime>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pod_uuid: Option<&'e str>,
}

#[derive(Serialize)]
struct Image<'e> {
    uid: &'e str,
}

impl<'e> Contained<'e> {
    fn new(container: &'e Container<'_>) -> Option<Self> {
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

/// A class of events.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Class {
    Base,
    FileSystem,
    Kernel,
    Process,
    Entity,
    Network,
}

impl Class {
    fn uid(self) -> u32 {
        match self {
            Self::Base => 0,
            Self::FileSystem => 1001,
            Self::Kernel => 1003,
            Self::Process => 1007,
            Self::Entity => 3004,
            Self::Network => 4001,
        }
    }

    /// The number that the class gives to an activity.
    fn activity(self, activity: Option<Activity>) -> u32 {
        let Some(activity) = activity else { return OTHER };
        match self {
            Self::FileSystem => match activity {
                Activity::Create => 1,
                Activity::Read => 2,
                Activity::Write => 3,
                Activity::Delete => 4,
                Activity::Rename => 5,
                Activity::SetAttributes => 6,
                Activity::SetSecurity => 7,
                Activity::GetAttributes => 8,
                Activity::Mount => 12,
                Activity::Unmount => 13,
                Activity::Open => 14,
                _ => OTHER,
            },
            Self::Kernel => match activity {
                Activity::Create => 1,
                Activity::Read => 2,
                Activity::Delete => 3,
                _ => OTHER,
            },
            Self::Process => match activity {
                Activity::Terminate => 2,
                Activity::Trace => 3,
                _ => OTHER,
            },
            Self::Entity => match activity {
                Activity::Create => 1,
                Activity::Write => 3,
                Activity::Delete => 4,
                _ => OTHER,
            },
            Self::Network => match activity {
                Activity::Connect => 1,
                Activity::Listen => 7,
                _ => OTHER,
            },
            Self::Base => OTHER,
        }
    }
}

/// The object, as its class has it.
#[derive(Serialize)]
#[serde(untagged)]
enum Target<'e> {
    File {
        file: File<'e>,
    },
    Process {
        process: TargetProgram<'e>,
    },
    Network(Box<Traffic<'e>>),
    Kernel {
        kernel: Resource<'e>,
    },
    Entity {
        entity: Entity<'e>,
    },
    /// A class needs something of its object that is not known, or there is no class.
    None {},
}

impl<'e> Target<'e> {
    fn new(event: &'e Event<'e>) -> Self {
        let Event { kind, object, .. } = event;
        if *kind == EventKind::Policy {
            return Self::Entity { entity: Entity::new(event) };
        }
        if let Some(file) = File::new(object) {
            return Self::File { file };
        }
        if let Some(process) = &object.process {
            return Self::Process { process: TargetProgram::new(process) };
        }
        if let Some(traffic) = Traffic::new(event) {
            return Self::Network(Box::new(traffic));
        }
        match Resource::new(event) {
            Some(kernel) => Self::Kernel { kernel },
            None => Self::None {},
        }
    }

    fn class(&self) -> Class {
        match self {
            Self::File { .. } => Class::FileSystem,
            Self::Process { .. } => Class::Process,
            Self::Network(_) => Class::Network,
            Self::Kernel { .. } => Class::Kernel,
            Self::Entity { .. } => Class::Entity,
            Self::None {} => Class::Base,
        }
    }
}

#[derive(Serialize)]
struct File<'e> {
    name: &'e str,
    type_id: u32,
    #[serde(skip_serializing_if = "Option::is_none")]
    path: Option<&'e str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    parent_folder: Option<&'e str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    uid: Option<Shown<u64>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    owner: Option<User<'e>>,
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    is_deleted: bool,
}

impl<'e> File<'e> {
    /// A file of which nothing else is known.
    fn at(path: Path<'e>, type_id: u32) -> Self {
        let Path { full, directory, name } = path;
        Self {
            name,
            type_id,
            path: full,
            parent_folder: directory,
            uid: None,
            owner: None,
            is_deleted: false,
        }
    }

    /// The file that an object is, if it has a name.
    fn new(object: &'e Object<'_>) -> Option<Self> {
        let kind = object.mode.as_ref().and_then(Mode::new).and_then(Mode::kind);
        let type_id = match (object.kind, kind) {
            (ObjectKind::Socket, _) | (_, Some(Kind::Socket)) => 5,
            (_, Some(Kind::Regular)) => 1,
            (_, Some(Kind::Directory)) => 2,
            (_, Some(Kind::CharacterDevice)) => 3,
            (_, Some(Kind::BlockDevice)) => 4,
            (_, Some(Kind::Fifo)) => 6,
            (_, Some(Kind::Link)) => 7,
            (_, None) => 0,
        };
        Path::of_object(object).map(|path| Self {
            uid: object.inode.map(Shown),
            owner: User::new(object.owner, None),
            is_deleted: object.deleted,
            ..Self::at(path, type_id)
        })
    }
}

#[derive(Serialize)]
struct TargetProgram<'e> {
    #[serde(flatten)]
    program: Program<'e>,
    #[serde(skip_serializing_if = "Option::is_none")]
    tid: Option<u32>,
}

impl<'e> TargetProgram<'e> {
    fn new(TargetProcess { pid, tid, comm, exe, start_time }: &'e TargetProcess<'_>) -> Self {
        let program = Program::new(Some(*pid), comm.as_deref(), exe.as_deref(), false, *start_time);
        Self { program, tid: *tid }
    }
}

#[derive(Serialize)]
struct Traffic<'e> {
    #[serde(skip_serializing_if = "Option::is_none")]
    src_endpoint: Option<NetworkEndpoint<'e>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    dst_endpoint: Option<NetworkEndpoint<'e>>,
    connection_info: ConnectionInfo<'e>,
}

impl<'e> Traffic<'e> {
    /// If an address is known.
    fn new(event: &'e Event<'_>) -> Option<Self> {
        let object = &event.object;
        let src_endpoint = object.source.as_ref().or(object.local.as_ref()).and_then(NetworkEndpoint::new);
        let dst_endpoint =
            object.destination.as_ref().or(object.remote.as_ref()).and_then(NetworkEndpoint::new);
        if src_endpoint.is_none() && dst_endpoint.is_none() {
            return None;
        }
        let protocol = object.protocol.as_deref();
        let number = protocol.and_then(|protocol| protocol.parse().ok());
        let connection_info = ConnectionInfo {
            // Outbound, or unknown.
            direction_id: if Activity::new(&event.action) == Some(Activity::Connect) { 2 } else { 0 },
            protocol_name: protocol.filter(|_| number.is_none()),
            protocol_num: number,
            protocol_ver_id: match object.family.as_deref() {
                Some("inet") => Some(4),
                Some("inet6") => Some(6),
                _ => None,
            },
        };
        Some(Self { src_endpoint, dst_endpoint, connection_info })
    }
}

#[derive(Serialize)]
struct NetworkEndpoint<'e> {
    ip: &'e str,
    #[serde(skip_serializing_if = "Option::is_none")]
    port: Option<u16>,
}

impl<'e> NetworkEndpoint<'e> {
    fn new(endpoint: &'e Endpoint<'_>) -> Option<Self> {
        let ip = endpoint.address.as_deref()?;
        ip.parse::<IpAddr>().is_ok().then_some(Self { ip, port: endpoint.port })
    }
}

#[derive(Serialize)]
struct ConnectionInfo<'e> {
    direction_id: u32,
    #[serde(skip_serializing_if = "Option::is_none")]
    protocol_name: Option<&'e str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    protocol_num: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    protocol_ver_id: Option<u32>,
}

/// A kernel resource.
#[derive(Serialize)]
struct Resource<'e> {
    name: &'e str,
    type_id: u32,
    #[serde(rename = "type", skip_serializing_if = "Option::is_none")]
    kind: Option<ObjectKind>,
    #[serde(skip_serializing_if = "Option::is_none")]
    system_call: Option<&'e str>,
}

impl<'e> Resource<'e> {
    /// seccomp's system call, or what an object is if it is none of the kinds that have a class of their own and has a
    /// name.
    fn new(event: &'e Event<'_>) -> Option<Self> {
        if let Some(name) = event.action.syscall.as_deref() {
            return Some(Self { name, type_id: SYSTEM_CALL, kind: None, system_call: Some(name) });
        }
        let (_, name) = Self::named(&event.object)?;
        Some(Self { name, type_id: OTHER, kind: Some(event.object.kind), system_call: None })
    }

    /// What names the object, and the field that it is in.
    fn named(object: &'e Object<'_>) -> Option<(&'static str, &'e str)> {
        let named = [
            ("capability", &object.capability),
            ("lockdown_reason", &object.lockdown_reason),
            ("kernel_module", &object.kernel_module),
            ("key_description", &object.key_description),
            ("abstract_name", &object.abstract_name),
            ("anon_class", &object.anon_class),
        ];
        named.into_iter().find_map(|(field, name)| Some((field, name.as_deref()?)))
    }
}

/// A policy that was changed.
#[derive(Serialize)]
struct Entity<'e> {
    name: Name<'e>,
    type_id: u32,
    #[serde(rename = "type")]
    kind: &'static str,
    policy: Policy,
    data: Changes<'e>,
}

/// What an entity is called.
#[derive(Serialize)]
#[serde(untagged)]
enum Name<'e> {
    /// As the profile or boolean, if it is one.
    Own(&'e str),
    /// As the module.
    Module(Module),
}

#[derive(Serialize)]
struct Changes<'e> {
    changes: &'e [Change<'e>],
}

impl<'e> Entity<'e> {
    fn new(event: &'e Event<'e>) -> Self {
        let changes = &event.changes[..];
        Self {
            name: match changes {
                [Change { name: Some(name), .. }] => Name::Own(name),
                _ => Name::Module(event.module),
            },
            type_id: 5,
            kind: "Policy",
            policy: Policy { name: event.module },
            data: Changes { changes },
        }
    }
}

/// What OCSF has no attribute for.
struct Unmapped<'e>(&'e Event<'e>);

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
