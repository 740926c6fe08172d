//! Metrics to test with.

use monitor::{
    event::Event,
    metrics::{Metrics, Observer},
};
use monitor_api::{
    posture::{Apparmor, Audit, Avc, Booleans, Posture, Profiles, Selinux},
    snapshot::Snapshot,
};
use serde_json::json;

/// The event of a golden test.
pub(crate) fn golden(name: &str) -> Event<'static> {
    let path = format!("{}/tests/golden/{name}.json", env!("CARGO_MANIFEST_DIR"));
    let text = std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{path}: {error}"));
    // Leaked: an event borrows from its text.
    serde_json::from_str(text.leak()).unwrap_or_else(|error| panic!("{path}: {error}"))
}

/// Metrics of a denyd in which nothing but the events changes.
pub(crate) fn metrics() -> (Metrics, Observer) {
    let snapshot = snapshot();
    Metrics::new(Box::new(move || snapshot.clone()))
}

/// A snapshot that has one of everything.
pub(crate) fn snapshot() -> Snapshot {
    let sources = [("selinux", "selinux", "attached"), ("landlock", "landlock", "failed")];
    let sources = sources.map(|(name, module, state)| {
        json!({ "name": name, "module": module, "state": state, "account": {
            "seen": 10, "emitted": 6, "own": 0, "lost": [{ "reason": "ring_full", "count": 3 }], "pending": 1,
            "unexamined": 0, "cut": 2, "read_faults": 0,
        }})
    });
    let mut snapshot: Snapshot = serde_json::from_value(json!({
        "version": "0.1.0", "started": "2026-01-02T03:04:05.5Z", "sources": sources, "unattributed": 0,
        "lost_by_subject": [{ "uid": 1000, "cgroup": 4711, "path": "/user.slice", "lost": 2 },
            { "uid": 0, "cgroup": 4712, "lost": 1 }],
        "outputs": [{ "name": "stdout", "received": 6, "filtered": 0, "written": 4,
            "lost": [{ "reason": "queue_full", "count": 1 }], "queued": 1, "capacity": 8192 }],
        "programs": [{ "source": "selinux", "name": "selinux_fexit", "hook": "fexit/common_lsm_audit",
            "run_time_ns": 1_500_000_000_u64, "runs": 3, "skipped": 0 }],
        "clients": { "connected": 1, "accepted": 3, "refused": 0, "lost": 2 },
        "bpf_stats_enabled": true, "posture": {},
    }))
    .unwrap();
    snapshot.posture = Posture {
        modules: Some(["capability", "selinux", "apparmor"].map(str::to_owned).to_vec()),
        selinux: Some(Selinux {
            enforcing: Some(true),
            policy_loads: Some(4),
            policy_version: Some(33),
            deny_unknown: Some(false),
            permissive_domains: Some(2),
            booleans: Some(Booleans { on: 40, off: 60, changed: 1 }),
            avc: Some(Avc { lookups: 1000, misses: 10, entries: Some(500), ..Avc::default() }),
        }),
        apparmor: Some(Apparmor {
            profiles: Some(Profiles { enforce: 12, complain: 3, ..Profiles::default() }),
            policy_revision: Some(40),
        }),
        audit: Some(Audit {
            enabled: Some(1),
            backlog: Some(3),
            backlog_limit: Some(8192),
            lost: Some(7),
            ..Audit::default()
        }),
        lockdown: Some("integrity".to_owned()),
        yama_ptrace_scope: Some(1),
        missing: Vec::new(),
    };
    snapshot
}
