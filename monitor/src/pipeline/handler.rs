//! Where a record becomes an event, or the count of repeats does, and is handed on.

use std::{num::NonZeroU64, sync::Arc, time::Duration};

use tokio::time::Instant;

use super::Observe;
use crate::{
    accounting::Tallies,
    clock::Clock,
    enrich::{self, Enricher, hold::Hold},
    event::{Event, Module},
    fault::Steps,
    fold::{Folding, Repeated, Repeats},
    format,
    guard::{Again, Guard},
    heap,
    output::Hub,
    record,
    source::{self, Tables},
    subjects::Subjects,
};

/// How long after a batch to look whether the outputs have written it.
const COMMIT: Duration = Duration::from_millis(50);

/// How long after a flood the memory that it took is given back.
const CALM: Duration = Duration::from_secs(1);

/// Windows whose repeats are reported before the ring buffer is looked at again: few, so that what many subjects repeat does not
/// keep a denial waiting that is the first of its kind, even where other processes leave denyd little of the processor.
const REPEATS: usize = 4;

/// Where a record becomes an event that is handed on.
pub(super) struct Handler {
    pub(super) tables: Tables,
    pub(super) enricher: Enricher,
    pub(super) hold: Hold,
    pub(super) folding: Option<Folding>,
    /// What lets another pipeline go on where this one is killed.
    pub(super) guard: Option<Box<Guard>>,
    /// When to look whether the outputs have written what they were handed.
    commit_at: Option<Instant>,
    /// When to give back the memory that a flood took.
    calm_at: Option<Instant>,
    /// Slots that another pipeline has left, until the records that it left are handled.
    pub(super) left_slots: Vec<u64>,
    pub(super) hub: Hub,
    pub(super) observer: Option<Box<dyn Observe>>,
    /// Who is shown by name if they lose denials.
    pub(super) subjects: Option<Arc<Subjects>>,
    /// How far the wall clock is to be wrong.
    pub(super) clock_step: Steps,
    pub(super) tallies: Arc<Tallies>,
    own: Own,
}

/// Knows denyd's own denials. They are reported once and not passed on: an output that is refused something, a file say,
/// would have denyd write an event about it, and be refused again, without end.
#[derive(Debug)]
struct Own {
    pid: u32,
    told: bool,
}

impl Own {
    /// Whether it is one.
    fn is(&mut self, event: &Event<'_>) -> bool {
        let own = event.process.pid == Some(self.pid);
        if own && !self.told && is_failure(event) {
            self.told = true;
            let what = format::message(event).to_string();
            tracing::warn!(
                what,
                "denyd itself is refused something; such denials are counted and not reported"
            );
        }
        own
    }
}

/// Whether something fails by what denyd is refused. A failed check of a capability is no failure: the kernel and libraries
/// probe for them, and do without.
fn is_failure(event: &Event<'_>) -> bool {
    event.module != Module::Capability
}

impl Handler {
    /// One that hands events to these outputs.
    pub(super) fn new(tables: Tables, enricher: Enricher, hub: Hub) -> Self {
        let own = Own { pid: tables.own_pid, told: false };
        Self {
            tables,
            enricher,
            hold: Hold::default(),
            folding: None,
            guard: None,
            commit_at: None,
            calm_at: None,
            left_slots: Vec::new(),
            hub,
            observer: None,
            subjects: None,
            clock_step: Steps::default(),
            tallies: Arc::default(),
            own,
        }
    }

    /// Lets events go on whose names have come or are late. The outputs are to be flushed then.
    pub(super) fn go_on(&mut self) {
        let now = Instant::now();
        self.enricher.take_answers();
        self.release(now);
        self.report_due(now);
        if self.calm_at.is_some_and(|calm| calm <= now) {
            self.calm_at = None;
            heap::give_back();
        }
    }

    /// Reports repeats whose window has ended, but not many: what is new goes first. Says whether there may be more.
    pub(super) fn report_ended(&mut self, now: Instant) -> bool {
        for _ in 0..REPEATS {
            if !self.may_report_repeats() {
                return false;
            }
            let Some(repeated) = self.folding.as_mut().and_then(|folding| folding.next_repeated(now)) else {
                return false;
            };
            self.report_repeats(&repeated, now);
        }
        true
    }

    /// Notes that there is a flood.
    pub(super) fn note_flood(&mut self, now: Instant) {
        self.calm_at = Some(now + CALM);
    }

