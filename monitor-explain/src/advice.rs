//! A finding in short, for the event that it was made of.

use monitor_event::event::{Advice, Text};
use serde::Serialize;
use serde_json::Value;

use crate::{
    change::{Change, on_off},
    finding::{Cause, Finding, Remedy, RemedyKind},
};

impl Finding {
    /// What an event has of it.
    #[must_use]
    pub fn advice(&self) -> Advice<'static> {
        let best = self.remedies.first();
        Advice {
            cause: word(&self.cause),
            summary: self.summary.clone().into(),
            remedy: best.map(|best| word(&best.kind)),
            text: best.map(|best| best.text.clone().into()),
            commands: best
                .into_iter()
                .flat_map(|best| &best.commands)
                .map(|line| line.clone().into())
                .collect(),
            fix: self.fix().map(Into::into),
        }
    }

    /// The remedy in a few words, if there is one that is certain: checked against the policy, without a choice.
    fn fix(&self) -> Option<String> {
        let best = self.remedies.first()?;
        let is_only = |kind| self.remedies.iter().filter(|remedy| remedy.kind == kind).count() == 1;
        match (self.cause, &*best.changes) {
            (Cause::Allowed, _) => Some("allowed by now".to_owned()),
            (Cause::Label, [Change::Relabel { .. }]) => Some("restorecon".to_owned()),
            (Cause::Boolean, [Change::Booleans { states }])
                if is_only(RemedyKind::Boolean) && has_no_choice(best) =>
            {
                let (name, on) = states.iter().next().filter(|_| states.len() == 1)?;
                Some(if *on { format!("boolean {name}") } else { format!("boolean {name}={}", on_off(*on)) })
            }
            (Cause::Port, [Change::Port { label_type, .. }]) if has_no_choice(best) => {
                Some(format!("port label {label_type}"))
            }
            _ => None,
        }
    }
}

/// An enum's value, as JSON has it.
fn word(value: &impl Serialize) -> Text<'static> {
    match serde_json::to_value(value) {
        Ok(Value::String(word)) => word.into(),
        // Both enums are words.
        _ => Text::default(),
    }
}

/// A choice is told as a warning, as dangers are.
fn has_no_choice(remedy: &Remedy) -> bool {
    remedy.warnings.is_empty()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn fix(cause: &str, remedies: &Value) -> Option<String> {
        let finding = json!({
            "module": "selinux", "cause": cause, "summary": "", "count": 1, "who": [], "objects": [], "hosts": [],
            "remedies": remedies, "evidence": [],
        });
        serde_json::from_value::<Finding>(finding).unwrap().fix()
    }

    #[test]
    fn only_what_is_certain_is_said_in_a_few_words() {
        let boolean = |name: &str| json!({"kind": "boolean", "text": "", "changes": [{"kind": "booleans", "states": {name: true}}]});
        let port = |warnings: &[&str]| {
            json!({"kind": "port", "text": "", "warnings": warnings,
                   "changes": [{"kind": "port", "protocol": "tcp", "port": 1, "label_type": "a_port_t"}]})
        };
        let relabel = json!({"kind": "relabel", "text": "", "changes": [{"kind": "relabel", "path": "/x"}]});
        let said = |text: &str| Some(text.to_owned());
        assert_eq!(fix("label", &json!([relabel])), said("restorecon"));
        assert_eq!(fix("boolean", &json!([boolean("one")])), said("boolean one"));
        assert_eq!(fix("boolean", &json!([boolean("one"), boolean("two")])), None, "there is a choice");
        let mut wide = boolean("one");
        wide["warnings"] = json!(["it opens much more"]);
        assert_eq!(fix("boolean", &json!([wide])), None, "it is dangerous");
        assert_eq!(fix("port", &json!([port(&[])])), said("port label a_port_t"));
        assert_eq!(fix("port", &json!([port(&["these would do, too"])])), None, "there is a choice");
        assert_eq!(fix("no_rule", &json!([{"kind": "module", "text": ""}])), None);
        assert_eq!(fix("constraint", &json!([])), None);
    }
}
