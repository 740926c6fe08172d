//! Elastic Common Schema: what Elasticsearch, Kibana and Elastic's rules know.
//!
//! A denial is an `api` call that was refused and, where ECS has a category for the object, an event of that, too. What
//! ECS has no field for stands under `denyd` ([`Unmapped`]).

use std::{fmt, net::IpAddr};

use jiff::Timestamp;
use serde::{Serialize, Serializer};

use crate::{
    event::{
        Ancestor, Container, Endpoint, Event, Kind as EventKind, Module, Object, ObjectKind, Pod, Process,
        Runtime, Text, Verdict, Word,
    },
    format::{
        Capabilities, Joined, PRODUCT, PRODUCT_VERSION, Shown, absolute,
        activity::Activity,
        except::{Mapping, serialize_rest},
        file::{Kind, Mode, Path},
        is_parent_known,
        message::Message,
        program,
    },
};

/// The version of ECS whose fields these are.
const VERSION: &str = "9.4.0";

/// An event as ECS has it.
#[derive(Serialize)]
pub(super) struct Document<'e> {
    #[serde(rename = "@timestamp")]
    timestamp: Timestamp,
    message: Shown<Message<'e>>,
    ecs: Ecs,
    agent: Agent,
    event: Categories<'e>,
    host: Host<'e>,
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<Error>,
    #[serde(skip_serializing_if = "Option::is_none")]
    process: Option<Caller<'e>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    user: Option<User<'e>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    file: Option<File<'e>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    network: Option<Network<'e>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    source: Option<Peer<'e>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    destination: Option<Peer<'e>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    container: Option<Contained<'e>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    orchestrator: Option<Orchestrator<'e>>,
    denyd: Unmapped<'e>,
}

impl<'e> Document<'e> {
    pub(super) fn new(event: &'e Event<'e>) -> Self {
        let Event { action, object, process, container, .. } = event;
        Self {
            timestamp: event.time,
            message: Shown(Message(event)),
            ecs: Ecs { version: VERSION },
            agent: Agent { kind: PRODUCT, version: PRODUCT_VERSION },
            event: Categories::new(event),
            host: Host { name: &event.host },
            error: action.errno.map(|errno| Error { code: Shown(errno) }),
            process: (!process.is_unknown()).then(|| Caller::new(process)),
            user: User::new(process),
            file: File::new(object),
            network: Network::new(object),
            source: object.source.as_ref().or(object.local.as_ref()).map(Peer::new),
            destination: object.destination.as_ref().or(object.remote.as_ref()).map(Peer::new),
            container: container.as_ref().and_then(Contained::new),
            orchestrator: container
                .as_ref()
                .and_then(|container| container.pod.as_ref())
                .map(Orchestrator::new),
            denyd: Unmapped(event),
        }
    }
}

#[derive(Serialize)]
struct Ecs {
    version: &'static str,
}

#[derive(Serialize)]
struct Agent {
    #[serde(rename = "type")]
    kind: &'static str,
    version: &'static str,
}

#[derive(Serialize)]
struct Host<'e> {
    name: &'e str,
}

#[derive(Serialize)]
struct Error {
    code: Shown<u32>,
}

/// The field set `event`: what it is, in ECS's own words.
#[derive(Serialize)]
struct Categories<'e> {
    kind: &'static str,
    category: Words,
    #[serde(rename = "type")]
    types: Words,
    action: Shown<ActionName>,
    #[serde(skip_serializing_if = "Option::is_none")]
    outcome: Option<&'static str>,
    module: &'static str,
    dataset: &'static str,
    provider: Module,
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<&'e str>,
}

impl<'e> Categories<'e> {
    fn new(event: &'e Event<'_>) -> Self {
        let (category, attempted) = match event.kind {
            EventKind::Denial => of_object(&event.object, Activity::new(&event.action)),
            EventKind::Policy => (None, of_policy(Activity::of_changes(&event.changes))),
        };
        let verdict = event.verdict.map(|verdict| match verdict {
            Verdict::Denied => ("denied", "failure"),
            Verdict::Permitted => ("allowed", "success"),
        });
        let (main, dataset, outcome) = match event.kind {
            // The only category whose events ECS expects to be denied or allowed, but for networks and intrusions.
            EventKind::Denial => ("api", "denyd.denial", verdict.map(|(_, outcome)| outcome)),
            EventKind::Policy => ("configuration", "denyd.policy", Some("success")),
        };
        Self {
            kind: "event",
            category: Words([Some(main), category]),
            types: Words([Some(attempted), verdict.map(|(kind, _)| kind)]),
            action: Shown(ActionName { kind: event.kind, module: event.module }),
            outcome,
            module: PRODUCT,
            dataset,
            provider: event.module,
            reason: event.action.info.as_deref(),
        }
    }
}

