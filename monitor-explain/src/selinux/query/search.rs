//! Rules that match, as `sesearch` finds them.

use std::fmt::Write as _;

use super::compute::is_on;
use crate::selinux::policy::{Bitmap, BooleanId, ClassId, Context, Policy, Rule, RuleKind, TypeId};

/// One side of a rule.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Side {
    /// The type itself, any of its attributes, or an attribute that has a type in common.
    Of(TypeId),
    /// This type or attribute and no other, as the rule is written (`sesearch -ds`, `-dt`).
    Exactly(TypeId),
}

/// What rules are looked for. What is not given matches all.
#[derive(Clone, Copy, Debug, Default)]
pub struct Wanted<'a> {
    /// Their kinds.
    pub kinds: &'a [RuleKind],
    /// The source.
    pub source: Option<Side>,
    /// The target.
    pub target: Option<Side>,
    /// The class.
    pub class: Option<ClassId>,
    /// A permission that they are about.
    pub permission: Option<&'a str>,
    /// A boolean on which they depend.
    pub boolean: Option<BooleanId>,
}

/// A rule that was found.
#[derive(Clone, Copy, Debug)]
pub struct Found<'p> {
    policy: &'p Policy,
    /// The rule.
    pub rule: Rule,
}

impl Found<'_> {
    /// Whether it holds, as the booleans are.
    #[must_use]
    pub fn holds(&self) -> bool {
        is_on(self.rule.when, &self.policy.switches)
    }

    /// The names of its permissions.
    pub fn permissions(&self) -> impl Iterator<Item = &str> {
        let class = self.policy.symbols.classes.get(self.rule.class());
        let bits = self.rule.permissions();
        class.into_iter().flat_map(move |class| class.names(bits))
    }

    /// It as policies write it, with its condition as `sesearch` writes that.
    #[must_use]
    pub fn text(&self) -> String {
        let symbols = &self.policy.symbols;
        let rule = &self.rule;
        let name = |type_| symbols.types.name(type_);
        let what = if let Some(type_) = rule.gives() {
            name(type_).to_owned()
        } else if rule.kind.is_extended() {
            let mut text = String::from("ioctl {");
            for (first, last) in self.policy.operations(rule) {
                _ = if first == last {
                    write!(text, " {first:#06x}")
                } else {
                    write!(text, " {first:#06x}-{last:#06x}")
                };
            }
            text + " }"
        } else {
            let names: Vec<&str> = self.permissions().collect();
            match *names {
                [name] => name.to_owned(),
                _ => format!("{{ {} }}", names.join(" ")),
            }
        };
        let (kind, class) = (rule.kind.word(), symbols.classes.name(rule.class()));
        let mut text = format!("{kind} {} {}:{class} {what};", name(rule.source()), name(rule.target()));
        if let Some((place, is)) = rule.when.condition() {
            let condition = self.policy.conditions.get(place);
            let condition = condition.map(|condition| condition.text(&symbols.booleans)).unwrap_or_default();
            let branch = if is { "True" } else { "False" };
            _ = write!(text, " [ {condition} ]:{branch}");
        }
        text
    }
}

impl Policy {
    /// The rules that match, whether they hold now or not; in the order of class, source and target.
    #[must_use]
    pub fn search(&self, wanted: Wanted<'_>) -> Vec<Found<'_>> {
        let sources = wanted.source.map(|side| self.side(side));
        let targets = wanted.target.map(|side| self.side(side));
        let matches = |rule: &&Rule| {
            (wanted.kinds.is_empty() || wanted.kinds.contains(&rule.kind))
                && wanted.class.is_none_or(|class| class == rule.class())
                && sources.as_ref().is_none_or(|set| set.contains(rule.source().bit()))
                && targets.as_ref().is_none_or(|set| set.contains(rule.target().bit()))
                && wanted.permission.is_none_or(|name| self.is_about_permission(rule, name))
                && wanted.boolean.is_none_or(|boolean| self.depends_on(rule, boolean))
        };
        let found = self.rules.all().iter().filter(matches);
        found.map(|rule| Found { policy: self, rule: *rule }).collect()
    }

    /// The rules in force that keep from the log that `source` is refused `permission`.
    #[must_use]
    pub fn silencers(
        &self,
        source: &Context,
        target: &Context,
        class: ClassId,
        permission: u32,
    ) -> Vec<Found<'_>> {
        self.rules_with(RuleKind::DontAudit, source, target, class, permission)
    }

    /// The rules in force that allow `permission`, or one of several.
    #[must_use]
    pub fn allowers(
        &self,
        source: &Context,
        target: &Context,
        class: ClassId,
        permission: u32,
    ) -> Vec<Found<'_>> {
        self.rules_with(RuleKind::Allow, source, target, class, permission)
    }

    fn rules_with(
        &self,
        kind: RuleKind,
        source: &Context,
        target: &Context,
        class: ClassId,
        permission: u32,
    ) -> Vec<Found<'_>> {
        let mut found = Vec::new();
        self.for_rules(class, source.type_, target.type_, |rule| {
            if rule.kind == kind && rule.permissions() & permission != 0 && is_on(rule.when, &self.switches) {
                found.push(Found { policy: self, rule: *rule });
            }
        });
        found
    }

    /// The types and attributes that a rule may have on a side.
    fn side(&self, side: Side) -> Bitmap {
        match side {
            Side::Exactly(type_) => [type_.bit()].into_iter().collect(),
            Side::Of(wanted) => {
                let is_attribute = self.symbols.types.get(wanted).is_some_and(|type_| type_.attribute);
                let set = |type_: TypeId| self.attributes.get(type_.bit() as usize);
                if !is_attribute {
                    return set(wanted).cloned().unwrap_or_default();
                }
                let mut bits: Vec<u32> =
                    self.types_with(wanted).filter_map(set).flat_map(Bitmap::iter).collect();
                bits.sort_unstable();
                bits.dedup();
                bits.into_iter().collect()
            }
        }
    }

    fn is_about_permission(&self, rule: &Rule, name: &str) -> bool {
        if rule.kind.is_extended() {
            return name == "ioctl" || name == "nlmsg";
        }
        let class = self.symbols.classes.get(rule.class());
        let bit = class.and_then(|class| class.permission(name));
        bit.is_some_and(|bit| rule.permissions() & bit != 0)
    }

    fn depends_on(&self, rule: &Rule, boolean: BooleanId) -> bool {
        let condition = rule.when.condition().and_then(|(place, _)| self.conditions.get(place));
        condition.is_some_and(|condition| condition.booleans().any(|own| own == boolean))
    }
}