    /// Whether counts of repeats can be reported: not before those that were left.
    fn may_report_repeats(&self) -> bool {
        !self.guard.as_deref().is_some_and(Guard::is_due)
    }

    /// Hands what was collected to the outputs, and notes what is certain, and what will be.
    pub(super) fn hand_on(&mut self) {
        self.hub.flush();
        let Some(guard) = &mut self.guard else { return };
        let open = self.folding.as_ref().and_then(Folding::oldest);
        guard.mark(self.hub.handed(), &self.tallies.counted(), open);
        guard.commit();
        guard.listener().listen();
        self.commit_at = guard.is_waiting().then(|| Instant::now() + COMMIT);
    }

    /// Takes a record again that another pipeline had taken, if there is one.
    pub(super) fn take_left(&mut self, now: Instant) -> bool {
        let Some(guard) = &mut self.guard else { return false };
        let Some(Again { number, record, settled }) = guard.next_left() else { return false };
        if settled {
            if let Some(folding) = &mut self.folding {
                folding.take(&record, number, now);
            }
        } else {
            self.take(&record, number, now);
        }
        true
    }

    /// Takes a record from this place of the ring buffer, if it was not taken before.
    pub(super) fn take_new(&mut self, record: &[u8], at: u64, now: Instant) {
        let mut number = 0;
        if let Some(guard) = &mut self.guard {
            if guard.has_taken(at) {
                return;
            }
            number = guard.take(record, at + record::ring_len(record));
        }
        self.take(record, number, now);
    }

    /// Frees the slots that another pipeline has left and whose records are no longer there, so that nobody would report
    /// what they count.
    pub(super) fn free_left_slots(&mut self) {
        let keys = std::mem::take(&mut self.left_slots);
        if let Some(folding) = &mut self.folding {
            for (source, count) in folding.free(keys) {
                self.tallies.lost_by_restart(source, count);
            }
        }
    }

    /// Reports the repeats that another pipeline had counted, and whose turn it is.
    fn report_due(&mut self, now: Instant) {
        while let Some((record, repeats)) = self.guard.as_deref_mut().and_then(Guard::next_due) {
            match record {
                Some(record) => self.send_repeats(&record, &repeats, now),
                None => self.tallies.lost_by_restart(None, repeats.count),
            }
            self.settled_repeats();
        }
    }

    fn report_repeats(&mut self, repeated: &Repeated, now: Instant) {
        let Repeated { number, record, repeats } = repeated;
        if let Some(guard) = &mut self.guard {
            guard.note(*number, repeats);
        }
        if let Some(folding) = &mut self.folding {
            folding.noted(repeated);
        }
        self.send_repeats(record, repeats, now);
        self.settled_repeats();
    }

    fn settled_repeats(&mut self) {
        if let Some(guard) = &mut self.guard {
            guard.settle_repeats();
        }
    }

    fn settled(&mut self) {
        if let Some(guard) = &mut self.guard {
            guard.settle();
        }
    }

    /// When something is due, whatever comes: a name, or the end of a window.
    pub(super) fn until(&self) -> Option<Instant> {
        let held = self.hold.until(&self.enricher);
        let folded = self.folding.as_ref().and_then(Folding::until);
        held.into_iter().chain(folded).chain(self.commit_at).chain(self.calm_at).min()
    }

    /// Reports all repeats that were counted, since no more are.
    pub(super) fn end_windows(&mut self) {
        let now = Instant::now();
        self.report_due(now);
        while self.may_report_repeats()
            && let Some(repeated) = self.folding.as_mut().and_then(Folding::last_repeated)
        {
            self.report_repeats(&repeated, now);
        }
    }

    /// Sends the event of a denial's repeats. It doesn't wait for names: those of the denial itself have come by now.
    fn send_repeats(&mut self, record: &[u8], repeats: &Repeats, now: Instant) {
        let Self { tables, enricher, hub, observer, tallies, own, .. } = self;
        let mut decoded = source::decode(record, tables);
        match (record::source_of(record), &mut decoded) {
            (Some(source), Ok(event)) if own.is(event) => tallies.own(source, repeats.count),
            (Some(source), Ok(event)) => {
                event.count = NonZeroU64::new(repeats.count);
                event.time = tables.clock.time_of_day(repeats.last);
                event.first = Some(tables.clock.time_of_day(repeats.first));
                event.last = Some(event.time);
                event.pids.clone_from(&repeats.pids);
                // That is the first denial's.
                event.audit = None;
                let path = enrich::cgroup_path(event);
                enrich::locate(event, path.as_deref());
                let observer = observer.as_deref_mut().map(|observer| (observer, &tables.clock));
                send(event, enricher, now, hub, observer);
                tallies.folded(source, repeats.count);
            }
            (source, _) => tallies.undecodable(source, repeats.count),
        }
    }

