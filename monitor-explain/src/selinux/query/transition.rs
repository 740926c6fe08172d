//! Labels of new processes and objects.

use super::compute::{has, is_on};
use crate::selinux::policy::{
    ClassId, Context, Invalid, Level, OBJECT_ROLE, Policy, Range, RoleAllow, RoleTransition, RuleKind, TypeId,
};

/// What a label is computed for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TransitionKind {
    /// A new process or object (`type_transition`).
    New,
    /// A member of a polyinstantiated object (`type_member`).
    Member,
    /// An object that is relabelled for a user (`type_change`).
    Change,
}

impl TransitionKind {
    fn rule(self) -> RuleKind {
        match self {
            Self::New => RuleKind::TypeTransition,
            Self::Member => RuleKind::TypeMember,
            Self::Change => RuleKind::TypeChange,
        }
    }
}

/// Values of a class's defaults (security/selinux/ss/policydb.h).
const SOURCE: u32 = 1;
const TARGET: u32 = 2;

impl Policy {
    /// The label of what `source` makes of class `class`, with the name `name`, in or from `target`
    /// (`security_compute_sid()`, security/selinux/ss/services.c). It may be one that is not
    /// [valid](Policy::check); the kernel then refuses.
    #[must_use]
    pub fn transition(
        &self,
        kind: TransitionKind,
        source: &Context,
        target: &Context,
        class: ClassId,
        name: Option<&[u8]>,
    ) -> Context {
        let of = self.symbols.classes.get(class);
        // The kernel treats sockets as processes here; libsepol's `sepol_transition_sid()` doesn't.
        let like_process =
            Some(class) == self.process || self.symbols.classes.name(class).ends_with("socket");
        let user = match (kind, of.map(|of| of.default_user)) {
            (TransitionKind::Member, _) | (_, Some(TARGET)) => target.user,
            _ => source.user,
        };
        let mut role = match of.map(|of| of.default_role) {
            Some(SOURCE) => source.role,
            Some(TARGET) => target.role,
            _ if like_process => source.role,
            _ => OBJECT_ROLE,
        };
        let mut type_ = match of.map(|of| of.default_type) {
            Some(SOURCE) => source.type_,
            Some(TARGET) => target.type_,
            _ if like_process => source.type_,
            _ => target.type_,
        };
        if let Some(gives) = self.type_rule(kind.rule(), source.type_, target.type_, class) {
            type_ = gives;
        }
        if kind == TransitionKind::New {
            if let Some(gives) =
                name.and_then(|name| self.type_by_name(source.type_, target.type_, class, name))
            {
                type_ = gives;
            }
            let rule = self
                .roles
                .transitions
                .iter()
                .find(|rule| (rule.role, rule.type_, rule.class) == (source.role, target.type_, class));
            role = rule.map_or(role, |rule| rule.gives);
        }
        let range = self.new_range(kind, source, target, class, like_process);
        Context { user, role, type_, range }
    }

    /// The same, if the label is valid.
    ///
    /// # Errors
    /// When it is not: the kernel refuses to make such.
    pub fn valid_transition(
        &self,
        kind: TransitionKind,
        source: &Context,
        target: &Context,
        class: ClassId,
        name: Option<&[u8]>,
    ) -> Result<Context, Invalid> {
        let context = self.transition(kind, source, target, class, name);
        self.check(&context)?;
        Ok(context)
    }

    /// The type that a rule of this kind gives: one that holds always, or else one that holds now.
    fn type_rule(&self, kind: RuleKind, source: TypeId, target: TypeId, class: ClassId) -> Option<TypeId> {
        let rules = self.rules.of(class, source).iter();
        let mut rules = rules.filter(|rule| rule.kind == kind && rule.target() == target);
        // Those that hold always come first.
        rules.find(|rule| is_on(rule.when, &self.switches))?.gives()
    }

    /// The type that a new object of this name gets (`filename_compute_type()`).
    #[must_use]
    pub fn type_by_name(
        &self,
        source: TypeId,
        target: TypeId,
        class: ClassId,
        name: &[u8],
    ) -> Option<TypeId> {
        let results = self.names.get(&(target, class, name.into()))?;
        results.iter().find(|(sources, _)| has(sources, source.value())).map(|(_, gives)| *gives)
    }

    /// The file names for which new objects of `class` get a type of their own, with that type.
    pub fn names_for(
        &self,
        source: TypeId,
        target: TypeId,
        class: ClassId,
    ) -> impl Iterator<Item = (&[u8], TypeId)> {
        let of = self.names.iter().filter(move |((of, its, _), _)| (*of, *its) == (target, class));
        of.filter_map(move |((_, _, name), results)| {
            let result = results.iter().find(|(sources, _)| has(sources, source.value()))?;
            Some((&**name, result.1))
        })
    }

    /// All transitions by file name: source, target, class, name, and the type that the new object gets.
    pub fn name_transitions(&self) -> impl Iterator<Item = (TypeId, TypeId, ClassId, &[u8], TypeId)> {
        self.names.iter().flat_map(|((target, class, name), results)| {
            results.iter().flat_map(move |(sources, gives)| {
                let sources = sources.iter().map(TypeId::of_bit);
                sources.map(move |source| (source, *target, *class, &**name, *gives))
            })
        })
    }

    /// Which roles processes may change to.
    #[must_use]
    pub fn role_allows(&self) -> &[RoleAllow] {
        &self.roles.allows
    }

    /// Which roles processes and objects get.
    #[must_use]
    pub fn role_transitions(&self) -> &[RoleTransition] {
        &self.roles.transitions
    }

    /// Which levels new processes and objects get: source, target, class, levels.
    pub fn range_transitions(&self) -> impl Iterator<Item = (TypeId, TypeId, ClassId, &Range)> {
        self.ranges.iter().map(|((source, target, class), range)| (*source, *target, *class, range))
    }

    /// `mls_compute_sid()` (security/selinux/ss/mls.c).
    fn new_range(
        &self,
        kind: TransitionKind,
        source: &Context,
        target: &Context,
        class: ClassId,
        like_process: bool,
    ) -> Range {
        if !self.levels {
            return Range::default();
        }
        if kind == TransitionKind::New {
            if let Some(range) = self.ranges.get(&(source.type_, target.type_, class)) {
                return range.clone();
            }
            let default = self.symbols.classes.get(class).map_or(0, |class| class.default_range);
            match default {
                1 => return Range::of_level(&source.range.low),
                2 => return Range::of_level(&source.range.high),
                3 => return source.range.clone(),
                4 => return Range::of_level(&target.range.low),
                5 => return Range::of_level(&target.range.high),
                6 => return target.range.clone(),
                7 => return overlap(&source.range, &target.range),
                _ => {}
            }
        }
        if kind != TransitionKind::Member && like_process {
            source.range.clone()
        } else {
            Range::of_level(&source.range.low)
        }
    }
}

/// The highest low and the lowest high level (`mls_context_glblub()`, security/selinux/ss/context.h). Ranges that
/// don't overlap give one that is not valid.
fn overlap(one: &Range, other: &Range) -> Range {
    Range {
        low: Level {
            sensitivity: one.low.sensitivity.max(other.low.sensitivity),
            categories: one.low.categories.intersection(&other.low.categories),
        },
        high: Level {
            sensitivity: one.high.sensitivity.min(other.high.sensitivity),
            categories: one.high.categories.intersection(&other.high.categories),
        },
    }
}
