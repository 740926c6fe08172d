//! Rules between types (`struct avtab`, security/selinux/ss/avtab.h).

use std::ops::Range;

use super::{
    PolicyError, Problem,
    condition::When,
    id::{ClassId, TypeId},
    reader::Reader,
    symbols::Symbols,
};

/// The kind of a rule.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum RuleKind {
    /// `allow`.
    Allow,
    /// `auditallow`: logged though allowed.
    AuditAllow,
    /// `dontaudit`: not logged though refused.
    DontAudit,
    /// `type_transition`.
    TypeTransition,
    /// `type_member`.
    TypeMember,
    /// `type_change`.
    TypeChange,
    /// `allowxperm`.
    AllowExtended,
    /// `auditallowxperm`.
    AuditAllowExtended,
    /// `dontauditxperm`.
    DontAuditExtended,
}

impl RuleKind {
    /// All of them.
    pub const ALL: [Self; 9] = [
        Self::Allow,
        Self::AuditAllow,
        Self::DontAudit,
        Self::TypeTransition,
        Self::TypeMember,
        Self::TypeChange,
        Self::AllowExtended,
        Self::AuditAllowExtended,
        Self::DontAuditExtended,
    ];

    /// The word with which policies write it.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Allow => "allow",
            Self::AuditAllow => "auditallow",
            Self::DontAudit => "dontaudit",
            Self::TypeTransition => "type_transition",
            Self::TypeMember => "type_member",
            Self::TypeChange => "type_change",
            Self::AllowExtended => "allowxperm",
            Self::AuditAllowExtended => "auditallowxperm",
            Self::DontAuditExtended => "dontauditxperm",
        }
    }

    /// Whether it names a type instead of permissions.
    #[must_use]
    pub fn is_type(self) -> bool {
        matches!(self, Self::TypeTransition | Self::TypeMember | Self::TypeChange)
    }

    /// Whether it is about extended permissions.
    #[must_use]
    pub fn is_extended(self) -> bool {
        matches!(self, Self::AllowExtended | Self::AuditAllowExtended | Self::DontAuditExtended)
    }

    fn of_bits(bits: u16) -> Option<Self> {
        Some(match bits {
            0x1 => Self::Allow,
            0x2 => Self::AuditAllow,
            0x4 => Self::DontAudit,
            0x10 => Self::TypeTransition,
            0x20 => Self::TypeMember,
            0x40 => Self::TypeChange,
            0x100 => Self::AllowExtended,
            0x200 => Self::AuditAllowExtended,
            0x400 => Self::DontAuditExtended,
            _ => return None,
        })
    }
}

/// A rule.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rule {
    class: u16,
    source: u16,
    target: u16,
    /// Its kind.
    pub kind: RuleKind,
    /// When it holds.
    pub when: When,
    /// Permissions, a type, or a place in [`Rules::extended`].
    data: u32,
}

impl Rule {
    /// The class of the objects.
    #[must_use]
    pub fn class(&self) -> ClassId {
        ClassId(self.class.into())
    }

    /// The source: a type or an attribute.
    #[must_use]
    pub fn source(&self) -> TypeId {
        TypeId(self.source.into())
    }

    /// The target: a type or an attribute.
    #[must_use]
    pub fn target(&self) -> TypeId {
        TypeId(self.target.into())
    }

    /// The permissions that it allows, logs or keeps from the log; none if it has a type or extended permissions.
    #[must_use]
    pub fn permissions(&self) -> u32 {
        match self.kind {
            RuleKind::Allow | RuleKind::AuditAllow => self.data,
            RuleKind::DontAudit => !self.data,
            _ => 0,
        }
    }

    /// The type that it gives.
    #[must_use]
    pub fn gives(&self) -> Option<TypeId> {
        self.kind.is_type().then_some(TypeId(self.data))
    }

    fn key(&self) -> (u16, u16, u16, RuleKind) {
        (self.class, self.source, self.target, self.kind)
    }
}

/// The operations that a rule of extended permissions is about (`struct avtab_extended_perms`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Extended {
    /// What the bits are.
    pub set: ExtendedSet,
    pub(crate) bits: [u32; 8],
}

/// What the bits of [`Extended`] stand for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ExtendedSet {
    /// ioctl: functions of this driver (the second byte of the number).
    Functions(u8),
    /// ioctl: whole drivers.
    Drivers,
    /// Messages of netlink with this second byte.
    Messages(u8),
}

impl Extended {
    /// Whether the bit of `number` is set.
    #[must_use]
    pub fn contains(&self, number: u8) -> bool {
        self.bits[usize::from(number / 32)] >> (number % 32) & 1 != 0
    }
}

/// All rules between types, ordered by class, source and target.
#[derive(Clone, Debug, Default)]
pub struct Rules {
    ordered: Vec<Rule>,
    /// For each class and source that have rules: where they begin.
    starts: Vec<(u16, u16, u32)>,
    extended: Vec<Extended>,
}

