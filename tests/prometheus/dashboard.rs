//! The queries of the dashboard.

use serde_json::Value;
use xtask::prometheus::Variables;

pub(crate) struct Query {
    pub panel: String,
    pub expression: String,
}

/// Every query of the dashboard, with Grafana's variables replaced as Grafana would.
pub(crate) fn queries() -> Vec<Query> {
    let text = std::fs::read_to_string(crate::folder("prometheus/dashboard.json")).unwrap();
    let dashboard: Value = serde_json::from_str(&text).unwrap();
    let list = |value: &Value| value.as_array().cloned().unwrap_or_default();
    let mut queries = Vec::new();
    for panel in list(&dashboard["panels"]).iter().chain(&list(&dashboard["annotations"]["list"])) {
        let name = panel["title"].as_str().or_else(|| panel["name"].as_str()).unwrap().to_owned();
        let targets = list(&panel["targets"]);
        for target in targets.iter().chain(panel["expr"].is_string().then_some(panel)) {
            let expression = resolved(target["expr"].as_str().unwrap());
            queries.push(Query { panel: name.clone(), expression });
        }
    }
    for variable in list(&dashboard["templating"]["list"]) {
        if let Some(query) = variable["query"]["query"].as_str() {
            // label_values(METRIC, LABEL): there must be series to take them from.
            let inner = query.strip_prefix("label_values(").unwrap().strip_suffix(')').unwrap();
            let (series, label) = inner.rsplit_once(',').unwrap();
            let expression = resolved(&format!("group by ({}) ({series})", label.trim()));
            queries.push(Query { panel: format!("variable {}", variable["name"]), expression });
        }
    }
    queries
}

fn resolved(expression: &str) -> String {
    let variables = Variables { rate_interval: "1m", range: "1m" };
    variables.replaced_in(expression).unwrap_or_else(|error| panic!("{error}"))
}
