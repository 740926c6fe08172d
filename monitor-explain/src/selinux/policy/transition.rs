//! Rules about new roles, types by file name, and levels.

use std::collections::{HashMap, HashSet};

use super::{
    Part, PolicyError, Problem,
    bitmap::Bitmap,
    context::Range,
    id::{ClassId, RoleId, TypeId},
    reader::Reader,
    symbols::Symbols,
};

/// `role_transition` (`struct role_trans_key`, security/selinux/ss/policydb.h).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RoleTransition {
    /// The role of the process.
    pub role: RoleId,
    /// The type of the program, or of the other object.
    pub type_: TypeId,
    /// The class of the new object.
    pub class: ClassId,
    /// The role that it gets.
    pub gives: RoleId,
}

/// `allow ROLE ROLE` (`struct role_allow`).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct RoleAllow {
    /// The role of a process.
    pub role: RoleId,
    /// The role that it may change to.
    pub to: RoleId,
}

/// Target, class and name of a `type_transition` with a name.
pub(crate) type NameKey = (TypeId, ClassId, Box<[u8]>);

/// The types that a new object gets, and for which types of processes (`struct filename_trans_datum`).
pub(crate) type NameTransitions = HashMap<NameKey, Vec<(Bitmap, TypeId)>>;

/// Source, target and class of a `range_transition`, and the levels.
pub(crate) type RangeTransitions = HashMap<(TypeId, TypeId, ClassId), Range>;

/// The rules about roles.
#[derive(Clone, Debug, Default)]
pub(crate) struct RoleRules {
    pub(crate) transitions: Vec<RoleTransition>,
    /// Sorted.
    pub(crate) allows: Vec<RoleAllow>,
}

fn known<T>(
    reader: &Reader<'_>,
    what: &'static str,
    value: u32,
    is: bool,
    id: fn(u32) -> T,
) -> Result<T, PolicyError> {
    if is { Ok(id(value)) } else { Err(reader.error(Problem::Value { what, value })) }
}

fn role(reader: &Reader<'_>, symbols: &Symbols, value: u32) -> Result<RoleId, PolicyError> {
    known(reader, "role", value, symbols.roles.has(value), RoleId)
}

fn type_(reader: &Reader<'_>, symbols: &Symbols, value: u32) -> Result<TypeId, PolicyError> {
    known(reader, "type", value, symbols.types.has(value), TypeId)
}

fn class(reader: &Reader<'_>, symbols: &Symbols, value: u32) -> Result<ClassId, PolicyError> {
    known(reader, "class", value, symbols.classes.has(value), ClassId)
}

impl RoleRules {
    /// `role_trans_read()` and `role_allow_read()` (libsepol/src/policydb.c); the kernel has them in
    /// `policydb_read()`. `process` is the class of processes.
    pub(super) fn read(
        reader: &mut Reader<'_>,
        symbols: &Symbols,
        process: Option<ClassId>,
    ) -> Result<Self, PolicyError> {
        reader.enter(Part::RoleRules);
        let mut rules = Self::default();
        for _ in 0..reader.count(12)? {
            let [from, object, to] = reader.words()?;
            let class = if reader.version >= 26 {
                let value = reader.u32()?;
                class(reader, symbols, value)?
            } else {
                process.ok_or_else(|| reader.error(Problem::Missing("class process".to_owned())))?
            };
            rules.transitions.push(RoleTransition {
                role: role(reader, symbols, from)?,
                type_: type_(reader, symbols, object)?,
                class,
                gives: role(reader, symbols, to)?,
            });
        }
        for _ in 0..reader.count(8)? {
            let [from, to] = reader.words()?;
            rules
                .allows
                .push(RoleAllow { role: role(reader, symbols, from)?, to: role(reader, symbols, to)? });
        }
        rules.allows.sort_unstable();
        Ok(rules)
    }
}

