//! The dashboard, and what a Prometheus answers to its panels.

use std::{collections::BTreeMap, fs};

use anyhow::Context as _;
use serde::Deserialize;
use xtask::{
    prometheus::{Period, Server, Variables},
    workspace,
};

use super::text::{self, Unit};

/// `prometheus/dashboard.json`, as far as it is drawn.
#[derive(Debug, Deserialize)]
pub(super) struct Dashboard {
    pub panels: Vec<Panel>,
}

/// A panel, or the title of those below it.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Panel {
    pub title: String,
    #[serde(rename = "type")]
    pub kind: Kind,
    pub grid_pos: Place,
    #[serde(default)]
    targets: Vec<Target>,
    #[serde(default)]
    field_config: FieldConfig,
    #[serde(default)]
    pub options: Options,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum Kind {
    Row,
    Stat,
    Timeseries,
    Bargauge,
    Table,
}

/// Where a panel is: Grafana's dashboards are 24 columns wide.
#[derive(Debug, Clone, Copy, Deserialize)]
pub(super) struct Place {
    pub x: i32,
    pub y: i32,
    pub w: i32,
    pub h: i32,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Target {
    expr: String,
    #[serde(default)]
    legend_format: String,
    #[serde(default)]
    instant: bool,
}

#[derive(Debug, Default, Deserialize)]
struct FieldConfig {
    #[serde(default)]
    defaults: Defaults,
}

/// How values are shown.
#[derive(Debug, Default, Deserialize)]
pub(super) struct Defaults {
    #[serde(default)]
    pub unit: Unit,
    pub decimals: Option<usize>,
    pub max: Option<f64>,
    #[serde(default)]
    pub mappings: Vec<Mapping>,
    #[serde(default)]
    pub thresholds: Thresholds,
    #[serde(default)]
    pub custom: Custom,
}

/// Words for values.
#[derive(Debug, Deserialize)]
pub(super) struct Mapping {
    pub options: BTreeMap<String, Mapped>,
}

#[derive(Debug, Deserialize)]
pub(super) struct Mapped {
    pub text: String,
    pub color: String,
}

/// Colours for values.
#[derive(Debug, Default, Deserialize)]
pub(super) struct Thresholds {
    #[serde(default)]
    pub steps: Vec<Step>,
}

#[derive(Debug, Deserialize)]
pub(super) struct Step {
    pub color: String,
    /// From where on; nothing for the first.
    pub value: Option<f64>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Custom {
    /// In percent.
    #[serde(default)]
    pub fill_opacity: f64,
    #[serde(default)]
    pub stacking: Stacking,
}

#[derive(Debug, Default, Deserialize)]
pub(super) struct Stacking {
    #[serde(default)]
    pub mode: String,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Options {
    #[serde(default)]
    pub text_mode: String,
}

/// What is drawn as one line, bar, number or row of a table.
#[derive(Debug)]
pub(super) struct Series {
    pub name: String,
    pub labels: BTreeMap<String, String>,
    /// Times and values; one only if the panel shows how things are now.
    pub points: Vec<(f64, f64)>,
}

impl Series {
    pub(super) fn last(&self) -> f64 {
        self.points.last().map_or(0.0, |&(_, value)| value)
    }

    pub(super) fn largest(&self) -> f64 {
        self.points.iter().map(|&(_, value)| value).fold(0.0, f64::max)
    }
}

/// As Prometheus gives it: a sample or a series.
#[derive(Debug, Deserialize)]
struct Answer {
    metric: BTreeMap<String, String>,
    value: Option<(f64, String)>,
    #[serde(default)]
    values: Vec<(f64, String)>,
}

impl Dashboard {
    pub(super) fn read() -> anyhow::Result<Self> {
        let path = workspace::root().join("prometheus/dashboard.json");
        let text = fs::read_to_string(&path).with_context(|| format!("cannot read {}", path.display()))?;
        serde_json::from_str(&text).with_context(|| format!("cannot understand {}", path.display()))
    }
}

impl Panel {
    pub(super) fn defaults(&self) -> &Defaults {
        &self.field_config.defaults
    }

    pub(super) fn stacked(&self) -> bool {
        self.defaults().custom.stacking.mode == "normal"
    }

    /// What the panel shows of this time, the largest first.
    pub(super) fn ask(
        &self,
        server: &Server,
        variables: Variables<'_>,
        period: Period,
    ) -> anyhow::Result<Vec<Series>> {
        let mut series = Vec::new();
        for target in &self.targets {
            let expression = variables.replaced_in(&target.expr)?;
            let answers = if target.instant {
                server.instant(&expression, Some(period.end))?
            } else {
                server.range(&expression, period)?
            };
            for answer in answers {
                series.extend(target.series(serde_json::from_value(answer)?)?);
            }
        }
        if self.kind != Kind::Table {
            series.sort_by(|one, other| other.largest().total_cmp(&one.largest()));
        }
        Ok(series)
    }
}

impl Target {
    /// The series of an answer, if it has any value that is a number.
    fn series(&self, answer: Answer) -> anyhow::Result<Option<Series>> {
        let name = text::legend(&self.legend_format, &answer.metric);
        let mut points = Vec::new();
        for (time, value) in answer.value.into_iter().chain(answer.values) {
            let value: f64 = value.parse().with_context(|| format!("{value} is no value"))?;
            if value.is_finite() {
                points.push((time, value));
            }
        }
        Ok((!points.is_empty()).then_some(Series { name, labels: answer.metric, points }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_panel_of_the_dashboard_is_understood() {
        let dashboard = Dashboard::read().unwrap();
        for panel in &dashboard.panels {
            assert_eq!(panel.targets.is_empty(), panel.kind == Kind::Row, "{}", panel.title);
            let Place { x, w, .. } = panel.grid_pos;
            assert!(x >= 0 && x + w <= 24, "{}", panel.title);
        }
    }

    #[test]
    fn what_is_no_number_is_no_point() {
        let target = Target { expr: String::new(), legend_format: "{{le}}!".to_owned(), instant: false };
        let answer = r#"{"metric": {"le": "1"}, "values": [[1, "NaN"], [2.5, "0.5"], [3, "+Inf"]]}"#;
        let series = target.series(serde_json::from_str(answer).unwrap()).unwrap().unwrap();
        assert_eq!((series.name.as_str(), series.points), ("1!", vec![(2.5, 0.5)]));
        let empty = r#"{"metric": {}, "value": [1, "NaN"]}"#;
        assert!(target.series(serde_json::from_str(empty).unwrap()).unwrap().is_none());
    }
}
