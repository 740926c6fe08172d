//! The event's JSON Schema, made from the types, and the names in it, which stay.
//!
//! Two files are in the repository, and kept up to date by
//! `UPDATE_GOLDEN=1 cargo test -p monitor-event --lib event::schema`:
//!
//! - `docs/event.schema.json`, which `denyd schema` prints and every event under test is held against;
//! - `docs/event.names.txt`, one line a name. A line that is gone or different breaks what users wrote, so it isn't
//!   renewed unless [`SCHEMA_VERSION`] has grown.

use std::{collections::BTreeMap, fmt::Write as _, fs, path::PathBuf};

use schemars::{Schema, generate::SchemaSettings, transform::RecursiveTransform};
use serde_json::Value;

use super::{Event, Module, SCHEMA_VERSION};

const RENEW: &str = "UPDATE_GOLDEN=1 cargo test -p monitor-event --lib event::schema";

fn schema() -> Value {
    let settings = SchemaSettings::draft2020_12().for_serialize().with(|settings| {
        settings.transforms.push(Box::new(RecursiveTransform(plain_description)));
        settings.transforms.push(Box::new(RecursiveTransform(never_null)));
    });
    let mut schema = settings.into_generator().into_root_schema_for::<Event<'_>>();
    schema.insert("title".to_owned(), "An event of denyd".into());
    schema.to_value()
}

/// Turns the description from rustdoc into text: lines are joined, and links become the name that the JSON has.
fn plain_description(schema: &mut Schema) {
    let Some(Value::String(description)) = schema.get_mut("description") else { return };
    let mut plain = String::new();
    let mut rest = description.as_str();
    while let Some((before, link)) = rest.split_once("[`") {
        let (target, after) = link.split_once("`]").expect("a link of rustdoc ends");
        let name = target.rsplit("::").next().unwrap_or(target);
        plain.push_str(before);
        write!(plain, "`{}`", name.to_lowercase()).unwrap();
        rest = after;
    }
    plain.push_str(rest);
    *description = plain.split_whitespace().collect::<Vec<_>>().join(" ");
}

/// Takes `null` away: what is unknown is absent.
fn never_null(schema: &mut Schema) {
    let null = Value::from("null");
    if let Some(Value::Array(types)) = schema.get_mut("type") {
        types.retain(|one| *one != null);
        if let [only] = &mut types[..] {
            let only = only.take();
            schema.insert("type".to_owned(), only);
        }
    }
    if let Some(Value::Array(choices)) = schema.get_mut("anyOf") {
        choices.retain(|one| one["type"] != null);
        if let [Value::Object(only)] = &mut choices[..] {
            let only = std::mem::take(only);
            schema.remove("anyOf");
            schema.ensure_object().extend(only);
        }
    }
}

/// What a name stands for, by its path: the type of a field, or of an enum one of its values.
type Names = BTreeMap<String, String>;

/// The names in a schema. Fields of a list's items stand under `list[]`, an enum's values under `field=value`. A field
/// that every event has is marked.
fn names(root: &Value) -> Names {
    let mut names = Names::new();
    collect(root, root, "", &mut names);
    names
}

fn collect(root: &Value, schema: &Value, path: &str, names: &mut Names) {
    let schema = resolved(root, schema);
    let is_required =
        |name: &str| schema["required"].as_array().is_some_and(|all| all.contains(&name.into()));
    for (name, field) in schema["properties"].as_object().into_iter().flatten() {
        let dot = if path.is_empty() { "" } else { "." };
        let path = format!("{path}{dot}{name}");
        let always = if is_required(name) { ", always" } else { "" };
        names.insert(path.clone(), format!("{}{always}", kind(root, field)));
        collect(root, field, &path, names);
    }
    if let Some(items) = schema.get("items") {
        collect(root, items, &format!("{path}[]"), names);
    }
    for value in values(schema) {
        names.insert(format!("{path}={value}"), "value".to_owned());
    }
}

fn resolved<'a>(root: &'a Value, schema: &'a Value) -> &'a Value {
    let Some(reference) = schema["$ref"].as_str() else { return schema };
    root.pointer(&reference[1..]).unwrap_or_else(|| panic!("{reference} is not in the schema"))
}

/// The type in words: `integer`, `list of string`.
fn kind(root: &Value, schema: &Value) -> String {
    let schema = resolved(root, schema);
    match schema["type"].as_str() {
        Some("array") => format!("list of {}", kind(root, &schema["items"])),
        Some(name) => {
            schema["format"].as_str().map_or_else(|| name.to_owned(), |format| format!("{name} ({format})"))
        }
        None if values(schema).next().is_some() => "string".to_owned(),
        None => panic!("no type: {schema}"),
    }
}

