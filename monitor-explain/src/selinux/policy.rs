//! The binary policy that the kernel loads (`policydb`), read without trusting a byte of it.
//!
//! The form is that of `policydb_read()` (security/selinux/ss/policydb.c, and libsepol's src/policydb.c), in the
//! versions that kernels since Linux 2.6.28 write and read. What the kernel would refuse is refused; so is what
//! libsepol's `policydb_validate()` would: a number that stands for nothing.

mod bitmap;
mod condition;
mod constraint;
mod context;
mod error;
mod id;
mod labels;
mod reader;
mod rules;
mod symbols;
mod table;
mod transition;

use std::ops::RangeInclusive;

pub use self::{
    bitmap::Bitmap,
    condition::{Condition, Step, When},
    constraint::{Attribute, Compared, Comparison, Constraint, Term, Whose},
    context::{Context, ContextError, Invalid, Level, Range},
    error::{Part, PolicyError, Problem},
    id::{BooleanId, CategoryId, ClassId, CommonId, LevelId, RoleId, TypeId, UserId},
    labels::{FileSystem, Labels, PathLabel, Port},
    rules::{Extended, ExtendedSet, Rule, RuleKind, Rules},
    symbols::{Boolean, Category, Class, Common, Role, Sensitivity, Symbols, Type, User},
    table::{Id, Table},
    transition::{RoleAllow, RoleTransition},
};
pub(crate) use self::{
    condition::Switches,
    constraint::DEPTH,
    id::OBJECT_ROLE,
    transition::{NameTransitions, RangeTransitions, RoleRules},
};
use self::{reader::Reader, rules::Rules as RuleTable};

/// The versions that can be read.
pub const VERSIONS: RangeInclusive<u32> = 24..=35;

/// How deep types may be bounded (`POLICYDB_BOUNDS_MAXDEPTH`, security/selinux/ss/policydb.h).
const BOUNDS: usize = 4;

/// Names of the policy capabilities (`policycap_names.h`), by their bits.
const CAPABILITIES: [&str; 15] = [
    "network_peer_controls",
    "open_perms",
    "extended_socket_class",
    "always_check_network",
    "cgroup_seclabel",
    "nnp_nosuid_transition",
    "genfs_seclabel_symlinks",
    "ioctl_skip_cloexec",
    "userspace_initial_context",
    "netlink_xperm",
    "netif_wildcard",
    "genfs_seclabel_wildcard",
    "functionfs_seclabel",
    "memfd_class",
    "bpf_token_perms",
];

/// What the kernel does about a class or permission that the policy doesn't know.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unknown {
    /// It is refused.
    Deny,
    /// The policy is not loaded.
    Reject,
    /// It is allowed.
    Allow,
}

/// A policy (`struct policydb`, security/selinux/ss/policydb.h).
#[derive(Clone, Debug)]
pub struct Policy {
    /// The version of its form.
    pub version: u32,
    /// Whether it has levels (MLS or MCS).
    pub levels: bool,
    /// What happens to classes and permissions that it doesn't know.
    pub unknown: Unknown,
    /// Names.
    pub symbols: Symbols,
    /// Labels of what has none of its own.
    pub labels: Labels,
    pub(crate) capabilities: Bitmap,
    permissive: Bitmap,
    never_audited: Bitmap,
    pub(crate) rules: Rules,
    /// The conditions of rules.
    pub conditions: Vec<Condition>,
    /// What the booleans make of them.
    pub(crate) switches: Switches,
    pub(crate) states: Vec<bool>,
    pub(crate) roles: RoleRules,
    pub(crate) names: NameTransitions,
    pub(crate) ranges: RangeTransitions,
    /// For each type, its own bit and those of its attributes.
    pub(crate) attributes: Vec<Bitmap>,
    /// The class of processes.
    pub(crate) process: Option<ClassId>,
}

