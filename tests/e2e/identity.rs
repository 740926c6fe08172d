//! Whether an event says who asked, as `/proc` said it of the living process.

use jiff::Timestamp;
use serde_json::{Value, json};
use tests::{
    expectation::lookup,
    report::{ProcessFacts, Report},
};

/// `/proc` counts time in hundredths of a second, cut off, and the clock is read a moment apart.
const CLOCK_TICK: f64 = 0.02;
/// Generations of ancestors that an event has, at most.
const ANCESTORS: usize = 8;

/// What the event gets wrong about the process that asked; empty if nothing.
pub(crate) fn mismatches(event: &Value, report: &Report) -> Vec<String> {
    mismatches_of("process", event, report)
}

/// What the event gets wrong about the process in this field; empty if nothing.
pub(crate) fn mismatches_of(which: &str, event: &Value, report: &Report) -> Vec<String> {
    let mut mismatches = Mismatches { which, event, found: Vec::new() };
    let ProcessFacts { uids, gids, .. } = report.process;
    let process = &report.process;
    for (field, wanted) in [
        ("pid", json!(process.pid)),
        ("tid", json!(process.pid)),
        ("ns_pid", (process.ns_pid != process.pid).then_some(process.ns_pid).into()),
        ("ppid", json!(process.ppid)),
        ("comm", json!(process.comm)),
        ("exe", json!(process.exe)),
        ("uid", json!(uids[0])),
        ("euid", json!(uids[1])),
        ("fsuid", json!(uids[3])),
        ("gid", json!(gids[0])),
        ("egid", json!(gids[1])),
        ("loginuid", json!(process.loginuid)),
        ("session", json!(process.session)),
        ("cap_effective", json!(process.cap_effective)),
        ("cgroup.path", json!(process.cgroup)),
        ("cgroup.id", json!(process.cgroup_id)),
        ("cwd", json!(process.cwd)),
        ("namespaces", json!(process.namespaces)),
    ] {
        mismatches.compare(field, &wanted);
    }
    mismatches.compare_start("start_time", process.start_time);
    mismatches.compare_ancestors(&report.ancestors);
    mismatches.compare_cmdline(&process.cmdline);
    if event["host"] != "guest" || event["schema"] != 2 {
        mismatches.found.push("host or schema".to_owned());
    }
    // Names of users are looked up for the process that asked alone.
    if which == "process" {
        for name in ["user", "euser", "group", "egroup", "loginuser"] {
            mismatches.compare(name, &json!(process.names.get(name)));
        }
    }
    mismatches.found
}

struct Mismatches<'a> {
    which: &'a str,
    event: &'a Value,
    found: Vec<String>,
}

impl<'a> Mismatches<'a> {
    fn get(&self, field: &str) -> Option<&'a Value> {
        lookup(self.event, &format!("{}.{field}", self.which))
    }

    /// Whether the event says that it does not have all of a field.
    fn is_missing(&self, field: &str) -> bool {
        let whole = format!("{}.{field}", self.which);
        let missing = self.event["missing"].as_array().into_iter().flatten();
        missing.filter_map(|missing| missing["field"].as_str()).any(|field| field == whole)
    }

    fn add(&mut self, field: &str, wanted: &Value, got: Option<&Value>) {
        let got = got.map_or_else(|| "nothing".to_owned(), Value::to_string);
        self.found.push(format!("{}.{field}: the process has {wanted}, the event {got}", self.which));
    }

    /// What isn't (null) must be absent.
    fn compare(&mut self, field: &str, wanted: &Value) {
        let got = self.get(field);
        if got.unwrap_or(&Value::Null) != wanted {
            self.add(field, wanted, got);
        }
    }

    fn compare_start(&mut self, field: &str, wanted: f64) {
        let got = self.get(field);
        let time = got.and_then(Value::as_str).and_then(|time| time.parse::<Timestamp>().ok());
        let agrees = time.is_some_and(|time| (time.as_duration().as_secs_f64() - wanted).abs() <= CLOCK_TICK);
        if !agrees {
            self.add(field, &wanted.into(), got);
        }
    }

    /// All of them, the nearest first, unless the record was full.
    fn compare_ancestors(&mut self, wanted: &[ProcessFacts]) {
        let got = self.get("ancestors").and_then(Value::as_array).map_or(0, Vec::len);
        let all = wanted.len().min(ANCESTORS);
        if got > all || (got < all && !self.is_missing("ancestors")) {
            self.found.push(format!("{}.ancestors: {got} instead of {all}", self.which));
        }
        for (nth, wanted) in wanted.iter().take(got).enumerate() {
            for (name, value) in [
                ("pid", json!(wanted.pid)),
                ("comm", json!(wanted.comm)),
                ("exe", json!(wanted.exe)),
                ("uid", json!(wanted.uids[0])),
            ] {
                self.compare(&format!("ancestors.{nth}.{name}"), &value);
            }
            self.compare_start(&format!("ancestors.{nth}.start_time"), wanted.start_time);
        }
    }

    /// All of it, or, where the event says that it is cut, as much as there is.
    fn compare_cmdline(&mut self, wanted: &[String]) {
        if self.get("cmdline_cut").is_none() {
            let wanted = if wanted.is_empty() { Value::Null } else { json!(wanted) };
            return self.compare("cmdline", &wanted);
        }
        let got = self.get("cmdline").and_then(Value::as_array).map_or(&[][..], Vec::as_slice);
        let (last, before) = got.split_last().map_or((None, got), |(last, before)| (last.as_str(), before));
        let agrees = before.len() <= wanted.len()
            && before.iter().zip(wanted).all(|(got, wanted)| got == wanted)
            && last
                .is_none_or(|last| wanted.get(before.len()).is_some_and(|wanted| wanted.starts_with(last)));
        if !agrees {
            self.add("cmdline", &json!(wanted), self.get("cmdline"));
        }
    }
}
