//! The counts, by what is asked for.

use std::{
    collections::{HashMap, VecDeque},
    time::Duration,
};

use jiff::Timestamp;

use super::field::Field;
use crate::event::Event;

/// The most rows that are kept. What comes when there are as many is counted in one row of others, so that a million
/// different paths don't fill the memory.
pub(crate) const ROWS_MAX: usize = 10_000;
/// Rates are of this many intervals.
const INTERVALS: usize = 10;

/// What the rows are ordered by.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum Order {
    /// How many there are a second now.
    #[default]
    Rate,
    /// How many there were.
    Count,
    /// When there was one last.
    Last,
}

impl Order {
    /// Its name.
    #[must_use]
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Rate => "rate",
            Self::Count => "count",
            Self::Last => "last",
        }
    }

    /// The one after it.
    #[must_use]
    pub(crate) fn next(self) -> Self {
        match self {
            Self::Rate => Self::Count,
            Self::Count => Self::Last,
            Self::Last => Self::Rate,
        }
    }
}

/// Events counted by the values of some fields.
#[derive(Debug)]
pub(crate) struct Table {
    fields: Vec<Field>,
    rows: HashMap<Vec<String>, Tally>,
    others: Tally,
    total: Tally,
    lost: u64,
}

/// What is counted of one row.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Tally {
    /// How many there were.
    pub count: u64,
    /// When there was one last.
    pub last: Option<Timestamp>,
    /// How many in each of the last intervals, the newest last.
    recent: VecDeque<u64>,
    /// How many since the last interval ended.
    current: u64,
}

/// A row, ready to be shown.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Row<'a> {
    /// The fields' values; none: the row of others.
    pub values: Option<&'a [String]>,
    /// What was counted.
    pub count: &'a Tally,
}

impl Tally {
    fn add(&mut self, denials: u64, time: Timestamp) {
        self.count = self.count.saturating_add(denials);
        self.current = self.current.saturating_add(denials);
        self.last = self.last.max(Some(time));
    }

    fn tick(&mut self) {
        if self.recent.len() == INTERVALS {
            self.recent.pop_front();
        }
        self.recent.push_back(std::mem::take(&mut self.current));
    }

    /// How many a second in the last intervals of this length.
    #[must_use]
    pub(crate) fn rate(&self, interval: Duration) -> f64 {
        let intervals = u32::try_from(self.recent.len()).unwrap_or(u32::MAX).max(1);
        let seconds = (interval * intervals).as_secs_f64();
        // Nobody sees the difference beyond 2^32.
        let count = u32::try_from(self.in_intervals()).unwrap_or(u32::MAX);
        f64::from(count) / seconds
    }

    fn in_intervals(&self) -> u64 {
        self.recent.iter().sum()
    }
}

impl Table {
    /// An empty table of these fields.
    #[must_use]
    pub(crate) fn new(fields: Vec<Field>) -> Self {
        Self { fields, rows: HashMap::new(), others: Tally::default(), total: Tally::default(), lost: 0 }
    }

    /// The fields.
    #[must_use]
    pub(crate) fn fields(&self) -> &[Field] {
        &self.fields
    }

    /// Counts the denials that an event stands for.
    pub(crate) fn add(&mut self, event: &Event<'_>) {
        let (denials, time) = (event.denials(), event.time);
        self.total.add(denials, time);
        let values: Vec<_> = self.fields.iter().map(|field| field.value(event)).collect();
        let has_room = self.rows.len() < ROWS_MAX;
        match self.rows.get_mut(&values) {
            Some(row) => row.add(denials, time),
            None if has_room => self.rows.entry(values).or_default().add(denials, time),
            None => self.others.add(denials, time),
        }
    }

    /// Counts events that are lost, of which nothing else is known.
    pub(crate) fn lose(&mut self, events: u64) {
        self.lost += events;
    }

    /// Ends an interval.
    pub(crate) fn tick(&mut self) {
        self.rows.values_mut().for_each(Tally::tick);
        self.others.tick();
        self.total.tick();
    }

    /// Forgets what was counted.
    pub(crate) fn clear(&mut self) {
        *self = Self::new(std::mem::take(&mut self.fields));
    }

    /// All events.
    #[must_use]
    pub(crate) fn total(&self) -> &Tally {
        &self.total
    }

    /// Events that are lost.
    #[must_use]
    pub(crate) fn lost(&self) -> u64 {
        self.lost
    }

    /// The rows in this order, the first being the most; then the row of others, if there are any.
    #[must_use]
    pub(crate) fn rows(&self, order: Order) -> Vec<Row<'_>> {
        let mut rows: Vec<_> =
            self.rows.iter().map(|(values, count)| Row { values: Some(values), count }).collect();
        // Rows that are alike keep an order, so that they don't dance.
        rows.sort_unstable_by(|a, b| {
            let by = match order {
                Order::Rate => {
                    let recent = |row: &Row<'_>| row.count.in_intervals() + row.count.current;
                    recent(b).cmp(&recent(a)).then(b.count.count.cmp(&a.count.count))
                }
                Order::Count => b.count.count.cmp(&a.count.count),
                Order::Last => b.count.last.cmp(&a.count.last),
            };
            by.then_with(|| a.values.cmp(&b.values))
        });
        if self.others.count > 0 {
            rows.push(Row { values: None, count: &self.others });
        }
        rows
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const EVENT: &str = include_str!("../../tests/golden/selinux_file.json");
    const SECOND: Duration = Duration::from_secs(1);

