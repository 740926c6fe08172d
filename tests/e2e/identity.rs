//! Whether an event says who asked, as `/proc` said it of the living process.

use jiff::Timestamp;
use serde_json::{Value, json};
use tests::{
    expectation::lookup,
    report::{ProcessFacts, Report},
};

/// `/proc` counts time in hundredths of a second, cut off, and the clock is read a moment apart.
const CLOCK_TICK: f64 = 0.02;

/// What the event gets wrong about the process; empty if nothing.
pub fn mismatches(event: &Value, report: &Report) -> Vec<String> {
    let mut mismatches = Mismatches(Vec::new());
    let ProcessFacts { uids, gids, .. } = report.process;
    let process = &report.process;
    for (field, wanted) in [
        ("process.pid", json!(process.pid)),
        ("process.tid", json!(process.pid)),
        ("process.ppid", json!(process.ppid)),
        ("process.comm", json!(process.comm)),
        ("process.exe", json!(process.exe)),
        ("process.uid", json!(uids[0])),
        ("process.euid", json!(uids[1])),
        ("process.fsuid", json!(uids[3])),
        ("process.gid", json!(gids[0])),
        ("process.egid", json!(gids[1])),
        ("process.loginuid", json!(process.loginuid)),
        ("process.session", json!(process.session)),
        ("process.cap_effective", json!(process.cap_effective)),
        ("process.cgroup.path", json!(process.cgroup)),
        ("process.cgroup.id", json!(process.cgroup_id)),
        ("process.cwd", json!(process.cwd)),
        ("host", json!("guest")),
        ("schema", json!(1)),
    ] {
        mismatches.compare(field, lookup(event, field), &wanted);
    }
    for (name, inode) in &process.namespaces {
        let field = format!("process.namespaces.{name}");
        mismatches.compare(&field, lookup(event, &field), &json!(inode));
    }
    for name in ["user", "euser", "group", "egroup", "loginuser"] {
        let field = format!("process.{name}");
        mismatches.compare(&field, lookup(event, &field), &json!(process.names.get(name)));
    }
    mismatches.compare_start("process.start_time", lookup(event, "process.start_time"), process.start_time);
    mismatches.compare_ancestors(lookup(event, "process.ancestors"), &report.ancestors);
    mismatches.compare_cmdline(event, &process.cmdline);
    mismatches.0
}

struct Mismatches(Vec<String>);

impl Mismatches {
    /// What isn't (null) must be absent.
    fn compare(&mut self, field: &str, got: Option<&Value>, wanted: &Value) {
        if got.unwrap_or(&Value::Null) != wanted {
            let got = got.map_or_else(|| "nothing".to_owned(), Value::to_string);
            self.0.push(format!("{field}: the process has {wanted}, the event {got}"));
        }
    }

    fn compare_start(&mut self, field: &str, got: Option<&Value>, wanted: f64) {
        let time = got.and_then(Value::as_str).and_then(|time| time.parse::<Timestamp>().ok());
        let agrees = time.is_some_and(|time| {
            let seconds = time.as_duration().as_secs_f64();
            (seconds - wanted).abs() <= CLOCK_TICK
        });
        if !agrees {
            self.0.push(format!("{field}: the process started at {wanted}, the event has {got:?}"));
        }
    }

    /// The probe reads as many as fit, the nearest first; those must be right.
    fn compare_ancestors(&mut self, got: Option<&Value>, wanted: &[ProcessFacts]) {
        let Some(got) = got.and_then(Value::as_array) else { return };
        if got.len() > wanted.len() {
            self.0.push(format!("process.ancestors: {} instead of {}", got.len(), wanted.len()));
        }
        for (nth, (got, wanted)) in got.iter().zip(wanted).enumerate() {
            let field = |name| format!("process.ancestors.{nth}.{name}");
            self.compare(&field("pid"), got.get("pid"), &json!(wanted.pid));
            self.compare(&field("comm"), got.get("comm"), &json!(wanted.comm));
            self.compare(&field("exe"), got.get("exe"), &json!(wanted.exe));
            self.compare(&field("uid"), got.get("uid"), &json!(wanted.uids[0]));
            self.compare_start(&field("start_time"), got.get("start_time"), wanted.start_time);
        }
    }

    fn compare_cmdline(&mut self, event: &Value, wanted: &[String]) {
        let Some(got) = lookup(event, "process.cmdline") else { return };
        if lookup(event, "process.cmdline_cut").is_none() {
            self.compare("process.cmdline", Some(got), &json!(wanted));
        }
    }
}
