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

fn apply(plan: &Plan, tools: &Tools) -> Result<Vec<Undo>, ToolError> {
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
fn what_is_of_another_machine_too_is_not_done_here() {
    let mut finding = finding(&json!({"kind": "port", "text": "t", "changes": [port(81)]}));
    assert_eq!(Plan::of(&finding, "web1").steps.len(), 1);
    finding.hosts.push("web2".to_owned());
    assert_eq!(Plan::of(&finding, "web1").steps, []);
    finding.hosts.clear();
    assert_eq!(Plan::of(&finding, "web1").steps.len(), 1, "it names no machine");
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
fn what_several_findings_change_is_one_transaction_and_so_is_its_undoing() {
    let folder = tempfile::tempdir().unwrap();
    let lines = folder.path().join("lines");
    // It is given the file with the lines behind `-f`.
    tool(folder.path(), "semanage", &format!("test \"$1\" = import && cat \"$3\" >>'{}'", lines.display()));
    tool(folder.path(), "semodule", "");
    let port = |number| {
        let mut change = port(number);
        change["label_type"] = "http_port_t".into();
        Plan::of(&finding(&json!({"kind": "port", "text": "t", "changes": [change]})), "web1")
    };
    let module = |name: &str| {
        let allow = json!({"source": name, "target": "b_t", "class": "file", "permissions": ["read"]});
        Plan::of(&finding(&json!({"kind": "module", "text": "t", "allows": [allow]})), "web1")
    };
    let plans = [port(81), module("a_t"), port(82), module("c_t")];
    let tools = Tools::of_folder(folder.path());
    let undos: Vec<_> = plan::apply(&plans.each_ref(), &tools).into_iter().flat_map(Result::unwrap).collect();
    assert_eq!(
        fs::read_to_string(&lines).unwrap(),
        "port -a -t http_port_t -p tcp 81\nport -a -t http_port_t -p tcp 82\n"
    );
    let calls = |tool: &str| noted(folder.path()).iter().filter(|word| *word == tool).count();
    assert_eq!((undos.len(), calls("semanage"), calls("semodule")), (4, 1, 1));

    fs::remove_file(&lines).unwrap();
    transaction::take_back(&undos, &tools).unwrap();
    assert_eq!(fs::read_to_string(&lines).unwrap(), "port -d -p tcp 82\nport -d -p tcp 81\n");
    assert_eq!((calls("semanage"), calls("semodule")), (2, 2));
}

#[test]
fn a_folder_gets_the_labels_back_that_it_had() {
    let folder = tempfile::tempdir().unwrap();
    let site = folder.path().join("site");
    fs::create_dir(&site).unwrap();
    let change = json!({"kind": "relabel", "path": site, "recursive": true});
    tool(folder.path(), "restorecon", "");
    let plan = Plan::of(&finding(&json!({"kind": "relabel", "text": "t", "changes": [change]})), "web1");
    let undo = apply(&plan, &Tools::of_folder(folder.path())).unwrap();
    assert_eq!(noted(folder.path()), ["restorecon", "-v", "-R", site.to_str().unwrap()]);
    // Nothing has changed, so that nothing is to be taken back.
    assert_eq!(undo, [Undo::Labels { labels: [].into() }]);
    let labels = [("a:b:c_t:s0".to_owned(), vec!["/x".to_owned(), "/y z".to_owned()])].into();
    assert_eq!(Undo::Labels { labels }.line(), "chcon -h a:b:c_t:s0 /x '/y z'");
}

#[test]
fn a_setting_that_is_made_is_not_said_to_be_refused() {
    let setting = |text: &str| json!([{"kind": "setting", "text": text}]);
    let report = |remedies: serde_json::Value| {
        let mut finding = serde_json::to_value(finding(&json!({"kind": "nothing", "text": "t"}))).unwrap();
        finding["cause"] = "transition".into();
        finding["remedies"] = remedies;
        Report { findings: vec![serde_json::from_value(finding).unwrap()], ..Report::default() }
    };
    let before = report(setting("set it")).findings.remove(0);
    assert_eq!(Outcome::of(&before, &report(setting("something else"))), Outcome::Unknown);
    assert_eq!(Outcome::of(&before, &report(setting("set it"))), Outcome::Refused("s".to_owned()));
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
    let port = json!({"kind": "port", "text": "t", "warnings": ["these would do, too: others"], "changes": [port(81)]});
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
