//! Random contexts and permissions.

use std::fmt::Write as _;

use monitor_explain::selinux::policy::{ClassId, Context, TypeId};

use super::{Access, Questions};

impl<'p> Questions<'p> {
    /// A level or two, mostly of such as are valid.
    pub(super) fn range(&mut self) -> String {
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
    pub(super) fn context_of(&mut self, type_: &str) -> String {
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
    pub(super) fn member(&mut self, type_: TypeId) -> &'p str {
        let types = &self.policy.symbols.types;
        if types.get(type_).is_some_and(|type_| type_.attribute) {
            let members: Vec<TypeId> = self.policy.types_with(type_).collect();
            return self.random.pick(&members).map_or("", |member| types.name(*member));
        }
        types.name(type_)
    }

    pub(super) fn access(&mut self) -> Access {
        let deep = self.deep;
        self.access_if(deep)
    }

    pub(super) fn access_if(&mut self, deep: bool) -> Access {
        loop {
            let access = self.any_access();
            if deep || !self.is_deep(&access) {
                return access;
            }
        }
    }

    pub(super) fn any_access(&mut self) -> Access {
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
    pub(super) fn is_deep(&self, access: &Access) -> bool {
        let types = &self.policy.symbols.types;
        let bounds = |type_| types.get(type_).and_then(|type_| type_.bounds);
        let source = access.source.split(':').nth(2).and_then(|name| self.policy.type_(name));
        source.and_then(bounds).and_then(bounds).is_some()
    }

    pub(super) fn known(&self, access: &Access) -> Result<(Context, Context, ClassId, u32), &'static str> {
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
}