impl Policy {
    /// Reads a policy (`policydb_read()`).
    ///
    /// # Errors
    /// When the bytes are no policy, one of another version, or one that the kernel would not load.
    pub fn read(bytes: &[u8]) -> Result<Self, PolicyError> {
        let mut reader = Reader::new(bytes);
        let (levels, unknown) = header(&mut reader)?;
        reader.enter(Part::Capabilities);
        let capabilities = Bitmap::read(&mut reader)?;
        reader.enter(Part::TypeMaps);
        let permissive = Bitmap::read(&mut reader)?;
        let never_audited = if reader.version >= 35 { Bitmap::read(&mut reader)? } else { Bitmap::default() };
        let symbols = Symbols::read(&mut reader)?;
        symbols.validate(&reader)?;
        let process = symbols.classes.value("process").map(ClassId);
        reader.enter(Part::Rules);
        let mut rules = RuleTable::read(&mut reader, &symbols)?;
        reader.enter(Part::Conditions);
        let conditions = Condition::read_all(&mut reader, &symbols, &mut rules)?;
        rules.finish(&reader, &symbols)?;
        let roles = RoleRules::read(&mut reader, &symbols, process)?;
        let names = transition::names(&mut reader, &symbols)?;
        let mut labels = Labels::read(&mut reader, &symbols, levels)?;
        labels.read_paths(&mut reader, &symbols, levels)?;
        let ranges = transition::ranges(&mut reader, &symbols)?;
        let attributes = attributes(&mut reader, &symbols)?;
        let states = (1..=symbols.booleans.limit())
            .map(|value| symbols.booleans.get(BooleanId(value)).is_some_and(|boolean| boolean.on))
            .collect();
        let mut policy = Self {
            version: reader.version,
            levels,
            unknown,
            symbols,
            labels,
            capabilities,
            permissive,
            never_audited,
            rules,
            conditions,
            switches: Vec::new(),
            states,
            roles,
            names,
            ranges,
            attributes,
            process,
        };
        policy.switches = policy.evaluate(|boolean| policy.is_on(boolean));
        Ok(policy)
    }

    /// What the conditions are when the booleans are as `state` says.
    pub(crate) fn evaluate(&self, state: impl Fn(BooleanId) -> bool) -> Switches {
        self.conditions.iter().map(|condition| condition.evaluate(&state)).collect()
    }

    /// Whether a boolean is on.
    #[must_use]
    pub fn is_on(&self, boolean: BooleanId) -> bool {
        self.states.get(boolean.place()).copied().unwrap_or_default()
    }

    /// Sets a boolean, as `setsebool` would in the kernel (`security_set_bools()`, security/selinux/ss/services.c).
    pub fn set(&mut self, boolean: BooleanId, on: bool) {
        if let Some(state) = self.states.get_mut(boolean.place()) {
            *state = on;
            self.switches = self.evaluate(|boolean| self.is_on(boolean));
        }
    }

    /// The type, attribute or alias of this name.
    #[must_use]
    pub fn type_(&self, name: &str) -> Option<TypeId> {
        let id = TypeId(self.symbols.types.value(name)?);
        self.symbols.types.get(id).filter(|type_| !type_.attribute).map(|type_| type_.id)
    }

    /// The attribute of this name.
    #[must_use]
    pub fn attribute(&self, name: &str) -> Option<TypeId> {
        let id = TypeId(self.symbols.types.value(name)?);
        self.symbols.types.get(id).filter(|type_| type_.attribute).map(|type_| type_.id)
    }

    /// The class of this name.
    #[must_use]
    pub fn class(&self, name: &str) -> Option<ClassId> {
        self.symbols.classes.value(name).map(ClassId)
    }

    /// The boolean of this name.
    #[must_use]
    pub fn boolean(&self, name: &str) -> Option<BooleanId> {
        self.symbols.booleans.value(name).map(BooleanId)
    }

    /// The other names of types.
    pub fn type_aliases(&self) -> impl Iterator<Item = (&str, TypeId)> {
        self.symbols.types.aliases().map(|(name, value)| (name, TypeId(value)))
    }

    /// The attributes of a type.
    pub fn attributes_of(&self, type_: TypeId) -> impl Iterator<Item = TypeId> {
        let set = self.attributes.get(type_.bit() as usize);
        set.into_iter()
            .flat_map(Bitmap::iter)
            .map(TypeId::of_bit)
            .filter(move |attribute| *attribute != type_)
    }

    /// The types that have an attribute.
    pub fn types_with(&self, attribute: TypeId) -> impl Iterator<Item = TypeId> {
        self.attributes
            .iter()
            .zip(1..)
            .filter(move |(set, value)| *value != attribute.0 && set.contains(attribute.bit()))
            .map(|(_, value)| TypeId(value))
    }

    /// Whether the kernel only logs what it would refuse to processes of this type.
    #[must_use]
    pub fn is_permissive(&self, type_: TypeId) -> bool {
        // Its bit is the number itself, here only.
        self.permissive.contains(type_.0)
    }

    /// Whether the kernel logs nothing of what it refuses to processes of this type (since version 35).
    #[must_use]
    pub fn is_never_audited(&self, type_: TypeId) -> bool {
        self.never_audited.contains(type_.0)
    }

    /// Whether it has the policy capability of this name.
    #[must_use]
    pub fn has_capability(&self, name: &str) -> bool {
        CAPABILITIES.iter().zip(0..).any(|(known, bit)| *known == name && self.capabilities.contains(bit))
    }

