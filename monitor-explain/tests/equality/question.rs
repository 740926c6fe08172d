//! Questions, with denyd's answers.

use std::{collections::BTreeMap, fmt::Write as _, net::IpAddr};

use monitor_explain::selinux::{
    policy::{Attribute, ClassId, Context, Policy, RuleKind, Term, TypeId},
    query::{Decision, Found, Operation, Reasons, Side, TransitionKind, Wanted},
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
        for _ in 0..if large { 20 } else { count / 10 } {
            self.search();
        }
        let policy = self.policy;
        self.add("rules", &[], list::rules(policy));
        self.add("attributes", &[], list::attributes(policy));
        self.add("labels", &[], list::labels(policy));
        self.add("roles", &[], list::roles(policy));
        self.add("capabilities", &[], list::capabilities(policy));
    }

    /// A level or two, mostly of such as are valid.
    fn range(&mut self) -> String {
        let symbols = &self.policy.symbols;
        let levels: Vec<&str> = symbols.levels.iter().map(|(name, _)| name).collect();
        let categories: Vec<&str> = symbols.categories.iter().map(|(name, _)| name).collect();
        let mut sensitivity = self.random.below(levels.len());
        let first = self.random.below(categories.len());
        let last = first + self.random.below(categories.len() - first);
        let mut text = levels[sensitivity].to_owned();
        let set = match self.random.below(6) {
            0 if last > first => format!(":{}.{}", categories[first], categories[last]),
            1 => format!(":{}", categories[first]),
            2 if last > first => format!(":{},{}", categories[first], categories[last]),
            _ => String::new(),
        };
        text.push_str(&set);
        if self.random.chance(40) {
            sensitivity += self.random.below(levels.len() - sensitivity);
            let set = if self.random.chance(60) {
                format!(":{}.{}", categories[0], categories[categories.len() - 1])
            } else {
                set
            };
            _ = write!(text, "-{}{set}", levels[sensitivity]);
        }
        text
    }

    /// A context of this type, mostly a valid one.
    fn context_of(&mut self, type_: &str) -> String {
        let mut text = String::new();
        let is_object = self.random.chance(30);
        for _ in 0..if self.random.chance(95) { 60 } else { 1 } {
            let role = if is_object {
                "object_r"
            } else {
                self.random.pick(&self.roles).copied().unwrap_or_default()
            };
            let user = self.random.pick(&self.users).copied().unwrap_or_default();
            text = format!("{user}:{role}:{type_}");
            if self.policy.levels {
                text = format!("{text}:{}", self.range());
            }
            if self.policy.context(&text).is_ok() {
                break;
            }
        }
        text
    }

    /// A type that a rule is about, if it has this on one side.
    fn member(&mut self, type_: TypeId) -> &'p str {
        let types = &self.policy.symbols.types;
        if types.get(type_).is_some_and(|type_| type_.attribute) {
            let members: Vec<TypeId> = self.policy.types_with(type_).collect();
            return self.random.pick(&members).map_or("", |member| types.name(*member));
        }
        types.name(type_)
    }

    fn access(&mut self) -> Access {
        let deep = self.deep;
        self.access_if(deep)
    }

    fn access_if(&mut self, deep: bool) -> Access {
        loop {
            let access = self.any_access();
            if deep || !self.is_deep(&access) {
                return access;
            }
        }
    }

    fn any_access(&mut self) -> Access {
        let policy = self.policy;
        let rule = self.random.pick(&self.rules).copied().filter(|_| self.random.chance(75));
        let (source, target, class, mut permissions) = if let Some(found) = rule {
            let source = self.member(found.rule.source());
            let target = self.member(found.rule.target());
            let class = policy.symbols.classes.name(found.rule.class());
            (source, target, class, found.permissions().map(str::to_owned).collect::<Vec<_>>())
        } else {
            let mut pick = || self.random.pick(&self.types).copied().unwrap_or_default();
            let (source, target) = (pick(), pick());
            (source, target, self.random.pick(&self.classes).copied().unwrap_or_default(), Vec::new())
        };
        if permissions.is_empty() || self.random.chance(20) {
            let of = policy.class(class).and_then(|class| policy.symbols.classes.get(class));
            permissions = of.into_iter().flat_map(|of| of.names(of.all())).map(str::to_owned).collect();
        }
        let count = if self.random.chance(75) { 1 } else { 1 + self.random.below(3) };
        let mut chosen = Vec::new();
        for _ in 0..count {
            chosen.extend(self.random.pick(&permissions).cloned());
        }
        if chosen.is_empty() || self.random.chance(1) {
            chosen = vec!["no_such_permission".to_owned()];
        }
        let class = if self.random.chance(1) { "no_such_class" } else { class }.to_owned();
        // A process that becomes another is where roles count.
        let source = self.context_of(source);
        let mut target = self.context_of(target);
        if self.random.chance(30) {
            let other = target.split(':').nth(2).unwrap_or_default().to_owned();
            let same: Vec<&str> = source.split(':').collect();
            if let [user, role, _, rest @ ..] = &*same {
                let rest: String = rest.iter().flat_map(|part| [":", part]).collect();
                target = format!("{user}:{role}:{other}{rest}");
            }
        }
        Access { source, target, class, permissions: chosen }
    }

    /// Whether the type that bounds the source's is bounded itself.
    fn is_deep(&self, access: &Access) -> bool {
        let types = &self.policy.symbols.types;
        let bounds = |type_| types.get(type_).and_then(|type_| type_.bounds);
        let source = access.source.split(':').nth(2).and_then(|name| self.policy.type_(name));
        source.and_then(bounds).and_then(bounds).is_some()
    }

    fn known(&self, access: &Access) -> Result<(Context, Context, ClassId, u32), &'static str> {
        let source = self.policy.context(&access.source).map_err(|_| "BADSCON")?;
        let target = self.policy.context(&access.target).map_err(|_| "BADTCON")?;
        let class = self.policy.class(&access.class).ok_or("BADTCLASS")?;
        let mut bits = 0;
        for name in &access.permissions {
            let of = self.policy.symbols.classes.get(class);
            bits |= of.and_then(|of| of.permission(name)).ok_or("BADPERM")?;
        }
        Ok((source, target, class, bits))
    }

    fn decide(&mut self) {
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
    fn constraint(&self, source: &Context, target: &Context, class: ClassId, place: usize) -> String {
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

    fn why(&mut self) {
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
    fn flips(&self, source: &Context, target: &Context, class: ClassId, bits: u32, most: usize) -> String {
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
    fn pairs(&mut self, all: bool) {
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

    fn context(&mut self) {
        let type_ = self.random.pick(&self.types).copied().unwrap_or_default();
        let user = self.random.pick(&self.users).copied().unwrap_or_default();
        let role = self.random.pick(&self.roles).copied().unwrap_or_default();
        let range = self.policy.levels.then(|| self.range());
        let mut text = match range {
            _ if self.random.chance(50) => self.context_of(type_),
            Some(range) => format!("{user}:{role}:{type_}:{range}"),
            None => format!("{user}:{role}:{type_}"),
        };
        if self.random.chance(5) {
            let place = self.random.below(text.len());
            text.remove(place);
        }
        let answer = match self.policy.context(&text) {
            Ok(context) => self.policy.text(&context),
            Err(_) => "no context".to_owned(),
        };
        self.add("context", &[&text], answer);
    }

    fn transition(&mut self) {
        let kinds = [
            (TransitionKind::New, "new"),
            (TransitionKind::Member, "member"),
            (TransitionKind::Change, "change"),
        ];
        let Some((kind, word)) = self.random.pick(&kinds).copied() else { return };
        let rules: Vec<Found<'_>> = if self.random.chance(3) {
            self.policy.search(Wanted {
                kinds: &[RuleKind::TypeTransition, RuleKind::TypeMember, RuleKind::TypeChange],
                ..Wanted::default()
            })
        } else {
            Vec::new()
        };
        let rule = self.random.pick(&rules).copied();
        let access = self.access();
        let (mut source, mut target, mut class) = (access.source, access.target, access.class);
        if let Some(found) = rule {
            let (from, to) = (self.member(found.rule.source()), self.member(found.rule.target()));
            source = self.context_of(from);
            target = self.context_of(to);
            class = self.policy.symbols.classes.name(found.rule.class()).to_owned();
        }
        // libsepol doesn't know that sockets get their labels as processes do.
        if class.ends_with("socket") {
            return;
        }
        let (Ok(from), Ok(to)) = (self.policy.context(&source), self.policy.context(&target)) else { return };
        let Some(of) = self.policy.class(&class) else { return };
        let answer = self.policy.valid_transition(kind, &from, &to, of, None);
        let answer = answer.map_or_else(|_| "no invalid".to_owned(), |context| self.policy.text(&context));
        self.add("transition", &[word, &source, &target, &class], answer);
    }

    fn change(&mut self) {
        let mut contexts = Vec::new();
        for _ in 0..3 {
            let type_ = self.random.pick(&self.types).copied().unwrap_or_default();
            contexts.push(self.context_of(type_));
        }
        let class = if self.random.chance(70) { "file" } else { "dir" };
        let known: Vec<Context> = contexts.iter().filter_map(|text| self.policy.context(text).ok()).collect();
        let ([old, new, process], Some(of)) = (&*known, self.policy.class(class)) else { return };
        let answer =
            if self.policy.forbids_change(old, new, process, of).is_some() { "refused" } else { "allowed" };
        self.add("change", &[&contexts[0], &contexts[1], &contexts[2], class], answer.to_owned());
    }

    fn label(&mut self) {
        let policy = self.policy;
        let text =
            |context: Option<&Context>| context.map_or("no label".to_owned(), |context| policy.text(context));
        match self.random.below(4) {
            0 | 1 => {
                let protocol = self.random.pick(&[6_u32, 17, 33, 132, 1]).copied().unwrap_or(6);
                let some = policy.labels.ports.get(self.random.below(policy.labels.ports.len()));
                let port = match some.filter(|_| self.random.chance(50)) {
                    None => self.random.below(65_536),
                    Some(some) => usize::try_from(some.first).unwrap_or_default() + self.random.below(3),
                };
                let port = u16::try_from(port).unwrap_or(u16::MAX);
                let answer = text(policy.port(protocol, port).context);
                self.add("label", &["port", &protocol.to_string(), &port.to_string()], answer);
            }
            2 => {
                let systems: Vec<&str> = policy.labels.paths.keys().map(|name| &**name).collect();
                let system = if self.random.chance(95) {
                    self.random.pick(&systems).copied().unwrap_or("proc")
                } else {
                    "no_such_fs"
                };
                let paths = policy.labels.paths.get(system);
                let some = paths.and_then(|paths| paths.get(self.random.below(paths.len())));
                let mut path =
                    some.map_or("/".into(), |some| String::from_utf8_lossy(&some.path).into_owned());
                let more = ["", "", "x", "/y", "/sys/kernel"];
                // The kernel takes two slashes at the beginning for one; libsepol doesn't.
                path.push_str(self.random.pick(&more).copied().unwrap_or_default());
                path = path.replace("//", "/");
                let class = if self.random.chance(50) { "file" } else { "dir" };
                let Some(of) = policy.class(class) else { return };
                let answer = text(policy.path(system, path.as_bytes(), of));
                self.add("label", &["path", system, &path, class], answer);
            }
            _ => {
                let octet = |random: &mut Random| u8::try_from(random.below(256)).unwrap_or_default();
                let mut octets = [0; 16];
                for octet_of in &mut octets {
                    *octet_of = octet(&mut self.random);
                }
                let address: IpAddr = match self.random.below(6) {
                    0 => [10, 1, octets[0], octets[1]].into(),
                    1 => [127, octets[0], 0, 1].into(),
                    2 => [octets[0], octets[1], octets[2], octets[3]].into(),
                    3 => [0xfe80, 0, 0, 0, 0, 0, 0, u16::from(octets[0])].into(),
                    4 => [0, 0, 0, 0, 0, 0, 0, 1_u16].into(),
                    _ => octets.into(),
                };
                self.add("label", &["node", &address.to_string()], text(policy.node(address).context));
                let name = if self.random.chance(50) { "eth0" } else { "eth1" };
                self.add("label", &["netif", name], text(policy.interface(name).context));
            }
        }
    }

    /// Two types, mostly those of a rule of these kinds, and the class.
    fn of_rule(&mut self, rules: &[Found<'p>]) -> (&'p str, &'p str, ClassId) {
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

    fn ioctl(&mut self) {
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

    fn name(&mut self) {
        let policy = self.policy;
        let types = &policy.symbols.types;
        let Some((source, target, class, file, _)) = self.random.pick(&self.names).copied() else { return };
        let mut pick = |type_: TypeId| {
            if self.random.chance(85) {
                types.name(type_)
            } else {
                self.random.pick(&self.types).copied().unwrap_or_default()
            }
        };
        let (source, target) = (pick(source), pick(target));
        let file = if self.random.chance(95) { file } else { b"no such name" };
        let (Some(from), Some(to)) = (policy.type_(source), policy.type_(target)) else { return };
        let answer = policy.type_by_name(from, to, class, file).map_or("none", |gives| types.name(gives));
        let (class, file) = (policy.symbols.classes.name(class), String::from_utf8_lossy(file).into_owned());
        self.add("name", &[source, target, class, &file], answer.to_owned());
    }

    fn search(&mut self) {
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
