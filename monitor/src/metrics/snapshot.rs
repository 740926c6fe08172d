//! The metrics of what others count, and of the posture.

use monitor_api::{
    posture::Posture,
    snapshot::{Snapshot, SourceState},
};
use prometheus::proto::{Counter, Gauge, LabelPair, Metric, MetricFamily, MetricType};

use super::{
    family::{self, Family, Kind},
    labels::OTHER,
};
use crate::event::SCHEMA_VERSION;

/// The metrics of a snapshot.
pub(super) fn families(now: &Snapshot, refused: u64) -> Vec<MetricFamily> {
    let mut to = Families::default();
    for source in &now.sources {
        let name = source.name.as_str();
        for state in SourceState::ALL {
            let module = source.module.name();
            to.add(&family::STATE, &[name, module, state.name()], flag(source.state == state));
        }
        let Some(account) = &source.account else { continue };
        to.add(&family::SEEN, &[name], number(account.seen));
        to.add(&family::EMITTED, &[name], number(account.emitted));
        to.add(&family::FOLDED, &[name], number(account.folded));
        to.add(&family::UNFOLDED, &[name], number(account.unfolded));
        to.add(&family::OWN, &[name], number(account.own));
        for loss in &account.lost {
            to.add(&family::LOST, &[name, &loss.reason], number(loss.count));
        }
        to.add(&family::PENDING, &[name], number(account.pending));
        to.add(&family::UNEXAMINED, &[name], number(account.unexamined));
        to.add(&family::CUT, &[name], number(account.cut));
        to.add(&family::READ_FAULTS, &[name], number(account.read_faults));
    }
    let (named, others) = now.lost_by_subject.split_at(now.lost_by_subject.len().min(family::SUBJECTS));
    for subject in named {
        let labels = [&*subject.uid.to_string(), &subject.cgroup_name()];
        to.add(&family::SUBJECT_LOST, &labels, number(subject.lost));
    }
    if !others.is_empty() {
        let lost = others.iter().map(|subject| subject.lost).sum();
        to.add(&family::SUBJECT_LOST, &[OTHER, OTHER], number(lost));
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
    if let Some(clients) = &now.clients {
        to.add(&family::CLIENTS, &[], number(clients.connected));
        to.add(&family::CLIENTS_ACCEPTED, &[], number(clients.accepted));
        to.add(&family::CLIENTS_REFUSED, &[], number(clients.refused));
        to.add(&family::CLIENTS_LOST, &[], number(clients.lost));
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
                to.add(&family::PROFILES, &[mode], number(profiles.in_mode(mode)));
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
