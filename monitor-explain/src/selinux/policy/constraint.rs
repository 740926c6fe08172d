//! Constraints: what must hold for contexts beside the rules.

use super::{PolicyError, Problem, bitmap::Bitmap, reader::Reader};

/// How deep an expression may be (`CEXPR_MAXDEPTH`, security/selinux/ss/constraint.h).
pub(crate) const DEPTH: usize = 5;

/// What must hold for some permissions of a class, or for a change of labels (`struct constraint_node`).
#[derive(Clone, Debug)]
pub struct Constraint {
    /// The permissions that it is about; none if it is about a change of labels.
    pub permissions: u32,
    /// What must hold, in postfix form.
    pub terms: Vec<Term>,
}

/// A part of an expression (`struct constraint_expr`).
#[derive(Clone, Debug)]
pub enum Term {
    /// The one before must not hold.
    Not,
    /// Both before must hold.
    And,
    /// One of the two before must hold.
    Or,
    /// Something of one context is compared with something of another.
    Compare {
        /// What is compared.
        what: Compared,
        /// How.
        how: Comparison,
    },
    /// Something of a context is one of some, or none of them.
    Among {
        /// Whose.
        whose: Whose,
        /// What of it.
        attribute: Attribute,
        /// Whether it must be none of them.
        not: bool,
        /// Their bits, attributes resolved.
        members: Bitmap,
        /// As they were written: types and attributes. Only of types, and only since version 29.
        written: Option<Bitmap>,
    },
}

/// What is compared of the source (1) and the target (2).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Compared {
    /// Their users.
    Users,
    /// Their roles.
    Roles,
    /// Their types.
    Types,
    /// `l1` and `l2`: their low levels.
    LowLow,
    /// `l1` and `h2`.
    LowHigh,
    /// `h1` and `l2`.
    HighLow,
    /// `h1` and `h2`.
    HighHigh,
    /// `l1` and `h1`: the source's own levels.
    Source,
    /// `l2` and `h2`: the target's own levels.
    Target,
}

/// How two are compared.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Comparison {
    /// They are the same.
    Equal,
    /// They are not the same.
    NotEqual,
    /// The first dominates the second.
    Dominates,
    /// The second dominates the first.
    DominatedBy,
    /// Neither dominates the other.
    Incomparable,
}

/// Whose attribute it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Whose {
    /// The source's; of a change of labels, the old label's.
    Source,
    /// The target's; of a change of labels, the new label's.
    Target,
    /// Of the process that changes a label.
    Process,
}

/// Part of a context.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Attribute {
    /// The user.
    User,
    /// The role.
    Role,
    /// The type.
    Type,
    /// The levels.
    Level,
}

impl Compared {
    /// The part of the contexts that is compared.
    #[must_use]
    pub fn attribute(self) -> Attribute {
        match self {
            Self::Users => Attribute::User,
            Self::Roles => Attribute::Role,
            Self::Types => Attribute::Type,
            Self::LowLow | Self::LowHigh | Self::HighLow | Self::HighHigh | Self::Source | Self::Target => {
                Attribute::Level
            }
        }
    }

    /// As policies write the two.
    #[must_use]
    pub fn words(self) -> (&'static str, &'static str) {
        match self {
            Self::Users => ("u1", "u2"),
            Self::Roles => ("r1", "r2"),
            Self::Types => ("t1", "t2"),
            Self::LowLow => ("l1", "l2"),
            Self::LowHigh => ("l1", "h2"),
            Self::HighLow => ("h1", "l2"),
            Self::HighHigh => ("h1", "h2"),
            Self::Source => ("l1", "h1"),
            Self::Target => ("l2", "h2"),
        }
    }
}

impl Constraint {
    /// Reads `count` (`read_cons_helper()`, security/selinux/ss/policydb.c). Those of a change may ask about the
    /// process, too.
    pub(super) fn read_all(
        reader: &mut Reader<'_>,
        count: u32,
        of_change: bool,
    ) -> Result<Vec<Self>, PolicyError> {
        let count = reader.fits(count, 8)?;
        (0..count).map(|_| Self::read(reader, of_change)).collect()
    }

    fn read(reader: &mut Reader<'_>, of_change: bool) -> Result<Self, PolicyError> {
        let permissions = reader.u32()?;
        let count = reader.count(12)?;
        let broken = |reader: &Reader<'_>, why| Err(reader.error(Problem::Expression(why)));
        let mut terms = Vec::new();
        let mut depth = 0_usize;
        for _ in 0..count {
            let term = Term::read(reader, of_change)?;
            depth = match term {
                Term::Not if depth >= 1 => depth,
                Term::And | Term::Or if depth >= 2 => depth - 1,
                Term::Compare { .. } | Term::Among { .. } if depth < DEPTH => depth + 1,
                Term::Not | Term::And | Term::Or => return broken(reader, "an operand is missing"),
                Term::Compare { .. } | Term::Among { .. } => return broken(reader, "it is too deep"),
            };
            terms.push(term);
        }
        if depth != 1 {
            return broken(reader, "it has no result, or several");
        }
        Ok(Self { permissions, terms })
    }
}

impl Term {
    fn read(reader: &mut Reader<'_>, of_change: bool) -> Result<Self, PolicyError> {
        let [kind, attribute, how] = reader.words()?;
        let unknown = |reader: &Reader<'_>, what, value| Err(reader.error(Problem::Value { what, value }));
        match kind {
            1 => Ok(Self::Not),
            2 => Ok(Self::And),
            3 => Ok(Self::Or),
            4 => {
                let what = match attribute {
                    1 => Compared::Users,
                    2 => Compared::Roles,
                    4 => Compared::Types,
                    32 => Compared::LowLow,
                    64 => Compared::LowHigh,
                    128 => Compared::HighLow,
                    256 => Compared::HighHigh,
                    512 => Compared::Source,
                    1024 => Compared::Target,
                    other => return unknown(reader, "pair of attributes", other),
                };
                let how = match how {
                    1 => Comparison::Equal,
                    2 => Comparison::NotEqual,
                    3..=5 if matches!(what, Compared::Users | Compared::Types) => {
                        return unknown(reader, "comparison of users or types", how);
                    }
                    3 => Comparison::Dominates,
                    4 => Comparison::DominatedBy,
                    5 => Comparison::Incomparable,
                    other => return unknown(reader, "comparison", other),
                };
                Ok(Self::Compare { what, how })
            }
            5 => {
                const TARGET: u32 = 8;
                const PROCESS: u32 = 16;
                let whose = match attribute & (TARGET | PROCESS) {
                    0 => Whose::Source,
                    TARGET => Whose::Target,
                    PROCESS if of_change => Whose::Process,
                    other => return unknown(reader, "context", other),
                };
                let attribute = match attribute & !(TARGET | PROCESS) {
                    1 => Attribute::User,
                    2 => Attribute::Role,
                    4 => Attribute::Type,
                    other => return unknown(reader, "attribute of a context", other),
                };
                let not = match how {
                    1 => false,
                    2 => true,
                    other => return unknown(reader, "comparison with names", other),
                };
                let members = Bitmap::read(reader)?;
                let mut written = None;
                if reader.version >= 29 {
                    let types = Bitmap::read(reader)?;
                    let _except = Bitmap::read(reader)?;
                    let _flags = reader.u32()?;
                    written = (attribute == Attribute::Type).then_some(types);
                }
                Ok(Self::Among { whose, attribute, not, members, written })
            }
            other => unknown(reader, "part of an expression", other),
        }
    }
}
