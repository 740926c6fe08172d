//! Questions, with denyd's answers.

mod decision;
mod label;
mod random_access;
mod rule;

use std::collections::BTreeMap;

use monitor_explain::selinux::{
    policy::{ClassId, Policy, RuleKind, TypeId},
    query::{Found, Wanted},
};

use crate::{list, random::Random};

pub(crate) struct Questions<'p> {
    policy: &'p Policy,
    /// Whether to ask about types whose bounds are bounded.
    deep: bool,
    /// The same for audit2why, which has a libsepol of its own.
    deep_why: bool,
    random: Random,
    rules: Vec<Found<'p>>,
    extended: Vec<Found<'p>>,
    names: Vec<(TypeId, TypeId, ClassId, &'p [u8], TypeId)>,
    users: Vec<&'p str>,
    roles: Vec<&'p str>,
    types: Vec<&'p str>,
    classes: Vec<&'p str>,
    pub(crate) asked: Vec<String>,
    pub(crate) answers: Vec<String>,
    kinds: BTreeMap<String, usize>,
}

/// The kinds of rules about extended permissions.
const EXTENDED: [RuleKind; 3] =
    [RuleKind::AllowExtended, RuleKind::AuditAllowExtended, RuleKind::DontAuditExtended];

/// A question about permissions.
struct Access {
    source: String,
    target: String,
    class: String,
    permissions: Vec<String>,
}

impl<'p> Questions<'p> {
    pub(crate) fn new(policy: &'p Policy, name: &str, (deep, deep_why): (bool, bool)) -> Self {
        let symbols = &policy.symbols;
        Self {
            policy,
            deep,
            deep_why,
            random: Random::new(name.bytes().fold(7, |seed, byte| seed.wrapping_mul(31) + u64::from(byte))),
            rules: policy.search(Wanted::default()),
            extended: policy.search(Wanted { kinds: &EXTENDED, ..Wanted::default() }),
            names: policy.name_transitions().collect(),
            users: symbols.users.iter().map(|(name, _)| name).collect(),
            roles: symbols.roles.iter().map(|(name, _)| name).collect(),
            types: symbols.types.iter().filter(|(_, type_)| !type_.attribute).map(|(name, _)| name).collect(),
            classes: symbols.classes.iter().map(|(name, _)| name).collect(),
            asked: Vec::new(),
            answers: Vec::new(),
            kinds: BTreeMap::new(),
        }
    }

    fn add(&mut self, kind: &str, words: &[&str], answer: String) {
        self.asked.push(format!("{kind}\t{}", words.join("\t")).trim_end_matches('\t').to_owned());
        self.answers.push(answer);
        *self.kinds.entry(kind.to_owned()).or_default() += 1;
    }

    /// A question has no answer to compare.
    pub(crate) fn forget(&mut self, question: &str) {
        let kind = question.split('\t').next().unwrap_or_default();
        self.kinds.entry(kind.to_owned()).and_modify(|count| *count -= 1);
    }

    pub(crate) fn summary(&self) -> String {
        let kinds: Vec<String> = self
            .kinds
            .iter()
            .filter(|(_, count)| **count > 0)
            .map(|(kind, count)| format!("{count} {kind}"))
            .collect();
        kinds.join(", ")
    }

    /// Asks `count` questions of most kinds, and `slow` of those that take audit2why long.
    pub(crate) fn ask_all(&mut self, count: usize, slow: usize) {
        // Tools go through all of a large policy, or all booleans, for each question of some kinds.
        let large = self.rules.len() > 10_000;
        for _ in 0..count {
            self.decide();
            self.context();
            self.transition();
            self.label();
            self.ioctl();
            self.name();
        }
        for _ in 0..slow {
            self.why();
        }
        for _ in 0..count / 5 {
            self.change();
        }
        for _ in 0..slow / 10 {
            self.pairs(!large);
        }
        for _ in 0..if large { 10 } else { count / 10 } {
            self.search();
        }
        let policy = self.policy;
        self.add("rules", &[], list::rules(policy));
        self.add("attributes", &[], list::attributes(policy));
        self.add("labels", &[], list::labels(policy));
        self.add("roles", &[], list::roles(policy));
        self.add("capabilities", &[], list::capabilities(policy));
    }
}
