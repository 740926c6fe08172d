//! What the dashboard shows of a guest whose metrics were scraped, as a real Prometheus answers it.

use std::{fs, process::Command};

use anyhow::Context as _;
use xtask::{
    cache::Cache,
    process,
    prometheus::{Period, Server, Variables},
    setup::prometheus::Prometheus,
};

use super::{
    dashboard::{Dashboard, Panel, Series},
    scrapes::{self, Scrape},
};

/// Seconds between two scrapes, and thus between two values.
const STEP: f64 = 2.0;
/// Long enough for several scrapes, as Grafana would take it.
const RATE_INTERVAL: &str = "12s";

/// The panels with what they show, and the time that it is of.
pub(super) struct Measured {
    pub panels: Vec<(Panel, Vec<Series>)>,
    pub period: Period,
}

/// Asks a Prometheus of its own, which has nothing but these scrapes.
pub(super) fn dashboard(cache: &Cache, scrapes: &[Scrape]) -> anyhow::Result<Measured> {
    let (first, last) = scrapes.first().zip(scrapes.last()).context("the guest was never scraped")?;
    let period = Period { start: first.seconds()?, end: last.seconds()?, step: STEP };
    let range = format!("{:.0}s", (period.end - period.start).ceil());
    let variables = Variables { rate_interval: RATE_INTERVAL, range: &range };

    let programs = Prometheus::ensure(cache)?;
    let folder = tempfile::tempdir().context("cannot make a folder")?;
    let [exposition, configuration, data] =
        ["metrics", "prometheus.yml", "data"].map(|name| folder.path().join(name));
    fs::write(&exposition, scrapes::merged(scrapes)?).context("cannot write the scrapes")?;
    fs::write(&configuration, "").context("cannot write Prometheus's configuration")?;
    let mut store = Command::new(&programs.promtool);
    process::capture(store.args(["tsdb", "create-blocks-from", "openmetrics"]).arg(&exposition).arg(&data))?;
    let server = Server::start(&programs, &configuration, &data)?;

    let mut panels = Vec::new();
    for panel in Dashboard::read()?.panels {
        let series = panel.ask(&server, variables, period)?;
        panels.push((panel, series));
    }
    Ok(Measured { panels, period })
}