/// The category of an object, where ECS has one, and the type of what was attempted on it.
fn of_object(object: &Object<'_>, activity: Option<Activity>) -> (Option<&'static str>, &'static str) {
    let on_file = match activity {
        Some(Activity::Create) => "creation",
        Some(Activity::Delete) => "deletion",
        Some(Activity::Write | Activity::Rename | Activity::SetAttributes | Activity::SetSecurity) => {
            "change"
        }
        _ => "access",
    };
    match (object.kind, activity) {
        (ObjectKind::File, _) => (Some("file"), on_file),
        (ObjectKind::Socket, Some(Activity::Connect)) if is_network(object) => {
            (Some("network"), "connection")
        }
        (ObjectKind::Socket, _) if is_network(object) => (Some("network"), "access"),
        (ObjectKind::Socket, _) if object.path.is_some() => (Some("file"), on_file),
        (ObjectKind::Process, Some(Activity::Terminate)) => (Some("process"), "end"),
        (ObjectKind::Process, _) => (Some("process"), "access"),
        (ObjectKind::KernelModule, _) => (Some("driver"), "start"),
        _ => (None, "access"),
    }
}

fn of_policy(activity: Activity) -> &'static str {
    match activity {
        Activity::Create => "creation",
        Activity::Delete => "deletion",
        _ => "change",
    }
}

/// ECS's network is what has IP addresses.
fn is_network(object: &Object<'_>) -> bool {
    let Object { source, destination, local, remote, .. } = object;
    network_type(object).is_some() || [source, destination, local, remote].into_iter().any(Option::is_some)
}

fn network_type(object: &Object<'_>) -> Option<&'static str> {
    match object.family.as_deref()? {
        "inet" => Some("ipv4"),
        "inet6" => Some("ipv6"),
        _ => None,
    }
}

/// One or two words of ECS's lists.
struct Words([Option<&'static str>; 2]);

impl Serialize for Words {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(self.0.iter().flatten())
    }
}

/// What happened, as Auditbeat names it: `violated-selinux-policy`.
struct ActionName {
    kind: EventKind,
    module: Module,
}

impl fmt::Display for ActionName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let did = match self.kind {
            EventKind::Denial => "violated",
            EventKind::Policy => "changed",
        };
        write!(f, "{did}-{}-policy", Word(self.module))
    }
}

/// The field set `process`.
#[derive(Serialize)]
struct Caller<'e> {
    #[serde(skip_serializing_if = "Option::is_none")]
    pid: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    vpid: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    name: Option<&'e str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    executable: Option<&'e str>,
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    args: &'e [Text<'e>],
    #[serde(skip_serializing_if = "Option::is_none")]
    args_count: Option<usize>,
    #[serde(skip_serializing_if = "Option::is_none")]
    command_line: Option<Shown<Joined<'e>>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    working_directory: Option<&'e str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    start: Option<Timestamp>,
    #[serde(skip_serializing_if = "Option::is_none")]
    user: Option<Id<'e>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    real_user: Option<Id<'e>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    group: Option<Id<'e>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    real_group: Option<Id<'e>>,
    thread: Thread<'e>,
    #[serde(skip_serializing_if = "Option::is_none")]
    parent: Option<Parent<'e>>,
}

impl<'e> Caller<'e> {
    fn new(process: &'e Process<'e>) -> Self {
        let args = &process.cmdline[..];
        Self {
            pid: process.pid,
            vpid: process.ns_pid,
            name: program(process.exe.as_deref(), process.comm.as_deref()),
            executable: absolute(process.exe.as_deref()),
            args,
            args_count: (!args.is_empty() && !process.cmdline_cut).then_some(args.len()),
            command_line: (!args.is_empty()).then_some(Shown(Joined { parts: args, separator: " " })),
            working_directory: absolute(process.cwd.as_deref()),
            start: process.start_time,
            user: Id::new(process.euid, process.euser.as_ref()),
            real_user: Id::new(process.uid, process.user.as_ref()),
            group: Id::new(process.egid, process.egroup.as_ref()),
            real_group: Id::new(process.gid, process.group.as_ref()),
            thread: Thread {
                id: process.tid,
                name: process.comm.as_deref(),
                capabilities: effective(process).map(|effective| Effective { effective }),
            },
            parent: Parent::new(process),
        }
    }
}

