//! Labels of what has none of its own: initial SIDs, ports, interfaces, nodes, InfiniBand, file systems
//! (`ocontext_read()`, `genfs_read()`, security/selinux/ss/policydb.c).

use std::collections::BTreeMap;

use super::{Part, PolicyError, Problem, context::Context, id::ClassId, reader::Reader, symbols::Symbols};

/// Labels by what they are for.
#[derive(Clone, Debug, Default)]
pub struct Labels {
    /// Of initial SIDs, by their numbers.
    pub initial: Vec<(u32, Context)>,
    /// Of file systems that have no labels: of themselves, and of their files.
    pub unlabeled: Vec<(Box<str>, Context, Context)>,
    /// Of ports.
    pub ports: Vec<Port>,
    /// Of network interfaces: of themselves, and of what comes through them.
    pub interfaces: Vec<(Box<str>, Context, Context)>,
    /// Of IPv4 addresses: address, mask.
    pub nodes: Vec<([u8; 4], [u8; 4], Context)>,
    /// How file systems get their labels.
    pub file_systems: Vec<FileSystem>,
    /// Of IPv6 addresses: address, mask.
    pub nodes_v6: Vec<([u8; 16], [u8; 16], Context)>,
    /// Of InfiniBand's partition keys: prefix of the subnet, first and last key.
    pub partition_keys: Vec<([u8; 8], u16, u16, Context)>,
    /// Of InfiniBand's end ports: device, port.
    pub end_ports: Vec<(Box<str>, u8, Context)>,
    /// Of files by their paths, for file systems that have no labels (`genfscon`).
    pub paths: BTreeMap<Box<str>, Vec<PathLabel>>,
}

/// The label of ports.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Port {
    /// The protocol's number (6 for TCP, 17 for UDP, 33 for DCCP, 132 for SCTP).
    pub protocol: u32,
    /// The first port.
    pub first: u32,
    /// The last port.
    pub last: u32,
    /// Their label.
    pub context: Context,
}

/// How a file system gets its labels (`fs_use_*`).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FileSystem {
    /// Its name.
    pub name: Box<str>,
    /// How (`SECURITY_FS_USE_XATTR` and what follows, security/selinux/include/security.h).
    pub behavior: u32,
    /// The label of the file system itself.
    pub context: Context,
}

/// The label of all files below a path.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PathLabel {
    /// The path's beginning, within the file system.
    pub path: Box<[u8]>,
    /// The class of files that it is for; all if none.
    pub class: Option<ClassId>,
    /// The label.
    pub context: Context,
}

impl Labels {
    pub(super) fn read(
        reader: &mut Reader<'_>,
        symbols: &Symbols,
        levels: bool,
    ) -> Result<Self, PolicyError> {
        reader.enter(Part::Labels);
        let mut labels = Self::default();
        let context = |reader: &mut Reader<'_>| Context::read(reader, symbols, levels);
        let range = |reader: &Reader<'_>, what, value: u32, last: u32| {
            if value > last { Err(reader.error(Problem::Value { what, value })) } else { Ok(value) }
        };
        for _ in 0..reader.count(36)? {
            labels.initial.push((reader.u32()?, context(reader)?));
        }
        for _ in 0..reader.count(40)? {
            labels.unlabeled.push((name(reader)?, context(reader)?, context(reader)?));
        }
        for _ in 0..reader.count(40)? {
            let [protocol, first, last] = reader.words()?;
            labels.ports.push(Port { protocol, first, last, context: context(reader)? });
        }
        for _ in 0..reader.count(40)? {
            labels.interfaces.push((name(reader)?, context(reader)?, context(reader)?));
        }
        for _ in 0..reader.count(40)? {
            labels.nodes.push((octets(reader)?, octets(reader)?, context(reader)?));
        }
        for _ in 0..reader.count(40)? {
            let behavior = reader.u32()?;
            labels.file_systems.push(FileSystem { behavior, name: name(reader)?, context: context(reader)? });
        }
        for _ in 0..reader.count(40)? {
            labels.nodes_v6.push((octets(reader)?, octets(reader)?, context(reader)?));
        }
        if reader.version >= 31 {
            for _ in 0..reader.count(40)? {
                let prefix = octets(reader)?;
                let [first, last] = reader.words()?;
                let key = |reader: &Reader<'_>, value| {
                    u16::try_from(value)
                        .map_err(|_| reader.error(Problem::Value { what: "partition key", value }))
                };
                let (first, last) = (key(reader, first)?, key(reader, last)?);
                labels.partition_keys.push((prefix, first, last, context(reader)?));
            }
            for _ in 0..reader.count(40)? {
                let [length, port] = reader.words()?;
                let device = reader.name(length)?.into();
                let port = range(reader, "port of a device", port, u8::MAX.into())?;
                labels.end_ports.push((device, u8::try_from(port).unwrap_or(u8::MAX), context(reader)?));
            }
        }
        Ok(labels)
    }

    /// `genfs_read()`.
    pub(super) fn read_paths(
        &mut self,
        reader: &mut Reader<'_>,
        symbols: &Symbols,
        levels: bool,
    ) -> Result<(), PolicyError> {
        reader.enter(Part::FileSystems);
        for _ in 0..reader.count(9)? {
            let file_system = name(reader)?;
            let mut paths = Vec::new();
            for _ in 0..reader.count(40)? {
                let length = reader.u32()?;
                let path = reader.path(length)?.into();
                let class = reader.u32()?;
                if class != 0 && !symbols.classes.has(class) {
                    return Err(reader.error(Problem::Value { what: "class", value: class }));
                }
                let class = (class != 0).then_some(ClassId(class));
                paths.push(PathLabel { path, class, context: Context::read(reader, symbols, levels)? });
            }
            // The longest comes first, so that the first that matches is right.
            paths.sort_by(|left: &PathLabel, right| {
                (right.path.len(), &left.path, left.class).cmp(&(left.path.len(), &right.path, right.class))
            });
            let twice = paths.windows(2).find(|pair| {
                pair[0].path == pair[1].path && (pair[0].class.is_none() || pair[0].class == pair[1].class)
            });
            if let Some([first, ..]) = twice {
                let path = String::from_utf8_lossy(&first.path).into_owned();
                return Err(reader.error(Problem::Duplicate(path)));
            }
            if self.paths.contains_key(&file_system) {
                return Err(reader.error(Problem::Duplicate(file_system.into())));
            }
            self.paths.insert(file_system, paths);
        }
        Ok(())
    }
}

fn name(reader: &mut Reader<'_>) -> Result<Box<str>, PolicyError> {
    let length = reader.u32()?;
    Ok(reader.name(length)?.into())
}

fn octets<const N: usize>(reader: &mut Reader<'_>) -> Result<[u8; N], PolicyError> {
    let taken = reader.take(N)?;
    taken.try_into().map_err(|_| reader.error(Problem::Name))
}
