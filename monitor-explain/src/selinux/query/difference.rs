//! What one policy allows that another does not.

use std::collections::HashMap;

use super::compute::is_on;
use crate::selinux::{
    advice::module::Allow,
    policy::{Policy, RuleKind},
};

/// The types and the class of a rule, by name: another policy has other numbers.
type About<'p> = (&'p str, &'p str, &'p str);

impl Policy {
    /// The `allow` rules that hold now.
    fn in_force(&self) -> impl Iterator<Item = (About<'_>, u32)> {
        let rules = self.rules.all().iter().filter(|rule| rule.kind == RuleKind::Allow);
        rules.filter(|rule| is_on(rule.when, &self.switches)).map(|rule| {
            let name = |type_| self.symbols.types.name(type_);
            let class = self.symbols.classes.name(rule.class());
            ((name(rule.source()), name(rule.target()), class), rule.permissions())
        })
    }

    /// The rules that hold here and not in `before`, each with the permissions that are new. Both must number the
    /// permissions of a class alike, as the policies of one machine do.
    #[must_use]
    pub fn opened_since(&self, before: &Self) -> Vec<Allow> {
        let mut known: HashMap<About<'_>, u32> = HashMap::new();
        for (about, permissions) in before.in_force() {
            *known.entry(about).or_default() |= permissions;
        }
        let mut opened: HashMap<About<'_>, u32> = HashMap::new();
        for (about, permissions) in self.in_force() {
            let new = permissions & !known.get(&about).copied().unwrap_or_default();
            if new != 0 {
                *opened.entry(about).or_default() |= new;
            }
        }
        let mut rules: Vec<Allow> = opened
            .into_iter()
            .filter_map(|((source, target, class), permissions)| {
                let names = self.symbols.classes.get(self.class(class)?)?.names(permissions);
                Some(Allow {
                    source: source.to_owned(),
                    target: target.to_owned(),
                    class: class.to_owned(),
                    permissions: names.map(str::to_owned).collect(),
                    ioctls: std::collections::BTreeSet::new(),
                })
            })
            .collect();
        rules.sort();
        rules
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rich() -> Policy {
        Policy::read(include_bytes!("../../../tests/policies/rich.33")).unwrap()
    }

    #[test]
    fn what_a_boolean_opens_is_what_differs() {
        let before = rich();
        let mut after = rich();
        assert_eq!(after.opened_since(&before), []);
        let one = after.boolean("one").unwrap();
        after.set(one, true);
        let opened = after.opened_since(&before);
        let flip = before.try_flip(&[one]);
        assert!(!opened.is_empty() && opened.len() <= flip.opens, "{opened:?} of {flip:?}");
        assert_eq!(before.opened_since(&after).len(), flip.closes, "what it closes");
    }
}
