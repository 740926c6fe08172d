//! Why one permission is refused.

use super::{compute::Decision, constraint::Violation};
use crate::selinux::policy::{ClassId, Context, ContextError, Policy, RoleId, TypeId, Unknown};

/// Why a policy refuses a permission, or that it doesn't.
#[derive(Clone, Debug)]
pub enum Cause<'p> {
    /// It is allowed.
    Allowed,
    /// No rule allows it that holds as the booleans are.
    NoRule,
    /// Constraints forbid what a rule allows.
    Constraints(Vec<Violation<'p>>),
    /// The role of a process may not change so.
    Role {
        /// The role it has.
        from: RoleId,
        /// The role it would get.
        to: RoleId,
    },
    /// The type that bounds the source's may not do it.
    Bounds {
        /// The type that bounds the source's.
        source: TypeId,
        /// What it may not do it to: the type that bounds the target's, or the target's own.
        target: TypeId,
    },
}

/// The answer to a question about one permission.
#[derive(Clone, Debug)]
pub struct Answer<'p> {
    /// The source.
    pub source: Context,
    /// The target.
    pub target: Context,
    /// The class.
    pub class: ClassId,
    /// The bit of the permission.
    pub permission: u32,
    /// Why.
    pub cause: Cause<'p>,
    /// Whether the policy keeps the refusal from the log (`dontaudit`, and types of which nothing is logged).
    pub silent: bool,
    /// Whether the source's type is permissive: what is refused is only logged.
    pub permissive: bool,
    /// All that the policy says about the two.
    pub decision: Decision,
}

/// Why a question can't be answered.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum QuestionError {
    /// The source is no context of this policy.
    #[error("source: {0}")]
    Source(ContextError),
    /// The target is no context of this policy.
    #[error("target: {0}")]
    Target(ContextError),
    /// The policy doesn't know the class.
    #[error("the policy has no class {class}; such are {}", treated(*handling))]
    Class {
        /// The class.
        class: String,
        /// What the kernel does about it.
        handling: Unknown,
    },
    /// The policy doesn't know the permission.
    #[error("the policy's class {class} has no permission {permission}; such are {}", treated(*handling))]
    Permission {
        /// The class.
        class: String,
        /// The permission.
        permission: String,
        /// What the kernel does about it.
        handling: Unknown,
    },
}

fn treated(handling: Unknown) -> &'static str {
    match handling {
        Unknown::Deny => "refused",
        Unknown::Reject => "a reason not to load it",
        Unknown::Allow => "allowed",
    }
}

impl Policy {
    /// Whether `source` may do `permission` to an object of `class` with the label `target`, and if not, why not
    /// (`sepol_compute_av_reason()`, and libselinux's src/audit2why.c).
    ///
    /// # Errors
    /// When the policy doesn't know a word of the question. The error says what the kernel does then.
    pub fn ask(
        &self,
        source: &str,
        target: &str,
        class: &str,
        permission: &str,
    ) -> Result<Answer<'_>, QuestionError> {
        let handling = self.unknown;
        let source = self.context(source).map_err(QuestionError::Source)?;
        let target = self.context(target).map_err(QuestionError::Target)?;
        let id =
            self.class(class).ok_or_else(|| QuestionError::Class { class: class.to_owned(), handling })?;
        let bit = self.symbols.classes.get(id).and_then(|known| known.permission(permission));
        let bit = bit.ok_or_else(|| QuestionError::Permission {
            class: class.to_owned(),
            permission: permission.to_owned(),
            handling,
        })?;
        Ok(self.answer(source, target, id, bit))
    }

    /// The same, of contexts and numbers that are known.
    #[must_use]
    pub fn answer(&self, source: Context, target: Context, class: ClassId, permission: u32) -> Answer<'_> {
        let decision = self.decide(&source, &target, class);
        let cause = self.cause(&source, &target, class, permission, &decision);
        Answer {
            silent: decision.auditdeny & permission == 0 || self.is_never_audited(source.type_),
            permissive: self.is_permissive(source.type_),
            source,
            target,
            class,
            permission,
            cause,
            decision,
        }
    }

    /// The constraints that forbid `permission` whether a rule allows it or not. If there are any, no further rule helps.
    #[must_use]
    pub fn obstacles(
        &self,
        source: &Context,
        target: &Context,
        class: ClassId,
        permission: u32,
    ) -> Vec<Violation<'_>> {
        let constraints =
            self.symbols.classes.get(class).map(|class| &*class.constraints).unwrap_or_default();
        let types = (source.type_, target.type_);
        let violated = constraints.iter().enumerate().filter(|(_, constraint)| {
            constraint.permissions & permission != 0
                && !constraint.evaluate(|term| self.holds(term, types, source, target, None))
        });
        violated.filter_map(|(place, _)| self.violation(source, target, class, place)).collect()
    }

    fn cause(
        &self,
        source: &Context,
        target: &Context,
        class: ClassId,
        permission: u32,
        decision: &Decision,
    ) -> Cause<'_> {
        if decision.allowed & permission == permission {
            return Cause::Allowed;
        }
        if decision.by_rules & permission != permission {
            return Cause::NoRule;
        }
        if decision.constrained & permission != 0 {
            return Cause::Constraints(self.obstacles(source, target, class, permission));
        }
        if decision.by_roles & permission != 0 {
            return Cause::Role { from: source.role, to: target.role };
        }
        let bounds = |type_| self.symbols.types.get(type_).and_then(|type_| type_.bounds).unwrap_or(type_);
        Cause::Bounds { source: bounds(source.type_), target: bounds(target.type_) }
    }
}
