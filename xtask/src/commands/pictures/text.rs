//! Names and values as Grafana writes them.

use std::collections::BTreeMap;

use serde::Deserialize;

/// The unit of a panel's values.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
pub(super) enum Unit {
    /// A number, thousands and millions shortened.
    #[default]
    #[serde(rename = "short")]
    Short,
    /// So many a second.
    #[serde(rename = "ops")]
    Operations,
    /// Seconds.
    #[serde(rename = "s")]
    Seconds,
    /// A share of 1.
    #[serde(rename = "percentunit")]
    Percent,
}

impl Unit {
    /// The value with its unit, with so many decimals or else as many as it takes.
    pub(super) fn format(self, value: f64, decimals: Option<usize>) -> String {
        let (value, unit) = match self {
            Self::Short => scaled(value, &[(1e6, " Mil"), (1e3, " K"), (1.0, "")]),
            Self::Operations => scaled(value, &[(1e3, "K ops/s"), (1.0, " ops/s")]),
            Self::Seconds if value == 0.0 => (value, " s"),
            Self::Seconds => scaled(value, &[(1.0, " s"), (1e-3, " ms"), (1e-6, " µs"), (1e-9, " ns")]),
            Self::Percent => (value * 100.0, "%"),
        };
        let number = decimals.map_or_else(|| shortest(value), |decimals| format!("{value:.decimals$}"));
        format!("{number}{unit}")
    }
}

/// The value in the largest of these units that it has one of, or in the smallest.
fn scaled<'a>(value: f64, units: &[(f64, &'a str)]) -> (f64, &'a str) {
    let unit = units.iter().find(|(factor, _)| value.abs() >= *factor).or(units.last());
    unit.map_or((value, ""), |&(factor, unit)| (value / factor, unit))
}

/// Three digits, without zeros at the end.
fn shortest(value: f64) -> String {
    let decimals = match value.abs() {
        100.0.. => 0,
        10.0.. => 1,
        1.0.. => 2,
        _ => 3,
    };
    let text = format!("{value:.decimals$}");
    if text.contains('.') { text.trim_end_matches('0').trim_end_matches('.').to_owned() } else { text }
}

/// The name of a series: the `legendFormat`, with the values of the labels that it names.
pub(super) fn legend(format: &str, labels: &BTreeMap<String, String>) -> String {
    let mut text = String::new();
    let mut rest = format;
    while let Some((before, (label, after))) =
        rest.split_once("{{").and_then(|(before, from)| Some((before, from.split_once("}}")?)))
    {
        text.push_str(before);
        text.push_str(labels.get(label.trim()).map_or("", String::as_str));
        rest = after;
    }
    text.push_str(rest);
    text.trim().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_have_their_units() {
        let format = |unit: Unit, value| unit.format(value, None);
        assert_eq!(format(Unit::Short, 8192.0), "8.19 K");
        assert_eq!(format(Unit::Short, 0.0), "0");
        assert_eq!(Unit::Short.format(41.73, Some(0)), "42");
        assert_eq!(format(Unit::Operations, 12.5), "12.5 ops/s");
        assert_eq!(format(Unit::Seconds, 0.000_25), "250 µs");
        assert_eq!(format(Unit::Seconds, 0.0), "0 s");
        assert_eq!(format(Unit::Seconds, 1.5), "1.5 s");
        assert_eq!(format(Unit::Percent, 0.031), "3.1%");
        assert_eq!(format(Unit::Percent, 0.0), "0%");
        assert_eq!(format(Unit::Percent, 1.0), "100%");
    }

    #[test]
    fn a_legend_names_the_labels() {
        let labels = [("module", "selinux"), ("what", "mode"), ("to", "permissive")];
        let labels = labels.map(|(name, value)| (name.to_owned(), value.to_owned())).into();
        assert_eq!(legend("{{module}} {{ what }}: {{to}}", &labels), "selinux mode: permissive");
        assert_eq!(legend("99 %", &labels), "99 %");
        assert_eq!(legend("{{module}} {{unit}}", &labels), "selinux");
        assert_eq!(legend("{{module", &labels), "{{module");
    }
}
