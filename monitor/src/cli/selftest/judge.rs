//! Where an event got to, by what the daemon counted before and after.

use monitor_api::snapshot::{AccountNow, LossNow, OutputNow, Snapshot};
use serde::Serialize;

use crate::{event::Event, filter::Filter};

/// The output from which `denyd tail` and this read.
pub(super) const TAIL: &str = "tail";

/// An output, and what became of the event there.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(super) struct Reached {
    /// The output's name.
    pub output: String,
    /// What became of it.
    pub fate: Fate,
}

/// What became of an event at an output.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Fate {
    /// It was written.
    Written,
    /// The output's filter does not want it.
    Filtered,
    /// Events were lost, and this is one of them if no other came.
    Lost {
        /// Why, and how many.
        reasons: Vec<LossNow>,
        /// How many came.
        of: u64,
    },
    /// It waits in the queue still.
    Waiting {
        /// How many wait.
        queued: u64,
        /// How many can.
        capacity: u64,
    },
}

impl Fate {
    /// Whether it has got as far as it should.
    pub(super) fn is_right(&self) -> bool {
        matches!(self, Self::Written | Self::Filtered)
    }
}

/// Where an event that came between the two snapshots got to at each output. `unsettled` are those that are not done with
/// it.
pub(super) fn outputs(
    event: &Event<'_>,
    before: &Snapshot,
    after: &Snapshot,
    unsettled: &[String],
) -> Vec<Reached> {
    let same = |after: &OutputNow| before.outputs.iter().find(|before| before.name == after.name).cloned();
    let judge = |now: &OutputNow| Reached {
        output: now.name.clone(),
        fate: if wants(now, event) {
            // One that a reload has just brought starts at zero.
            fate(&same(now).unwrap_or_else(|| nothing(now)), now, unsettled.contains(&now.name))
        } else {
            Fate::Filtered
        },
    };
    after.outputs.iter().filter(|output| output.name != TAIL).map(judge).collect()
}

fn nothing(output: &OutputNow) -> OutputNow {
    OutputNow { received: 0, filtered: 0, written: 0, lost: Vec::new(), queued: 0, ..output.clone() }
}

/// Whether the output's filter wants the event. One that only another version of denyd understands is taken to.
fn wants(output: &OutputNow, event: &Event<'_>) -> bool {
    let filter = output.filter.as_deref().map(Filter::parse);
    filter.and_then(Result::ok).is_none_or(|filter| filter.matches(event))
}

/// What became of an event that the output wants.
fn fate(before: &OutputNow, now: &OutputNow, is_unsettled: bool) -> Fate {
    let wanted = |output: &OutputNow| output.received.saturating_sub(output.filtered);
    let reasons = more_lost(&before.lost, &now.lost);
    if !reasons.is_empty() {
        Fate::Lost { reasons, of: wanted(now).saturating_sub(wanted(before)) }
    } else if is_unsettled {
        Fate::Waiting { queued: now.queued, capacity: now.capacity }
    } else {
        Fate::Written
    }
}

/// What was lost since, by reason.
fn more_lost(before: &[LossNow], now: &[LossNow]) -> Vec<LossNow> {
    let was = |reason: &str| before.iter().find(|loss| loss.reason == reason).map_or(0, |loss| loss.count);
    let more =
        |loss: &LossNow| LossNow { count: loss.count.saturating_sub(was(&loss.reason)), ..loss.clone() };
    now.iter().map(more).filter(|loss| loss.count > 0).collect()
}

/// Why no event came, where a source's numbers say so.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Missing {
    /// The source did not see the refusal.
    Unseen,
    /// It was lost between the kernel and the outputs.
    Lost(Vec<LossNow>),
    /// It is on its way still.
    Pending,
    /// It was handed to the outputs.
    Emitted,
}

/// Where an event stayed that did not come, by what this source counted.
pub(super) fn missing(before: &Snapshot, after: &Snapshot, source: &str) -> Missing {
    let account = |snapshot: &Snapshot| -> AccountNow {
        let source = snapshot.sources.iter().find(|known| known.name == source);
        source.and_then(|source| source.account.clone()).unwrap_or_default()
    };
    let (before, after) = (account(before), account(after));
    let lost = more_lost(&before.lost, &after.lost);
    if after.seen == before.seen {
        Missing::Unseen
    } else if !lost.is_empty() {
        Missing::Lost(lost)
    } else if after.emitted == before.emitted {
        Missing::Pending
    } else {
        Missing::Emitted
    }
}

