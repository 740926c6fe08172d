//! All of a policy as text, as `oracle.py` lists it from setools.

use std::net::{Ipv4Addr, Ipv6Addr};

use monitor_explain::selinux::{
    policy::{Context, Policy, TypeId, Unknown},
    query::{Found, INITIAL_SIDS, Wanted},
};

/// Lines in order.
pub(crate) fn sorted(lines: impl Iterator<Item = String>) -> String {
    let mut lines: Vec<String> = lines.collect();
    lines.sort();
    lines.join("\u{b}")
}

pub(crate) fn rule(policy: &Policy, found: &Found<'_>) -> String {
    let symbols = &policy.symbols;
    let rule = &found.rule;
    let name = |type_| symbols.types.name(type_);
    let what = if let Some(type_) = rule.gives() {
        name(type_).to_owned()
    } else if rule.kind.is_extended() {
        let operations = policy.operations(rule).into_iter().flat_map(|(first, last)| first..=last);
        let operations: Vec<String> = operations.map(|operation| format!(" {operation:x}")).collect();
        format!("operations{}", operations.concat())
    } else {
        let mut names: Vec<&str> = found.permissions().collect();
        names.sort_unstable();
        names.join(" ")
    };
    let condition = rule.when.condition().map(|(place, is)| {
        let mut names: Vec<&str> =
            policy.conditions[place].booleans().map(|boolean| symbols.booleans.name(boolean)).collect();
        names.sort_unstable();
        names.dedup();
        format!("{}:{}", names.join(","), u8::from(is))
    });
    let (kind, class) = (rule.kind.word(), symbols.classes.name(rule.class()));
    let (source, target) = (name(rule.source()), name(rule.target()));
    format!("{kind} {source} {target} {class} {what} [{}]", condition.unwrap_or_default())
}

pub(crate) fn rules(policy: &Policy) -> String {
    let symbols = &policy.symbols;
    let name = |type_: TypeId| symbols.types.name(type_);
    let found = policy.search(Wanted::default());
    let rules = found.iter().map(|found| rule(policy, found));
    let names = policy.name_transitions().map(|(source, target, class, file, gives)| {
        let (class, file) = (symbols.classes.name(class), String::from_utf8_lossy(file));
        format!("name_transition {} {} {class} {file} {} []", name(source), name(target), name(gives))
    });
    sorted(rules.chain(names))
}

pub(crate) fn attributes(policy: &Policy) -> String {
    let types = &policy.symbols.types;
    let plain = types.iter().filter(|(_, type_)| !type_.attribute);
    sorted(plain.map(|(name, type_)| {
        let mut attributes: Vec<&str> = policy.attributes_of(type_.id).map(|one| types.name(one)).collect();
        attributes.sort_unstable();
        let own = |(_, of): &(&str, TypeId)| *of == type_.id;
        let mut aliases: Vec<&str> = policy.type_aliases().filter(own).map(|(alias, _)| alias).collect();
        aliases.sort_unstable();
        let permissive = u8::from(policy.is_permissive(type_.id));
        let bounds = type_.bounds.map_or("", |bounds| types.name(bounds));
        format!("{name} {} {} {permissive} {bounds}", attributes.join(","), aliases.join(","))
    }))
}

pub(crate) fn labels(policy: &Policy) -> String {
    let text = |context: &Context| policy.text(context);
    let labels = &policy.labels;
    let mut lines = Vec::new();
    for port in &labels.ports {
        let protocol = match port.protocol {
            6 => "tcp",
            17 => "udp",
            33 => "dccp",
            _ => "sctp",
        };
        lines.push(format!("port {protocol} {} {} {}", port.first, port.last, text(&port.context)));
    }
    for system in &labels.file_systems {
        lines.push(format!("fs {} {}", system.name, text(&system.context)));
    }
    for (system, paths) in &labels.paths {
        for label in paths {
            let class = label.class.map_or("*", |class| policy.symbols.classes.name(class));
            let path = String::from_utf8_lossy(&label.path);
            lines.push(format!("path {system} {path} {class} {}", text(&label.context)));
        }
    }
    for (name, interface, packets) in &labels.interfaces {
        lines.push(format!("netif {name} {} {}", text(interface), text(packets)));
    }
    for (address, mask, context) in &labels.nodes {
        lines.push(format!("node {}/{} {}", Ipv4Addr::from(*address), Ipv4Addr::from(*mask), text(context)));
    }
    for (address, mask, context) in &labels.nodes_v6 {
        lines.push(format!("node {}/{} {}", Ipv6Addr::from(*address), Ipv6Addr::from(*mask), text(context)));
    }
    for (prefix, first, last, context) in &labels.partition_keys {
        let mut octets = [0; 16];
        octets[..8].copy_from_slice(prefix);
        let prefix = Ipv6Addr::from(octets);
        lines.push(format!("pkey {prefix} {first} {last} {}", text(context)));
    }
    for (device, port, context) in &labels.end_ports {
        lines.push(format!("endport {device} {port} {}", text(context)));
    }
    for (sid, context) in &labels.initial {
        let name = usize::try_from(*sid).ok().and_then(|sid| INITIAL_SIDS.get(sid)).unwrap_or(&"?");
        lines.push(format!("sid {name} {}", text(context)));
    }
    sorted(lines.into_iter())
}

pub(crate) fn roles(policy: &Policy) -> String {
    let symbols = &policy.symbols;
    let role = |role| symbols.roles.name(role);
    let name = |type_| symbols.types.name(type_);
    let class = |class| symbols.classes.name(class);
    let allows =
        policy.role_allows().iter().map(|rule| format!("allow {} {}", role(rule.role), role(rule.to)));
    let transitions = policy.role_transitions().iter().map(|rule| {
        format!(
            "transition {} {} {} {}",
            role(rule.role),
            name(rule.type_),
            class(rule.class),
            role(rule.gives)
        )
    });
    let ranges = policy.range_transitions().map(|(source, target, of, range)| {
        format!("range {} {} {} {}", name(source), name(target), class(of), policy.range_text(range))
    });
    sorted(allows.chain(transitions).chain(ranges))
}

pub(crate) fn capabilities(policy: &Policy) -> String {
    let mut names: Vec<String> = policy.capabilities().collect();
    names.sort();
    let unknown = match policy.unknown {
        Unknown::Deny => "deny",
        Unknown::Reject => "reject",
        Unknown::Allow => "allow",
    };
    format!("{} {} {unknown} {}", policy.version, u8::from(policy.levels), names.join(","))
}
