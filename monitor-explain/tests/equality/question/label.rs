//! Labels: of new objects, of ports and the like, and whether they are valid.

use std::net::IpAddr;

use monitor_explain::selinux::{
    policy::{Context, RuleKind, TypeId},
    query::{Found, TransitionKind, Wanted},
};

use super::Questions;
use crate::random::Random;

impl Questions<'_> {
    pub(super) fn context(&mut self) {
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

    pub(super) fn transition(&mut self) {
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

    pub(super) fn change(&mut self) {
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

    pub(super) fn label(&mut self) {
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

    pub(super) fn name(&mut self) {
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
}