    /// Turns a record into an event, which goes on at once if it needs no name that is still to come, and if none waits
    /// before it.
    fn take(&mut self, record: &[u8], number: u64, now: Instant) {
        self.report_due(now);
        let Self { tables, enricher, hold, folding, hub, observer, subjects, tallies, own, .. } = self;
        if let Some(folding) = folding {
            folding.take(record, number, now);
        }
        let waiting = hold.len();
        let in_turn = hold.is_empty();
        let mut decoded = source::decode(record, tables);
        match (record::source_of(record), &mut decoded) {
            (Some(source), Ok(event)) if !own.is(event) => {
                let path = enrich::cgroup_path(event);
                enrich::locate(event, path.as_deref());
                if let Some(subjects) = subjects {
                    subjects.see(event);
                }
                let wanted = enricher.want(event, now);
                if wanted.is_empty() && in_turn {
                    let observer = observer.as_deref_mut().map(|observer| (observer, &tables.clock));
                    send(event, enricher, now, hub, observer);
                    tallies.emitted(source);
                } else {
                    hold.push(record, wanted);
                }
            }
            // All are counted in the order in which they came.
            _ if !in_turn => hold.push(record, Vec::new()),
            (Some(source), Ok(_own)) => tallies.own(source, 1),
            (source, Err(error)) => {
                tracing::debug!(?source, %error, "a record could not be decoded");
                tallies.undecodable(source, 1);
            }
            // A record that decodes has a source.
            (None, Ok(_)) => tallies.undecodable(None, 1),
        }
        if hold.len() == waiting {
            self.settled();
        }
        if self.hold.is_full() {
            self.release_first(now);
            self.release(now);
        }
    }

    /// Sends the events that need not wait any more.
    pub(super) fn release(&mut self, now: Instant) {
        while let Some(record) = self.hold.pop_ready(&self.enricher, now) {
            self.send_held(&record, now);
        }
    }

    /// Sends the first event that waits, without what did not come.
    fn release_first(&mut self, now: Instant) {
        if let Some(record) = self.hold.pop() {
            self.send_held(&record, now);
        }
    }

    /// Sends an event that waited.
    fn send_held(&mut self, record: &[u8], now: Instant) {
        self.report_due(now);
        let Self { tables, enricher, hub, observer, tallies, own, .. } = self;
        let mut decoded = source::decode(record, tables);
        match (record::source_of(record), &mut decoded) {
            (Some(source), Ok(event)) if own.is(event) => tallies.own(source, 1),
            (Some(source), Ok(event)) => {
                let path = enrich::cgroup_path(event);
                enrich::locate(event, path.as_deref());
                let observer = observer.as_deref_mut().map(|observer| (observer, &tables.clock));
                send(event, enricher, now, hub, observer);
                tallies.emitted(source);
            }
            (source, _) => tallies.undecodable(source, 1),
        }
        self.settled();
    }
}

/// Adds names, hands the event to the outputs, and has it counted.
fn send<'a>(
    event: &mut Event<'a>,
    enricher: &'a Enricher,
    now: Instant,
    hub: &mut Hub,
    observer: Option<(&mut (dyn Observe + 'static), &Clock)>,
) {
    enricher.complete(event, now);
    hub.collect(event);
    if let Some((observer, clock)) = observer {
        observer.observe(event, clock.now());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mere_probe_of_denyds_own_is_no_failure() {
        let of = |module: &str| {
            format!(
                r#"{{"schema":2,"time":"2026-01-01T00:00:00Z","host":"h","kind":"denial","module":"{module}",
                "verdict":"denied","silent":false,"action":{{"permissions":[]}},"subject":{{}},"object":{{"kind":"none"}},"process":{{"pid":7}}}}"#
            )
        };
        for (module, fails) in [("capability", false), ("apparmor", true), ("selinux", true)] {
            let text = of(module);
            let event: Event<'_> = serde_json::from_str(&text).unwrap();
            assert_eq!(is_failure(&event), fails, "{module}");
        }
    }
}
