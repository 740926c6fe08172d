//! denyd's endpoint, whose events are those that the decoders made of real records.
//!
//! This machine need not be able to load eBPF programs, so what the kernel and the posture would give is one snapshot in
//! which the counters grow.

use std::{
    fs,
    net::SocketAddr,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering::Relaxed},
        mpsc::{self, Receiver},
    },
    time::Duration,
};

use jiff::Timestamp;
use monitor::{
    event::{Change, ChangeKind, Event, Kind, Module},
    metrics::{
        Config, Metrics, Observer, Snapshot,
        web::{Serving, Web},
    },
    pipeline::Observe as _,
};

/// How long a scrape may take to come, on the busiest machine.
const PATIENCE: Duration = Duration::from_mins(2);

pub(crate) struct Endpoint {
    pub metrics: Arc<Metrics>,
    serving: Serving,
    observer: Observer,
    scrapes: Receiver<()>,
    denials: Arc<AtomicU64>,
    events: Vec<Event<'static>>,
}

impl Endpoint {
    /// An endpoint that some denials were counted in already.
    pub(crate) fn start() -> Self {
        let (scraped, scrapes) = mpsc::channel();
        let denials = Arc::new(AtomicU64::new(0));
        let seen = Arc::clone(&denials);
        let read = move || {
            // Nobody may wait for it.
            let _unheard = scraped.send(());
            snapshot(seen.load(Relaxed))
        };
        let (metrics, observer) = Metrics::new(Box::new(read));
        let metrics = Arc::new(metrics);
        let config = Config { listen: SocketAddr::from(([127, 0, 0, 1], 0)), ..Config::default() };
        let serving = Web::bind(&config).unwrap().serve(Arc::clone(&metrics)).unwrap();
        let mut endpoint = Self { metrics, serving, observer, scrapes, denials, events: events() };
        endpoint.deny_something();
        endpoint
    }

    pub(crate) fn address(&self) -> SocketAddr {
        self.serving.address()
    }

    pub(crate) fn wait_for_a_scrape(&self) {
        self.scrapes.recv_timeout(PATIENCE).expect("Prometheus scrapes");
    }

    /// Has every event happen once.
    pub(crate) fn deny_something(&mut self) {
        for event in &self.events {
            self.observer.observe(event, event.time + jiff::SignedDuration::from_micros(300));
        }
        self.denials.fetch_add(self.events.len() as u64, Relaxed);
    }
}

/// The golden events, and a change of the policy.
fn events() -> Vec<Event<'static>> {
    let files =
        fs::read_dir(crate::folder("monitor/tests/golden")).unwrap().map(|entry| entry.unwrap().path());
    // The folders hold other forms of the same events.
    let golden = files.filter(|path| path.is_file()).map(|path| {
        let text: &'static str = fs::read_to_string(path).unwrap().leak();
        serde_json::from_str::<Event<'static>>(text).unwrap()
    });
    let mut events: Vec<_> = golden.collect();
    let mut change = events.iter().find(|event| event.module == Module::Apparmor).unwrap().clone();
    change.kind = Kind::Policy;
    change.changes = vec![Change {
        what: ChangeKind::Profile,
        name: Some("demo".into()),
        namespace: None,
        before: Some("enforce".into()),
        after: Some("complain".into()),
    }];
    // A silent denial by each verdict, and a permitted one, are on the dashboard.
    let mut silent = events[0].clone();
    silent.silent = true;
    silent.verdict = Some(monitor::event::Verdict::Denied);
    silent.time = Timestamp::UNIX_EPOCH;
    events.extend([change, silent]);
    events
}

/// What the kernel and the posture would give after so many denials.
fn snapshot(denials: u64) -> Snapshot {
    let lost = |reason: &str, count: u64| serde_json::json!({ "reason": reason, "count": count });
    let snapshot = serde_json::json!({
        "version": "0.1.0", "started": "2026-01-02T03:04:05.5Z", "unattributed": 0,
        "sources": [{ "name": "selinux", "module": "selinux", "state": "attached", "account": {
            "seen": denials + 3, "emitted": denials, "own": 0, "lost": [lost("ring_full", 2)], "pending": 1,
            "unexamined": 0, "cut": 0, "read_faults": 0,
        }}],
        "outputs": [{ "name": "stdout", "received": denials, "filtered": 0, "written": denials - 1,
            "lost": [lost("queue_full", 1)], "queued": 0, "capacity": 8192 }],
        "programs": [{ "source": "selinux", "name": "selinux_fexit", "hook": "fexit/common_lsm_audit",
            "run_time_ns": denials * 5_000, "runs": denials, "skipped": 0 }],
        "clients": { "connected": 1, "accepted": 3, "refused": 0, "lost": 2 },
        "bpf_stats_enabled": true,
        "posture": {
            "modules": ["capability", "selinux"],
            "selinux": { "enforcing": true, "policy_loads": 4, "policy_version": 33, "permissive_domains": 1,
                "booleans": { "on": 40, "off": 60, "changed": 0 },
                "avc": { "lookups": denials * 100, "misses": denials, "allocations": denials, "reclaims": 0,
                    "frees": 0, "entries": 500 } },
            "apparmor": { "profiles": { "enforce": 12, "complain": 3, "kill": 0, "unconfined": 1, "prompt": 0,
                "other": 0 }, "policy_revision": 40 },
            "audit": { "enabled": 1, "backlog": 0, "backlog_limit": 8192, "lost": denials },
            "lockdown": "integrity", "yama_ptrace_scope": 1,
        },
    });
    serde_json::from_value(snapshot).unwrap()
}
