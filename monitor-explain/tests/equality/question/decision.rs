//! What is allowed, and why something is not.

use monitor_explain::selinux::{
    policy::{Attribute, ClassId, Context, Term},
    query::{Decision, Reasons},
};

use super::{Access, Questions};

impl Questions<'_> {
    pub(super) fn decide(&mut self) {
        let access = self.access();
        let answer = match self.known(&access) {
            Ok((source, target, class, bits)) => {
                let decision = self.policy.decide(&source, &target, class);
                let Decision { allowed, auditallow, auditdeny, .. } = decision;
                let reasons = decision.reasons(bits).bits();
                let places = decision.violated.iter();
                let texts = places.map(|place| self.constraint(&source, &target, class, *place));
                let texts: String = texts.collect();
                format!("{allowed:x} {auditallow:x} {auditdeny:x} {reasons} {texts}")
            }
            Err("BADTCLASS") => "no class".to_owned(),
            Err("BADPERM") => "no permission".to_owned(),
            Err(_) => "no context".to_owned(),
        };
        let Access { source, target, class, permissions } = &access;
        self.add("decide", &[source, target, class, &permissions.join(",")], answer);
    }

    /// A constraint as libsepol writes it: without parentheses, and with marks at comparisons that don't hold.
    pub(super) fn constraint(
        &self,
        source: &Context,
        target: &Context,
        class: ClassId,
        place: usize,
    ) -> String {
        let Some(violation) = self.policy.violation(source, target, class, place) else {
            return String::new();
        };
        let mut outcomes = violation.outcomes.iter();
        let mut stack: Vec<String> = Vec::new();
        let mut levels = false;
        for term in &violation.constraint.terms {
            let text = match term {
                Term::Not => {
                    let operand = stack.pop().unwrap_or_default();
                    if operand.starts_with("not") {
                        format!("not ({operand})")
                    } else {
                        format!("not{operand}")
                    }
                }
                Term::And | Term::Or => {
                    let right = stack.pop().unwrap_or_default();
                    let left = stack.pop().unwrap_or_default();
                    format!("{left} {} {right}", if matches!(term, Term::And) { "and" } else { "or" })
                }
                Term::Compare { what, how } => {
                    let of_levels = what.attribute() == Attribute::Level;
                    levels |= of_levels;
                    let failed = outcomes.next().is_some_and(|outcome| !outcome.holds);
                    let (left, right) = what.words();
                    let word = if of_levels && how.word() == "==" { "eq" } else { how.word() };
                    format!("({left} {word} {right}{}) ", if failed { " -Fail-" } else { "" })
                }
                Term::Among { whose, attribute, not, members, written } => {
                    let failed = outcomes.next().is_some_and(|outcome| !outcome.holds);
                    let set = written.as_ref().unwrap_or(members);
                    let names: Vec<&str> =
                        set.iter().map(|bit| self.policy.name_of(*attribute, bit)).collect();
                    let names = match *names {
                        [] => "<empty_set> ".to_owned(),
                        [name] => format!(" {name}"),
                        _ => format!(" {{ {} }}", names.join(" ")),
                    };
                    let word = if *not { "!=" } else { "==" };
                    let end = if failed { " -Fail-) " } else { ") " };
                    format!("({}{} {word}{names}{end}", attribute.letter(), whose.number())
                }
            };
            stack.push(text);
        }
        let text = stack.pop().unwrap_or_default();
        let word = if levels { "mlsconstrain" } else { "constrain" };
        let classes = &self.policy.symbols.classes;
        let names: Vec<&str> = classes
            .get(class)
            .into_iter()
            .flat_map(|of| of.names(violation.constraint.permissions))
            .collect();
        format!("{word} {} {{ {} }} ({text}); Constraint DENIED|", classes.name(class), names.join(" "))
    }

    pub(super) fn why(&mut self) {
        let deep = self.deep_why;
        let access = self.access_if(deep);
        let answer = match self.known(&access) {
            Ok((source, target, class, bits)) => {
                let decision = self.policy.decide(&source, &target, class);
                let reasons = decision.reasons(bits);
                let booleans = self.flips(&source, &target, class, bits, 1);
                if reasons.is_empty() {
                    "ALLOW ".to_owned()
                } else if reasons.contains(Reasons::RULE) {
                    match (booleans.is_empty(), bits & !decision.auditdeny == 0) {
                        (false, _) => format!("BOOLEAN {booleans}"),
                        (true, false) => "DONTAUDIT ".to_owned(),
                        (true, true) => "TERULE ".to_owned(),
                    }
                } else if reasons.contains(Reasons::CONSTRAINT) {
                    "CONSTRAINT ".to_owned()
                } else if reasons.contains(Reasons::ROLE) {
                    "RBAC ".to_owned()
                } else {
                    "BOUNDS ".to_owned()
                }
            }
            Err(code) => format!("{code} "),
        };
        let Access { source, target, class, permissions } = &access;
        self.add("why", &[source, target, class, &permissions.join(",")], answer);
    }

    /// The booleans that do, up to so many together.
    pub(super) fn flips(
        &self,
        source: &Context,
        target: &Context,
        class: ClassId,
        bits: u32,
        most: usize,
    ) -> String {
        let booleans = &self.policy.symbols.booleans;
        let flips = self.policy.flips(source, target, class, bits).flips;
        let flips = flips.iter().filter(|flip| flip.booleans.len() <= most);
        let mut texts: Vec<String> = flips
            .map(|flip| {
                let mut parts: Vec<String> = flip
                    .booleans
                    .iter()
                    .map(|(boolean, on)| format!("{}={}", booleans.name(*boolean), u8::from(*on)))
                    .collect();
                parts.sort();
                parts.join("+")
            })
            .collect();
        texts.sort();
        texts.join(",")
    }

    /// Pairs: of all booleans, or of those that denyd names and some others.
    pub(super) fn pairs(&mut self, all: bool) {
        let access = self.access();
        let Ok((source, target, class, bits)) = self.known(&access) else { return };
        let booleans = &self.policy.symbols.booleans;
        let answer = self.flips(&source, &target, class, bits, 2);
        let mut paired = "all".to_owned();
        if !all {
            let names: Vec<&str> = booleans.iter().map(|(name, _)| name).collect();
            let named = self.policy.flips(&source, &target, class, bits).flips;
            let named =
                named.iter().flat_map(|flip| &flip.booleans).map(|(boolean, _)| booleans.name(*boolean));
            let mut some: Vec<&str> = named.collect();
            some.truncate(20);
            if self.policy.flips(&source, &target, class, bits).flips.len() > 10 {
                return;
            }
            some.extend((0..10).filter_map(|_| self.random.pick(&names).copied()));
            paired = some.join(",");
        }
        let Access { source, target, class, permissions } = &access;
        self.add("flips", &[source, target, class, &permissions.join(","), &paired], answer);
    }
}
