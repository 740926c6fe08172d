//! Changes of policy: what the parser and the tools write to the kernel, done by the process itself.

use std::fmt::Write as _;

use serde_json::{Value, json};

use super::case;
use crate::{
    case::Case,
    confinement::Confinement,
    expectation::Expectation,
    operation::{
        apparmor::{compile, load, remove, remove_namespace, replace, set_parameter},
        file,
    },
    scene,
};

/// A case of a process that changes policy.
fn change(name: &'static str) -> Case {
    case(name).confined_by(Confinement::None).succeeds()
}

/// An event of these changes.
fn changed(operation: &'static str, changes: Value) -> Expectation {
    Expectation::policy_changed()
        .field("action.operation", operation)
        .field("subject.label", "unconfined")
        .field("changes", changes)
}

/// An event of a parameter of all profiles.
fn set(what: &'static str, before: &str, after: &str) -> Expectation {
    Expectation::policy_changed().field("changes", json!([{"what": what, "before": before, "after": after}]))
}

/// More profiles than find room in an event.
const MANY: usize = 200;

pub(super) fn cases() -> Vec<Case> {
    [profiles(), namespaces(), parameters()].concat()
}

fn profiles() -> Vec<Case> {
    vec![
        change("apparmor_policy_load_reports_the_profile_and_its_mode")
            .given(|_| compile("load", "profile policy-load { }"))
            .when(|_| load("load"))
            .expect(changed(
                "profile_load",
                json!([{"what": "profile", "name": "policy-load", "after": "enforce"}]),
            )),
        change("apparmor_policy_replacement_reports_the_mode_before_and_after")
            .given(|_| {
                compile("enforce", "profile policy-mode { }")?;
                compile("complain", "profile policy-mode flags=(complain) { }")?;
                compile("kill", "profile policy-mode flags=(kill) { }")?;
                load("enforce")
            })
            .when(|_| {
                replace("complain")?;
                replace("kill")?;
                replace("enforce")
            })
            .expect(changed("profile_replace", modes("policy-mode", "enforce", "complain")))
            .expect(changed("profile_replace", modes("policy-mode", "complain", "kill")))
            .expect(changed("profile_replace", modes("policy-mode", "kill", "enforce"))),
        change("apparmor_policy_replacement_by_the_same_is_no_change")
            .given(|_| {
                compile("same", "profile policy-same { }")?;
                compile("other", "profile policy-same { / r, }")
            })
            .when(|_| {
                replace("same")?;
                replace("same")?;
                replace("other")
            })
            .expect(changed(
                "profile_load",
                json!([{"what": "profile", "name": "policy-same", "after": "enforce"}]),
            ))
            .expect(changed("profile_replace", modes("policy-same", "enforce", "enforce"))),
        change("apparmor_policy_of_many_profiles_in_one_write_is_one_event")
            .given(|_| compile("two", "profile policy-a { ^hat { } } profile policy-b flags=(complain) { }"))
            .when(|_| load("two"))
            .expect(changed(
                "profile_load",
                json!([
                    {"what": "profile", "name": "policy-a", "after": "enforce"},
                    {"what": "profile", "name": "policy-a//hat", "after": "enforce"},
                    {"what": "profile", "name": "policy-b", "after": "complain"},
                ]),
            )),
        change("apparmor_policy_removal_reports_the_mode_before_and_the_children")
            .given(|_| {
                compile("gone", "profile policy-gone flags=(complain) { profile child { } }")?;
                load("gone")
            })
            .when(|_| remove("policy-gone"))
            .expect(changed(
                "profile_remove",
                json!([
                    {"what": "profile", "name": "policy-gone//child", "before": "enforce"},
                    {"what": "profile", "name": "policy-gone", "before": "complain"},
                ]),
            )),
        change("apparmor_policy_that_could_not_be_loaded_is_no_change")
            .given(|_| {
                compile("there", "profile policy-there { }")?;
                compile("both", "profile policy-not-yet { } profile policy-there { / r, }")?;
                load("there")
            })
            .when(|_| match load("both") {
                Err(error) if error.raw_os_error() == Some(libc::EEXIST) => remove("policy-there"),
                other => other,
            })
            .expect(changed(
                "profile_remove",
                json!([{"what": "profile", "name": "policy-there", "before": "enforce"}]),
            )),
        change("apparmor_policy_profile_that_complain_mode_makes_is_no_change")
            .given(|_| scene::program("/srv/open/learned"))
            .confined_by(Confinement::Apparmor("watched"))
            .when(|_| file::execute("/srv/open/learned"))
            .fails_with(libc::ENOEXEC)
            .expect(
                Expectation::permitted()
                    .field("action.operation", "exec")
                    .field("object.path", "/srv/open/learned")
                    .field("subject.label", "watched"),
            ),
        change("apparmor_policy_of_more_profiles_than_fit_says_how_many_are_left_out")
            .given(|_| compile("many", &many()))
            .when(|_| load("many"))
            .without_record("audit has a record of each profile, and the event not")
            .expect(
                Expectation::policy_changed()
                    .field("action.operation", "profile_load")
                    .field("changes.90.name", "policy-many-090")
                    .absent("changes.199")
                    .field("missing.0.field", "changes"),
            ),
    ]
}

