//! Which booleans would allow what is refused.

use std::collections::BTreeSet;

use super::compute::is_on;
use crate::selinux::policy::{
    BooleanId, ClassId, Condition, Context, Policy, Rule, RuleKind, Switches, TypeId,
};

/// How many booleans are tried at most. More than a handful are never concerned, but by a policy that was made to keep
/// its reader busy.
const TRIED: usize = 1024;

/// How many are tried in pairs at most.
const PAIRED: usize = 64;

/// Booleans that, set otherwise, allow what is refused.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Flip {
    /// Each boolean, and what it would have to be.
    pub booleans: Vec<(BooleanId, bool)>,
    /// How many `allow` rules would hold then that don't hold now.
    pub opens: usize,
    /// How many pairs of types those are about: a rule about an attribute is one about each type that has it.
    pub reach: usize,
    /// How many would not hold any more.
    pub closes: usize,
}

/// What was found about booleans.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Flips {
    /// Booleans that do alone; else pairs of which neither does alone. The fewest opened rules come first.
    pub flips: Vec<Flip>,
    /// Whether there are so many booleans that not all, or not all pairs, were tried.
    pub incomplete: bool,
}

impl Policy {
    /// Which booleans, flipped alone, would allow `requested`, all of it; if there are none, which pairs would.
    /// Alone, they are those that `audit2why` names (`check_booleans()`, libselinux's src/audit2why.c).
    ///
    /// Only booleans are tried on which a rule depends that allows some of it, as no other can change the answer.
    #[must_use]
    pub fn flips(&self, source: &Context, target: &Context, class: ClassId, requested: u32) -> Flips {
        let mut found = Flips::default();
        if self.decide(source, target, class).reasons(requested).is_empty() {
            return found;
        }
        let allows = |switches: &Switches| {
            self.decide_with(source, target, class, switches).reasons(requested).is_empty()
        };
        let concerned = self.concerned(source.type_, target.type_, class);
        let try_with = |found: &mut Flips, booleans: &[BooleanId]| {
            let switches = self.switches_with(booleans);
            if allows(&switches) {
                found.flips.push(self.flip(booleans, &switches));
            }
        };
        found.incomplete = concerned.len() > TRIED;
        for boolean in concerned.iter().take(TRIED) {
            try_with(&mut found, &[*boolean]);
        }
        if found.flips.is_empty() {
            let paired: Vec<BooleanId> = concerned.iter().copied().take(PAIRED).collect();
            found.incomplete |= paired.len() < concerned.len();
            for (place, first) in paired.iter().enumerate() {
                for second in paired.iter().skip(place + 1) {
                    try_with(&mut found, &[*first, *second]);
                }
            }
        }
        found.flips.sort_by_key(|flip| flip.opens);
        found
    }

    /// The booleans on which rules depend that concern these types or those that bound them.
    fn concerned(&self, source: TypeId, target: TypeId, class: ClassId) -> BTreeSet<BooleanId> {
        let bounds = |type_| self.symbols.types.get(type_).and_then(|type_| type_.bounds);
        let mut places = BTreeSet::new();
        let mut pair = Some((source, target));
        while let Some((source, target)) = pair {
            self.for_rules(class, source, target, |rule| {
                if rule.kind == RuleKind::Allow {
                    places.extend(rule.when.condition().map(|(place, _)| place));
                }
            });
            pair = bounds(source).map(|source| (source, bounds(target).unwrap_or(target)));
        }
        let conditions = places.iter().filter_map(|place| self.conditions.get(*place));
        conditions.flat_map(Condition::booleans).collect()
    }

    /// The types that may do any of `permissions` to `target` by rules that hold only when `booleans` are flipped.
    #[must_use]
    pub fn flip_lets_in(
        &self,
        booleans: &[BooleanId],
        target: TypeId,
        class: ClassId,
        permissions: u32,
    ) -> BTreeSet<TypeId> {
        let switches = self.switches_with(booleans);
        let names: BTreeSet<TypeId> = self.attributes_of(target).chain([target]).collect();
        let opens = |rule: &&Rule| {
            rule.kind == RuleKind::Allow
                && rule.class() == class
                && rule.permissions() & permissions != 0
                && names.contains(&rule.target())
                && is_on(rule.when, &switches)
                && !is_on(rule.when, &self.switches)
        };
        let mut found = BTreeSet::new();
        for rule in self.rules.all().iter().filter(opens) {
            let source = rule.source();
            let is_attribute = self.symbols.types.get(source).is_some_and(|type_| type_.attribute);
            if is_attribute {
                found.extend(self.types_with(source));
            } else {
                found.insert(source);
            }
        }
        found
    }

    /// What the conditions are when `booleans` are flipped.
    fn switches_with(&self, booleans: &[BooleanId]) -> Switches {
        self.evaluate(|boolean| self.is_on(boolean) != booleans.contains(&boolean))
    }

    /// What it would open and close to flip `booleans`.
    #[must_use]
    pub fn try_flip(&self, booleans: &[BooleanId]) -> Flip {
        self.flip(booleans, &self.switches_with(booleans))
    }

    /// How many types a name of a rule stands for.
    fn types_behind(&self, name: TypeId) -> usize {
        let is_attribute = self.symbols.types.get(name).is_some_and(|type_| type_.attribute);
        if is_attribute { self.types_with(name).count() } else { 1 }
    }

    fn flip(&self, booleans: &[BooleanId], switches: &Switches) -> Flip {
        let mut flip = Flip {
            booleans: booleans.iter().map(|boolean| (*boolean, !self.is_on(*boolean))).collect(),
            opens: 0,
            reach: 0,
            closes: 0,
        };
        for rule in self.rules.all().iter().filter(|rule| rule.kind == RuleKind::Allow) {
            match (is_on(rule.when, &self.switches), is_on(rule.when, switches)) {
                (false, true) => {
                    flip.opens += 1;
                    let pairs =
                        self.types_behind(rule.source()).saturating_mul(self.types_behind(rule.target()));
                    flip.reach = flip.reach.saturating_add(pairs);
                }
                (true, false) => flip.closes += 1,
                _ => {}
            }
        }
        flip
    }
}
