//! The object, as its class has it.

use std::net::IpAddr;

use serde::Serialize;

use super::{
    Policy,
    actor::{Program, User},
    class::{Class, OTHER},
};
use crate::{
    event::{Change, Endpoint, Event, Kind as EventKind, Module, Object, ObjectKind, TargetProcess},
    format::{
        Shown,
        activity::Activity,
        file::{Kind, Mode, Path},
    },
};

/// The type of a kernel resource that is a system call.
const SYSTEM_CALL: u32 = 2;

/// The object, as its class has it.
#[derive(Serialize)]
#[serde(untagged)]
pub(super) enum Target<'e> {
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
    pub(super) fn new(event: &'e Event<'e>) -> Self {
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

    pub(super) fn class(&self) -> Class {
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
pub(super) struct File<'e> {
    name: &'e str,
    type_id: u32,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) path: Option<&'e str>,
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
    /// The file of a process: an executable file, for it was executed.
    pub(super) fn executed(path: Path<'e>, is_deleted: bool) -> Self {
        Self { is_deleted, ..Self::at(path, 8) }
    }

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
    pub(super) fn new(object: &'e Object<'_>) -> Option<Self> {
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
pub(super) struct TargetProgram<'e> {
    #[serde(flatten)]
    program: Program<'e>,
    #[serde(skip_serializing_if = "Option::is_none")]
    tid: Option<u32>,
}

impl<'e> TargetProgram<'e> {
    pub(super) fn new(TargetProcess { pid, tid, comm, exe, start_time }: &'e TargetProcess<'_>) -> Self {
        let program = Program::new(Some(*pid), comm.as_deref(), exe.as_deref(), false, *start_time);
        Self { program, tid: *tid }
    }
}

#[derive(Serialize)]
pub(super) struct Traffic<'e> {
    #[serde(skip_serializing_if = "Option::is_none")]
    src_endpoint: Option<NetworkEndpoint<'e>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    dst_endpoint: Option<NetworkEndpoint<'e>>,
    connection_info: ConnectionInfo<'e>,
}

impl<'e> Traffic<'e> {
    /// If an address is known.
    pub(super) fn new(event: &'e Event<'_>) -> Option<Self> {
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
    pub(super) fn new(endpoint: &'e Endpoint<'_>) -> Option<Self> {
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
pub(super) struct Resource<'e> {
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
    pub(super) fn new(event: &'e Event<'_>) -> Option<Self> {
        if let Some(name) = event.action.syscall.as_deref() {
            return Some(Self { name, type_id: SYSTEM_CALL, kind: None, system_call: Some(name) });
        }
        let (_, name) = Self::named(&event.object)?;
        Some(Self { name, type_id: OTHER, kind: Some(event.object.kind), system_call: None })
    }

    /// What names the object, and the field that it is in.
    pub(super) fn named(object: &'e Object<'_>) -> Option<(&'static str, &'e str)> {
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
pub(super) struct Entity<'e> {
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
    pub(super) fn new(event: &'e Event<'e>) -> Self {
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
