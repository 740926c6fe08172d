//! Steps, with tools that only note what they were asked.

use std::{fs, os::unix::fs::PermissionsExt as _, path::Path};

use serde_json::json;

use super::*;

/// A tool that notes its arguments, each in a line, and then does this.
fn tool(folder: &Path, name: &str, does: &str) {
    let log = folder.join("log");
    let script = format!("#!/bin/sh\nprintf '%s\\n' {name} \"$@\" >>'{}'\n{does}\n", log.display());
    let path = folder.join(name);
    fs::write(&path, script).unwrap();
    fs::set_permissions(path, fs::Permissions::from_mode(0o755)).unwrap();
}

fn apply(plan: &Plan, tools: &Tools) -> Result<Vec<step::Undo>, ToolError> {
    plan::apply(&[plan], tools).remove(0)
}

fn noted(folder: &Path) -> Vec<String> {
    let text = fs::read_to_string(folder.join("log")).unwrap_or_default();
    text.lines().map(str::to_owned).collect()
}

fn finding(remedy: &serde_json::Value) -> Finding {
    let finding = json!({
        "module": "selinux", "cause": "port", "summary": "s", "count": 1, "who": [], "objects": [],
        "hosts": ["web1"], "fingerprints": ["00000000000000aa"], "remedies": [remedy], "evidence": [],
    });
    serde_json::from_value(finding).unwrap()
}

fn port(port: u16) -> serde_json::Value {
    json!({"kind": "port", "protocol": "tcp", "port": port, "label_type": "a; reboot"})
}

#[test]
fn what_a_denial_brought_is_one_word_to_the_tool_and_is_taken_back() {
    let folder = tempfile::tempdir().unwrap();
    tool(folder.path(), "semanage", "");
    let tools = Tools::of_folder(folder.path());
    let plan =
        Plan::of(&finding(&json!({"kind": "port", "text": "t", "changes": [port(81)]})), "web1.example");
    let undo = apply(&plan, &tools).unwrap();
    assert_eq!(noted(folder.path()), ["semanage", "port", "-a", "-t", "a; reboot", "-p", "tcp", "81"]);

    let place = folder.path().join("state");
    State::open(&place)
        .unwrap()
        .push(Applied { time: Timestamp::UNIX_EPOCH, summary: "s".to_owned(), undo })
        .unwrap();
    let mode = fs::metadata(place.join("applied.json")).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
    let mut state = State::open(&place).unwrap();
    state.last().unwrap().undo[0].run(&tools).unwrap();
    assert_eq!(noted(folder.path())[8..], ["semanage", "port", "-d", "-p", "tcp", "81"]);
    state.pop().unwrap();
    assert_eq!(State::open(&place).unwrap().last(), None);
}

#[test]
fn what_was_done_before_a_step_that_fails_is_taken_back() {
    let folder = tempfile::tempdir().unwrap();
    // The seventh word is the port.
    tool(folder.path(), "semanage", "test \"$7\" != 82 || { echo no such port >&2; exit 3; }");
    let plan =
        Plan::of(&finding(&json!({"kind": "port", "text": "t", "changes": [port(81), port(82)]})), "web1");
    let error = apply(&plan, &Tools::of_folder(folder.path())).unwrap_err().to_string();
    assert_eq!(error, "semanage failed (exit status: 3): no such port");
    let last: Vec<_> = noted(folder.path()).into_iter().rev().take(6).collect();
    assert_eq!(last, ["81", "tcp", "-p", "-d", "port", "semanage"]);
}

#[test]
fn a_profile_that_does_not_load_is_as_it_was() {
    let folder = tempfile::tempdir().unwrap();
    let profile = folder.path().join("usr.bin.x");
    fs::write(&profile, "profile x {\n}\n").unwrap();
    let edit = json!({"kind": "rules", "text": "t", "edit": {
        "file": profile, "line": 2, "add": ["  /b r,"], "reload": "apparmor_parser -r '/a b' && apparmor_parser -V"}});
    let plan = Plan::of(&finding(&edit), "web1");
    let tools = Tools::of_folder(folder.path());
    let missing = apply(&plan, &tools).unwrap_err().to_string();
    assert_eq!(missing, "there is no apparmor_parser: install it (apparmor)");
    assert_eq!(fs::read_to_string(&profile).unwrap(), "profile x {\n}\n");

    tool(folder.path(), "apparmor_parser", "");
    let undo = apply(&plan, &tools).unwrap();
    assert_eq!(fs::read_to_string(&profile).unwrap(), "profile x {\n  /b r,\n}\n");
    assert_eq!(noted(folder.path()), ["apparmor_parser", "-r", "/a b", "apparmor_parser", "-V"]);
    fs::write(&profile, "profile x {\n  /b r,\n  /c r,\n}\n").unwrap();
    let changed = undo[0].run(&tools).unwrap_err().to_string();
    assert!(changed.ends_with("has changed since it was explained: run it again"), "{changed}");
    fs::write(&profile, "profile x {\n  /b r,\n}\n").unwrap();
    undo[0].run(&tools).unwrap();
    assert_eq!(fs::read_to_string(&profile).unwrap(), "profile x {\n}\n");
}

#[test]
fn nothing_is_done_for_another_machine_or_without_a_remedy() {
    let remedy = json!({"kind": "port", "text": "t", "changes": [port(81)]});
    assert!(Plan::of(&finding(&remedy), "web2").steps.is_empty());
    let refuse = json!({"kind": "refuse", "text": "leave it refused"});
    let plan = Plan::of(&finding(&refuse), "web1");
    assert!(plan.steps.is_empty());
    assert!(plan.text(1, &finding(&refuse)).contains("leave it refused"));
}

#[test]
fn a_module_with_warnings_is_dangerous_and_a_choice_of_labels_is_not() {
    let module = json!({"kind": "module", "text": "t", "warnings": ["it may change passwords"], "allows": [
        {"source": "a_t", "target": "shadow_t", "class": "file", "permissions": ["write"]}]});
    let plan = Plan::of(&finding(&module), "web1");
    assert!(plan.is_dangerous && plan.steps.len() == 1);
    let lines = plan.steps[0].lines();
    assert_eq!(lines[1], "+(allow a_t shadow_t (file (write)))");
    let port = json!({"kind": "port", "text": "t", "warnings": ["others would do"], "changes": [port(81)]});
    assert!(!Plan::of(&finding(&port), "web1").is_dangerous);
}

#[test]
fn the_same_denials_are_looked_for_after_the_change() {
    let before = finding(&json!({"kind": "port", "text": "t", "changes": [port(81)]}));
    let after = |cause: &str, fingerprint: &str| {
        let mut finding = serde_json::to_value(&before).unwrap();
        finding["cause"] = cause.into();
        finding["fingerprints"] = json!([fingerprint]);
        finding["remedies"] = json!([]);
        Report { findings: vec![serde_json::from_value(finding).unwrap()], ..Report::default() }
    };
    assert_eq!(Outcome::of(&before, &after("allowed", "00000000000000aa")), Outcome::Gone);
    assert_eq!(Outcome::of(&before, &after("no_rule", "00000000000000aa")), Outcome::Refused("s".to_owned()));
    assert_eq!(Outcome::of(&before, &after("no_rule", "00000000000000bb")), Outcome::Unknown);
}
