//! The variables of a dashboard's queries.

/// What Grafana would put in the place of its variables.
#[derive(Debug, Clone, Copy)]
pub struct Variables<'a> {
    /// `$__rate_interval`: four times the time between two scrapes, or more.
    pub rate_interval: &'a str,
    /// `$__range`: the time shown.
    pub range: &'a str,
}

/// A query has a variable that is not known.
#[derive(Debug, thiserror::Error)]
#[error("a variable is not known: {0}")]
pub struct UnknownVariable(String);

impl Variables<'_> {
    /// The query as Prometheus takes it, for all jobs and instances.
    ///
    /// # Errors
    /// When it has a variable that is not known.
    pub fn replaced_in(self, expression: &str) -> Result<String, UnknownVariable> {
        let values = [
            ("$__rate_interval", self.rate_interval),
            ("$__range", self.range),
            ("$job", ".*"),
            ("$instance", ".*"),
        ];
        let text = values.iter().fold(expression.to_owned(), |text, (name, value)| text.replace(name, value));
        if text.contains('$') { Err(UnknownVariable(text)) } else { Ok(text) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn variables_are_replaced_and_none_is_left() {
        let variables = Variables { rate_interval: "12s", range: "2m" };
        let text = variables.replaced_in("rate(x{job=~\"$job\"}[$__rate_interval]) + y[$__range]").unwrap();
        assert_eq!(text, "rate(x{job=~\".*\"}[12s]) + y[2m]");
        assert!(variables.replaced_in("x[$__interval]").is_err());
    }
}
