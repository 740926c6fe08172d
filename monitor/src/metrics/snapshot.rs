//! What others count, and the posture, at one moment: what `denyd status` shows of a running denyd, and what the metrics
//! of it are made of.

use std::collections::BTreeMap;

use jiff::Timestamp;
use prometheus::proto::{Counter, Gauge, LabelPair, Metric, MetricFamily, MetricType};
use serde::{Deserialize, Serialize};

use super::family::{self, Family, Kind};
use crate::{
    event::{Module, SCHEMA_VERSION},
    posture::Posture,
};

/// denyd and the machine at one moment.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Snapshot {
    /// denyd's version.
    pub version: String,
    /// When it started.
    pub started: Timestamp,
    /// Every source.
    pub sources: Vec<SourceNow>,
    /// Records so damaged that not even their source could be told.
    pub unattributed: u64,
    /// Every output.
    pub outputs: Vec<OutputNow>,
    /// Every attached eBPF program.
    pub programs: Vec<ProgramNow>,
    /// Whether the kernel measures eBPF programs; absent if that can't be read.
    pub bpf_stats_enabled: Option<bool>,
    /// What enforcement is in force.
    pub posture: Posture,
    /// Denials in the metrics, by module; absent if there are no metrics.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub denials: Option<BTreeMap<String, u64>>,
}

/// A source at one moment.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SourceNow {
    /// Its name.
    pub name: String,
    /// The module that it watches.
    pub module: Module,
    /// `attached`, `inactive`, `not_selected` or `failed`.
    pub state: String,
    /// Its balance, if it is attached.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub account: Option<AccountNow>,
}

/// A source's balance: see [`crate::accounting::Account`].
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct AccountNow {
    /// Denials that reached the source.
    pub seen: u64,
    /// Events that they became.
    pub emitted: u64,
    /// Denials of denyd's own, which are not handed on.
    pub own: u64,
    /// Denials that became none, by reason.
    pub lost: Vec<LossNow>,
    /// Denials on their way.
    pub pending: u64,
    /// Runs that the kernel skipped, of a source that runs for grants too.
    pub unexamined: u64,
    /// Events in which a string or path is not whole.
    pub cut: u64,
    /// Events of which a part could not be read.
    pub read_faults: u64,
}

/// What was lost for one reason.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LossNow {
    /// Why.
    pub reason: String,
    /// How many.
    pub count: u64,
}

/// An output at one moment.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct OutputNow {
    /// Its name.
    pub name: String,
    /// Events handed to it.
    pub received: u64,
    /// Events that its filter kept from it.
    pub filtered: u64,
    /// Events that it wrote.
    pub written: u64,
    /// Events that it lost, by reason.
    pub lost: Vec<LossNow>,
    /// Events that wait in its queue or are being written.
    pub queued: u64,
    /// Events that its queue can hold.
    pub capacity: u64,
    /// Which events it gets; absent if all.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub filter: Option<String>,
}

/// An eBPF program at one moment.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ProgramNow {
    /// The source that it belongs to.
    pub source: String,
    /// Its name.
    pub name: String,
    /// Where it is attached.
    pub hook: String,
    /// Nanoseconds that it ran, as far as the kernel measured them.
    pub run_time_ns: u64,
    /// How often it ran, as far as the kernel counted.
    pub runs: u64,
    /// Runs that the kernel skipped because it was already running on that CPU; absent where the kernel doesn't say
    /// (before 5.12).
    pub skipped: Option<u64>,
}

impl Snapshot {
    /// Losses of all sources and outputs.
    #[must_use]
    pub fn lost(&self) -> u64 {
        let accounts = self.sources.iter().filter_map(|source| source.account.as_ref());
        let sources = accounts.flat_map(|account| &account.lost);
        let outputs = self.outputs.iter().flat_map(|output| &output.lost);
        sources.chain(outputs).map(|loss| loss.count).sum::<u64>() + self.unattributed
    }
}

