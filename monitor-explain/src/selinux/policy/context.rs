//! Contexts: user, role, type and levels.

use std::fmt::Write as _;

use super::{
    Policy, PolicyError, Problem,
    bitmap::Bitmap,
    id::{CategoryId, LevelId, OBJECT_ROLE, RoleId, TypeId, UserId},
    reader::Reader,
    symbols::Symbols,
};

/// A sensitivity with categories (`struct mls_level`, `mls_types.h`).
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Level {
    /// The number of the sensitivity; 0 under a policy without levels.
    pub(crate) sensitivity: u32,
    /// The categories' bits.
    pub(crate) categories: Bitmap,
}

impl Level {
    /// `mls_read_level()` (security/selinux/ss/policydb.c).
    pub(super) fn read(reader: &mut Reader<'_>) -> Result<Self, PolicyError> {
        Ok(Self { sensitivity: reader.u32()?, categories: Bitmap::read(reader)? })
    }

    /// Whether it dominates `other` (`mls_level_dom()`).
    #[must_use]
    pub fn dominates(&self, other: &Self) -> bool {
        self.sensitivity >= other.sensitivity && self.categories.is_superset(&other.categories)
    }
}

/// A low and a high level (`struct mls_range`).
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Range {
    /// The low level, the one in force for most.
    pub low: Level,
    /// The high level, the clearance.
    pub high: Level,
}

impl Range {
    /// `mls_read_range_helper()` (security/selinux/ss/policydb.c).
    pub(super) fn read(reader: &mut Reader<'_>) -> Result<Self, PolicyError> {
        let both = match reader.u32()? {
            1 => false,
            2 => true,
            value => return Err(reader.error(Problem::Value { what: "number of levels", value })),
        };
        let low = reader.u32()?;
        let high = if both { reader.u32()? } else { low };
        let low = Level { sensitivity: low, categories: Bitmap::read(reader)? };
        let categories = if both { Bitmap::read(reader)? } else { low.categories.clone() };
        Ok(Self { low, high: Level { sensitivity: high, categories } })
    }

    /// Whether `other` lies in it (`mls_range_contains()`).
    #[must_use]
    pub fn contains(&self, other: &Self) -> bool {
        other.low.dominates(&self.low) && self.high.dominates(&other.high)
    }

    /// The low level only.
    pub(crate) fn of_level(level: &Level) -> Self {
        Self { low: level.clone(), high: level.clone() }
    }
}

/// A context (`struct context`, security/selinux/ss/context.h), in the numbers of one policy.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Context {
    /// The user.
    pub user: UserId,
    /// The role.
    pub role: RoleId,
    /// The type.
    pub type_: TypeId,
    /// The levels.
    pub range: Range,
}

/// Why text is no context of a policy.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ContextError {
    /// It is not `user:role:type` or `user:role:type:level`.
    #[error("{0:?} is no context (user:role:type:level)")]
    Form(String),
    /// The policy doesn't know the user.
    #[error("the policy has no user {0}")]
    User(String),
    /// The policy doesn't know the role.
    #[error("the policy has no role {0}")]
    Role(String),
    /// The policy doesn't know the type.
    #[error("the policy has no type {0}")]
    Type(String),
    /// The policy doesn't know the levels.
    #[error("the policy has no level {0}")]
    Level(String),
    /// The policy has levels, and the context has none.
    #[error("the context has no level, but the policy has levels")]
    NoLevel,
    /// The policy has no levels, and the context has one.
    #[error("the context has a level, but the policy has none")]
    NoLevels,
    /// The parts are known, and don't go together.
    #[error(transparent)]
    Invalid(#[from] Invalid),
}

/// Why a context is not valid, though its parts are known.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Invalid {
    /// The role may not have the type.
    #[error("the role {role} may not have the type {type_}")]
    Type {
        /// The role.
        role: String,
        /// The type.
        type_: String,
    },
    /// The user may not have the role.
    #[error("the user {user} may not have the role {role}")]
    Role {
        /// The user.
        user: String,
        /// The role.
        role: String,
    },
    /// The user may not have the levels.
    #[error("the user {user} may not have the levels {range}")]
    Range {
        /// The user.
        user: String,
        /// The levels.
        range: String,
    },
    /// The high level does not dominate the low one, or a category may not be with a sensitivity.
    #[error("{0} are no levels that go together")]
    Levels(String),
    /// It has the numbers of another policy.
    #[error("the context belongs to another policy")]
    Foreign,
}

impl Context {
    /// `context_read_and_validate()` (security/selinux/ss/policydb.c).
    pub(super) fn read(
        reader: &mut Reader<'_>,
        symbols: &Symbols,
        levels: bool,
    ) -> Result<Self, PolicyError> {
        let [user, role, type_] = reader.words()?;
        let range = Range::read(reader)?;
        // A policy without levels may carry some all the same: they mean nothing, and no text has them.
        let range = if levels { range } else { Range::default() };
        let context = Self { user: UserId(user), role: RoleId(role), type_: TypeId(type_), range };
        match symbols.check(&context, levels) {
            Ok(()) => Ok(context),
            Err(_) => Err(reader.error(Problem::Context(symbols.text(&context, levels)))),
        }
    }
}

