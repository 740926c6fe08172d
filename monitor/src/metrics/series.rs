//! Counters with a budget: however many values their labels take, there are no more series than that.

use std::{collections::HashMap, ops::Range};

use prometheus::{IntCounter, IntCounterVec, IntGauge, IntGaugeVec, Opts, Registry};

use super::{
    family::{Family, OVERFLOW, OVERFLOWED, SERIES, SERIES_LIMIT},
    labels::OTHER,
};

/// What parts the values in a key. No value has it: it is a control character.
const SEPARATOR: char = '\0';

/// A metric whose labels take values from outside.
///
/// The first values keep their series for as long as denyd runs, since Prometheus's counters must not go away. Once the
/// budget is spent, new values count under [`OTHER`], so that every sum stays exact.
#[derive(Debug)]
pub(super) struct Budgeted {
    counters: IntCounterVec,
    known: HashMap<String, IntCounter>,
    /// The series of the values that found no room: one for each combination of the fixed labels.
    overflow: HashMap<String, IntCounter>,
    /// Reused, so that counting a known event allocates nothing.
    key: String,
    /// How many of the labels, the first, have values of a fixed small set: they keep theirs in the overflow.
    fixed: usize,
    /// Values that may have a series of their own.
    limit: usize,
    series: IntGauge,
    overflowed: IntCounter,
}

/// The metrics about the budgets.
#[derive(Debug)]
pub(super) struct Budgets {
    series: IntGaugeVec,
    limits: IntGaugeVec,
    overflowed: IntCounterVec,
}

impl Budgets {
    pub(super) fn new(registry: &Registry) -> prometheus::Result<Self> {
        let opts = |family: &Family| Opts::new(family.name, family.help);
        let budgets = Self {
            series: IntGaugeVec::new(opts(&SERIES), SERIES.labels)?,
            limits: IntGaugeVec::new(opts(&SERIES_LIMIT), SERIES_LIMIT.labels)?,
            overflowed: IntCounterVec::new(opts(&OVERFLOWED), OVERFLOWED.labels)?,
        };
        registry.register(Box::new(budgets.series.clone()))?;
        registry.register(Box::new(budgets.limits.clone()))?;
        registry.register(Box::new(budgets.overflowed.clone()))?;
        Ok(budgets)
    }
}

impl Budgeted {
    /// A metric of which the first `fixed` labels have values of a small set.
    pub(super) fn new(
        family: &Family,
        fixed: usize,
        registry: &Registry,
        budgets: &Budgets,
    ) -> prometheus::Result<Self> {
        let counters = IntCounterVec::new(Opts::new(family.name, family.help), family.labels)?;
        registry.register(Box::new(counters.clone()))?;
        let name = [family.name];
        budgets.limits.with_label_values(&name).set(i64::try_from(family.series).unwrap_or(i64::MAX));
        Ok(Self {
            counters,
            known: HashMap::new(),
            overflow: HashMap::new(),
            key: String::new(),
            fixed,
            limit: family.series.saturating_sub(OVERFLOW),
            series: budgets.series.with_label_values(&name),
            overflowed: budgets.overflowed.with_label_values(&name),
        })
    }

    /// Counts one event, of which each of `labels` writes one label's value.
    pub(super) fn count<const N: usize>(&mut self, events: u64, labels: [&dyn Fn(&mut String); N]) {
        self.counter(labels).inc_by(events);
    }

    /// Has the series of these values be there, so that the first event is an increase.
    pub(super) fn expect(&mut self, [first, second, third]: [&str; 3]) {
        self.counter([&|to| to.push_str(first), &|to| to.push_str(second), &|to| to.push_str(third)]);
    }

    /// The counter of an event.
    fn counter<const N: usize>(&mut self, labels: [&dyn Fn(&mut String); N]) -> IntCounter {
        self.key.clear();
        let mut spans: [Range<usize>; N] = std::array::from_fn(|_| 0..0);
        for (span, write) in spans.iter_mut().zip(labels) {
            let start = self.key.len();
            write(&mut self.key);
            *span = start..self.key.len();
            self.key.push(SEPARATOR);
        }
        if let Some(counter) = self.known.get(&self.key) {
            return counter.clone();
        }
        let mut values = spans.clone().map(|span| &self.key[span]);
        if self.known.len() < self.limit {
            let counter = self.counters.with_label_values(&values);
            self.known.insert(self.key.clone(), counter.clone());
            self.series.inc();
            return counter;
        }
        self.overflowed.inc();
        let fixed = &self.key[..spans.get(self.fixed).map_or(self.key.len(), |span| span.start)];
        if let Some(counter) = self.overflow.get(fixed) {
            return counter.clone();
        }
        values[self.fixed..].fill(OTHER);
        let counter = self.counters.with_label_values(&values);
        self.overflow.insert(fixed.to_owned(), counter.clone());
        self.series.inc();
        counter
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::metrics::family;

    #[test]
    fn what_finds_no_room_is_counted_together_and_nothing_twice() {
        let registry = Registry::new();
        let budgets = Budgets::new(&registry).unwrap();
        let family = Family { series: OVERFLOW + 3, ..family::BY_UNIT };
        let mut counter = Budgeted::new(&family, 2, &registry, &budgets).unwrap();
        for nth in 0..10 {
            counter.count(
                1,
                [
                    &|to| to.push_str("selinux"),
                    &|to| to.push_str(if nth == 9 { "permitted" } else { "denied" }),
                    &|to| to.push_str(["u0", "u1", "u2", "u3", "u4", "u5", "u6", "u7"][nth % 8]),
                ],
            );
        }
        let value =
            |verdict: &str, unit: &str| counter.counters.with_label_values(&["selinux", verdict, unit]).get();
        assert_eq!(value("denied", "u0"), 2, "a known one keeps its series");
        assert_eq!(value("denied", OTHER), 5);
        assert_eq!(value("permitted", OTHER), 1);
        assert_eq!((counter.series.get(), counter.overflowed.get()), (5, 6));
    }

    #[test]
    fn values_that_join_to_the_same_text_are_not_one() {
        let registry = Registry::new();
        let budgets = Budgets::new(&registry).unwrap();
        let mut counter = Budgeted::new(&family::BY_UNIT, 2, &registry, &budgets).unwrap();
        for [first, second] in [["ab", "c"], ["a", "bc"]] {
            counter.count(1, [&|to| to.push_str(first), &|to| to.push_str(second), &|_| {}]);
        }
        assert_eq!(counter.series.get(), 2);
    }
}
