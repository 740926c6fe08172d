//! The metrics for Prometheus.
//!
//! Three parts: an [`Observer`] in the pipeline counts each event by its properties; what others count already (the
//! sources' accounts, the outputs) and the machine's posture are read when somebody asks ([`snapshot`]); and
//! [`web`] answers. docs/metrics.md lists every metric.
//!
//! No label has a value that a denied process can make up at will (a pid, a path, SELinux's categories), and the
//! metrics whose labels come from the machine's policy and units have a budget of series: what comes after it is spent
//! counts as `(other)`, so that sums stay exact.

mod exposition;
pub mod family;
mod labels;
mod series;
pub mod snapshot;
pub mod web;

use std::{
    collections::BTreeMap,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
};

use jiff::Timestamp;
pub use monitor_api::snapshot::Snapshot;
use prometheus::{Histogram, HistogramOpts, IntCounter, IntGauge, Opts, Registry, proto::MetricFamily};

pub use self::{
    exposition::Format,
    family::SERIES_BUDGET,
    labels::{MAX_LEN as LABEL_MAX_LEN, OTHER},
};
use self::{
    family::Family,
    series::{Budgeted, Budgets},
};
pub use crate::config::metrics::Config;
use crate::{
    event::{Event, Kind, Module},
    pipeline::Observe,
};

/// Reads what others count, and the posture.
pub type Read = Box<dyn Fn() -> Snapshot + Send + Sync>;

/// Every metric, to be read by anyone.
pub struct Metrics {
    registry: Registry,
    read: Read,
    refused: Arc<AtomicU64>,
}

impl Metrics {
    /// The metrics, and what counts the events for them.
    ///
    /// # Panics
    ///
    /// Not in a program whose tests have passed: only if the list of metrics has one twice.
    #[must_use]
    pub fn new(read: Read) -> (Self, Observer) {
        let registry = Registry::new();
        let observer = Observer::new(&registry).expect("the metrics have different names");
        (Self { registry, read, refused: Arc::default() }, observer)
    }

    /// What others count and the posture, now.
    #[must_use]
    pub fn snapshot(&self) -> Snapshot {
        (self.read)()
    }

    /// All metrics now, sorted by name.
    #[must_use]
    pub fn gather(&self) -> Vec<MetricFamily> {
        let mut families = self.registry.gather();
        families.extend(snapshot::families(&self.snapshot(), self.refused.load(Relaxed)));
        families.sort_by(|a, b| a.name().cmp(b.name()));
        families
    }

    /// All metrics now, written in this format.
    #[must_use]
    pub fn expose(&self, format: Format) -> String {
        exposition::write(&self.gather(), format)
    }

    fn refused(&self) {
        self.refused.fetch_add(1, Relaxed);
    }
}

/// Counts events by their properties. The pipeline has it, and nobody else counts.
#[derive(Debug)]
pub struct Observer {
    denials: Denials,
    by_action: Budgeted,
    by_subject: Budgeted,
    by_unit: Budgeted,
    changes: Budgeted,
    delay: Histogram,
    held: IntGauge,
}

/// How many denials there were, by module, verdict and silence.
#[derive(Clone, Debug)]
pub struct Denials([[[IntCounter; 2]; 2]; Module::ALL.len()]);

impl Denials {
    /// By module alone.
    #[must_use]
    pub fn by_module(&self) -> BTreeMap<String, u64> {
        let sum = |counters: &[[IntCounter; 2]; 2]| counters.as_flattened().iter().map(IntCounter::get).sum();
        Module::ALL
            .iter()
            .zip(&self.0)
            .map(|(module, counters)| (module.name().to_owned(), sum(counters)))
            .collect()
    }
}

impl Observer {
    fn new(registry: &Registry) -> prometheus::Result<Self> {
        let budgets = Budgets::new(registry)?;
        let budgeted = |family: &Family, fixed| Budgeted::new(family, fixed, registry, &budgets);
        let denials = prometheus::IntCounterVec::new(opts(&family::DENIALS), family::DENIALS.labels)?;
        registry.register(Box::new(denials.clone()))?;
        let mut changes = budgeted(&family::CHANGES, 1)?;
        for (module, what, to) in labels::EXPECTED_CHANGES {
            changes.expect([module.name(), labels::changed(what), to]);
        }
        let delay = HistogramOpts::new(family::DELAY.name, family::DELAY.help);
        let delay = Histogram::with_opts(delay.buckets(family::DELAYS.to_vec()))?;
        registry.register(Box::new(delay.clone()))?;
        let held = IntGauge::with_opts(opts(&family::HELD))?;
        registry.register(Box::new(held.clone()))?;
        Ok(Self {
            // All are there from the start, so that the first denial is an increase.
            denials: Denials(Module::ALL.map(|module| {
                ["denied", "permitted"].map(|verdict| {
                    ["false", "true"]
                        .map(|silent| denials.with_label_values(&[module.name(), verdict, silent]))
                })
            })),
            by_action: budgeted(&family::BY_ACTION, 2)?,
            by_subject: budgeted(&family::BY_SUBJECT, 2)?,
            by_unit: budgeted(&family::BY_UNIT, 2)?,
            changes,
            delay,
            held,
        })
    }

    /// The denials that it counts.
    #[must_use]
    pub fn denials(&self) -> Denials {
        self.denials.clone()
    }
}

impl Observe for Observer {
    fn observe(&mut self, event: &Event<'_>, now: Timestamp) {
        let module = event.module.name();
        match event.kind {
            Kind::Denial => {
                let verdict = labels::verdict(event);
                let count = event.denials();
                self.denials.0[event.module as usize][usize::from(verdict == "permitted")]
                    [usize::from(event.silent)]
                .inc_by(count);
                let write_module = |to: &mut String| to.push_str(module);
                let write_verdict = |to: &mut String| to.push_str(verdict);
                self.by_action.count(
                    count,
                    [&write_module, &write_verdict, &|to| labels::class(&event.action, to), &|to| {
                        labels::operation(&event.action, to);
                    }],
                );
                self.by_subject.count(
                    count,
                    [&write_module, &write_verdict, &|to| {
                        labels::subject(event.module, &event.subject, to);
                    }],
                );
                self.by_unit.count(
                    count,
                    [&write_module, &write_verdict, &|to| labels::unit(event.unit.as_ref(), to)],
                );
            }
            Kind::Policy => {
                for change in &event.changes {
                    self.changes.count(
                        1,
                        [&|to| to.push_str(module), &|to| to.push_str(labels::changed(change.what)), &|to| {
                            to.push_str(labels::changed_to(change.after.as_deref()));
                        }],
                    );
                }
            }
        }
        // Repeats are reported late by intent.
        if event.count.is_some() {
            return;
        }
        // A wall clock that was set back in between must not count as time saved.
        self.delay.observe(now.duration_since(event.time).as_secs_f64().max(0.0));
    }

    fn held(&self, events: usize) {
        self.held.set(i64::try_from(events).unwrap_or(i64::MAX));
    }
}

fn opts(family: &Family) -> Opts {
    Opts::new(family.name, family.help)
}
