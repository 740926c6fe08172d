//! docs/metrics.md lists the metrics that there are.

use std::{env, fmt::Write as _, fs};

use monitor::{
    metrics::{LABEL_MAX_LEN, SERIES_BUDGET, family},
    pipeline::Observe as _,
};

use crate::support::metrics;

const START: &str = "<!-- metrics: written by a test -->\n";
const END: &str = "<!-- end of metrics -->\n";

fn table() -> String {
    let mut text = format!(
        "denyd has at most **{SERIES_BUDGET}** series, whatever happens on the machine. A label's value has at most \
         {LABEL_MAX_LEN} bytes.\n\n| metric | type | labels | series at most | meaning |\n|---|---|---|---|---|\n"
    );
    for family in family::ALL {
        let labels: Vec<_> = family.labels.iter().map(|label| format!("`{label}`")).collect();
        let (name, kind, labels) = (family.name, family.kind.name(), labels.join(", "));
        writeln!(text, "| `{name}` | {kind} | {labels} | {} | {} |", family.series, family.help).unwrap();
    }
    text
}

#[test]
fn the_documentation_lists_every_metric() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/metrics.md");
    let text = fs::read_to_string(path).unwrap();
    let (before, rest) = text.split_once(START).unwrap();
    let (listed, after) = rest.split_once(END).unwrap();
    if env::var_os("UPDATE_GOLDEN").is_some() {
        fs::write(path, [before, START, &table(), END, after].concat()).unwrap();
        return;
    }
    assert_eq!(
        listed,
        table(),
        "after a change of the metrics: UPDATE_GOLDEN=1 cargo test -p monitor --test metrics"
    );
}

#[test]
fn every_metric_that_is_served_is_listed_with_its_labels_and_the_other_way_round() {
    let (metrics, mut observer) = metrics();
    let mut event = crate::support::golden("selinux_file");
    observer.observe(&event, event.time);
    event.kind = monitor::event::Kind::Policy;
    event.changes = vec![monitor::event::Change {
        what: monitor::event::ChangeKind::Mode,
        name: None,
        namespace: None,
        before: Some("enforcing".into()),
        after: Some("permissive".into()),
    }];
    observer.observe(&event, event.time);
    let served = metrics.gather();
    for family in &served {
        let listed = family::ALL.iter().find(|listed| listed.name == family.name());
        let listed = listed.unwrap_or_else(|| panic!("{} is not listed", family.name()));
        assert_eq!(family.help(), listed.help);
        for metric in family.get_metric() {
            let mut labels: Vec<_> =
                metric.get_label().iter().map(prometheus::proto::LabelPair::name).collect();
            let mut expected = listed.labels.to_vec();
            labels.sort_unstable();
            expected.sort_unstable();
            assert_eq!(labels, expected, "{}", listed.name);
        }
    }
    let never = ["denyd_posture_unknown"];
    for listed in family::ALL.iter().filter(|listed| !never.contains(&listed.name)) {
        assert!(served.iter().any(|family| family.name() == listed.name), "{} is not served", listed.name);
    }
}
