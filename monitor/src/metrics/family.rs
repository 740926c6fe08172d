//! Every metric: its name, its labels and how many series it can have. docs/metrics.md is held against this list.

use monitor_api::snapshot::SourceState;
use monitor_common::SourceId;

use crate::{accounting::Loss, event::Module, output::OutputLoss};

/// What kind of number it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// It only grows while denyd runs.
    Counter,
    /// It goes up and down.
    Gauge,
    /// Counts by size.
    Histogram,
}

impl Kind {
    /// Its name in the expositions.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Counter => "counter",
            Self::Gauge => "gauge",
            Self::Histogram => "histogram",
        }
    }
}

/// A metric.
#[derive(Clone, Copy, Debug)]
pub struct Family {
    /// Its name.
    pub name: &'static str,
    /// What kind of number it is.
    pub kind: Kind,
    /// What it says.
    pub help: &'static str,
    /// Its labels.
    pub labels: &'static [&'static str],
    /// How many series it has at most.
    pub series: usize,
}

/// Modules, each with two verdicts: how many overflow series a budgeted metric has.
pub(super) const OVERFLOW: usize = Module::ALL.len() * 2;
const SOURCES: usize = SourceId::ALL.len();
/// More outputs than anyone has; a test of the configuration's limit belongs beside it.
const OUTPUTS: usize = 16;
/// Programs that can be attached at once: each source has a few.
const PROGRAMS: usize = 8 * SOURCES;
/// Upper bounds of the delay's buckets, in seconds: from what an idle machine needs to what a name server may take.
pub(super) const DELAYS: [f64; 14] =
    [0.000_05, 0.000_1, 0.000_25, 0.000_5, 0.001, 0.002_5, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 1.0, 5.0];

/// The modes of an AppArmor profile, as the kernel writes them (`aa_profile_mode_names`, security/apparmor/policy.c).
pub(super) const PROFILE_MODES: [&str; 6] = ["enforce", "complain", "kill", "unconfined", "prompt", "other"];
/// The levels of lockdown.
pub(super) const LOCKDOWN_LEVELS: [&str; 3] = ["none", "integrity", "confidentiality"];
/// Security modules that the kernel can list.
const LSMS: usize = 16;
/// Subjects whose losses have series of their own.
pub(super) const SUBJECTS: usize = 128;
/// Facts of the posture that can be missing.
const FACTS: usize = 32;

macro_rules! families {
    ($($kind:ident $id:ident = $name:literal $labels:tt $series:expr, $help:literal;)+) => {
        $(pub(super) const $id: Family = Family {
            name: $name,
            kind: Kind::$kind,
            help: $help,
            labels: &$labels,
            series: $series,
        };)+

        /// Every metric, in the order of the documentation.
        pub const ALL: &[Family] = &[$($id),+];
    };
}