    fn event(change: impl FnOnce(&mut Event<'_>)) -> Event<'static> {
        let mut event: Event<'static> = serde_json::from_str(EVENT).unwrap();
        change(&mut event);
        event
    }

    fn process(pid: u32, second: i64) -> Event<'static> {
        event(|event| {
            event.process.pid = Some(pid);
            event.time = Timestamp::from_second(second).unwrap();
        })
    }

    fn pids(table: &Table, order: Order) -> Vec<(String, u64)> {
        table.rows(order).iter().map(|row| (row.values.unwrap()[0].clone(), row.count.count)).collect()
    }

    #[test]
    fn events_are_counted_by_the_values_of_the_fields() {
        let mut table = Table::new(vec![Field::Module, Field::Subject, Field::Object]);
        table.add(&event(|_| {}));
        table.add(&event(|event| event.process.pid = Some(1)));
        table.add(&event(|event| event.subject.label = None));
        let rows = table.rows(Order::Count);
        assert_eq!(rows[0].values.unwrap(), ["selinux", "httpd_t", "var_lib_t"]);
        assert_eq!(rows[0].count.count, 2);
        assert_eq!(rows[1].values.unwrap(), ["selinux", "-", "var_lib_t"]);
        assert_eq!(table.total().count, 3);
    }

    #[test]
    fn rows_are_ordered_by_what_is_asked_for() {
        let mut table = Table::new(vec![Field::Pid]);
        for _ in 0..3 {
            table.add(&process(1, 10));
        }
        table.tick();
        for _ in 0..INTERVALS {
            table.tick();
        }
        for second in [30, 20] {
            table.add(&process(2, second));
        }
        table.add(&process(3, 40));
        table.tick();
        let named =
            |rows: &[(&str, u64)]| rows.iter().map(|&(pid, n)| (pid.to_owned(), n)).collect::<Vec<_>>();
        assert_eq!(pids(&table, Order::Rate), named(&[("2", 2), ("3", 1), ("1", 3)]));
        assert_eq!(pids(&table, Order::Count), named(&[("1", 3), ("2", 2), ("3", 1)]));
        assert_eq!(pids(&table, Order::Last), named(&[("3", 1), ("2", 2), ("1", 3)]));
    }

    #[test]
    fn a_rate_is_of_the_last_intervals() {
        let mut table = Table::new(vec![Field::Pid]);
        for _ in 0..4 {
            table.add(&process(1, 0));
        }
        assert!(table.total().rate(SECOND).abs() < f64::EPSILON, "no interval has ended");
        table.tick();
        assert!((table.total().rate(SECOND) - 4.0).abs() < f64::EPSILON);
        table.tick();
        assert!((table.total().rate(SECOND) - 2.0).abs() < f64::EPSILON);
        assert!((table.total().rate(SECOND * 2) - 1.0).abs() < f64::EPSILON);
        for _ in 0..INTERVALS {
            table.tick();
        }
        assert!(table.total().rate(SECOND).abs() < f64::EPSILON);
        assert_eq!(table.total().count, 4);
    }

    #[test]
    fn more_rows_than_there_is_room_for_are_one_and_the_total_is_exact() {
        let mut table = Table::new(vec![Field::Pid]);
        let many = u32::try_from(ROWS_MAX).unwrap() + 5;
        for pid in 1..=many {
            table.add(&process(pid, 0));
        }
        table.add(&process(1, 0));
        let rows = table.rows(Order::Count);
        assert_eq!(rows.len(), ROWS_MAX + 1);
        assert_eq!((rows[ROWS_MAX].values, rows[ROWS_MAX].count.count), (None, 5));
        assert_eq!(rows.iter().map(|row| row.count.count).sum::<u64>(), u64::from(many) + 1);
        assert_eq!(table.total().count, u64::from(many) + 1);
    }

    #[test]
    fn a_cleared_table_counts_anew() {
        let mut table = Table::new(vec![Field::Pid]);
        table.add(&process(1, 0));
        table.lose(3);
        assert_eq!(table.lost(), 3);
        table.clear();
        assert_eq!((table.total().count, table.lost(), table.fields()), (0, 0, &[Field::Pid][..]));
        assert!(table.rows(Order::Rate).is_empty());
    }

    #[test]
    fn every_field_has_a_value_that_a_terminal_can_show() {
        use clap::ValueEnum as _;
        let hostile = event(|event| {
            event.process.comm = Some("a\x1b[2Jb".into());
            event.object.path = Some("/x\ny".into());
            event.subject.label = Some("\x07".into());
        });
        for &field in Field::value_variants() {
            let value = field.value(&hostile);
            assert!(!value.is_empty() && !value.contains(char::is_control), "{field:?}: {value:?}");
        }
    }
}