/// Whether the metrics count more denials of the module; none, if there are no metrics.
pub(super) fn counted(before: &Snapshot, after: &Snapshot, module: &str) -> Option<bool> {
    let of = |snapshot: &Snapshot| snapshot.denials.as_ref()?.get(module).copied();
    Some(of(after)? > of(before).unwrap_or(0))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn output(received: u64, filtered: u64, written: u64, failed: u64) -> OutputNow {
        OutputNow {
            name: "file".to_owned(),
            received,
            filtered,
            written,
            lost: vec![LossNow { reason: "failed".to_owned(), count: failed }],
            queued: received - filtered - written - failed,
            capacity: 8,
            filter: None,
        }
    }

    #[test]
    fn what_an_output_counts_says_what_became_of_the_event() {
        let before = output(10, 2, 7, 1);
        assert_eq!(fate(&before, &output(11, 2, 8, 1), false), Fate::Written);
        let waits = Fate::Waiting { queued: 1, capacity: 8 };
        assert_eq!(fate(&before, &output(11, 2, 7, 1), true), waits);
        let lost = |of, count| {
            let reasons = vec![LossNow { reason: "failed".to_owned(), count }];
            Fate::Lost { reasons, of }
        };
        assert_eq!(fate(&before, &output(11, 2, 7, 2), false), lost(1, 1));
        // Others came at the same moment, of which two were not wanted.
        assert_eq!(fate(&before, &output(16, 4, 11, 1), false), Fate::Written);
        assert_eq!(fate(&before, &output(16, 4, 9, 3), false), lost(4, 2));
    }

    #[test]
    fn whether_an_output_wants_the_event_is_known_from_its_filter() {
        let event: Event<'_> =
            serde_json::from_str(include_str!("../../../tests/golden/selinux_file.json")).unwrap();
        let with =
            |filter: Option<&str>| OutputNow { filter: filter.map(str::to_owned), ..output(0, 0, 0, 0) };
        assert!(wants(&with(None), &event));
        assert!(wants(&with(Some("module == \"selinux\"")), &event));
        assert!(!wants(&with(Some("module == \"yama\"")), &event));
        let now = Snapshot { outputs: vec![with(Some("module == \"yama\""))], ..Snapshot::example() };
        let reached = outputs(&event, &now, &now, &[]);
        assert_eq!(reached, [Reached { output: "file".to_owned(), fate: Fate::Filtered }]);
    }

    #[test]
    fn a_missing_event_is_where_the_account_says() {
        let snapshot = |seen, emitted, lost| {
            let mut snapshot = Snapshot::example();
            let lost = vec![LossNow { reason: "ring_full".to_owned(), count: lost }];
            snapshot.sources[0].account = Some(AccountNow { seen, emitted, lost, ..AccountNow::default() });
            snapshot
        };
        let before = snapshot(10, 9, 1);
        let missing = |after| missing(&before, &after, "selinux");
        assert_eq!(missing(snapshot(10, 9, 1)), Missing::Unseen);
        assert_eq!(missing(snapshot(11, 9, 1)), Missing::Pending);
        assert_eq!(missing(snapshot(11, 10, 1)), Missing::Emitted);
        let lost = vec![LossNow { reason: "ring_full".to_owned(), count: 1 }];
        assert_eq!(missing(snapshot(11, 9, 2)), Missing::Lost(lost));
    }

    #[test]
    fn without_metrics_nothing_is_counted() {
        let with =
            |count| Snapshot { denials: Some([("yama".to_owned(), count)].into()), ..Snapshot::example() };
        assert_eq!(counted(&Snapshot::example(), &Snapshot::example(), "yama"), None);
        assert_eq!(counted(&with(1), &with(2), "yama"), Some(true));
        assert_eq!(counted(&with(2), &with(2), "yama"), Some(false));
    }
}