fn effective(process: &Process<'_>) -> Option<Capabilities> {
    Capabilities::new(process.cap_effective.as_ref()?)
}

#[derive(Serialize)]
struct Id<'e> {
    id: Shown<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    name: Option<&'e str>,
}

impl<'e> Id<'e> {
    fn new(id: Option<u32>, name: Option<&'e Text<'_>>) -> Option<Self> {
        id.map(|id| Self { id: Shown(id), name: name.map(|name| &**name) })
    }
}

#[derive(Serialize)]
struct Thread<'e> {
    #[serde(skip_serializing_if = "Option::is_none")]
    id: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    name: Option<&'e str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    capabilities: Option<Effective>,
}

#[derive(Serialize)]
struct Effective {
    effective: Capabilities,
}

/// The field set `process.parent`.
#[derive(Serialize)]
struct Parent<'e> {
    pid: u32,
    #[serde(skip_serializing_if = "Option::is_none")]
    name: Option<&'e str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    executable: Option<&'e str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    start: Option<Timestamp>,
    #[serde(skip_serializing_if = "Option::is_none")]
    real_user: Option<Id<'e>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    thread: Option<ParentThread<'e>>,
}

#[derive(Serialize)]
struct ParentThread<'e> {
    name: &'e str,
}

impl<'e> Parent<'e> {
    fn new(process: &'e Process<'_>) -> Option<Self> {
        let of_ancestor = |Ancestor { pid, comm, exe, uid, start_time }: &'e Ancestor<'_>| Self {
            pid: *pid,
            name: program(exe.as_deref(), Some(comm)),
            executable: absolute(exe.as_deref()),
            start: *start_time,
            real_user: Id::new(Some(*uid), None),
            thread: Some(ParentThread { name: comm }),
        };
        let alone =
            |pid| Self { pid, name: None, executable: None, start: None, real_user: None, thread: None };
        process.ancestors.first().map(of_ancestor).or_else(|| process.ppid.map(alone))
    }
}

/// The field set `user`.
#[derive(Serialize)]
struct User<'e> {
    #[serde(flatten)]
    real: Id<'e>,
    #[serde(skip_serializing_if = "Option::is_none")]
    effective: Option<Id<'e>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    group: Option<Id<'e>>,
}

impl<'e> User<'e> {
    fn new(process: &'e Process<'_>) -> Option<Self> {
        Id::new(process.uid, process.user.as_ref()).map(|real| Self {
            real,
            effective: Id::new(
                process.euid.filter(|&euid| Some(euid) != process.uid),
                process.euser.as_ref(),
            ),
            group: Id::new(process.gid, process.group.as_ref()),
        })
    }
}

/// The field set `file`.
#[derive(Serialize)]
struct File<'e> {
    #[serde(skip_serializing_if = "Option::is_none")]
    path: Option<&'e str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    directory: Option<&'e str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    name: Option<&'e str>,
    #[serde(rename = "type", skip_serializing_if = "Option::is_none")]
    kind: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    mode: Option<Shown<Octal>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    device: Option<&'e str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    inode: Option<Shown<u64>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    uid: Option<Shown<u32>>,
}

impl<'e> File<'e> {
    fn new(object: &'e Object<'_>) -> Option<Self> {
        let path = Path::of_object(object);
        if path.is_none() && object.kind != ObjectKind::File {
            return None;
        }
        let mode = object.mode.as_ref().and_then(Mode::new);
        Some(Self {
            path: path.and_then(|path| path.full),
            directory: path.and_then(|path| path.directory),
            name: path.map(|path| path.name),
            kind: mode.and_then(Mode::kind).map(|kind| match kind {
                Kind::Regular => "file",
                Kind::Directory => "dir",
                Kind::Link => "symlink",
                Kind::Fifo => "fifo",
                Kind::Socket => "socket",
                Kind::CharacterDevice => "character",
                Kind::BlockDevice => "block",
            }),
            mode: mode.map(|mode| Shown(Octal(mode.permissions()))),
            device: object.device.as_deref(),
            inode: object.inode.map(Shown),
            uid: object.owner.map(Shown),
        })
    }
}

struct Octal(u32);

impl fmt::Display for Octal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:04o}", self.0)
    }
}

/// The field set `network`.
#[derive(Serialize)]
struct Network<'e> {
    #[serde(rename = "type")]
    kind: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    transport: Option<&'e str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    iana_number: Option<&'e str>,
}

impl<'e> Network<'e> {
    fn new(object: &'e Object<'_>) -> Option<Self> {
        let protocol = object.protocol.as_deref();
        let is_number = |protocol: &&str| protocol.bytes().all(|byte| byte.is_ascii_digit());
        network_type(object).map(|kind| Self {
            kind,
            transport: protocol.filter(|protocol| !is_number(protocol)),
            iana_number: protocol.filter(is_number),
        })
    }
}

