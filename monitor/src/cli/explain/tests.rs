//! What is printed of a log, held against files (`UPDATE_GOLDEN=1` writes them anew).

use std::{fs, path::Path};

use monitor_audit::log::{self, Item};
use monitor_explain::{denials::Denials, place::Place, report::Report};

use super::{input::Newest, *};
use crate::cli::tail::Last;

/// What only this machine has: where its profiles are.
fn place() -> Place {
    let policy = Path::new(env!("CARGO_MANIFEST_DIR")).join("../monitor-explain/tests/policies/rich.33");
    let mut place = Place::with_policy(&policy).unwrap();
    place.profiles = None;
    place.policy.as_mut().unwrap().1 = "rich.33".into();
    place
}

#[track_caller]
fn golden(name: &str, text: &str) {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/explain").join(name);
    if std::env::var_os("UPDATE_GOLDEN").is_some() {
        fs::write(&file, text).unwrap();
    }
    let wanted = fs::read_to_string(&file).unwrap();
    assert_eq!(text, wanted, "{}", file.display());
}

#[test]
fn a_log_is_explained_in_every_form() {
    let log = include_bytes!("../../../tests/explain/audit.log");
    let mut denials = Denials::default();
    let mut broken = Vec::new();
    let summary = log::read(&log[..], |item| match item {
        Item::Denial(denial) => denials.add(&denial.event, denial.timed, denial.syscall.as_deref()),
        Item::Broken(line) => broken.push(line.line),
    });
    let summary = summary.unwrap();
    let last = str::from_utf8(log).unwrap().lines().count() as u64;
    assert_eq!(broken, [last], "the last line is cut");
    let place = place();
    let report = Report::new(&denials, &place).of_lines(summary.lines, summary.broken);
    golden("people.txt", &report::people(&report, &TimeZone::UTC));
    golden("commands.txt", &report::commands(&report.findings));
    golden("module.te", &report::te(&report.findings));
    golden("module.cil", &report::cil(&report.findings));
    golden("rule.txt", &report::rules(&report.findings));
    golden("findings.json", &report::json(&report));

    let schema = serde_json::from_str(include_str!("../../../../docs/explain.schema.json")).unwrap();
    let json = serde_json::from_str(&report::json(&report)).unwrap();
    let faults: Vec<_> = jsonschema::validator_for(&schema)
        .unwrap()
        .iter_errors(&json)
        .map(|error| error.to_string())
        .collect();
    assert_eq!(faults, [""; 0]);
    assert_eq!(serde_json::from_value::<Report>(json).unwrap(), report, "it can be read back");
}

#[test]
fn control_characters_of_a_log_are_shown_not_obeyed() {
    let line = b"type=1400 audit(1.002:3): apparmor=\"DENIED\" operation=\"open\" profile=1B5B316D0A pid=1 comm=\"x\"\n";
    let mut denials = Denials::default();
    log::read(&line[..], |item| {
        if let Item::Denial(denial) = item {
            denials.add(&denial.event, denial.timed, None);
        }
    })
    .unwrap();
    let text = report::people(&Report::new(&denials, &Place::default()), &TimeZone::UTC);
    assert!(!text.contains('\u{1b}'), "{text}");
}

#[test]
fn of_many_denials_the_newest_are_kept() {
    let line = |serial: u32| {
        format!(
            "type=1326 audit(1.002:{serial}): pid=1 comm=\"c{serial}\" arch=c000003e syscall={serial} code=0x50000\n"
        )
    };
    let text: String = (1..=9).map(line).collect();
    let (mut newest, mut denials) = (Newest::new(Some(Last::Count(2))), Denials::default());
    log::read(text.as_bytes(), |item| {
        if let Item::Denial(denial) = item {
            newest.add(&denial.event, denial.timed, None, &mut denials);
        }
    })
    .unwrap();
    newest.finish(&mut denials);
    assert_eq!(denials.total, 2);
}
