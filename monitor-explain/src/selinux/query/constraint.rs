//! Whether constraints hold, and what of the contexts differs from what they ask for.

use super::compute::has;
use crate::selinux::policy::{
    Attribute, ClassId, Compared, Comparison, Constraint, Context, DEPTH, Level, Policy, Term, TypeId, Whose,
};

/// A constraint that does not hold.
#[derive(Clone, Debug)]
pub struct Violation<'p> {
    /// The constraint.
    pub constraint: &'p Constraint,
    /// Its comparisons, in its order, with what came out.
    pub outcomes: Vec<Outcome<'p>>,
}

/// A comparison of a constraint.
#[derive(Clone, Copy, Debug)]
pub struct Outcome<'p> {
    /// The comparison.
    pub term: &'p Term,
    /// Whether it holds.
    pub holds: bool,
}

impl Violation<'_> {
    /// The parts of the contexts of which one at least would have to be another: those of comparisons that did not
    /// come out as they would have to. In the order of the constraint, each once.
    #[must_use]
    pub fn differing(&self) -> Vec<Attribute> {
        let mut differing = Vec::new();
        let mut outcomes = self.outcomes.iter();
        let mut stack: Vec<Vec<(Attribute, bool)>> = Vec::new();
        for term in &self.constraint.terms {
            match term {
                Term::Not => stack.last_mut().into_iter().flatten().for_each(|(_, holds)| *holds = !*holds),
                Term::And | Term::Or => {
                    let right = stack.pop().unwrap_or_default();
                    stack.last_mut().into_iter().for_each(|left| left.extend(&right));
                }
                Term::Compare { .. } | Term::Among { .. } => {
                    let holds = outcomes.next().is_some_and(|outcome| outcome.holds);
                    stack.push(vec![(attribute(term), holds)]);
                }
            }
        }
        for (attribute, _) in stack.into_iter().flatten().filter(|(_, holds)| !holds) {
            if !differing.contains(&attribute) {
                differing.push(attribute);
            }
        }
        differing
    }
}

fn attribute(term: &Term) -> Attribute {
    match term {
        Term::Compare { what, .. } => what.attribute(),
        Term::Among { attribute, .. } => *attribute,
        Term::Not | Term::And | Term::Or => Attribute::Type,
    }
}

impl Constraint {
    /// Whether it holds, if its comparisons come out as `holds` says (`constraint_expr_eval()`,
    /// security/selinux/ss/services.c).
    pub(super) fn evaluate(&self, mut holds: impl FnMut(&Term) -> bool) -> bool {
        let mut stack = [false; DEPTH];
        let mut depth = 0_usize;
        for term in &self.terms {
            // That operands are there, and no more than fit, was checked when the policy was read.
            let one = depth.wrapping_sub(1);
            let two = depth.wrapping_sub(2);
            match term {
                Term::Not => {
                    let Some(top) = stack.get_mut(one) else { return false };
                    *top = !*top;
                }
                Term::And | Term::Or => {
                    let Some(right) = stack.get(one).copied() else { return false };
                    let Some(left) = stack.get_mut(two) else { return false };
                    *left = if matches!(term, Term::And) { *left & right } else { *left | right };
                    depth = one;
                }
                Term::Compare { .. } | Term::Among { .. } => {
                    let Some(free) = stack.get_mut(depth) else { return false };
                    *free = holds(term);
                    depth += 1;
                }
            }
        }
        stack[0]
    }
}

impl Policy {
    /// Whether a comparison holds; of the two contexts, the types are `types`.
    pub(super) fn holds(
        &self,
        term: &Term,
        types: (TypeId, TypeId),
        source: &Context,
        target: &Context,
        process: Option<&Context>,
    ) -> bool {
        match term {
            Term::Compare { what, how } => match what {
                Compared::Users => same(*how, source.user == target.user),
                Compared::Types => same(*how, types.0 == types.1),
                Compared::Roles => {
                    let dominates = |one, other: u32| {
                        self.symbols.roles.get(one).is_some_and(|role| has(&role.dominates, other))
                    };
                    let first = dominates(source.role, target.role.value());
                    let second = dominates(target.role, source.role.value());
                    compare(*how, source.role == target.role, first, second)
                }
                Compared::LowLow => level(*how, &source.range.low, &target.range.low),
                Compared::LowHigh => level(*how, &source.range.low, &target.range.high),
                Compared::HighLow => level(*how, &source.range.high, &target.range.low),
                Compared::HighHigh => level(*how, &source.range.high, &target.range.high),
                Compared::Source => level(*how, &source.range.low, &source.range.high),
                Compared::Target => level(*how, &target.range.low, &target.range.high),
            },
            Term::Among { whose, attribute, not, members, .. } => {
                let (context, type_) = match whose {
                    Whose::Source => (source, types.0),
                    Whose::Target => (target, types.1),
                    Whose::Process => {
                        let Some(process) = process else { return false };
                        (process, process.type_)
                    }
                };
                let value = match attribute {
                    Attribute::User => context.user.value(),
                    Attribute::Role => context.role.value(),
                    Attribute::Type | Attribute::Level => type_.value(),
                };
                has(members, value) != *not
            }
            Term::Not | Term::And | Term::Or => false,
        }
    }