/// `filename_trans_read()` (security/selinux/ss/policydb.c).
pub(super) fn names(reader: &mut Reader<'_>, symbols: &Symbols) -> Result<NameTransitions, PolicyError> {
    reader.enter(Part::NameTransitions);
    if reader.version < 25 {
        return Ok(NameTransitions::new());
    }
    if reader.version < 33 { old_names(reader, symbols) } else { compressed_names(reader, symbols) }
}

/// One rule each (`filename_trans_read_helper_compat()`). Of two that contradict one another, the first holds, as in
/// the kernel: some old policies have such.
fn old_names(reader: &mut Reader<'_>, symbols: &Symbols) -> Result<NameTransitions, PolicyError> {
    let count = reader.count(21)?;
    let mut rules = Vec::with_capacity(count);
    for _ in 0..count {
        let length = reader.u32()?;
        let name = reader.path(length)?;
        let [source, target, of, gives] = reader.words()?;
        let source = type_(reader, symbols, source)?;
        let key = (type_(reader, symbols, target)?, class(reader, symbols, of)?, name);
        rules.push((key, source, type_(reader, symbols, gives)?));
    }
    rules.sort_by_key(|(key, source, _)| (*key, *source));
    rules.dedup_by_key(|(key, source, _)| (*key, *source));
    rules.sort_by_key(|(key, source, gives)| (*key, *gives, *source));
    let mut transitions = NameTransitions::new();
    for rules in rules.chunk_by(|left, right| (left.0, left.2) == (right.0, right.2)) {
        let Some(((target, class, name), _, gives)) = rules.first() else { continue };
        let sources = rules.iter().map(|(_, source, _)| source.bit()).collect();
        transitions.entry((*target, *class, (*name).into())).or_default().push((sources, *gives));
    }
    Ok(transitions)
}

/// Those of one target, class and name together (`filename_trans_read_helper()`).
fn compressed_names(reader: &mut Reader<'_>, symbols: &Symbols) -> Result<NameTransitions, PolicyError> {
    let count = reader.count(17)?;
    let mut transitions = NameTransitions::with_capacity(count);
    for _ in 0..count {
        let length = reader.u32()?;
        let name: Box<[u8]> = reader.path(length)?.into();
        let [target, of] = reader.words()?;
        let key = (type_(reader, symbols, target)?, class(reader, symbols, of)?, name);
        let results = reader.count(16)?;
        if results == 0 {
            return Err(reader.error(Problem::Missing("type".to_owned())));
        }
        let mut data = Vec::new();
        let mut seen = HashSet::new();
        for _ in 0..results {
            let sources = Bitmap::read(reader)?;
            let gives = reader.u32()?;
            if !symbols.types.has_all(&sources) {
                let value = sources.last().unwrap_or_default().saturating_add(1);
                return Err(reader.error(Problem::Value { what: "type", value }));
            }
            if !sources.iter().all(|bit| seen.insert(bit)) {
                return Err(reader.error(Problem::Duplicate("transition by name".to_owned())));
            }
            data.push((sources, type_(reader, symbols, gives)?));
        }
        if transitions.insert(key, data).is_some() {
            return Err(reader.error(Problem::Duplicate("transition by name".to_owned())));
        }
    }
    Ok(transitions)
}

/// `range_read()` (security/selinux/ss/policydb.c).
pub(super) fn ranges(reader: &mut Reader<'_>, symbols: &Symbols) -> Result<RangeTransitions, PolicyError> {
    reader.enter(Part::RangeTransitions);
    let mut transitions = RangeTransitions::new();
    for _ in 0..reader.count(32)? {
        let [source, target, of] = reader.words()?;
        let key =
            (type_(reader, symbols, source)?, type_(reader, symbols, target)?, class(reader, symbols, of)?);
        let range = Range::read(reader)?;
        if transitions.insert(key, range).is_some() {
            return Err(reader.error(Problem::Duplicate("range transition".to_owned())));
        }
    }
    Ok(transitions)
}