impl Rules {
    /// Reads the rules that hold always (`avtab_read()`, security/selinux/ss/avtab.c).
    pub(super) fn read(reader: &mut Reader<'_>, symbols: &Symbols) -> Result<Self, PolicyError> {
        let mut rules = Self::default();
        let count = reader.count(12)?;
        if count == 0 {
            return Err(reader.error(Problem::Missing("rule".to_owned())));
        }
        rules.ordered.reserve_exact(count);
        for _ in 0..count {
            rules.read_one(reader, symbols, When::ALWAYS)?;
        }
        Ok(rules)
    }

    /// Reads a rule (`avtab_read_item()`).
    pub(super) fn read_one(
        &mut self,
        reader: &mut Reader<'_>,
        symbols: &Symbols,
        when: When,
    ) -> Result<(), PolicyError> {
        /// Set where the rule held when the policy was written.
        const ENABLED: u16 = 0x8000;
        let (source, target) = (reader.u16()?, reader.u16()?);
        let (class, bits) = (reader.u16()?, reader.u16()?);
        let kind = RuleKind::of_bits(bits & !ENABLED)
            .filter(|kind| !kind.is_extended() || reader.version >= 30)
            .filter(|kind| !kind.is_extended() || reader.version >= 34 || when == When::ALWAYS)
            .ok_or_else(|| reader.error(Problem::RuleKind(bits)))?;
        let data = if kind.is_extended() {
            self.extended.push(extended(reader)?);
            u32::try_from(self.extended.len() - 1).unwrap_or(u32::MAX)
        } else {
            reader.u32()?
        };
        let unknown = |what, value| Err(reader.error(Problem::Value { what, value }));
        for value in [u32::from(source), u32::from(target)] {
            if !symbols.types.has(value) {
                return unknown("type", value);
            }
        }
        if !symbols.classes.has(class.into()) {
            return unknown("class", class.into());
        }
        if kind.is_type() && symbols.types.get(TypeId(data)).is_none_or(|type_| type_.attribute) {
            return unknown("type", data);
        }
        self.ordered.push(Rule { class, source, target, kind, when, data });
        Ok(())
    }

    /// Orders the rules, and refuses those that contradict one another, as `avtab_insert()` and `cond_insertf()` do.
    pub(super) fn finish(&mut self, reader: &Reader<'_>, symbols: &Symbols) -> Result<(), PolicyError> {
        self.ordered.sort_by_key(|rule| (rule.key(), rule.when));
        for same in self.ordered.chunk_by(|left, right| left.key() == right.key()) {
            let [first, rest @ ..] = same else { continue };
            let contradiction = match first.kind {
                kind if kind.is_extended() => false,
                kind if kind.is_type() => match rest {
                    [] => false,
                    [second] => !first.when.is_opposite(second.when),
                    _ => true,
                },
                _ => rest.first().is_some_and(|second| second.when == When::ALWAYS),
            };
            if contradiction {
                return Err(reader.error(Problem::Duplicate(format!(
                    "rule {} {} {}:{}",
                    first.kind.word(),
                    symbols.types.name(first.source()),
                    symbols.types.name(first.target()),
                    symbols.classes.name(first.class()),
                ))));
            }
        }
        for (place, rule) in self.ordered.iter().enumerate() {
            let same = |last: &(u16, u16, u32)| (last.0, last.1) == (rule.class, rule.source);
            if !self.starts.last().is_some_and(same) {
                self.starts.push((rule.class, rule.source, u32::try_from(place).unwrap_or(u32::MAX)));
            }
        }
        Ok(())
    }

    /// The rules of this class and source, ordered by target.
    pub(crate) fn of(&self, class: ClassId, source: TypeId) -> &[Rule] {
        let wanted = (class.0, source.0);
        let found = self
            .starts
            .binary_search_by_key(&wanted, |(class, source, _)| (u32::from(*class), u32::from(*source)));
        let Ok(place) = found else { return &[] };
        let start = |place: usize| self.starts.get(place).map(|(_, _, start)| *start as usize);
        let range = Range {
            start: start(place).unwrap_or(self.ordered.len()),
            end: start(place + 1).unwrap_or(self.ordered.len()),
        };
        self.ordered.get(range).unwrap_or_default()
    }

    /// All rules.
    pub(crate) fn all(&self) -> &[Rule] {
        &self.ordered
    }

    /// The extended permissions of `rule`.
    pub(crate) fn extended(&self, rule: &Rule) -> Option<&Extended> {
        rule.kind.is_extended().then(|| self.extended.get(rule.data as usize)).flatten()
    }
}

fn extended(reader: &mut Reader<'_>) -> Result<Extended, PolicyError> {
    let (specified, driver) = (reader.u8()?, reader.u8()?);
    let set = match specified {
        1 => ExtendedSet::Functions(driver),
        2 => ExtendedSet::Drivers,
        3 => ExtendedSet::Messages(driver),
        other => {
            return Err(reader.error(Problem::Value { what: "set of operations", value: other.into() }));
        }
    };
    Ok(Extended { set, bits: reader.words()? })
}
