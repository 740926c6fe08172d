//! Whether events follow their JSON Schema.

use std::sync::LazyLock;

use jsonschema::Validator;

use crate::group::Group;

static VALIDATOR: LazyLock<Result<Validator, String>> = LazyLock::new(|| {
    let schema = include_str!("../../docs/event.schema.json");
    let schema = serde_json::from_str(schema).map_err(|error| error.to_string())?;
    let options = jsonschema::draft202012::options().should_validate_formats(true);
    options.build(&schema).map_err(|error| error.to_string())
});

/// Whether every event of a group does, those of other modules, too.
pub(crate) fn every_event(group: &Group) -> Result<(), String> {
    let validator = VALIDATOR.as_ref().map_err(Clone::clone)?;
    let events = &group.session()?.events;
    if events.is_empty() {
        return Err("there is no event".to_owned());
    }
    for event in events {
        if let Some(fault) = validator.iter_errors(event).next() {
            return Err(format!("{}: {fault} in the event {event}", fault.instance_path()));
        }
    }
    Ok(())
}
