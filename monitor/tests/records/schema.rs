//! The event's JSON Schema, which every event under test must follow.

use std::sync::LazyLock;

use jsonschema::Validator;
use serde_json::Value;

static VALIDATOR: LazyLock<Validator> = LazyLock::new(|| {
    let schema = serde_json::from_str(include_str!("../../../docs/event.schema.json")).unwrap();
    jsonschema::draft202012::options().should_validate_formats(true).build(&schema).unwrap()
});

/// Where an event differs from the schema.
pub(crate) fn faults(event: &Value) -> Vec<String> {
    VALIDATOR.iter_errors(event).map(|fault| format!("{}: {fault}", fault.instance_path())).collect()
}

#[test]
fn the_schema_refuses_what_is_no_event() {
    let event: Value = serde_json::from_str(include_str!("../golden/selinux_file.json")).unwrap();
    assert_eq!(faults(&event), [""; 0]);
    for (place, value) in [
        ("/time", "yesterday".into()),
        ("/verdict", "maybe".into()),
        ("/process/pid", "4242".into()),
        ("/process/exe", Value::Null),
        ("/schema", 0.into()),
    ] {
        let mut wrong = event.clone();
        *wrong.pointer_mut(place).unwrap() = value;
        assert_eq!(faults(&wrong).len(), 1, "{place}");
    }
    let mut wrong = event;
    wrong["object"]["colour"] = "red".into();
    assert_eq!(faults(&wrong), ["/object: Additional properties are not allowed ('colour' was unexpected)"]);
}
