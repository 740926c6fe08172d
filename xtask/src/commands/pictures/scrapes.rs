//! Scrapes of a guest's denyd, made into one file that Prometheus can store.

use anyhow::{Context as _, bail};

/// What Prometheus would add to each series of its target.
const TARGET: &str = "job=\"denyd\",instance=\"guest\"";

/// What denyd served at one time, as OpenMetrics.
#[derive(Debug)]
pub(super) struct Scrape {
    /// Seconds since 1970, as the guest printed them.
    pub time: String,
    /// The exposition.
    pub text: String,
}

impl Scrape {
    pub(super) fn seconds(&self) -> anyhow::Result<f64> {
        self.time.parse().with_context(|| format!("{} is no time of a scrape", self.time))
    }
}

/// The lines of one metric.
struct Family<'a> {
    name: &'a str,
    about: Vec<&'a str>,
    samples: Vec<String>,
}

/// All scrapes as one exposition, each sample with its time; the samples of a metric stand together.
pub(super) fn merged(scrapes: &[Scrape]) -> anyhow::Result<String> {
    let mut families: Vec<Family<'_>> = Vec::new();
    for scrape in scrapes {
        let mut current = None;
        let mut whole = false;
        for line in scrape.text.lines().filter(|line| !line.is_empty()) {
            if line == "# EOF" {
                whole = true;
            } else if let Some(about) = line.strip_prefix("# ") {
                let name = about.split(' ').nth(1).with_context(|| format!("{line} names no metric"))?;
                let position = families.iter().position(|family| family.name == name).unwrap_or_else(|| {
                    families.push(Family { name, about: Vec::new(), samples: Vec::new() });
                    families.len() - 1
                });
                current = Some(position);
                let known = &mut families[position].about;
                if !known.contains(&line) {
                    known.push(line);
                }
            } else {
                let family = current.and_then(|position| families.get_mut(position));
                let family = family.with_context(|| format!("{line} belongs to no metric"))?;
                family.samples.push(sample(line, &scrape.time)?);
            }
        }
        if !whole {
            bail!("the scrape of {} is not whole", scrape.time);
        }
    }
    let mut text = String::new();
    for family in families {
        for line in family.about.into_iter().chain(family.samples.iter().map(String::as_str)) {
            text.push_str(line);
            text.push('\n');
        }
    }
    text.push_str("# EOF\n");
    Ok(text)
}

/// A sample with its time and the labels of its target.
fn sample(line: &str, time: &str) -> anyhow::Result<String> {
    let end = line.find(['{', ' ']).with_context(|| format!("{line} is no sample"))?;
    let (name, rest) = line.split_at(end);
    Ok(match rest.strip_prefix('{') {
        Some(labels) => format!("{name}{{{TARGET},{labels} {time}"),
        None => format!("{name}{{{TARGET}}}{rest} {time}"),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn scrape(time: &str, text: &str) -> Scrape {
        Scrape { time: time.to_owned(), text: text.to_owned() }
    }

    #[test]
    fn samples_of_a_metric_stand_together_with_their_times() {
        let first = "# TYPE a counter\n# HELP a Of a.\na_total{x=\"{ y\"} 1\n# TYPE b gauge\nb 2\n# EOF\n";
        let second = "# TYPE a counter\n# HELP a Of a.\na_total{x=\"{ y\"} 3\n# TYPE c gauge\nc 4\n# TYPE b gauge\nb 5\n\
                      # EOF\n";
        let merged = merged(&[scrape("10.5", first), scrape("12.25", second)]).unwrap();
        let expected = "# TYPE a counter\n# HELP a Of a.\n\
                        a_total{job=\"denyd\",instance=\"guest\",x=\"{ y\"} 1 10.5\n\
                        a_total{job=\"denyd\",instance=\"guest\",x=\"{ y\"} 3 12.25\n\
                        # TYPE b gauge\n\
                        b{job=\"denyd\",instance=\"guest\"} 2 10.5\n\
                        b{job=\"denyd\",instance=\"guest\"} 5 12.25\n\
                        # TYPE c gauge\n\
                        c{job=\"denyd\",instance=\"guest\"} 4 12.25\n\
                        # EOF\n";
        assert_eq!(merged, expected);
    }

    #[test]
    fn a_scrape_that_was_cut_is_an_error() {
        let error = merged(&[scrape("10.5", "# TYPE b gauge\nb 2\n")]).unwrap_err();
        assert_eq!(error.to_string(), "the scrape of 10.5 is not whole");
        assert!(merged(&[scrape("10.5", "b 2\n# EOF\n")]).is_err());
    }
}