fn namespaces() -> Vec<Case> {
    let profile = |namespace: &str, modes: Value| {
        let mut change = json!({"what": "profile", "name": "policy-inner", "namespace": namespace});
        if let (Value::Object(change), Value::Object(modes)) = (&mut change, modes) {
            change.extend(modes);
        }
        json!([change])
    };
    vec![
        change("apparmor_policy_of_a_namespace_reports_it")
            .given(|_| compile("inner", "profile :policy-ns:policy-inner flags=(complain) { }"))
            .when(|_| {
                load("inner")?;
                remove(":policy-ns:policy-inner")
            })
            .expect(changed("profile_load", profile("root//policy-ns", json!({"after": "complain"}))))
            .expect(changed("profile_remove", profile("root//policy-ns", json!({"before": "complain"})))),
        change("apparmor_policy_removed_with_its_namespace_is_reported")
            .given(|_| {
                compile("lost", "profile :policy-lost:policy-inner { }")?;
                load("lost")
            })
            .when(|_| remove(":policy-lost:"))
            .expect(changed("profile_remove", profile("root//policy-lost", json!({"before": "enforce"})))),
        change("apparmor_policy_removed_with_its_namespaces_directory_is_reported")
            .given(|_| {
                compile("dropped", "profile :policy-dropped:policy-inner { }")?;
                load("dropped")
            })
            .when(|_| remove_namespace("policy-dropped"))
            .without_record("audit has no record of what goes with a directory")
            .expect(changed("profile_remove", profile("root//policy-dropped", json!({"before": "enforce"})))),
    ]
}

fn parameters() -> Vec<Case> {
    vec![
        change("apparmor_policy_mode_of_all_profiles_reports_what_it_was")
            .when(|_| {
                set_parameter("mode", "complain")?;
                set_parameter("mode", "complain")?;
                set_parameter("mode", "enforce")
            })
            .expect(set("mode", "enforce", "complain"))
            .expect(set("mode", "complain", "enforce")),
        change("apparmor_policy_audit_mode_of_all_profiles_reports_what_it_was")
            .when(|_| {
                for mode in ["all", "noquiet", "quiet", "quiet_denied", "normal"] {
                    set_parameter("audit", mode)?;
                }
                Ok(())
            })
            .expect(set("audit_mode", "normal", "all"))
            .expect(set("audit_mode", "all", "noquiet"))
            .expect(set("audit_mode", "noquiet", "quiet"))
            .expect(set("audit_mode", "quiet", "quiet_denied"))
            .expect(set("audit_mode", "quiet_denied", "normal")),
    ]
}

fn modes(name: &str, before: &str, after: &str) -> Value {
    json!([{"what": "profile", "name": name, "before": before, "after": after}])
}

fn many() -> String {
    (0..MANY).fold(String::new(), |mut text, nth| {
        // Writing to a String can't fail.
        let _infallible = writeln!(text, "profile policy-many-{nth:03} {{ }}");
        text
    })
}