/// The values of an enum, whose variants stand in one list or, where they are described, each alone.
fn values(schema: &Value) -> impl Iterator<Item = &str> {
    let listed = schema["enum"].as_array().into_iter().flatten();
    let alone = schema["oneOf"].as_array().into_iter().flatten().flat_map(|one| {
        let listed = one["enum"].as_array().into_iter().flatten();
        one.get("const").into_iter().chain(listed)
    });
    listed.chain(alone).map(|value| value.as_str().expect("an enum's values are strings"))
}

/// The names as the file has them, after the version that they are of.
fn listed(names: &Names) -> String {
    let mut text = format!("schema {SCHEMA_VERSION}\n");
    for (name, kind) in names {
        writeln!(text, "{name}: {kind}").unwrap();
    }
    text
}

fn parse(text: &str) -> (u32, Names) {
    let (version, lines) = text.split_once('\n').expect("the first line is the version");
    let version = version.strip_prefix("schema ").and_then(|number| number.parse().ok());
    let names = lines.lines().map(|line| {
        let (name, kind) = line.split_once(": ").unwrap_or_else(|| panic!("no name: {line}"));
        (name.to_owned(), kind.to_owned())
    });
    (version.expect("the version is a number"), names.collect())
}

/// The names that are gone or stand for something else than they did. That a field is in every event from now on
/// breaks nobody.
fn broken(before: &Names, now: &Names) -> Vec<String> {
    let optional = |kind: &str| kind.trim_end_matches(", always").to_owned();
    let change = |(name, was): (&String, &String)| match now.get(name) {
        Some(is) if is == was || optional(is) == *was => None,
        Some(is) => Some(format!("{name} was {was} and is {is}")),
        None => Some(format!("{name} is gone")),
    };
    before.iter().filter_map(change).collect()
}

fn file(name: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../docs").join(name)
}

fn is_renewed() -> bool {
    std::env::var_os("UPDATE_GOLDEN").is_some()
}

#[test]
fn the_schema_in_the_repository_is_that_of_the_types() {
    let schema = serde_json::to_string_pretty(&schema()).unwrap() + "\n";
    let path = file("event.schema.json");
    if is_renewed() {
        fs::write(&path, &schema).unwrap();
    }
    let there = fs::read_to_string(&path).unwrap();
    assert!(schema == there, "docs/event.schema.json is not up to date. Renew it: {RENEW}");
}

#[test]
fn names_stay() {
    let now = names(&schema());
    let path = file("event.names.txt");
    let (version, before) = parse(&fs::read_to_string(&path).unwrap());
    let broken = broken(&before, &now);
    assert!(
        broken.is_empty() || version < SCHEMA_VERSION,
        "this breaks what users wrote: {}. If it must be, raise SCHEMA_VERSION and then: {RENEW}",
        broken.join("; "),
    );
    if is_renewed() {
        fs::write(&path, listed(&now)).unwrap();
    }
    let there = fs::read_to_string(&path).unwrap();
    assert!(listed(&now) == there, "there are new names that docs/event.names.txt lacks. Renew it: {RENEW}");
}

#[test]
fn a_name_that_goes_or_changes_is_told_and_a_new_one_is_not() {
    let of = |lines: &str| parse(&format!("schema 1\n{lines}")).1;
    let before = of("a: string\nb: integer, always\nc=x: value\nd: string");
    let now = of("a: integer\nb: integer\nd: string, always\nnew: string");
    assert_eq!(
        broken(&before, &now),
        ["a was string and is integer", "b was integer, always and is integer", "c=x is gone"],
    );
    assert_eq!(broken(&before, &before), [""; 0]);
}

#[test]
fn the_list_has_fields_of_lists_and_values_of_enums() {
    let names = names(&schema());
    let kind = |name: &str| names.get(name).map(String::as_str);
    assert_eq!(kind("process.ancestors[].start_time"), Some("string (date-time)"));
    assert_eq!(kind("process.cmdline"), Some("list of string"));
    assert_eq!(kind("process.pid"), Some("integer (uint32)"));
    assert_eq!(kind("silent"), Some("boolean, always"));
    assert_eq!(kind("verdict=permitted"), Some("value"));
    assert_eq!(parse(&listed(&names)), (SCHEMA_VERSION, names.clone()), "the file can be read back");
}

#[test]
fn a_modules_name_and_number_are_those_of_events_and_of_the_list() {
    for (number, module) in Module::ALL.into_iter().enumerate() {
        assert_eq!(serde_json::to_value(module).unwrap(), module.name());
        assert_eq!(module as usize, number, "{}", module.name());
    }
}
