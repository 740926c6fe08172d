//! The two text formats that Prometheus reads: its own, which the crate `prometheus` writes, and OpenMetrics 1.0.

use std::fmt::Write as _;

use prometheus::{
    TextEncoder,
    proto::{LabelPair, MetricFamily, MetricType},
};

/// A format of the answer.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Format {
    /// Prometheus's text format 0.0.4.
    #[default]
    Text,
    /// OpenMetrics 1.0.
    OpenMetrics,
}

impl Format {
    /// The format that a client wants who accepts these media types (RFC 9110, 12.5.1). Prometheus asks for OpenMetrics
    /// first.
    #[must_use]
    pub fn accepted(accept: &str) -> Self {
        let mut best = (Self::Text, 0.0);
        for range in accept.split(',') {
            let mut parts = range.split(';').map(str::trim);
            let format = match parts.next() {
                Some("application/openmetrics-text") => Self::OpenMetrics,
                Some("text/plain" | "text/*" | "*/*") => Self::Text,
                _ => continue,
            };
            let mut quality = 1.0_f32;
            let mut known = true;
            for part in parts {
                match part.split_once('=') {
                    Some(("q", value)) => quality = value.parse().unwrap_or(0.0),
                    Some(("version", version)) => {
                        known &= match format {
                            Self::OpenMetrics => matches!(version, "1.0.0" | "0.0.1"),
                            Self::Text => version == "0.0.4",
                        };
                    }
                    _ => {}
                }
            }
            if known && quality > best.1 {
                best = (format, quality);
            }
        }
        best.0
    }

    /// The media type of the answer.
    #[must_use]
    pub fn content_type(self) -> &'static str {
        match self {
            Self::Text => "text/plain; version=0.0.4; charset=utf-8",
            Self::OpenMetrics => "application/openmetrics-text; version=1.0.0; charset=utf-8",
        }
    }
}

/// Writes these metrics.
pub(super) fn write(families: &[MetricFamily], format: Format) -> String {
    let mut text = String::new();
    match format {
        Format::Text => {
            if let Err(error) = TextEncoder::new().encode_utf8(families, &mut text) {
                // Only a metric without series or name could do this.
                tracing::error!(%error, "the metrics could not be written");
            }
        }
        Format::OpenMetrics => {
            for family in families {
                // Writing to a String can't fail.
                let _infallible = write_family(family, &mut text);
            }
            text.push_str("# EOF\n");
        }
    }
    text
}

/// Writes one metric as OpenMetrics: a counter's name is without `_total`, its samples' names are with it.
fn write_family(family: &MetricFamily, to: &mut String) -> std::fmt::Result {
    let kind = family.get_field_type();
    let (name, kind_name) = match kind {
        MetricType::COUNTER => (family.name().strip_suffix("_total").unwrap_or(family.name()), "counter"),
        MetricType::GAUGE => (family.name(), "gauge"),
        MetricType::HISTOGRAM => (family.name(), "histogram"),
        // denyd has no others.
        MetricType::SUMMARY | MetricType::UNTYPED => return Ok(()),
    };
    writeln!(to, "# TYPE {name} {kind_name}")?;
    if name.ends_with("_seconds") {
        writeln!(to, "# UNIT {name} seconds")?;
    }
    writeln!(to, "# HELP {name} {}", escaped(family.help()))?;
    for metric in family.get_metric() {
        let labels = metric.get_label();
        match kind {
            MetricType::COUNTER => {
                sample(to, name, "_total", labels, None, Number(metric.get_counter().get_value()))?;
            }
            MetricType::HISTOGRAM => {
                let histogram = metric.get_histogram();
                for bucket in histogram.get_bucket().iter().filter(|bucket| bucket.upper_bound().is_finite())
                {
                    // OpenMetrics has a canonical form of a bucket's bound: a float with its point.
                    let bound = format!("{:?}", bucket.upper_bound());
                    sample(to, name, "_bucket", labels, Some(&bound), Count(bucket.cumulative_count()))?;
                }
                let count = histogram.get_sample_count();
                sample(to, name, "_bucket", labels, Some("+Inf"), Count(count))?;
                sample(to, name, "_count", labels, None, Count(count))?;
                sample(to, name, "_sum", labels, None, Number(histogram.get_sample_sum()))?;
            }
            _ => sample(to, name, "", labels, None, Number(metric.get_gauge().get_value()))?,
        }
    }
    Ok(())
}

