//! Rules that match.

use monitor_explain::selinux::{
    policy::{ClassId, RuleKind, TypeId},
    query::{Found, Operation, Side, Wanted},
};

use super::Questions;
use crate::list;

impl<'p> Questions<'p> {
    /// Two types, mostly those of a rule of these kinds, and the class.
    pub(super) fn of_rule(&mut self, rules: &[Found<'p>]) -> (&'p str, &'p str, ClassId) {
        let policy = self.policy;
        let rule = self.random.pick(rules).copied().or_else(|| self.random.pick(&self.rules).copied());
        let class = rule.map(|found| found.rule.class()).or_else(|| policy.class("file"));
        let mut side = |type_: Option<TypeId>| match type_ {
            Some(type_) if self.random.chance(80) => self.member(type_),
            _ => self.random.pick(&self.types).copied().unwrap_or_default(),
        };
        let source = side(rule.map(|found| found.rule.source()));
        let target = side(rule.map(|found| found.rule.target()));
        (source, target, class.unwrap_or_else(|| unreachable!("all policies have files")))
    }

    pub(super) fn ioctl(&mut self) {
        let policy = self.policy;
        let rules = self.extended.clone();
        let (source, target, class) = self.of_rule(&rules);
        let ranges = self.random.pick(&rules).map(|found| policy.operations(&found.rule)).unwrap_or_default();
        let (first, last) = self.random.pick(&ranges).copied().unwrap_or((0, u16::MAX));
        let number = usize::from(first) + self.random.below(usize::from(last - first) + 2);
        let number = u16::try_from(number).unwrap_or(u16::MAX);
        let context = |type_: &str| {
            let mut context = policy.initial("unlabeled")?.clone();
            context.type_ = policy.type_(type_)?;
            Some(context)
        };
        let (Some(from), Some(to)) = (context(source), context(target)) else { return };
        let decision = policy.decide_extended(&from, &to, class, Operation::Ioctl(number));
        let flags =
            [!decision.rules.is_empty(), decision.rule_allows, decision.auditallow, decision.dontaudit];
        let answer = flags.map(|flag| u8::from(flag).to_string()).join(" ");
        let class = policy.symbols.classes.name(class);
        self.add("ioctl", &[source, target, class, &format!("{number:x}")], answer);
    }

    pub(super) fn search(&mut self) {
        let policy = self.policy;
        let kinds: Vec<RuleKind> = if policy.version >= 30 {
            RuleKind::ALL.to_vec()
        } else {
            RuleKind::ALL.into_iter().filter(|kind| !kind.is_extended()).collect()
        };
        let kind = self.random.pick(&kinds).copied().unwrap_or(RuleKind::Allow);
        let access = self.access();
        let type_of = |text: &str| text.split(':').nth(2).unwrap_or_default().to_owned();
        let (mut source, mut target) = (type_of(&access.source), type_of(&access.target));
        // setools takes an attribute that no type has for none at all.
        let used = |id| policy.types_with(id).next().is_some();
        let types = policy.symbols.types.iter();
        let attributes = types.filter(|(_, type_)| type_.attribute && used(type_.id));
        let attributes: Vec<&str> = attributes.map(|(name, _)| name).collect();
        for side in [&mut source, &mut target] {
            match self.random.below(4) {
                0 => side.clear(),
                1 => self.random.pick(&attributes).copied().unwrap_or_default().clone_into(side),
                _ => {}
            }
        }
        let side = |name: &str| policy.type_(name).or_else(|| policy.attribute(name)).map(Side::Of);
        let class = policy.class(&access.class).filter(|_| self.random.chance(60));
        let permission = access
            .permissions
            .first()
            .filter(|name| !kind.is_type() && !kind.is_extended() && name.as_str() != "no_such_permission")
            .filter(|_| class.is_some() && self.random.chance(60));
        let booleans: Vec<&str> = policy.symbols.booleans.iter().map(|(name, _)| name).collect();
        let boolean = self.random.pick(&booleans).copied().filter(|_| self.random.chance(20));
        let wanted = Wanted {
            kinds: &[kind],
            source: side(&source),
            target: side(&target),
            class,
            permission: permission.map(String::as_str),
            boolean: boolean.and_then(|name| policy.boolean(name)),
        };
        let found = policy.search(wanted);
        let answer = list::sorted(found.iter().map(|found| list::rule(policy, found)));
        let class = class.map_or("", |class| policy.symbols.classes.name(class));
        // The end must not be cut off with the empty words.
        let words = [
            kind.word(),
            if side(&source).is_some() { &source } else { "" },
            if side(&target).is_some() { &target } else { "" },
            class,
            permission.map_or("", String::as_str),
            boolean.unwrap_or("-"),
        ];
        self.add("search", &words, answer);
    }
}
