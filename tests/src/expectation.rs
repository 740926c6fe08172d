//! What an event must say: a matcher over its JSON.
//!
//! Fields are named by their path in the JSON, with dots: `object.process.pid`.

use std::collections::BTreeSet;

use serde_json::Value;

use crate::report::Facts;

/// What an event must say.
#[derive(Clone, Debug, Default)]
pub struct Expectation {
    fields: Vec<(&'static str, Want)>,
    by_its_own_source: bool,
}

#[derive(Clone, Debug)]
enum Want {
    Value(Value),
    Set(BTreeSet<&'static str>),
    Fact(&'static str),
    Present,
    Absent,
}

impl Expectation {
    /// The operation was refused.
    #[must_use]
    pub fn denied() -> Self {
        Self::default().field("verdict", "denied").field("silent", false)
    }

    /// The operation was refused, and the policy asked for no log.
    #[must_use]
    pub fn denied_silently() -> Self {
        Self::default().field("verdict", "denied").field("silent", true)
    }

    /// The operation was refused, no log was asked for, and the event is of a source of its own, that is asked for by
    /// name.
    #[must_use]
    pub fn denied_unlogged() -> Self {
        Self { by_its_own_source: true, ..Self::denied_silently() }
    }

    /// Whether it is one that denyd reports only with `--silent`.
    #[must_use]
    pub fn is_silent(&self) -> bool {
        let silent = |(field, want): &(&str, Want)| {
            *field == "silent" && matches!(want, Want::Value(Value::Bool(true)))
        };
        !self.by_its_own_source && self.fields.iter().any(silent)
    }

    /// The value that a field must have, if it must have a certain one.
    #[must_use]
    pub fn value(&self, field: &str) -> Option<&Value> {
        self.fields.iter().find_map(|(known, want)| match want {
            Want::Value(value) if *known == field => Some(value),
            _ => None,
        })
    }

    /// Whether it says anything of a field.
    #[must_use]
    pub fn names(&self, field: &str) -> bool {
        self.fields.iter().any(|(known, _)| *known == field)
    }

    /// The operation passed, because the module only reports.
    #[must_use]
    pub fn permitted() -> Self {
        Self::default().field("verdict", "permitted").field("silent", false)
    }

    /// The module's policy was changed, in one respect.
    #[must_use]
    pub fn changed(what: &'static str, before: &'static str, after: &'static str) -> Self {
        Self::policy_changed()
            .field("changes.0.what", what)
            .field("changes.0.before", before)
            .field("changes.0.after", after)
            .absent("changes.1")
    }

    /// The module's policy was changed.
    #[must_use]
    pub fn policy_changed() -> Self {
        Self::default().field("kind", "policy").field("silent", false).absent("verdict")
    }

    /// Whether it is one of a change, not of a denial.
    #[must_use]
    pub fn is_of_change(&self) -> bool {
        self.fields
            .iter()
            .any(|(field, want)| *field == "kind" && matches!(want, Want::Value(value) if value == "policy"))
    }

    /// The field has this value.
    #[must_use]
    pub fn field(mut self, field: &'static str, value: impl Into<Value>) -> Self {
        self.fields.retain(|(known, _)| *known != field);
        self.fields.push((field, Want::Value(value.into())));
        self
    }

    /// The field is a list of these strings, in any order.
    #[must_use]
    pub fn set<const N: usize>(mut self, field: &'static str, values: [&'static str; N]) -> Self {
        self.fields.push((field, Want::Set(values.into())));
        self
    }

    /// The field has the value of this fact of the report.
    #[must_use]
    pub fn fact(mut self, field: &'static str, fact: &'static str) -> Self {
        self.fields.push((field, Want::Fact(fact)));
        self
    }

    /// The field is there.
    #[must_use]
    pub fn present(mut self, field: &'static str) -> Self {
        self.fields.push((field, Want::Present));
        self
    }

    /// The field is not there.
    #[must_use]
    pub fn absent(mut self, field: &'static str) -> Self {
        self.fields.push((field, Want::Absent));
        self
    }

    /// The action's class and permissions.
    #[must_use]
    pub fn action<const N: usize>(self, class: &'static str, permissions: [&'static str; N]) -> Self {
        self.field("action.class", class).set("action.permissions", permissions)
    }

    /// The object is a file with this absolute path.
    #[must_use]
    pub fn path(self, path: &'static str) -> Self {
        self.field("object.kind", "file")
            .field("object.path", path)
            .field("object.path_root", "mount_namespace")
    }

    /// What the event gets wrong; empty if nothing.
    #[must_use]
    pub fn mismatches(&self, event: &Value, facts: &Facts) -> Vec<String> {
        self.fields.iter().filter_map(|(field, want)| want.mismatch(field, event, facts)).collect()
    }
}

impl Want {
    fn mismatch(&self, field: &str, event: &Value, facts: &Facts) -> Option<String> {
        let got = lookup(event, field);
        let (agrees, wanted) = match self {
            Self::Value(value) => (got == Some(value), value.to_string()),
            Self::Set(set) => (got.and_then(strings).as_ref() == Some(set), format!("{set:?}, in any order")),
            Self::Fact(fact) => match facts.get(*fact) {
                Some(value) => (got == Some(value), format!("{value} ({fact})")),
                None => (false, format!("the fact `{fact}`, which the case does not set")),
            },
            Self::Present => (got.is_some(), "anything".to_owned()),
            Self::Absent => (got.is_none(), "nothing".to_owned()),
        };
        let got = got.map_or_else(|| "nothing".to_owned(), Value::to_string);
        (!agrees).then(|| format!("{field}: expected {wanted}, got {got}"))
    }
}

/// The value at a path with dots, in which a number is the place in a list.
#[must_use]
pub fn lookup<'a>(event: &'a Value, field: &str) -> Option<&'a Value> {
    field.split('.').try_fold(event, |value, key| match key.parse::<usize>() {
        Ok(place) => value.get(place),
        Err(_) => value.get(key),
    })
}

/// A list of strings as a set; `None` if it is anything else or names one twice.
#[must_use]
pub fn strings(value: &Value) -> Option<BTreeSet<&str>> {
    let list = value.as_array()?;
    let set: BTreeSet<&str> = list.iter().map(Value::as_str).collect::<Option<_>>()?;
    (set.len() == list.len()).then_some(set)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn names_each_field_that_differs() {
        let event =
            json!({"verdict": "denied", "silent": false, "action": {"permissions": ["b", "a"]}, "n": 7});
        let facts = Facts::from([("seven".to_owned(), json!(7))]);
        let right =
            Expectation::denied().set("action.permissions", ["a", "b"]).fact("n", "seven").absent("x");
        assert!(right.mismatches(&event, &facts).is_empty());

        let wrong = Expectation::permitted().set("action.permissions", ["a"]).fact("n", "eight").present("x");
        let mismatches = wrong.mismatches(&event, &facts);
        assert_eq!(mismatches.len(), 4, "{mismatches:#?}");
        assert_eq!(mismatches[0], r#"verdict: expected "permitted", got "denied""#);
    }
}