    /// A constraint of `class` with what came of its comparisons.
    #[must_use]
    pub fn violation(
        &self,
        source: &Context,
        target: &Context,
        class: ClassId,
        place: usize,
    ) -> Option<Violation<'_>> {
        let constraint = self.symbols.classes.get(class)?.constraints.get(place)?;
        Some(self.outcomes(constraint, source, target, None))
    }

    fn outcomes<'p>(
        &self,
        constraint: &'p Constraint,
        source: &Context,
        target: &Context,
        process: Option<&Context>,
    ) -> Violation<'p> {
        let comparisons =
            constraint.terms.iter().filter(|term| matches!(term, Term::Compare { .. } | Term::Among { .. }));
        let types = (source.type_, target.type_);
        let outcomes = comparisons
            .map(|term| Outcome { term, holds: self.holds(term, types, source, target, process) })
            .collect();
        Violation { constraint, outcomes }
    }

    /// The constraint that forbids `process` to change the label of an object of `class` from `old` to `new`, if one
    /// does (`security_validate_transition()`, security/selinux/ss/services.c).
    #[must_use]
    pub fn forbids_change(
        &self,
        old: &Context,
        new: &Context,
        process: &Context,
        class: ClassId,
    ) -> Option<Violation<'_>> {
        let types = (old.type_, new.type_);
        let constraints = &self.symbols.classes.get(class)?.transition_constraints;
        let violated = constraints.iter().find(|constraint| {
            !constraint.evaluate(|term| self.holds(term, types, old, new, Some(process)))
        })?;
        Some(self.outcomes(violated, old, new, Some(process)))
    }

    /// An expression as policies write it, with the names in full and parentheses around each part.
    #[must_use]
    pub fn constraint_text(&self, constraint: &Constraint) -> String {
        let mut stack: Vec<String> = Vec::new();
        for term in &constraint.terms {
            let text = match term {
                Term::Not => format!("not {}", stack.pop().unwrap_or_default()),
                Term::And | Term::Or => {
                    let right = stack.pop().unwrap_or_default();
                    let left = stack.pop().unwrap_or_default();
                    let word = if matches!(term, Term::And) { "and" } else { "or" };
                    format!("({left} {word} {right})")
                }
                Term::Compare { what, how } => {
                    let (left, right) = what.words();
                    format!("({left} {} {right})", how.word())
                }
                Term::Among { whose, attribute, not, members, written } => {
                    let members = written.as_ref().unwrap_or(members);
                    let names: Vec<&str> = members.iter().map(|bit| self.name_of(*attribute, bit)).collect();
                    let set = match *names {
                        [name] => name.to_owned(),
                        _ => format!("{{ {} }}", names.join(" ")),
                    };
                    let word = if *not { "!=" } else { "==" };
                    format!("({}{} {word} {set})", attribute.letter(), whose.number())
                }
            };
            stack.push(text);
        }
        stack.pop().unwrap_or_default()
    }

    /// The name of the user, role or type that has this bit in a constraint.
    #[must_use]
    pub fn name_of(&self, attribute: Attribute, bit: u32) -> &str {
        use crate::selinux::policy::{RoleId, UserId};
        match attribute {
            Attribute::User => self.symbols.users.name(UserId::of_bit(bit)),
            Attribute::Role => self.symbols.roles.name(RoleId::of_bit(bit)),
            Attribute::Type | Attribute::Level => self.symbols.types.name(TypeId::of_bit(bit)),
        }
    }
}

impl Comparison {
    /// The word with which policies write it.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Equal => "==",
            Self::NotEqual => "!=",
            Self::Dominates => "dom",
            Self::DominatedBy => "domby",
            Self::Incomparable => "incomp",
        }
    }
}

impl Attribute {
    /// The letter with which policies write it.
    #[must_use]
    pub fn letter(self) -> char {
        match self {
            Self::User => 'u',
            Self::Role => 'r',
            Self::Type => 't',
            Self::Level => 'l',
        }
    }
}

impl Whose {
    /// The number with which policies write it.
    #[must_use]
    pub fn number(self) -> u8 {
        match self {
            Self::Source => 1,
            Self::Target => 2,
            Self::Process => 3,
        }
    }
}

fn same(how: Comparison, equal: bool) -> bool {
    compare(how, equal, false, false)
}

fn level(how: Comparison, one: &Level, other: &Level) -> bool {
    compare(how, one == other, one.dominates(other), other.dominates(one))
}

fn compare(how: Comparison, equal: bool, first: bool, second: bool) -> bool {
    match how {
        Comparison::Equal => equal,
        Comparison::NotEqual => !equal,
        Comparison::Dominates => first,
        Comparison::DominatedBy => second,
        Comparison::Incomparable => !first && !second,
    }
}
