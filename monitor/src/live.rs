//! The running denyd, as its metrics and `denyd status` see it.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, OnceLock, PoisonError},
};

use jiff::Timestamp;
use monitor_api::snapshot::{AccountNow, LossNow, OutputNow, ProgramNow, Snapshot, SourceNow};
use monitor_common::SourceId;

use crate::{
    accounting::{Account, Tallies},
    enrich::accounts,
    kernel::{self, Counters, ProgramCounts, ProgramStats, Report, State},
    output::{Listed, Listing, OutputLoss},
    posture, source,
    subjects::Subjects,
    tail::server::ClientCounts,
};

/// Reads how many denials the metrics count, by module.
pub(crate) type ReadDenials = Box<dyn Fn() -> BTreeMap<String, u64> + Send + Sync>;

/// What a running denyd's numbers are read from. Reading them takes no privilege.
pub(crate) struct Live {
    /// When it started.
    pub started: Timestamp,
    /// What was attached.
    pub report: Report,
    /// What the programs count.
    pub counters: Arc<Counters>,
    /// What the kernel counts of the programs.
    pub programs: ProgramStats,
    /// What the pipeline counts.
    pub tallies: Arc<Tallies>,
    /// What is counted by subject.
    pub subjects: Arc<Subjects>,
    /// The current outputs.
    pub outputs: Listed,
    /// What is counted of clients, if the socket is served.
    pub clients: Option<Arc<ClientCounts>>,
    /// What the posture is read from.
    pub posture: Mutex<posture::Watch>,
    /// What is counted for the metrics, if there are any.
    pub denials: OnceLock<ReadDenials>,
}

impl Live {
    /// All of it, now.
    #[must_use]
    pub(crate) fn snapshot(&self) -> Snapshot {
        let programs = self.programs.read();
        let sources = SourceId::ALL.into_iter().zip(&self.report.sources).map(|(id, report)| {
            let attached = matches!(report.state, State::Attached { .. });
            SourceNow {
                name: report.name.to_owned(),
                module: source::by_id(id).module,
                state: report.state.word(),
                account: attached.then(|| self.account(id, &programs)),
            }
        });
        Snapshot {
            version: env!("CARGO_PKG_VERSION").to_owned(),
            started: self.started,
            sources: sources.collect(),
            unattributed: self.tallies.unattributed(),
            lost_by_subject: self.subjects.now(),
            outputs: self.outputs.now().iter().map(output).collect(),
            clients: self.clients.as_deref().map(ClientCounts::now),
            programs: programs.into_iter().map(program).collect(),
            bpf_stats_enabled: kernel::measures_programs(),
            names: accounts::ways(),
            // Reading it again is right even if an earlier reader panicked.
            posture: self.posture.lock().unwrap_or_else(PoisonError::into_inner).read(),
            denials: self.denials.get().map(|read| read()),
        }
    }

    fn account(&self, source: SourceId, programs: &[ProgramCounts]) -> AccountNow {
        // First what is counted last, so that nothing is emitted that was not seen.
        let tally = self.tallies.by_source(source);
        let skipped = programs.iter().filter(|program| program.source == source);
        let skipped = skipped.filter_map(|program| program.recursion_misses).fold(0, u64::wrapping_add);
        let account = Account::new(source, &self.counters.by_source(source, skipped), &tally);
        AccountNow {
            seen: account.seen,
            emitted: account.emitted,
            folded: account.folded,
            own: account.own,
            lost: account.lost.iter().map(|&(loss, count)| lost(loss.name(), count)).collect(),
            pending: u64::try_from(account.difference()).unwrap_or(0),
            unexamined: account.unexamined,
            unfolded: account.unfolded,
            cut: account.cut,
            read_faults: account.read_faults,
        }
    }
}

fn output(output: &Listing) -> OutputNow {
    let Listing { counts, filter } = output;
    // First what is counted last, as above.
    let losses: Vec<_> = OutputLoss::ALL.iter().map(|&loss| lost(loss.name(), counts.lost(loss))).collect();
    let (written, filtered) = (counts.written(), counts.filtered());
    let received = counts.received();
    let gone = written + filtered + losses.iter().map(|loss| loss.count).sum::<u64>();
    OutputNow {
        name: counts.name().to_owned(),
        received,
        filtered,
        written,
        lost: losses,
        queued: received.saturating_sub(gone),
        capacity: counts.capacity() as u64,
        filter: filter.as_ref().map(|filter| filter.text().to_owned()),
    }
}

fn program(counts: ProgramCounts) -> ProgramNow {
    ProgramNow {
        source: source::by_id(counts.source).name.to_owned(),
        name: counts.name.to_owned(),
        hook: counts.hook,
        run_time_ns: counts.run_time_ns,
        runs: counts.runs,
        skipped: counts.recursion_misses,
    }
}

fn lost(reason: &str, count: u64) -> LossNow {
    LossNow { reason: reason.to_owned(), count }
}
