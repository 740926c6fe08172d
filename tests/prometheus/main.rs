//! denyd's metrics with a real Prometheus: it scrapes denyd's endpoint, answers every query of the dashboard, and its
//! `promtool` finds nothing wrong with the metrics, the rules and the example of a configuration.

mod dashboard;
mod endpoint;
mod server;

use std::{io::Write as _, path::PathBuf, process::Stdio};

use monitor::metrics::Format;
use xtask::{cache::Cache, process, setup::prometheus::Prometheus};

use self::{dashboard::Query, endpoint::Endpoint, server::Server};

/// The repository's folder of this name.
fn folder(name: &str) -> PathBuf {
    PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/..")).join(name)
}

fn prometheus() -> Prometheus {
    Prometheus::ensure(&Cache::open().unwrap()).unwrap_or_else(|error| panic!("{error}"))
}

/// Runs promtool, and gives what it printed if it is content.
fn promtool(arguments: &[&str]) -> Result<String, String> {
    let mut command = std::process::Command::new(prometheus().promtool);
    command.args(arguments).current_dir(folder("prometheus"));
    process::read(&mut command).map_err(|error| error.to_string())
}

#[test]
fn the_rules_are_right_and_their_tests_pass() {
    promtool(&["check", "rules", "alerts.yml"]).unwrap();
    promtool(&["test", "rules", "alerts.test.yml"]).unwrap();
    promtool(&["check", "config", "scrape.yml"]).unwrap();
}

#[test]
fn promtool_has_nothing_to_say_about_the_metrics() {
    let endpoint = Endpoint::start();
    let mut command = std::process::Command::new(prometheus().promtool);
    command.args(["check", "metrics"]).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().unwrap();
    child.stdin.take().unwrap().write_all(endpoint.metrics.expose(Format::Text).as_bytes()).unwrap();
    let output = child.wait_with_output().unwrap();
    let said = [output.stdout, output.stderr].concat();
    assert!(output.status.success() && said.is_empty(), "{}", String::from_utf8_lossy(&said));
}

#[test]
fn a_real_prometheus_scrapes_denyd_and_answers_every_query_of_the_dashboard() {
    let mut endpoint = Endpoint::start();
    let server = Server::start(&prometheus(), endpoint.address());
    // A rate needs two scrapes, and what the one before the last gave is stored when the last begins.
    for _ in 0..4 {
        endpoint.wait_for_a_scrape();
        endpoint.deny_something();
    }
    endpoint.wait_for_a_scrape();

    let denials = server.ask("sum(denyd_denials_total) == bool sum(denyd_denials_by_unit_total)");
    assert_eq!(value(&denials), "1", "{denials:?}");
    let identity = "sum(denyd_source_seen_total) - sum(denyd_source_emitted_total) - sum(denyd_source_lost_total) - \
                    sum(denyd_source_pending)";
    assert_eq!(value(&server.ask(identity)), "0");
    let queries = dashboard::queries();
    assert!(queries.len() > 20, "{}", queries.len());
    for Query { panel, expression } in queries {
        let answer = server.ask(&expression);
        assert!(!answer.is_empty(), "the panel `{panel}` is empty: {expression}");
    }
}

/// The value of the only sample.
fn value(answer: &[serde_json::Value]) -> &str {
    match answer {
        [sample] => sample["value"][1].as_str().unwrap_or_default(),
        _ => panic!("{answer:?}"),
    }
}