    /// The names of the policy capabilities; of those that have none here, their numbers.
    pub fn capabilities(&self) -> impl Iterator<Item = String> {
        self.capabilities.iter().map(|bit| {
            let name = usize::try_from(bit).ok().and_then(|bit| CAPABILITIES.get(bit));
            name.map_or_else(|| format!("capability {bit}"), |name| (*name).to_owned())
        })
    }
}

fn header(reader: &mut Reader<'_>) -> Result<(bool, Unknown), PolicyError> {
    const MAGIC: u32 = 0xf97c_ff8c;
    const MODULE_MAGIC: u32 = 0xf97c_ff8d;
    const MODULE_PACKAGE_MAGIC: u32 = 0xf97c_ff8f;
    const TARGET: &str = "SE Linux";
    const LEVELS: u32 = 1;
    const REJECT: u32 = 2;
    const ALLOW: u32 = 4;
    match reader.u32()? {
        MAGIC => {}
        MODULE_MAGIC | MODULE_PACKAGE_MAGIC => return Err(reader.error(Problem::Module)),
        other => return Err(reader.error(Problem::NotAPolicy(other))),
    }
    let length = reader.u32()?;
    if length > 32 {
        return Err(reader.error(Problem::Value { what: "length of the target's name", value: length }));
    }
    let target = reader.name(length)?;
    if target != TARGET {
        return Err(reader.error(Problem::Target(target.to_owned())));
    }
    let [version, settings, tables, labels] = reader.words()?;
    if !VERSIONS.contains(&version) {
        return Err(reader.error(Problem::Version(version)));
    }
    reader.version = version;
    let expected_labels = if version >= 31 { 9 } else { 7 };
    for (what, found, expected) in
        [("tables of names", tables, 8), ("tables of labels", labels, expected_labels)]
    {
        if found != expected {
            return Err(reader.error(Problem::Tables { what, found, expected }));
        }
    }
    let unknown = match settings & (REJECT | ALLOW) {
        0 => Unknown::Deny,
        REJECT => Unknown::Reject,
        ALLOW => Unknown::Allow,
        value => return Err(reader.error(Problem::Value { what: "way to treat unknown classes", value })),
    };
    Ok((settings & LEVELS != 0, unknown))
}

/// Reads which attributes each type has.
fn attributes(reader: &mut Reader<'_>, symbols: &Symbols) -> Result<Vec<Bitmap>, PolicyError> {
    reader.enter(Part::Attributes);
    let mut attributes = Vec::new();
    for value in 1..=symbols.types.limit() {
        let mut set = Bitmap::read(reader)?;
        if !symbols.types.has_all(&set) {
            let value = set.last().unwrap_or_default().saturating_add(1);
            return Err(reader.error(Problem::Value { what: "attribute", value }));
        }
        set.insert(value - 1);
        attributes.push(set);
    }
    Ok(attributes)
}

impl Symbols {
    /// Whether numbers in symbols stand for something, and bounds end (`policydb_bounds_sanity_check()`).
    fn validate(&self, reader: &Reader<'_>) -> Result<(), PolicyError> {
        let bits = |what, known: bool, set: &Bitmap| {
            let value = set.last().unwrap_or_default().saturating_add(1);
            if known { Ok(()) } else { Err(reader.error(Problem::Value { what, value })) }
        };
        for (_, class) in self.classes.iter() {
            for term in
                class.constraints.iter().chain(&class.transition_constraints).flat_map(|one| &one.terms)
            {
                let Term::Among { attribute, members, written, .. } = term else { continue };
                let known = match attribute {
                    Attribute::User => self.users.has_all(members),
                    Attribute::Role => self.roles.has_all(members),
                    Attribute::Type | Attribute::Level => self.types.has_all(members),
                };
                bits("name in a constraint", known, members)?;
                if let Some(written) = written {
                    bits("type in a constraint", self.types.has_all(written), written)?;
                }
            }
        }
        for (_, role) in self.roles.iter() {
            bits("type of a role", self.types.has_all(&role.types), &role.types)?;
            bits("role", self.roles.has_all(&role.dominates), &role.dominates)?;
        }
        for (_, user) in self.users.iter() {
            bits("role of a user", self.roles.has_all(&user.roles), &user.roles)?;
        }
        for (_, level) in self.levels.iter() {
            let known = self.categories.has_all(&level.categories);
            bits("category of a sensitivity", known, &level.categories)?;
        }
        for (name, type_) in self.types.iter() {
            let mut bounds = type_.bounds;
            let mut depth = 0;
            while let Some(upper) = bounds {
                depth += 1;
                let upper = self.types.get(upper).filter(|upper| depth < BOUNDS && !upper.attribute);
                let Some(upper) = upper else {
                    return Err(reader.error(Problem::Bounds(name.to_owned())));
                };
                bounds = upper.bounds;
            }
        }
        Ok(())
    }
}