/// The field sets `source` and `destination`.
#[derive(Serialize)]
struct Peer<'e> {
    #[serde(skip_serializing_if = "Option::is_none")]
    address: Option<&'e str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    ip: Option<&'e str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    port: Option<u16>,
}

impl<'e> Peer<'e> {
    fn new(endpoint: &'e Endpoint<'_>) -> Self {
        let address = endpoint.address.as_deref();
        // Elasticsearch would refuse the whole document for an `ip` that is none.
        let ip = address.filter(|address| address.parse::<IpAddr>().is_ok());
        Self { address, ip, port: endpoint.port }
    }
}

/// The field set `container`.
#[derive(Serialize)]
struct Contained<'e> {
    #[serde(skip_serializing_if = "Option::is_none")]
    id: Option<&'e str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    name: Option<&'e str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    image: Option<Image<'e>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    runtime: Option<Runtime>,
}

#[derive(Serialize)]
struct Image<'e> {
    name: &'e str,
}

impl<'e> Contained<'e> {
    fn new(container: &'e Container<'_>) -> Option<Self> {
        let (id, runtime) = (container.id.as_deref(), container.runtime);
        (id.is_some() || runtime.is_some()).then(|| Self {
            id,
            name: container.name.as_deref(),
            image: container.image.as_deref().map(|name| Image { name }),
            runtime,
        })
    }
}

/// The field set `orchestrator`.
#[derive(Serialize)]
struct Orchestrator<'e> {
    #[serde(skip_serializing_if = "Option::is_none")]
    namespace: Option<&'e str>,
    resource: Resource<'e>,
}

#[derive(Serialize)]
struct Resource<'e> {
    #[serde(rename = "type")]
    kind: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    id: Option<&'e str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    name: Option<&'e str>,
}

impl<'e> Orchestrator<'e> {
    fn new(pod: &'e Pod<'_>) -> Self {
        Self {
            namespace: pod.namespace.as_deref(),
            resource: Resource { kind: "pod", id: pod.uid.as_deref(), name: pod.name.as_deref() },
        }
    }
}

/// What ECS has no field for.
struct Unmapped<'e>(&'e Event<'e>);

impl Serialize for Unmapped<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let Self(event) = self;
        let file = File::new(&event.object);
        serialize_rest(event, &Mapped { event, file: file.as_ref() }, serializer)
    }
}

/// What ECS has of an event.
struct Mapped<'e> {
    event: &'e Event<'e>,
    file: Option<&'e File<'e>>,
}

impl Mapping for Mapped<'_> {
    fn has(&self, name: &str) -> bool {
        matches!(name, "time" | "host" | "module" | "verdict")
    }

    fn has_of_action(&self, name: &str) -> bool {
        matches!(name, "errno" | "info")
    }

    fn has_of_object(&self, name: &str) -> bool {
        let object = &self.event.object;
        match name {
            "path" => self.file.is_some_and(|file| file.path.is_some()),
            "device" | "inode" | "owner" => self.file.is_some(),
            "mode" => self.file.is_some_and(|file| file.mode.is_some()),
            "family" | "protocol" => network_type(object).is_some(),
            "source" | "destination" => true,
            "local" => object.source.is_none(),
            "remote" => object.destination.is_none(),
            _ => false,
        }
    }

    fn has_of_process(&self, name: &str) -> bool {
        in_process(&self.event.process, name)
    }

    fn has_of_container(&self, container: &Container<'_>, name: &str) -> bool {
        matches!(name, "id" | "runtime")
            || matches!(name, "name" | "image") && Contained::new(container).is_some()
    }
}

/// Whether ECS has this field of the process.
fn in_process(process: &Process<'_>, name: &str) -> bool {
    match name {
        "pid" | "tid" | "ns_pid" | "comm" | "cmdline" | "start_time" | "uid" | "euid" | "gid" | "egid"
        | "user" | "euser" | "group" | "egroup" => true,
        "ppid" => is_parent_known(process),
        "exe" => absolute(process.exe.as_deref()).is_some(),
        "cwd" => absolute(process.cwd.as_deref()).is_some(),
        "cap_effective" => effective(process).is_some(),
        "ancestors" => match &process.ancestors[..] {
            [Ancestor { exe, .. }] => exe.is_none() || absolute(exe.as_deref()).is_some(),
            _ => false,
        },
        _ => false,
    }
}
