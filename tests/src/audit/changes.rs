//! The comparison of audit's records of changes of `AppArmor`'s policy with events.
//!
//! `AppArmor` writes a record for each profile (`audit_policy`, security/apparmor/policy.c), and denyd an event for each
//! write of policy.

use serde_json::Value;

use super::{Field, Record, text};

/// What the events and the records of the same changes don't agree in; empty if nothing.
#[must_use]
pub fn compare_changes(records: &[&Record], events: &[&Value]) -> Vec<String> {
    let mut mismatches = Vec::new();
    let mut changes: Vec<_> = events.iter().flat_map(|event| changes(event)).collect();
    for record in records {
        let found = changes.iter().position(|change| change.agrees(record));
        match found {
            Some(found) => drop(changes.swap_remove(found)),
            // A namespace has no name of a profile; its profiles have no records.
            None if record.field("name").is_none() => changes.retain(|change| !change.went_with(record)),
            None => mismatches.push(format!("no event has the change of the record {}", record.line)),
        }
    }
    let removed: Vec<_> = records.iter().filter_map(|record| Some(text(record.field("name")?))).collect();
    for change in changes {
        // The children of a profile go with it.
        let went = removed.iter().any(|parent| change.name.starts_with(&format!("{parent}//")));
        if change.operation != "profile_remove" || !went {
            mismatches.push(format!("audit has no record of the change {}", change.value));
        }
    }
    mismatches
}

/// A change of a profile in an event.
struct Change<'a> {
    event: &'a Value,
    value: &'a Value,
    name: &'a str,
    operation: &'static str,
}

fn changes(event: &Value) -> impl Iterator<Item = Change<'_>> {
    let all = event["changes"].as_array().into_iter().flatten();
    all.filter(|change| change["what"] == "profile").map(move |value| Change {
        event,
        value,
        name: value["name"].as_str().unwrap_or_default(),
        operation: match (&value["before"], &value["after"]) {
            (Value::Null, _) => "profile_load",
            (_, Value::Null) => "profile_remove",
            _ => "profile_replace",
        },
    })
}

impl Change<'_> {
    /// Whether the record is of this change, in all of its fields.
    fn agrees(&self, record: &Record) -> bool {
        record.fields.iter().all(|(name, field)| match name.as_str() {
            "apparmor" => true,
            "operation" => field.bare() == self.operation,
            "profile" => self.event["subject"]["label"] == text(field),
            "name" => text(field) == self.name,
            "ns" => self.is_in(field),
            "pid" => self.event["process"]["pid"].as_i64() == field.number(),
            "comm" => self.event["process"]["comm"] == text(field),
            _ => false,
        })
    }

    /// Whether it went with the namespace that the record names.
    fn went_with(&self, record: &Record) -> bool {
        record.field("ns").is_some_and(|namespace| self.is_in(namespace))
    }

    /// Whether it is in this namespace, which audit names as seen by the process.
    fn is_in(&self, namespace: &Field) -> bool {
        let own = self.value["namespace"].as_str().unwrap_or_default();
        // Of a removal, `:namespace:profile` is cut at its first colon only (`aa_remove_profiles`,
        // security/apparmor/policy.c).
        let namespace = text(namespace);
        let name = namespace.split_once(':').map_or(&*namespace, |(name, _profile)| name);
        own.strip_prefix("root//") == Some(name)
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn record(fields: &str) -> Record {
        Record::parse(&format!("audit: type=1400 audit(1.2:3): apparmor=\"STATUS\" {fields}"))
            .unwrap()
            .unwrap()
    }

    #[test]
    fn a_change_that_only_one_of_them_has_is_a_mismatch() {
        let event = json!({
            "subject": {"label": "unconfined"},
            "process": {"pid": 7, "comm": "p"},
            "changes": [
                {"what": "profile", "name": "a//child", "before": "enforce"},
                {"what": "profile", "name": "a", "before": "enforce"},
            ],
        });
        let remove = |name: &str| {
            record(&format!(
                "operation=\"profile_remove\" profile=\"unconfined\" name=\"{name}\" pid=7 comm=\"p\""
            ))
        };
        let (right, other) = (remove("a"), remove("b"));
        assert!(right.is_change());
        assert_eq!(compare_changes(&[&right], &[&event]), [""; 0]);
        assert_eq!(compare_changes(&[&right, &other], &[&event]).len(), 1);
        assert_eq!(compare_changes(&[], &[&event]).len(), 2);
    }

    #[test]
    fn what_changed_nothing_is_no_change() {
        let skipped = "operation=\"profile_replace\" info=\"same as current profile, skipping\" name=\"a\"";
        assert!(!record(skipped).is_change());
        assert!(!record("operation=\"profile_load\" info=\"x\" error=-17 name=\"a\"").is_change());
    }
}
