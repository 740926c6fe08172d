//! Whether a port has a label of its own.

use monitor_event::event::Event;

use super::question::Question;
use crate::selinux::policy::Policy;

/// A port that was refused.
pub(super) struct Port {
    pub(super) number: u16,
    pub(super) protocol: &'static str,
    /// The type that it has by the policy.
    pub(super) type_: String,
    /// Whether it would be allowed with that.
    pub(super) allowed: bool,
    /// Types of ports with which it would be allowed.
    pub(super) candidates: Vec<String>,
    /// Whether the policy has it by its number.
    pub(super) own: bool,
}

/// Types of ports that are no service's own.
const GENERIC: [&str; 5] =
    ["port_t", "unreserved_port_t", "reserved_port_t", "hi_reserved_port_t", "ephemeral_port_t"];

const CANDIDATES: usize = 4;

/// Types of ports that nearly all domains may connect to: which of them may, says nothing of what listens there.
const EVERYBODYS: [&str; 5] =
    ["dns_port_t", "kerberos_port_t", "ldap_port_t", "ocsp_port_t", "portmap_port_t"];

/// The port, if the denial is about one.
pub(super) fn of(event: &Event<'_>, question: &Question<'_>, policy: &Policy) -> Option<Port> {
    let object = &event.object;
    let end = match *question.permissions {
        ["name_bind"] => object.source.as_ref().or(object.local.as_ref()),
        ["name_connect"] => object.destination.as_ref().or(object.remote.as_ref()),
        _ => None,
    };
    let number = end?.port?;
    let (protocol, code) = match question.class {
        "tcp_socket" => ("tcp", 6),
        "udp_socket" => ("udp", 17),
        "dccp_socket" => ("dccp", 33),
        "sctp_socket" => ("sctp", 132),
        _ => return None,
    };
    let known = policy.port(code, number);
    let type_ = policy.symbols.types.name(known.context?.type_).to_owned();
    let attribute = policy.attribute("port_type")?;
    let rest = question.target.splitn(3, ':').nth(2)?.strip_prefix(question.target_type)?;
    let mut names: Vec<&str> =
        policy.types_with(attribute).map(|type_| policy.symbols.types.name(type_)).collect();
    names.retain(|name| !GENERIC.contains(name) && *name != type_);
    if question.asks("name_connect") {
        names.retain(|name| !EVERYBODYS.contains(name));
    }
    let allowed = |name: &&str| question.is_allowed_with(policy, &format!("system_u:object_r:{name}{rest}"));
    let is_allowed = allowed(&&*type_);
    let mut names: Vec<&str> = names.into_iter().filter(allowed).collect();
    let stem = question.source_type.trim_end_matches("_t").trim_end_matches('d');
    names.sort_by_key(|name| (!name.starts_with(stem), name.len(), *name));
    let candidates = names.into_iter().take(CANDIDATES).map(str::to_owned).collect();
    let own = !known.by_default && !GENERIC.contains(&&*type_);
    Some(Port { number, protocol, type_, allowed: is_allowed, candidates, own })
}
