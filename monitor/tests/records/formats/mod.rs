//! Events in the other formats, held against those formats' own schemas.
//!
//! Every golden event is, and every event that is decoded from a random record. Of some, the whole is compared with the
//! files in `golden/ecs/` and `golden/ocsf/`.

mod ecs;
mod ocsf;

use std::{collections::HashSet, fs, path::PathBuf};

use monitor::{event::Event, format::Format};
use serde_json::Value;

use crate::golden;

/// The golden events of which each format has a golden file.
const WHOLE: [&str; 9] = [
    "selinux_file",
    "selinux_socket",
    "apparmor_complain_exec",
    "apparmor_unix",
    "landlock_signal",
    "capability",
    "lockdown",
    "missing",
    "seccomp_errno",
];

/// Encodes an event, and says where that differs from the format's schema.
pub(crate) fn faults(event: &Event<'_>) -> Vec<String> {
    let mut all = Vec::new();
    for (format, faults) in [(Format::Ecs, ecs::faults as fn(&Value) -> _), (Format::Ocsf, ocsf::faults)] {
        let document = encode(format, event);
        let faults: Vec<String> = faults(&document);
        all.extend(faults.into_iter().map(|fault| format!("{format:?}: {fault}")));
        all.extend(
            lost(event, &document).map(|lost| format!("{format:?}: {lost} is in the event, and not here")),
        );
    }
    all
}

fn encode(format: Format, event: &Event<'_>) -> Value {
    let mut line = Vec::new();
    format.write(event, &mut line).unwrap();
    assert!(!line.contains(&b'\n'), "an event is one line");
    serde_json::from_slice(&line).unwrap()
}

/// The values of an event that are nowhere in a document.
fn lost(event: &Event<'_>, document: &Value) -> impl Iterator<Item = String> {
    let mut event = serde_json::to_value(event).unwrap();
    // Each of these is there in another form, which the golden files show.
    for (group, field) in [
        ("", "/kind"),
        ("", "/verdict"),
        ("/process", "/cap_effective"),
        ("/object", "/mode"),
        ("/object", "/deleted"),
        ("/object", "/kind"),
        ("/object", "/family"),
        ("/process", "/exe_deleted"),
    ] {
        if let Some(Value::Object(group)) = event.pointer_mut(group) {
            group.remove(&field[1..]);
        }
    }
    let there: HashSet<_> = leaves(document).collect();
    let command_line = ["/process/command_line", "/actor/process/cmd_line"];
    let command_line = command_line.into_iter().find_map(|place| document.pointer(place)?.as_str());
    let is_there = move |leaf: &String| {
        there.contains(leaf) || command_line.is_some_and(|line| line.split(' ').any(|word| word == leaf))
    };
    leaves(&event).filter(|leaf| !is_there(leaf)).collect::<Vec<_>>().into_iter()
}

/// Every string, number and flag.
fn leaves(value: &Value) -> Box<dyn Iterator<Item = String> + '_> {
    match value {
        Value::Object(fields) => Box::new(fields.values().flat_map(leaves)),
        Value::Array(items) => Box::new(items.iter().flat_map(leaves)),
        Value::String(text) => Box::new(std::iter::once(text.clone())),
        other => Box::new(std::iter::once(other.to_string())),
    }
}

fn folder() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/golden")
}

#[test]
fn every_golden_event_follows_the_schemas_of_other_formats_and_loses_nothing() {
    let mut count = 0;
    for entry in fs::read_dir(folder()).unwrap() {
        let path = entry.unwrap().path();
        if path.extension().is_some_and(|extension| extension == "json") {
            let json = fs::read_to_string(&path).unwrap();
            let event = serde_json::from_str(&json).unwrap();
            assert_eq!(faults(&event), [""; 0], "{}", path.display());
            count += 1;
        }
    }
    assert!(count > WHOLE.len(), "{count} golden events are too few");
}

#[test]
fn the_formats_of_some_events_are_these() {
    for name in WHOLE {
        let json = fs::read_to_string(folder().join(name).with_extension("json")).unwrap();
        let event = serde_json::from_str(&json).unwrap();
        for (format, sub) in [(Format::Ecs, "ecs"), (Format::Ocsf, "ocsf")] {
            golden::compare(&format!("{sub}/{name}"), &encode(format, &event));
        }
    }
}

/// What no golden record has: a container, a pod, a unit.
#[test]
fn a_container_has_its_place_in_each_format() {
    let json = fs::read_to_string(folder().join("capability.json")).unwrap();
    let mut event: Value = serde_json::from_str(&json).unwrap();
    event["container"] = serde_json::json!({
        "id": "4fa6e0f0c678", "runtime": "containerd", "found_by": "cgroup",
        "pod": { "uid": "2f3a7a1e-0bd5-4b5e-9d29-b2c1d9c1a8e0", "qos": "burstable" },
        "parents": [{ "id": "outer", "runtime": "docker" }],
    });
    event["unit"] = serde_json::json!({ "name": "kubelet.service", "slice": "kubepods.slice" });
    let line = event.to_string();
    let event = serde_json::from_str(&line).unwrap();
    assert_eq!(faults(&event), [""; 0]);
    for (format, sub) in [(Format::Ecs, "ecs"), (Format::Ocsf, "ocsf")] {
        golden::compare(&format!("{sub}/container"), &encode(format, &event));
    }
}

/// Changes of policies, by what was there before and after.
#[test]
fn a_change_of_policy_has_its_place_in_each_format() {
    let json = fs::read_to_string(folder().join("kernel_thread.json")).unwrap();
    let denial: Value = serde_json::from_str(&json).unwrap();
    for (name, module, changes) in [
        (
            "policy_boolean",
            "selinux",
            serde_json::json!([
                { "what": "boolean", "name": "httpd_enable_homedirs", "before": "off", "after": "on" },
            ]),
        ),
        (
            "policy_removed",
            "apparmor",
            serde_json::json!([
                { "what": "profile", "name": "/usr/bin/man", "namespace": "lxd", "before": "enforce" },
                { "what": "profile", "name": "man_groff", "before": "enforce" },
            ]),
        ),
    ] {
        let mut event = denial.clone();
        event["kind"] = "policy".into();
        event["module"] = module.into();
        event["action"] = serde_json::json!({ "permissions": [] });
        event["object"] = serde_json::json!({ "kind": "none" });
        event["changes"] = changes;
        event.as_object_mut().unwrap().remove("verdict");
        let line = event.to_string();
        let event = serde_json::from_str(&line).unwrap();
        assert_eq!(faults(&event), [""; 0]);
        for (format, sub) in [(Format::Ecs, "ecs"), (Format::Ocsf, "ocsf")] {
            golden::compare(&format!("{sub}/{name}"), &encode(format, &event));
        }
    }
}
