//! What a policy allows, logs and keeps from the log.

use bitflags::bitflags;

use crate::selinux::policy::{
    Bitmap, ClassId, Context, Policy, RoleAllow, Rule, RuleKind, Switches, Term, TypeId, When,
};

bitflags! {
    /// Why something is refused (`SEPOL_COMPUTEAV_TE` and what follows, libsepol's sepol/policydb/services.h).
    #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
    pub struct Reasons: u32 {
        /// No rule allows it.
        const RULE = 1;
        /// A constraint forbids it.
        const CONSTRAINT = 2;
        /// The role may not change so.
        const ROLE = 4;
        /// A type's bounds forbid something. (Libsepol says so too if it is something else than what was asked for.)
        const BOUNDS = 8;
    }
}

/// What a policy says about a source, a target and a class (`struct av_decision`, and libsepol's reasons).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Decision {
    /// The permissions that are allowed.
    pub allowed: u32,
    /// Those that are logged when they are allowed.
    pub auditallow: u32,
    /// Those that are logged when they are refused; `dontaudit` takes them out.
    pub auditdeny: u32,
    /// Those that rules allow, whatever forbids them then.
    pub by_rules: u32,
    /// Those of `by_rules` that a constraint forbids.
    pub constrained: u32,
    /// Those left then that the roles forbid.
    pub by_roles: u32,
    /// Those left then that a type's bounds forbid.
    pub bounded: u32,
    /// The places of the class's constraints that forbid something, in the order in which the kernel asks them.
    pub violated: Vec<usize>,
}

impl Decision {
    /// Why `requested` is refused, as libsepol says it (`sepol_compute_av_reason()`).
    #[must_use]
    pub fn reasons(&self, requested: u32) -> Reasons {
        let by_rules = requested & self.by_rules;
        let mut reasons = Reasons::empty();
        reasons.set(Reasons::RULE, by_rules != requested);
        reasons.set(Reasons::CONSTRAINT, by_rules & self.constrained != 0);
        reasons.set(Reasons::ROLE, by_rules & self.by_roles != 0);
        reasons.set(Reasons::BOUNDS, self.bounded != 0);
        reasons
    }
}

/// Two contexts and a class, with the types that are looked at instead of the contexts' own.
#[derive(Clone, Copy)]
struct Pair<'a> {
    source: &'a Context,
    target: &'a Context,
    source_type: TypeId,
    target_type: TypeId,
    class: ClassId,
}

impl Policy {
    /// What a process with the context `source` may do to an object of `class` with the context `target`
    /// (`context_struct_compute_av()`, security/selinux/ss/services.c; `sepol_compute_av_reason()`, libsepol).
    ///
    /// That a type is [permissive](Policy::is_permissive) changes nothing here.
    #[must_use]
    pub fn decide(&self, source: &Context, target: &Context, class: ClassId) -> Decision {
        self.decide_with(source, target, class, &self.switches)
    }

    pub(super) fn decide_with(
        &self,
        source: &Context,
        target: &Context,
        class: ClassId,
        switches: &Switches,
    ) -> Decision {
        let pair = Pair { source, target, source_type: source.type_, target_type: target.type_, class };
        self.compute(pair, switches)
    }

    fn compute(&self, pair: Pair<'_>, switches: &Switches) -> Decision {
        let mut decision = Decision {
            allowed: 0,
            auditallow: 0,
            auditdeny: u32::MAX,
            by_rules: 0,
            constrained: 0,
            by_roles: 0,
            bounded: 0,
            violated: Vec::new(),
        };
        self.for_rules(pair.class, pair.source_type, pair.target_type, |rule| {
            if is_on(rule.when, switches) {
                match rule.kind {
                    RuleKind::Allow => decision.allowed |= rule.permissions(),
                    RuleKind::AuditAllow => decision.auditallow |= rule.permissions(),
                    RuleKind::DontAudit => decision.auditdeny &= !rule.permissions(),
                    _ => {}
                }
            }
        });
        decision.by_rules = decision.allowed;
        let class = self.symbols.classes.get(pair.class);
        for (place, constraint) in class.iter().flat_map(|class| &class.constraints).enumerate() {
            let holds = |term: &Term| self.holds(term, pair.types(), pair.source, pair.target, None);
            if constraint.permissions & decision.allowed != 0 && !constraint.evaluate(holds) {
                decision.allowed &= !constraint.permissions;
                decision.violated.push(place);
            }
        }
        decision.constrained = decision.by_rules & !decision.allowed;
        decision.by_roles = decision.allowed & self.forbidden_by_roles(pair);
        decision.allowed &= !decision.by_roles;
        decision.bounded = decision.allowed & self.forbidden_by_bounds(pair, switches);
        decision.allowed &= !decision.bounded;
        decision
    }

    /// Calls `see` for each rule of access or extended permissions between the two types or their attributes.
    pub(super) fn for_rules(
        &self,
        class: ClassId,
        source: TypeId,
        target: TypeId,
        mut see: impl FnMut(&Rule),
    ) {
        let set = |type_: TypeId| self.attributes.get(type_.bit() as usize);
        let (Some(sources), Some(targets)) = (set(source), set(target)) else { return };
        for source in sources.iter().map(TypeId::of_bit) {
            for rule in self.rules.of(class, source) {
                if targets.contains(rule.target().bit()) {
                    see(rule);
                }
            }
        }
    }

    /// Changing from one role to another needs a rule for roles.
    fn forbidden_by_roles(&self, pair: Pair<'_>) -> u32 {
        let (role, to) = (pair.source.role, pair.target.role);
        if Some(pair.class) != self.process
            || role == to
            || self.roles.allows.binary_search(&RoleAllow { role, to }).is_ok()
        {
            return 0;
        }
        let class = self.symbols.classes.get(pair.class);
        let bit = |name| class.and_then(|class| class.permission(name)).unwrap_or_default();
        bit("transition") | bit("dyntransition")
    }

    /// A bounded type may do nothing that the type above it may not (`type_attribute_bounds_av()`). How deep types
    /// are bounded was checked when the policy was read.
    fn forbidden_by_bounds(&self, pair: Pair<'_>, switches: &Switches) -> u32 {
        let bounds = |type_| self.symbols.types.get(type_).and_then(|type_| type_.bounds);
        let Some(source_type) = bounds(pair.source_type) else { return 0 };
        let target_type = bounds(pair.target_type).unwrap_or(pair.target_type);
        !self.compute(Pair { source_type, target_type, ..pair }, switches).allowed
    }
}

impl Pair<'_> {
    fn types(&self) -> (TypeId, TypeId) {
        (self.source_type, self.target_type)
    }
}

/// Whether what holds `when` holds.
pub(super) fn is_on(when: When, switches: &Switches) -> bool {
    when.condition().is_none_or(|(place, is)| switches.get(place).copied().flatten() == Some(is))
}

/// Whether `bitmap` has the bit of `value`.
pub(super) fn has(bitmap: &Bitmap, value: u32) -> bool {
    value.checked_sub(1).is_some_and(|bit| bitmap.contains(bit))
}
