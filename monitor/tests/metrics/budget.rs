//! However much the denials differ, there are no more series than the budget, and the sums are exact.

use std::collections::HashMap;

use jiff::Timestamp;
use monitor::{
    enrich::{cgroup_path, locate},
    event::{Event, Module, Verdict},
    metrics::{Format, OTHER, SERIES_BUDGET},
    pipeline::Observe as _,
};
use prometheus::proto::MetricFamily;

use crate::support::{golden, metrics};

const EVENTS: u64 = 1_000_000;
const MODULES: [Module; 7] = [
    Module::Selinux,
    Module::Apparmor,
    Module::Landlock,
    Module::Capability,
    Module::Seccomp,
    Module::Yama,
    Module::Lockdown,
];

/// Makes this the denial number `nth`: another process, path, pair of categories, profile, unit and operation than any
/// before.
fn vary(event: &mut Event<'_>, nth: u64) {
    let module = MODULES[usize::try_from(nth % 7).unwrap()];
    event.module = module;
    event.verdict = Some(if nth.is_multiple_of(3) { Verdict::Permitted } else { Verdict::Denied });
    event.silent = nth.is_multiple_of(5);
    event.process.pid = Some(u32::try_from(nth).unwrap());
    event.object.path = Some(format!("/srv/{nth}").into());
    event.subject.label = Some(match module {
        // The type itself changes, too, as the worst policy could have it.
        Module::Selinux => {
            format!("system_u:system_r:t{}_t:s0:c{},c{}", nth % 3000, nth % 1024, nth % 1023).into()
        }
        _ => format!("profile_{nth}x//null-/usr/bin/{nth}").into(),
    });
    event.unit.get_or_insert_default().name = Some(format!("job{nth}x.service").into());
    event.action.operation = Some(format!("operation{}", nth % 5000).into());
}

/// The sum of a metric's series, and how many these are.
fn sum(families: &[MetricFamily], name: &str) -> (f64, usize) {
    let family = families.iter().find(|family| family.name() == name).unwrap();
    let series = family.get_metric();
    (series.iter().map(|series| series.get_counter().get_value()).sum(), series.len())
}

#[test]
fn a_million_different_denials_stay_within_the_budget_and_none_is_missing_in_a_sum() {
    let (metrics, mut observer) = metrics();
    let mut event = golden("selinux_file");
    let mut expected: HashMap<(Module, bool), u64> = HashMap::new();
    let now = event.time;
    for nth in 0..EVENTS {
        vary(&mut event, nth);
        observer.observe(&event, now);
        *expected.entry((event.module, event.verdict == Some(Verdict::Denied))).or_default() += 1;
    }

    let families = metrics.gather();
    let exact = 1e6;
    for (name, limit) in [
        ("denyd_denials_total", 4 * Module::ALL.len()),
        ("denyd_denials_by_action_total", 512),
        ("denyd_denials_by_subject_total", 512),
        ("denyd_denials_by_unit_total", 512),
    ] {
        let (total, series) = sum(&families, name);
        assert!((total - exact).abs() < 0.5, "{name}: {total}");
        assert!(series <= limit, "{name} has {series} series");
    }
    let text = metrics.expose(Format::Text);
    let samples = text.lines().filter(|line| !line.starts_with('#'));
    assert!(samples.clone().count() <= SERIES_BUDGET, "{} of {SERIES_BUDGET}", samples.count());
    assert!(text.contains(OTHER), "the budget was never spent");

    // Each module's and verdict's own sum, too, though most of it is in the overflow.
    let by_unit = families.iter().find(|family| family.name() == "denyd_denials_by_unit_total").unwrap();
    for ((module, denied), count) in expected {
        let module = serde_json::to_value(module).unwrap();
        let verdict = if denied { "denied" } else { "permitted" };
        let of_these = by_unit.get_metric().iter().filter(|series| {
            let has = |name: &str, value: &str| {
                series.get_label().iter().any(|label| label.name() == name && label.value() == value)
            };
            has("module", module.as_str().unwrap()) && has("verdict", verdict)
        });
        let total: f64 = of_these.map(|series| series.get_counter().get_value()).sum();
        assert_eq!(total.to_string(), count.to_string(), "{module} {verdict}");
    }
}

#[test]
fn the_usual_changes_of_policy_are_there_before_the_first_so_that_it_is_an_increase() {
    let (metrics, mut observer) = metrics();
    let changes = || sum(&metrics.gather(), "denyd_policy_changes_total");
    let (none, series) = changes();
    assert_eq!(none.to_bits(), 0.0_f64.to_bits());
    let names = [
        "selinux_policy_mode",
        "selinux_policy_booleans",
        "selinux_policy_first",
        "apparmor_policy_profiles",
    ];
    for event in names.map(golden) {
        observer.observe(&event, event.time);
    }
    let (some, same) = changes();
    assert!(some >= 4.0, "{some}");
    assert_eq!(same, series);
}

#[test]
fn no_label_names_a_process_a_path_or_a_category() {
    let (metrics, mut observer) = metrics();
    let names: Vec<_> = std::fs::read_dir(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/golden"))
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.extension().is_some_and(|extension| extension == "json"))
        .map(|path| path.file_stem().unwrap().to_string_lossy().into_owned())
        .collect();
    assert!(!names.is_empty());
    let mut denials = 0;
    for name in names {
        let mut event: Event<'_> = golden(&name);
        denials += u32::from(event.verdict.is_some());
        let path = cgroup_path(&mut event);
        locate(&mut event, path.as_deref());
        observer.observe(&event, Timestamp::now());
    }
    let families = metrics.gather();
    let (total, _) = sum(&families, "denyd_denials_total");
    assert_eq!(total.to_string(), denials.to_string());
    let text = metrics.expose(Format::Text);
    for secret in ["4242", "/var/lib/x", "cat --", "c12", ":s0", "host.example"] {
        assert!(!text.contains(secret), "{secret} is in a label");
    }
    assert!(text.contains(r#"unit="httpd.service""#), "{text}");
}

#[test]
fn the_delay_is_measured_and_a_clock_that_was_set_back_counts_as_none() {
    let (metrics, mut observer) = metrics();
    let event = golden("landlock_file");
    observer.observe(&event, event.time + jiff::SignedDuration::from_millis(30));
    observer.observe(&event, event.time - jiff::SignedDuration::from_secs(30));
    let text = metrics.expose(Format::OpenMetrics);
    assert!(text.contains("denyd_event_delay_seconds_bucket{le=\"0.05\"} 2\n"), "{text}");
    assert!(text.contains("denyd_event_delay_seconds_bucket{le=\"0.025\"} 1\n"), "{text}");
    assert!(text.contains("denyd_event_delay_seconds_sum 0.03\n"), "{text}");
}
