//! Records, held against the extract of OCSF in `schemas/` (see the README there).

use std::{collections::HashMap, sync::LazyLock};

use regex::Regex;
use serde::Deserialize;
use serde_json::{Map, Value};

/// The classes and objects that are used, whole, and the types of their attributes.
#[derive(Deserialize)]
struct Schema {
    classes: HashMap<String, Class>,
    objects: HashMap<String, Object>,
    types: HashMap<String, Type>,
}

#[derive(Deserialize)]
struct Class {
    category_uid: u64,
    #[serde(rename = "class_uid")]
    uid: u64,
    #[serde(flatten)]
    object: Object,
}

#[derive(Deserialize)]
struct Object {
    #[serde(default)]
    at_least_one: Vec<String>,
    attributes: HashMap<String, Attribute>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Attribute {
    #[serde(rename = "type")]
    kind: String,
    object: Option<String>,
    #[serde(default)]
    array: bool,
    #[serde(default)]
    required: bool,
    /// The profile that must be applied.
    profile: Option<String>,
    #[serde(rename = "enum")]
    values: Option<Vec<Value>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Type {
    #[serde(rename = "type")]
    base: Option<String>,
    regex: Option<String>,
    max_len: Option<usize>,
    range: Option<[u64; 2]>,
}

static SCHEMA: LazyLock<Schema> =
    LazyLock::new(|| serde_json::from_str(include_str!("../../schemas/ocsf-1.7.0.json")).unwrap());

/// The patterns of types, by the types' names.
static PATTERNS: LazyLock<HashMap<&str, Regex>> = LazyLock::new(|| {
    let with_pattern = SCHEMA.types.iter().filter_map(|(name, kind)| Some((name, kind.regex.as_ref()?)));
    with_pattern.map(|(name, pattern)| (name.as_str(), Regex::new(pattern).unwrap())).collect()
});

/// A record under examination.
struct Examination {
    profiles: Vec<String>,
    faults: Vec<String>,
}

/// Where a record differs from OCSF.
pub(super) fn faults(record: &Value) -> Vec<String> {
    let number = |name: &str| record[name].as_u64();
    let Some(class) = SCHEMA.classes.values().find(|class| Some(class.uid) == number("class_uid")) else {
        return vec![format!("OCSF has no class {}", record["class_uid"])];
    };
    let profiles = record["metadata"]["profiles"].as_array().into_iter().flatten();
    let profiles = profiles.filter_map(Value::as_str).map(str::to_owned).collect();
    let mut examination = Examination { profiles, faults: Vec::new() };
    let type_uid = number("activity_id").map(|activity| class.uid * 100 + activity);
    for (name, value) in [("category_uid", Some(class.category_uid)), ("type_uid", type_uid)] {
        if number(name) != value {
            examination.faults.push(format!("{name} is {:?} instead of {value:?}", number(name)));
        }
    }
    if record["metadata"]["version"] != "1.7.0" {
        examination.faults.push(format!("metadata.version is {}", record["metadata"]["version"]));
    }
    examination.object("", &class.object, record.as_object().unwrap());
    examination.faults
}

impl Examination {
    fn object(&mut self, path: &str, object: &Object, fields: &Map<String, Value>) {
        for (name, value) in fields {
            let path = format!("{path}.{name}");
            match object.attributes.get(name) {
                Some(attribute) => self.attribute(&path, attribute, value),
                None => self.sibling(&path, name, object, value),
            }
        }
        for (name, attribute) in &object.attributes {
            let applies = attribute.profile.as_ref().is_none_or(|profile| self.profiles.contains(profile));
            if attribute.required && applies && !fields.contains_key(name) {
                self.faults.push(format!("{path}.{name} is required"));
            }
        }
        let wanted = &object.at_least_one;
        if !wanted.is_empty() && !wanted.iter().any(|name| fields.contains_key(name)) {
            self.faults.push(format!("{path} has none of {wanted:?}"));
        }
    }

    /// The profile `datetime` gives each `NAME` that is a timestamp a sibling `NAME_dt`.
    fn sibling(&mut self, path: &str, name: &str, object: &Object, value: &Value) {
        let timestamp = name.strip_suffix("_dt").and_then(|name| object.attributes.get(name));
        let is_right = timestamp.is_some_and(|attribute| attribute.kind == "timestamp_t")
            && value.as_str().is_some_and(|text| text.parse::<jiff::Timestamp>().is_ok())
            && self.profiles.iter().any(|profile| profile == "datetime");
        if !is_right {
            self.faults.push(format!("OCSF has no attribute {path}"));
        }
    }

    fn attribute(&mut self, path: &str, attribute: &Attribute, value: &Value) {
        if let Some(profile) = &attribute.profile
            && !self.profiles.contains(profile)
        {
            self.faults.push(format!("{path} needs the profile {profile}"));
        }
        match (attribute.array, value) {
            (true, Value::Array(items)) => items.iter().for_each(|item| self.single(path, attribute, item)),
            (true, _) => self.faults.push(format!("{path} is a list in OCSF")),
            (false, _) => self.single(path, attribute, value),
        }
    }

    fn single(&mut self, path: &str, attribute: &Attribute, value: &Value) {
        match (&attribute.object, value) {
            // Of this one anything may be an attribute.
            (Some(name), Value::Object(_)) if name == "object" => {}
            (Some(name), Value::Object(fields)) => match SCHEMA.objects.get(name) {
                Some(object) => self.object(path, object, fields),
                None => self.faults.push(format!("{path}: the object {name} is not in the extract")),
            },
            (Some(name), _) => self.faults.push(format!("{path} is {value}, and in OCSF the object {name}")),
            (None, _) if is_of_type(&attribute.kind, value) => {}
            (None, _) => {
                self.faults.push(format!("{path} is {value}, and in OCSF of type {}", attribute.kind));
            }
        }
        if attribute.values.as_ref().is_some_and(|values| !values.contains(value)) {
            self.faults.push(format!("{path} is {value}, which is none of OCSF's"));
        }
    }
}

fn is_of_type(kind: &str, value: &Value) -> bool {
    let Type { base, regex: _, max_len, range } = &SCHEMA.types[kind];
    let is_of_base = match (base.as_deref().unwrap_or(kind), value) {
        ("string_t", Value::String(_)) | ("boolean_t", Value::Bool(_)) | ("json_t", _) => true,
        ("integer_t" | "long_t", Value::Number(number)) => number.is_i64(),
        _ => false,
    };
    let text = value.as_str().unwrap_or_default();
    is_of_base
        && PATTERNS.get(kind).is_none_or(|pattern| pattern.is_match(text))
        && max_len.is_none_or(|max| text.len() <= max)
        && range
            .is_none_or(|[least, most]| value.as_u64().is_some_and(|number| (least..=most).contains(&number)))
}

#[test]
fn what_ocsf_does_not_have_is_a_fault() {
    let good = serde_json::json!({
        "metadata": {
            "version": "1.7.0",
            "product": { "name": "denyd" },
            "profiles": ["datetime", "host", "linux/linux_users", "security_control"],
        },
        "time": 1, "time_dt": "2026-01-01T00:00:00Z",
        "category_uid": 1, "class_uid": 1001, "activity_id": 3, "type_uid": 100_103, "severity_id": 1,
        "action_id": 2,
        "actor": { "process": { "pid": 1, "euid": 0 } },
        "device": { "hostname": "h", "type_id": 0 },
        "file": { "name": "y", "type_id": 1 },
        "unmapped": { "any": "thing" },
    });
    assert_eq!(faults(&good), [""; 0]);
    for (place, value, fault) in [
        ("/class_uid", 9.into(), "OCSF has no class 9"),
        ("/category_uid", 4.into(), "category_uid is Some(4) instead of Some(1)"),
        ("/activity_id", 50.into(), ".activity_id is 50, which is none of OCSF's"),
        ("/type_uid", 1.into(), "type_uid is Some(1)"),
        ("/time", "noon".into(), ".time is \"noon\", and in OCSF of type timestamp_t"),
        ("/time_dt", "noon".into(), "OCSF has no attribute .time_dt"),
        (
            "/metadata/profiles",
            serde_json::json!(["host", "datetime"]),
            ".action_id needs the profile security_control",
        ),
        ("/metadata/version", "2.0.0".into(), "metadata.version is \"2.0.0\""),
        ("/actor/process/pid", "1".into(), ".actor.process.pid is \"1\", and in OCSF of type integer_t"),
        (
            "/actor",
            serde_json::json!({ "process": { "exe": "/x", "pid": 1 } }),
            "no attribute .actor.process.exe",
        ),
        ("/actor", serde_json::json!({}), ".actor has none of"),
        ("/file", serde_json::json!({ "name": "y" }), ".file.type_id is required"),
        ("/device", "h".into(), ".device is \"h\", and in OCSF the object device"),
    ] {
        let mut wrong = good.clone();
        *wrong.pointer_mut(place).unwrap() = value;
        let faults = faults(&wrong);
        assert!(faults.iter().any(|found| found.contains(fault)), "{place}: {faults:?}");
    }
    let mut wrong = good;
    wrong.as_object_mut().unwrap().remove("file");
    assert_eq!(faults(&wrong), [".file is required"]);
}
