//! What accounts for each value of an event: a field of the kernel's own record, the file itself, or the case.
//!
//! A value that nothing accounts for is a fault, however plausible it is.

use serde_json::{Value, json};
use tests::{audit::Record, expectation::Expectation, expectation::lookup, report::Report};

/// The parts of an event that say who was refused what. The process is compared with `/proc` (`identity`), the rest is the
/// same in all events.
const PARTS: [&str; 3] = ["action", "subject", "object"];

/// Values that follow from others, and why they need no account of their own.
const DERIVED: [(&str, &str); 22] = [
    ("action.class", "older kernels' records have no class of AppArmor's; the operation says it"),
    ("action.permissions", "compared with the record's letters, mask or blockers"),
    ("action.requested", "what is more than was refused; the kernel writes it nowhere"),
    ("action.errno", "the module's own answer; the operation's outcome is compared"),
    ("action.info", "compared with the record's"),
    ("action.signal", "compared with the record's, or with what Landlock's case sends"),
    ("object.kind", "follows from the class"),
    ("object.path_root", "each has a case"),
    ("object.path_ambiguous", "has a case"),
    ("object.deleted", "compared with the record's, which says so in the path"),
    ("object.device", "of the inode that is compared"),
    ("object.device_number", "of the file that is looked at, where the process has a path to it"),
    ("object.inode", "as above"),
    ("object.mode", "as above"),
    ("object.owner", "as above"),
    ("object.family", "the socket's own; cases name it"),
    ("object.socket_type", "as above"),
    ("object.protocol", "as above"),
    ("object.process", "the target's: the cases of each kind of target compare it with the living process"),
    ("object.executable", "as the file's, of the program"),
    ("subject.same_exec", "Landlock's: its cases of another program name it"),
    ("subject.domain_", "Landlock's: its cases compare it with the domains that they made"),
];

/// The values of an event that neither audit's records, nor the case, nor a rule accounts for.
pub(crate) fn unaccounted(event: &Value, records: &[Record], expected: &[Expectation]) -> Vec<String> {
    let mut faults = Vec::new();
    for part in PARTS {
        for name in leaves(&event[part], part) {
            let is_expected = expected.iter().any(|expectation| expectation.names(&name));
            let is_derived = DERIVED.iter().any(|(start, _)| name.starts_with(start));
            if !is_expected && !is_derived && !in_record(&name, records) {
                let value = lookup(event, &name).unwrap_or(&Value::Null);
                faults.push(format!("{name}: {value} is accounted for by nothing"));
            }
        }
    }
    faults
}

/// Whether a record has a field that the value is compared with (`tests::audit`).
fn in_record(name: &str, records: &[Record]) -> bool {
    let fields: &[&str] = match name {
        "subject.label" => &["scontext", "profile", "oldcontext"],
        "subject.unknown_label" => &["srawcon"],
        "object.unknown_label" => &["trawcon", "invalid_context"],
        "object.source.address" => &["saddr"],
        "object.source.port" => &["src"],
        "object.destination.address" => &["daddr"],
        "object.destination.port" => &["dest"],
        "object.local.address" => &["laddr"],
        "object.local.port" => &["lport"],
        "object.remote.address" => &["faddr"],
        "object.remote.port" => &["fport"],
        "object.abstract_name" => &["path", "addr", "peer_addr"],
        "object.interface" => &["netif"],
        "object.capability" => &["capability", "capname"],
        "object.key_description" => &["key_desc"],
        "object.kernel_module" => &["kmod"],
        "object.anon_class" => &["anonclass"],
        "object.netlink_message" => &["nl-msgtype"],
        "object.entry" => &["name"],
        "object.target" => &["target", "trans"],
        "object.mount_type" => &["fstype"],
        "object.mount_source" => &["srcname"],
        "action.mount_options" => &["flags"],
        "action.rlimit_value" => &["value"],
        "action.syscall" | "action.syscall_number" => &["syscall"],
        "action.syscall_arch" => &["arch"],
        "action.seccomp_action" => &["code"],
        "action.instruction_pointer" => &["ip"],
        "action.class" => &["tclass", "class"],
        "action.operation" => &["operation", "op", "ipe_hook"],
        "action.denied_mask" => &["denied_mask", "denied"],
        "action.requested_mask" => &["requested_mask", "requested"],
        "action.ioctl_command" => &["ioctlcmd"],
        "object.path" => &["path", "name", "addr", "peer_addr"],
        "object.label" => &["tcontext", "peer"],
        // The others have the record's own name.
        _ => &[],
    };
    let own = name.rsplit('.').next().unwrap_or(name);
    fields.iter().chain([&own]).any(|field| records.iter().any(|record| record.field(field).is_some()))
}

/// What the event gets wrong of the file, which the actor looked at before the operation.
pub(crate) fn of_file(event: &Value, report: &Report) -> Vec<String> {
    let object = &event["object"];
    let path = object["path"].as_str().filter(|_| object["path_root"] == "mount_namespace");
    let Some(file) = path.and_then(|path| report.facts.get(&format!("stat {path}"))) else {
        return Vec::new();
    };
    let fields = ["inode", "mode", "owner", "device_number"].iter();
    let present = fields.filter(|field| object.get(**field).is_some());
    let wrong = present.filter(|field| object[**field] != file[**field]);
    wrong
        .map(|field| format!("object.{field}: the file has {}, the event {}", file[*field], object[*field]))
        .collect()
}

/// The names of all values in a part of an event; a list is one value.
fn leaves(value: &Value, name: &str) -> Vec<String> {
    match value {
        Value::Object(fields) => {
            fields.iter().flat_map(|(field, value)| leaves(value, &format!("{name}.{field}"))).collect()
        }
        Value::Null => Vec::new(),
        _ => vec![name.to_owned()],
    }
}

/// Whether the check finds what it is for.
pub(crate) fn finds_inventions() -> Result<(), String> {
    let record = Record::parse(
        "audit: type=1400 audit(1.5:7): avc:  denied  { name_bind } for  pid=1 comm=\"x\" src=5599 \
         scontext=u:r:a_t:s0 tcontext=u:object_r:p_t:s0 tclass=tcp_socket permissive=0",
    );
    let record = record.and_then(Result::ok).ok_or("the record can't be read")?;
    let event = json!({
        "action": { "class": "tcp_socket", "permissions": ["name_bind"] },
        "subject": { "label": "u:r:a_t:s0" },
        "object": { "kind": "socket", "label": "u:object_r:p_t:s0", "source": { "address": "0.0.0.0", "port": 5599 } },
    });
    let found = unaccounted(&event, &[record], &[]);
    let wanted = ["object.source.address: \"0.0.0.0\" is accounted for by nothing"];
    if found == wanted { Ok(()) } else { Err(format!("{found:?}")) }
}