#[cfg(test)]
impl Snapshot {
    /// One of each, for the tests of those who read it.
    pub(crate) fn example() -> Self {
        let lost = |reason: &str, count| LossNow { reason: reason.to_owned(), count };
        let account =
            AccountNow { seen: 10, emitted: 7, lost: vec![lost("ring_full", 3)], ..AccountNow::default() };
        let source = |name: &str, module, state: &str, account| SourceNow {
            name: name.to_owned(),
            module,
            state: state.to_owned(),
            account,
        };
        Self {
            version: "1.2.3".to_owned(),
            started: "2026-01-02T03:04:05Z".parse().unwrap_or(Timestamp::UNIX_EPOCH),
            sources: vec![
                source("selinux", Module::Selinux, "attached", Some(account)),
                source("landlock", Module::Landlock, "not_selected", None),
            ],
            unattributed: 0,
            outputs: vec![OutputNow {
                name: "stdout".to_owned(),
                received: 7,
                filtered: 0,
                written: 6,
                lost: vec![lost("queue_full", 0)],
                queued: 1,
                capacity: 8192,
                filter: None,
            }],
            programs: vec![ProgramNow {
                source: "selinux".to_owned(),
                name: "selinux_fexit".to_owned(),
                hook: "fexit/common_lsm_audit".to_owned(),
                run_time_ns: 1_500_000_000,
                runs: 3,
                skipped: Some(0),
            }],
            bpf_stats_enabled: Some(true),
            posture: Posture::default(),
            denials: None,
        }
    }
}

/// The metrics of a snapshot.
pub(super) fn families(now: &Snapshot, refused: u64) -> Vec<MetricFamily> {
    let mut to = Families::default();
    for source in &now.sources {
        let name = source.name.as_str();
        for state in family::STATES {
            let module = source.module.name();
            to.add(&family::STATE, &[name, module, state], flag(source.state == state));
        }
        let Some(account) = &source.account else { continue };
        to.add(&family::SEEN, &[name], number(account.seen));
        to.add(&family::EMITTED, &[name], number(account.emitted));
        to.add(&family::OWN, &[name], number(account.own));
        for loss in &account.lost {
            to.add(&family::LOST, &[name, &loss.reason], number(loss.count));
        }
        to.add(&family::PENDING, &[name], number(account.pending));
        to.add(&family::UNEXAMINED, &[name], number(account.unexamined));
        to.add(&family::CUT, &[name], number(account.cut));
        to.add(&family::READ_FAULTS, &[name], number(account.read_faults));
    }
    to.add(&family::UNATTRIBUTED, &[], number(now.unattributed));
    for output in &now.outputs {
        let name = output.name.as_str();
        to.add(&family::RECEIVED, &[name], number(output.received));
        to.add(&family::FILTERED, &[name], number(output.filtered));
        to.add(&family::WRITTEN, &[name], number(output.written));
        for loss in &output.lost {
            to.add(&family::OUTPUT_LOST, &[name, &loss.reason], number(loss.count));
        }
        to.add(&family::QUEUED, &[name], number(output.queued));
        to.add(&family::CAPACITY, &[name], number(output.capacity));
    }
    for program in &now.programs {
        let labels = [program.source.as_str(), &program.name, &program.hook];
        to.add(&family::RUN_TIME, &labels, number(program.run_time_ns) / 1e9);
        to.add(&family::RUNS, &labels, number(program.runs));
        to.add_known(&family::SKIPPED, &labels, program.skipped);
    }
    to.add_known(&family::STATS_ENABLED, &[], now.bpf_stats_enabled.map(u64::from));
    posture(&now.posture, &mut to);
    to.add(&family::REFUSED, &[], number(refused));
    to.add(&family::START, &[], now.started.as_duration().as_secs_f64());
    to.add(&family::BUILD, &[&now.version, &SCHEMA_VERSION.to_string()], 1.0);
    to.0
}