impl Symbols {
    /// Whether `context` is valid: its role may have its type, and its user its role and levels
    /// (`policydb_context_isvalid()`, security/selinux/ss/policydb.c, `mls_context_isvalid()`, mls.c).
    pub(crate) fn check(&self, context: &Context, levels: bool) -> Result<(), Invalid> {
        let Context { user, role, type_, range } = context;
        let (Some(of_user), Some(of_role), Some(of_type)) =
            (self.users.get(*user), self.roles.get(*role), self.types.get(*type_))
        else {
            return Err(Invalid::Foreign);
        };
        if of_type.attribute {
            return Err(Invalid::Foreign);
        }
        let user = || self.users.name(of_user.id).to_owned();
        let role = || self.roles.name(of_role.id).to_owned();
        let is_object = of_role.id == OBJECT_ROLE;
        if !is_object && !of_role.types.contains(type_.bit()) {
            return Err(Invalid::Type { role: role(), type_: self.types.name(*type_).to_owned() });
        }
        if !is_object && !of_user.roles.contains(of_role.id.bit()) {
            return Err(Invalid::Role { user: user(), role: role() });
        }
        if !levels {
            return Ok(());
        }
        let fits = |level: &Level| {
            let sensitivity = self.levels.get(LevelId(level.sensitivity));
            sensitivity.is_some_and(|known| known.categories.is_superset(&level.categories))
                && self.categories.has_all(&level.categories)
        };
        if !range.high.dominates(&range.low) || !fits(&range.low) || !fits(&range.high) {
            return Err(Invalid::Levels(self.range(range)));
        }
        if !is_object && !of_user.range.contains(range) {
            return Err(Invalid::Range { user: user(), range: self.range(range) });
        }
        Ok(())
    }

    /// `context` as text (`context_struct_to_string()`, security/selinux/ss/services.c).
    pub(crate) fn text(&self, context: &Context, levels: bool) -> String {
        let Context { user, role, type_, range } = context;
        let mut text =
            format!("{}:{}:{}", self.users.name(*user), self.roles.name(*role), self.types.name(*type_));
        if levels {
            text.push(':');
            text.push_str(&self.range(range));
        }
        text
    }

    /// `range` as text (`mls_sid_to_context()`, security/selinux/ss/mls.c).
    fn range(&self, range: &Range) -> String {
        let low = self.level(&range.low);
        if range.low == range.high { low } else { format!("{low}-{}", self.level(&range.high)) }
    }

    fn level(&self, level: &Level) -> String {
        let mut text = self.levels.name(LevelId(level.sensitivity)).to_owned();
        let mut categories = level.categories.iter().peekable();
        let mut separator = ':';
        while let Some(first) = categories.next() {
            let mut last = first;
            while let Some(next) = categories.next_if(|next| *next == last.saturating_add(1)) {
                last = next;
            }
            let name = |bit| self.categories.name(CategoryId::of_bit(bit));
            _ = write!(text, "{separator}{}", name(first));
            if last > first {
                _ = write!(text, "{}{}", if last - first > 1 { '.' } else { ',' }, name(last));
            }
            separator = ',';
        }
        text
    }

    fn parse_level(&self, text: &str) -> Option<Level> {
        let (sensitivity, categories) =
            text.split_once(':').map_or((text, None), |(name, rest)| (name, Some(rest)));
        let sensitivity = self.levels.value(sensitivity)?;
        let mut set = Bitmap::default();
        for part in categories.into_iter().flat_map(|list| list.split(',')) {
            let (first, last) =
                part.split_once('.').map_or((part, None), |(first, last)| (first, Some(last)));
            let first = CategoryId(self.categories.value(first)?);
            let last = match last {
                None => first,
                Some(name) => self.categories.value(name).map(CategoryId).filter(|last| *last > first)?,
            };
            for bit in first.bit()..=last.bit() {
                set.insert(bit);
            }
        }
        Some(Level { sensitivity, categories: set })
    }
}

impl Policy {
    /// The context that `text` stands for, if it is valid under this policy (`sepol_context_to_sid()`, libsepol;
    /// `string_to_context_struct()`, security/selinux/ss/services.c).
    ///
    /// # Errors
    /// When the policy doesn't know a part of it, or they don't go together. The kernel then decides as for the
    /// initial SID `unlabeled`.
    pub fn context(&self, text: &str) -> Result<Context, ContextError> {
        let symbols = &self.symbols;
        let mut parts = text.splitn(4, ':');
        let (Some(user), Some(role), Some(type_)) = (parts.next(), parts.next(), parts.next()) else {
            return Err(ContextError::Form(text.to_owned()));
        };
        let range = match (parts.next(), self.levels) {
            (Some(range), true) => {
                let unknown = || ContextError::Level(range.to_owned());
                let (low, high) =
                    range.split_once('-').map_or((range, None), |(low, high)| (low, Some(high)));
                let low = symbols.parse_level(low).ok_or_else(unknown)?;
                match high {
                    None => Range::of_level(&low),
                    Some(high) => Range { low, high: symbols.parse_level(high).ok_or_else(unknown)? },
                }
            }
            (None, false) => Range::default(),
            (None, true) => return Err(ContextError::NoLevel),
            (Some(_), false) => return Err(ContextError::NoLevels),
        };
        let user = symbols.users.value(user).ok_or_else(|| ContextError::User(user.to_owned()))?;
        let role = symbols.roles.value(role).ok_or_else(|| ContextError::Role(role.to_owned()))?;
        let type_ = self.type_(type_).ok_or_else(|| ContextError::Type(type_.to_owned()))?;
        let context = Context { user: UserId(user), role: RoleId(role), type_, range };
        symbols.check(&context, self.levels)?;
        Ok(context)
    }

    /// `context` as text.
    #[must_use]
    pub fn text(&self, context: &Context) -> String {
        self.symbols.text(context, self.levels)
    }

    /// Levels as text.
    #[must_use]
    pub fn range_text(&self, range: &Range) -> String {
        self.symbols.range(range)
    }

    /// Whether `context` is valid under this policy.
    ///
    /// # Errors
    /// When a part of it may not be with another.
    pub fn check(&self, context: &Context) -> Result<(), Invalid> {
        self.symbols.check(context, self.levels)
    }
}
