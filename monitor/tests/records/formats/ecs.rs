//! Documents, held against the extract of ECS in `schemas/` (see the README there).

use std::{collections::HashMap, net::IpAddr, sync::LazyLock};

use jiff::Timestamp;
use regex::Regex;
use serde::Deserialize;
use serde_json::Value;

/// The field sets that are used, whole.
#[derive(Deserialize)]
struct Schema {
    /// Each field's type; `[]` follows that of a list.
    fields: HashMap<String, String>,
    patterns: HashMap<String, String>,
    /// The values of some fields; with those of `event.category` the types of event that are expected.
    allowed: HashMap<String, HashMap<String, Vec<String>>>,
}

static SCHEMA: LazyLock<Schema> =
    LazyLock::new(|| serde_json::from_str(include_str!("../../schemas/ecs-9.4.0.json")).unwrap());

static PATTERNS: LazyLock<HashMap<&str, Regex>> = LazyLock::new(|| {
    let patterns = SCHEMA.patterns.iter();
    patterns.map(|(name, pattern)| (name.as_str(), Regex::new(pattern).unwrap())).collect()
});

/// Where a document differs from ECS. What is under `denyd` is our own.
pub(super) fn faults(document: &Value) -> Vec<String> {
    let mut faults = Vec::new();
    for (name, value) in document.as_object().unwrap() {
        if name != "denyd" {
            field(name, value, &mut faults);
        }
    }
    for (required, value) in [("/ecs/version", Some("9.4.0")), ("/@timestamp", None)] {
        let there = document.pointer(required).and_then(Value::as_str);
        if there.is_none() || value.is_some() && there != value {
            faults.push(format!("{required} is {there:?}"));
        }
    }
    let strings = |place| {
        document.pointer(place).and_then(Value::as_array).into_iter().flatten().filter_map(Value::as_str)
    };
    for kind in strings("/event/type") {
        let expects =
            |category: &str| SCHEMA.allowed["event.category"][category].iter().any(|other| other == kind);
        if !strings("/event/category").any(expects) {
            faults.push(format!("the type {kind} is not expected in {:?}", document["event"]["category"]));
        }
    }
    faults
}

fn field(name: &str, value: &Value, faults: &mut Vec<String>) {
    match (SCHEMA.fields.get(name).map(String::as_str), value) {
        (None | Some("object"), Value::Object(fields)) => {
            fields.iter().for_each(|(sub, value)| field(&format!("{name}.{sub}"), value, faults));
        }
        (None, _) => faults.push(format!("ECS has no field {name}")),
        (Some(kind), Value::Array(items)) => match kind.strip_suffix("[]") {
            None => faults.push(format!("{name} is no list in ECS")),
            Some(kind) => items.iter().for_each(|item| single(name, kind, item, faults)),
        },
        (Some(kind), _) if kind.ends_with("[]") && name != "process.thread.capabilities.effective" => {
            faults.push(format!("{name} is a list in ECS"));
        }
        (Some(kind), _) => single(name, kind, value, faults),
    }
}

fn single(name: &str, kind: &str, value: &Value, faults: &mut Vec<String>) {
    let is_right = match (kind, value) {
        ("keyword" | "wildcard" | "match_only_text", Value::String(_)) | ("boolean", Value::Bool(_)) => true,
        ("long", Value::Number(number)) => number.is_i64(),
        ("date", Value::String(text)) => text.parse::<Timestamp>().is_ok(),
        ("ip", Value::String(text)) => text.parse::<IpAddr>().is_ok(),
        _ => false,
    };
    if !is_right {
        faults.push(format!("{name} is {value}, and in ECS of type {kind}"));
    }
    let text = value.as_str().unwrap_or_default();
    if SCHEMA.allowed.get(name).is_some_and(|allowed| !allowed.contains_key(text)) {
        faults.push(format!("ECS allows no {name} {value}"));
    }
    if PATTERNS.get(name).is_some_and(|pattern| !pattern.is_match(text)) {
        faults.push(format!("{name} is {value}, which ECS's pattern refuses"));
    }
}

#[test]
fn what_ecs_does_not_have_is_a_fault() {
    let good = serde_json::json!({
        "@timestamp": "2026-01-01T00:00:00Z",
        "ecs": { "version": "9.4.0" },
        "event": { "kind": "event", "category": ["api", "file"], "type": ["change", "denied"] },
        "process": { "pid": 7, "args": ["a"], "thread": { "capabilities": { "effective": ["CAP_BPF", "63"] } } },
        "source": { "ip": "::1" },
        "denyd": { "any": "thing" },
    });
    assert_eq!(faults(&good), [""; 0]);
    for (place, value, fault) in [
        ("/ecs/version", "8.0.0".into(), "/ecs/version is Some(\"8.0.0\")"),
        ("/@timestamp", "noon".into(), "@timestamp is \"noon\", and in ECS of type date"),
        ("/event/kind", "denial".into(), "ECS allows no event.kind \"denial\""),
        ("/event/category", "api".into(), "event.category is a list in ECS"),
        ("/event/type", serde_json::json!(["protocol"]), "the type protocol is not expected"),
        ("/process/pid", "7".into(), "process.pid is \"7\", and in ECS of type long"),
        ("/process", serde_json::json!({ "exe": "/bin/sh" }), "ECS has no field process.exe"),
        ("/process/thread/capabilities/effective", serde_json::json!(["bpf"]), "which ECS's pattern refuses"),
        ("/source/ip", "@x".into(), "source.ip is \"@x\", and in ECS of type ip"),
    ] {
        let mut wrong = good.clone();
        *wrong.pointer_mut(place).unwrap() = value;
        let faults = faults(&wrong);
        assert!(faults.iter().any(|found| found.contains(fault)), "{place}: {faults:?}");
    }
}
