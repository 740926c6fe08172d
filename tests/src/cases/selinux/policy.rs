//! Changes of the policy.

use super::{INIT_CONTEXT, case};
use crate::{case::Case, confinement::Confinement, expectation::Expectation, operation::policy};

/// A change made by somebody who may.
fn change(name: &'static str) -> Case {
    case(name).confined_by(Confinement::None).succeeds()
}

pub(super) fn cases() -> Vec<Case> {
    vec![
        change("selinux_policy_event_for_each_switch_between_enforcing_and_permissive")
            .when(|_| {
                // It is enforcing, so this changes nothing.
                policy::set_enforcing(true)?;
                policy::set_enforcing(false)?;
                policy::set_enforcing(true)
            })
            .expect(by_init(Expectation::changed("mode", "enforcing", "permissive")))
            .expect(by_init(Expectation::changed("mode", "permissive", "enforcing"))),
        change("selinux_policy_event_for_a_boolean")
            .when(|_| {
                // It is off, so this changes nothing.
                policy::set_booleans(&[("denyd_one", false)])?;
                policy::set_booleans(&[("denyd_one", true)])
            })
            .expect(by_init(
                Expectation::changed("boolean", "off", "on").field("changes.0.name", "denyd_one"),
            )),
        change("selinux_policy_event_for_booleans_that_are_set_together")
            .when(|_| policy::set_booleans(&[("denyd_two", false), ("denyd_three", true)]))
            .expect(by_init(
                Expectation::policy_changed()
                    .field("changes.0.what", "boolean")
                    .field("changes.0.name", "denyd_two")
                    .field("changes.0.before", "on")
                    .field("changes.0.after", "off")
                    .field("changes.1.what", "boolean")
                    .field("changes.1.name", "denyd_three")
                    .field("changes.1.before", "off")
                    .field("changes.1.after", "on")
                    .absent("changes.2"),
            ))
            .with_records(2, "each boolean has its own"),
        change("selinux_policy_event_for_a_load")
            .given(|scene| {
                // The page on which the kernel tells it starts with 0, and has it from the next load on.
                policy::sequence()?;
                policy::load()?;
                let sequence = policy::sequence()?;
                scene.set("before", sequence.to_string());
                scene.set("after", (sequence + 1).to_string());
                Ok(())
            })
            .when(|_| policy::load())
            .expect(by_init(
                Expectation::policy_changed()
                    .field("changes.0.what", "policy")
                    .fact("changes.0.before", "before")
                    .fact("changes.0.after", "after")
                    .absent("changes.1"),
            )),
    ]
}

fn by_init(expectation: Expectation) -> Expectation {
    expectation.field("subject.label", INIT_CONTEXT)
}