fn posture(now: &Posture, to: &mut Families) {
    for lsm in now.modules.iter().flatten() {
        to.add(&family::LSM, &[lsm], 1.0);
    }
    if let Some(selinux) = &now.selinux {
        to.add_known(&family::ENFORCING, &[], selinux.enforcing.map(u64::from));
        to.add_known(&family::POLICY_LOADS, &[], selinux.policy_loads.map(u64::from));
        to.add_known(&family::POLICY_VERSION, &[], selinux.policy_version.map(u64::from));
        to.add_known(&family::PERMISSIVE, &[], selinux.permissive_domains);
        if let Some(booleans) = &selinux.booleans {
            to.add(&family::BOOLEANS, &["on"], number(booleans.on));
            to.add(&family::BOOLEANS, &["off"], number(booleans.off));
            to.add(&family::BOOLEANS_CHANGED, &[], number(booleans.changed));
        }
        if let Some(avc) = &selinux.avc {
            to.add(&family::AVC_LOOKUPS, &[], number(avc.lookups));
            to.add(&family::AVC_MISSES, &[], number(avc.misses));
            to.add(&family::AVC_ALLOCATIONS, &[], number(avc.allocations));
            to.add(&family::AVC_RECLAIMS, &[], number(avc.reclaims));
            to.add(&family::AVC_FREES, &[], number(avc.frees));
            to.add_known(&family::AVC_ENTRIES, &[], avc.entries);
        }
    }
    if let Some(apparmor) = &now.apparmor {
        if let Some(profiles) = &apparmor.profiles {
            for mode in family::PROFILE_MODES {
                to.add(&family::PROFILES, &[mode], number(profiles.of(mode)));
            }
        }
        to.add_known(&family::REVISION, &[], apparmor.policy_revision);
    }
    if let Some(level) = &now.lockdown {
        for known in family::LOCKDOWN_LEVELS {
            to.add(&family::LOCKDOWN, &[known], flag(level == known));
        }
    }
    to.add_known(&family::PTRACE_SCOPE, &[], now.yama_ptrace_scope.map(u64::from));
    if let Some(audit) = &now.audit {
        to.add_known(&family::AUDIT_ENABLED, &[], audit.enabled.map(u64::from));
        to.add_known(&family::AUDIT_BACKLOG, &[], audit.backlog.map(u64::from));
        to.add_known(&family::AUDIT_LIMIT, &[], audit.backlog_limit.map(u64::from));
        to.add_known(&family::AUDIT_LOST, &[], audit.lost.map(u64::from));
    }
    for missing in &now.missing {
        to.add(&family::UNKNOWN, &[&missing.fact], 1.0);
    }
}

/// Prometheus's numbers are floating-point; counts are exact up to 2^53.
#[expect(clippy::cast_precision_loss, reason = "a count of 2^53 takes longer than any machine runs")]
fn number(count: u64) -> f64 {
    count as f64
}

fn flag(it_is: bool) -> f64 {
    f64::from(u8::from(it_is))
}

/// Metrics in the making.
#[derive(Default)]
struct Families(Vec<MetricFamily>);

impl Families {
    fn add_known(&mut self, family: &Family, labels: &[&str], value: Option<u64>) {
        if let Some(value) = value {
            self.add(family, labels, number(value));
        }
    }

    fn add(&mut self, family: &Family, labels: &[&str], value: f64) {
        let place = self.0.iter().position(|known| known.name() == family.name).unwrap_or_else(|| {
            let mut new = MetricFamily::default();
            new.set_name(family.name.to_owned());
            new.set_help(family.help.to_owned());
            new.set_field_type(match family.kind {
                Kind::Counter => MetricType::COUNTER,
                Kind::Gauge => MetricType::GAUGE,
                Kind::Histogram => MetricType::HISTOGRAM,
            });
            self.0.push(new);
            self.0.len() - 1
        });
        let metrics = self.0[place].mut_metric();
        // What the machine names without bound (programs, outputs) is bounded by how much of it denyd itself makes.
        if metrics.len() >= family.series {
            return;
        }
        let pair = |(name, value): (&&str, &&str)| {
            let mut pair = LabelPair::default();
            pair.set_name((*name).to_owned());
            pair.set_value((*value).to_owned());
            pair
        };
        let mut metric = Metric::from_label(family.labels.iter().zip(labels).map(pair).collect());
        match family.kind {
            Kind::Counter => {
                let mut counter = Counter::default();
                counter.set_value(value);
                metric.set_counter(counter);
            }
            Kind::Gauge | Kind::Histogram => {
                let mut gauge = Gauge::default();
                gauge.set_value(value);
                metric.set_gauge(gauge);
            }
        }
        metrics.push(metric);
    }
}