/// A value in which a count has no point.
#[derive(Clone, Copy)]
enum Value {
    Count(u64),
    Number(f64),
}
use Value::{Count, Number};

fn sample(
    to: &mut String,
    name: &str,
    suffix: &str,
    labels: &[LabelPair],
    bound: Option<&str>,
    value: Value,
) -> std::fmt::Result {
    write!(to, "{name}{suffix}")?;
    let mut open = '{';
    let pairs = labels.iter().map(|pair| (pair.name(), pair.value()));
    for (name, value) in pairs.chain(bound.map(|bound| ("le", bound))) {
        write!(to, "{open}{name}=\"{}\"", escaped(value))?;
        open = ',';
    }
    if open == ',' {
        to.push('}');
    }
    match value {
        Count(count) => writeln!(to, " {count}"),
        Number(number) => writeln!(to, " {number}"),
    }
}

/// A text as both kinds of quoted text in OpenMetrics have it.
fn escaped(text: &str) -> String {
    text.replace('\\', r"\\").replace('\n', r"\n").replace('"', "\\\"")
}

#[cfg(test)]
mod tests {
    use prometheus::{Histogram, HistogramOpts, IntCounterVec, Opts, Registry};

    use super::*;

    #[test]
    fn openmetrics_names_escapes_and_ends_as_its_specification_says() {
        let registry = Registry::new();
        let counter = IntCounterVec::new(Opts::new("denyd_x_total", "A \\ and a \"."), &["who"]).unwrap();
        counter.with_label_values(&["a\"b\\c\nd"]).inc_by(3);
        registry.register(Box::new(counter)).unwrap();
        let delay = HistogramOpts::new("denyd_y_seconds", "Time.").buckets(vec![0.5, 1.0]);
        let delay = Histogram::with_opts(delay).unwrap();
        delay.observe(0.75);
        delay.observe(7.0);
        registry.register(Box::new(delay)).unwrap();
        let text = write(&registry.gather(), Format::OpenMetrics);
        assert_eq!(
            text,
            r#"# TYPE denyd_x counter
# HELP denyd_x A \\ and a \".
denyd_x_total{who="a\"b\\c\nd"} 3
# TYPE denyd_y_seconds histogram
# UNIT denyd_y_seconds seconds
# HELP denyd_y_seconds Time.
denyd_y_seconds_bucket{le="0.5"} 0
denyd_y_seconds_bucket{le="1.0"} 1
denyd_y_seconds_bucket{le="+Inf"} 2
denyd_y_seconds_count 2
denyd_y_seconds_sum 7.75
# EOF
"#
        );
    }

    #[test]
    fn a_client_gets_the_format_that_it_likes_best_of_those_it_accepts() {
        let prometheus = "application/openmetrics-text;version=1.0.0;q=0.75,application/openmetrics-text;version=0.0.1;\
                          q=0.75,text/plain;version=0.0.4;q=0.5,*/*;q=0.1";
        assert_eq!(Format::accepted(prometheus), Format::OpenMetrics);
        assert_eq!(Format::accepted("text/plain, application/openmetrics-text;q=0.5"), Format::Text);
        assert_eq!(Format::accepted("application/openmetrics-text;version=9.0.0,*/*;q=0.1"), Format::Text);
        assert_eq!(Format::accepted("application/openmetrics-text; q=0"), Format::Text);
        assert_eq!(Format::accepted("*/*"), Format::Text);
        assert_eq!(Format::accepted(""), Format::Text);
    }
}
