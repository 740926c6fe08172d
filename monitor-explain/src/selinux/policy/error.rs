//! What is wrong with a policy, and where.

use std::fmt;

/// Why bytes are no policy that can be read.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{part} at byte {offset}: {problem}")]
pub struct PolicyError {
    /// The part of the policy in which it was noticed.
    pub part: Part,
    /// How many bytes had been read by then.
    pub offset: usize,
    /// What is wrong.
    pub problem: Problem,
}

/// What is wrong with a policy.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Problem {
    /// The bytes end too early.
    #[error("the policy is cut off: {needed} bytes are needed, {left} are left")]
    Truncated {
        /// How many are needed.
        needed: u64,
        /// How many are left.
        left: usize,
    },
    /// The first bytes are not those of a policy.
    #[error("this is no binary SELinux policy (it begins with {0:#010x})")]
    NotAPolicy(u32),
    /// It is a module, which no kernel can load.
    #[error("this is a policy module, not a policy: link it first (semodule -B)")]
    Module,
    /// It is a policy for something else than Linux.
    #[error("this policy is for {0:?}, not for SELinux on Linux")]
    Target(String),
    /// Its version is not among those that are known.
    #[error("policies of version {0} can't be read, only those of {first} to {last}", first = super::VERSIONS.start(), last = super::VERSIONS.end())]
    Version(u32),
    /// It has another number of tables than its version has.
    #[error("it has {found} {what}, but this version has {expected}")]
    Tables {
        /// Tables of what.
        what: &'static str,
        /// How many it has.
        found: u32,
        /// How many it should have.
        expected: u32,
    },
    /// A name is empty, holds a NUL or is not UTF-8.
    #[error("a name is empty or is not text")]
    Name,
    /// A symbol has a name that would end early where it is used.
    #[error("no symbol can have the name {0:?}")]
    Symbol(String),
    /// A name or a rule that must be there once is there twice.
    #[error("{0} is there twice")]
    Duplicate(String),
    /// A name that is used is not declared.
    #[error("there is no {0}")]
    Missing(String),
    /// A number stands for nothing.
    #[error("{value} is no {what}")]
    Value {
        /// What it should stand for.
        what: &'static str,
        /// The number.
        value: u32,
    },
    /// A bitmap is not as it should be.
    #[error("a bitmap is broken: {0}")]
    Bitmap(&'static str),
    /// A constraint or a condition can't be computed.
    #[error("an expression is broken: {0}")]
    Expression(&'static str),
    /// A rule is of no kind, or of one that its version or its place doesn't have.
    #[error("a rule is of no kind that may be here ({0:#06x})")]
    RuleKind(u16),
    /// A context is not one that the policy permits.
    #[error("the context {0} is not valid under this policy")]
    Context(String),
    /// Types are bounded in a circle or too deep.
    #[error("the bounds of {0} are a circle, too deep or an attribute")]
    Bounds(String),
}

/// A part of a policy, in the order of the file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Part {
    /// Magic number, version, settings.
    Header,
    /// Policy capabilities.
    Capabilities,
    /// Types that are permissive, and those of which nothing is logged.
    TypeMaps,
    /// Permissions that classes share.
    Commons,
    /// Classes, their permissions and constraints.
    Classes,
    /// Roles.
    Roles,
    /// Types, attributes and aliases.
    Types,
    /// Users.
    Users,
    /// Booleans.
    Booleans,
    /// Sensitivities.
    Levels,
    /// Categories.
    Categories,
    /// Rules that hold always.
    Rules,
    /// Rules that depend on booleans.
    Conditions,
    /// Which role follows which, and which may.
    RoleRules,
    /// Types of new objects by their names.
    NameTransitions,
    /// Labels of initial SIDs, ports, interfaces and the like.
    Labels,
    /// Labels of file systems that have none of their own.
    FileSystems,
    /// Levels of new processes and objects.
    RangeTransitions,
    /// Which attributes each type has.
    Attributes,
}

impl fmt::Display for Part {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Header => "header",
            Self::Capabilities => "policy capabilities",
            Self::TypeMaps => "permissive types",
            Self::Commons => "common permissions",
            Self::Classes => "classes",
            Self::Roles => "roles",
            Self::Types => "types",
            Self::Users => "users",
            Self::Booleans => "booleans",
            Self::Levels => "sensitivities",
            Self::Categories => "categories",
            Self::Rules => "rules",
            Self::Conditions => "conditional rules",
            Self::RoleRules => "role rules",
            Self::NameTransitions => "transitions by name",
            Self::Labels => "labels",
            Self::FileSystems => "labels of file systems",
            Self::RangeTransitions => "range transitions",
            Self::Attributes => "attributes of types",
        })
    }
}