families! {
    Counter DENIALS = "denyd_denials_total" ["module", "verdict", "silent"] OVERFLOW * 2,
        "Denials, by what the module decided and whether its policy keeps them out of the log.";
    Counter BY_ACTION = "denyd_denials_by_action_total" ["module", "verdict", "class", "operation"] 512,
        "Denials by what was asked for: the object class, and the module's operation or else the permissions.";
    Counter BY_SUBJECT = "denyd_denials_by_subject_total" ["module", "verdict", "subject"] 512,
        "Denials by who asked: the SELinux type, or the AppArmor profile.";
    Counter BY_UNIT = "denyd_denials_by_unit_total" ["module", "verdict", "unit"] 512,
        "Denials by the systemd unit of the process; of templates and transient units, by the kind of unit.";
    Counter CHANGES = "denyd_policy_changes_total" ["module", "what", "to"] 64,
        "Changes of a module's policy or mode, by what changed and what it is now.";
    Counter OVERFLOWED = "denyd_series_overflowed_total" ["metric"] 4,
        "Events counted under (other) because a metric had as many series as it may have.";
    Gauge SERIES = "denyd_series" ["metric"] 4,
        "Series that a metric with a budget has.";
    Gauge SERIES_LIMIT = "denyd_series_limit" ["metric"] 4,
        "Series that a metric with a budget may have.";
    Histogram DELAY = "denyd_event_delay_seconds" [] DELAYS.len() + 3,
        "Time from the module's decision in the kernel until the event was handed to the outputs.";
    Gauge HELD = "denyd_held_events" [] 1,
        "Events that wait for a name.";
    Counter SEEN = "denyd_source_seen_total" ["source"] SOURCES,
        "Denials that reached a source in the kernel.";
    Counter EMITTED = "denyd_source_emitted_total" ["source"] SOURCES,
        "Events that a source's denials became.";
    Counter FOLDED = "denyd_source_folded_total" ["source"] SOURCES,
        "Repeats of denials, of which events have the count.";
    Counter UNFOLDED = "denyd_source_unfolded_total" ["source"] SOURCES,
        "Denials whose repeats could not be folded, since no slot was free: they are events of their own.";
    Counter OWN = "denyd_source_own_total" ["source"] SOURCES,
        "Denials of denyd's own, which are not reported.";
    Counter LOST = "denyd_source_lost_total" ["source", "reason"] SOURCES * Loss::ALL.len(),
        "Denials that became no event. Seen is emitted, folded, own, lost and pending.";
    Gauge PENDING = "denyd_source_pending" ["source"] SOURCES,
        "Denials on their way: in the ring buffer, or waiting for a name.";
    Counter UNEXAMINED = "denyd_source_unexamined_total" ["source"] SOURCES,
        "Runs that the kernel skipped of a source that also runs when access is allowed.";
    Counter CUT = "denyd_source_cut_total" ["source"] SOURCES,
        "Events in which a string or path is not whole.";
    Counter READ_FAULTS = "denyd_source_read_faults_total" ["source"] SOURCES,
        "Events of which a part could not be read in the kernel.";
    Counter SUBJECT_LOST = "denyd_subject_lost_total" ["uid", "cgroup"] SUBJECTS + 1,
        "Denials lost for want of room in the ring buffer, by who was refused; sources count them as ring_full and share.";
    Counter UNATTRIBUTED = "denyd_records_unattributed_total" [] 1,
        "Records too damaged to determine their source.";
    Gauge STATE = "denyd_source_state" ["source", "module", "state"] SOURCES * SourceState::ALL.len(),
        "1 for the state that a source is in, 0 for the others.";
    Counter RUN_TIME = "denyd_program_run_seconds_total" ["source", "program", "hook"] PROGRAMS,
        "Time that an eBPF program ran. It stands still unless the sysctl kernel.bpf_stats_enabled is 1.";
    Counter RUNS = "denyd_program_runs_total" ["source", "program", "hook"] PROGRAMS,
        "How often an eBPF program ran. It stands still unless the sysctl kernel.bpf_stats_enabled is 1.";
    Counter SKIPPED = "denyd_program_skipped_total" ["source", "program", "hook"] PROGRAMS,
        "Runs that the kernel skipped because the program was already running on that CPU.";
    Gauge STATS_ENABLED = "denyd_kernel_bpf_stats_enabled" [] 1,
        "Whether the kernel measures eBPF programs (the sysctl kernel.bpf_stats_enabled).";
    Counter RECEIVED = "denyd_output_received_total" ["output"] OUTPUTS,
        "Events handed to an output.";
    Counter FILTERED = "denyd_output_filtered_total" ["output"] OUTPUTS,
        "Events that an output's filter kept from it.";
    Counter WRITTEN = "denyd_output_written_total" ["output"] OUTPUTS,
        "Events that an output wrote.";
    Counter OUTPUT_LOST = "denyd_output_lost_total" ["output", "reason"] OUTPUTS * OutputLoss::ALL.len(),
        "Events that an output lost. Received is filtered, written, lost and queued.";
    Gauge QUEUED = "denyd_output_queued" ["output"] OUTPUTS,
        "Events that wait in an output's queue or are being written.";
    Gauge CAPACITY = "denyd_output_queue_capacity" ["output"] OUTPUTS,
        "Events that an output's queue can hold.";
    Gauge CLIENTS = "denyd_clients_connected" [] 1,
        "Clients of the socket (denyd tail, denyd top) connected now.";
    Counter CLIENTS_ACCEPTED = "denyd_clients_accepted_total" [] 1,
        "Clients of the socket that were accepted.";
    Counter CLIENTS_REFUSED = "denyd_clients_refused_total" [] 1,
        "Clients of the socket that were refused, because too many were connected or one was not permitted.";
    Counter CLIENTS_LOST = "denyd_clients_lost_total" [] 1,
        "Events that clients lost because they read too slowly. The history still has them.";
    Gauge LSM = "denyd_lsm_active" ["lsm"] LSMS,
        "1 for each security module that the kernel lists as active.";
    Gauge ENFORCING = "denyd_selinux_enforcing" [] 1,
        "Whether SELinux enforces: 1, or 0 if it is permissive.";
    Gauge POLICY_LOADS = "denyd_selinux_policy_loads" [] 1,
        "Generation of SELinux's policy: how often one was loaded, or a boolean set, since boot.";
    Gauge POLICY_VERSION = "denyd_selinux_policy_version" [] 1,
        "Newest version of the policy's format that the kernel knows.";
    Gauge PERMISSIVE = "denyd_selinux_permissive_domains" [] 1,
        "Types that the loaded SELinux policy makes permissive.";
    Gauge BOOLEANS = "denyd_selinux_booleans" ["value"] 2,
        "SELinux booleans by value.";
    Gauge BOOLEANS_CHANGED = "denyd_selinux_booleans_changed" [] 1,
        "SELinux booleans that are not as they were when denyd started.";
    Counter AVC_LOOKUPS = "denyd_selinux_avc_lookups_total" [] 1,
        "Lookups in SELinux's cache of decisions.";
    Counter AVC_MISSES = "denyd_selinux_avc_misses_total" [] 1,
        "Lookups that the cache had no answer for.";
    Counter AVC_ALLOCATIONS = "denyd_selinux_avc_allocations_total" [] 1,
        "Entries that were put into the cache.";
    Counter AVC_RECLAIMS = "denyd_selinux_avc_reclaims_total" [] 1,
        "Entries that were thrown out of the cache for room.";
    Counter AVC_FREES = "denyd_selinux_avc_frees_total" [] 1,
        "Entries of the cache whose memory was given back.";
    Gauge AVC_ENTRIES = "denyd_selinux_avc_entries" [] 1,
        "Entries in SELinux's cache of decisions.";
    Gauge PROFILES = "denyd_apparmor_profiles" ["mode"] PROFILE_MODES.len(),
        "Loaded AppArmor profiles by mode.";
    Gauge REVISION = "denyd_apparmor_policy_revision" [] 1,
        "Generation of AppArmor's policy: how often profiles were changed since boot.";
    Gauge LOCKDOWN = "denyd_lockdown_level" ["level"] LOCKDOWN_LEVELS.len(),
        "1 for the level of the kernel's lockdown, 0 for the others.";
    Gauge PTRACE_SCOPE = "denyd_yama_ptrace_scope" [] 1,
        "Yama's restriction of ptrace (the sysctl kernel.yama.ptrace_scope).";
    Gauge AUDIT_ENABLED = "denyd_audit_enabled" [] 1,
        "State of the kernel's audit: 0 off, 1 on, 2 on and locked.";
    Gauge AUDIT_BACKLOG = "denyd_audit_backlog" [] 1,
        "Audit records that wait for auditd.";
    Gauge AUDIT_LIMIT = "denyd_audit_backlog_limit" [] 1,
        "Audit records that may wait before the kernel loses some.";
    Counter AUDIT_LOST = "denyd_audit_lost_total" [] 1,
        "Audit records that the kernel lost since boot.";
    Gauge UNKNOWN = "denyd_posture_unknown" ["fact"] FACTS,
        "1 for each fact of the posture that can't be had now; `denyd status` says why.";
    Counter REFUSED = "denyd_web_connections_refused_total" [] 1,
        "Connections closed at once because as many were open as may be.";
    Gauge START = "denyd_start_time_seconds" [] 1,
        "When denyd started, in seconds since 1970.";
    Gauge BUILD = "denyd_build_info" ["version", "schema"] 1,
        "Always 1: the version of denyd and of the event's form.";
}

/// How many series denyd has at most, whatever happens on the machine.
pub const SERIES_BUDGET: usize = {
    let (mut sum, mut index) = (0, 0);
    while index < ALL.len() {
        sum += ALL[index].series;
        index += 1;
    }
    sum
};

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn names_follow_the_conventions() {
        let mut names = HashSet::new();
        for family in ALL {
            let Family { name, kind, help, labels, .. } = family;
            assert!(names.insert(name), "{name} twice");
            assert!(name.starts_with("denyd_"), "{name}");
            assert_eq!(*kind == Kind::Counter, name.ends_with("_total"), "{name}");
            assert!(help.ends_with('.') && !help.contains(['\n', '"']), "{name}: {help}");
            for forbidden in ["pid", "tid", "path", "exe", "comm", "category", "level_pair", "inode"] {
                assert!(!labels.contains(&forbidden), "{name} has a label {forbidden}");
            }
        }
    }

    /// What a Prometheus takes without noticing.
    const _: () = assert!(SERIES_BUDGET < 3000);
}
