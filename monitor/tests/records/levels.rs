//! Containers inferred from SELinux levels: only where the cgroup doesn't tell, and never wrong silently.

use std::{io, ops::Deref, time::Duration};

use monitor::{
    enrich::Enricher,
    event::{Event, FoundBy, Runtime},
    format::Format,
    output::{Encoding, Hub, Lines},
    pipeline::{Pipeline, Records},
};
use monitor_common::{
    Flags, ObjectKind, Selinux, SourceId,
    chunk::{ChunkKind, FLAG_ABSOLUTE},
};
use tokio::sync::mpsc;
use zerocopy::FromZeros as _;

use crate::support::{Builder, Bytes, context, object, tables};

const A: &str = "ee4b20e90ac7f42a10bd004d05646b13d8ab5e2c5e7cbc01abf8006bac016459";
const B: &str = "81950eac55062e5d8e7b5567d1036e4b146dfe212bdc9263c97347e6ce86b904";
const UID: &str = "74c13223_5a00_11e9_b385_42010a80018d";

/// Records, one at a time.
struct One(mpsc::UnboundedReceiver<Bytes>);

impl Records for One {
    async fn readable(&mut self) -> io::Result<()> {
        std::future::pending().await
    }

    fn next(&mut self) -> Option<impl Deref<Target = [u8]>> {
        self.0.try_recv().ok()
    }
}

/// A denial of a subject of this label, asked for by a process in this cgroup.
struct Denial<'a> {
    label: &'a str,
    cgroup: Option<&'a str>,
    not_process: bool,
}

/// A process of a container that was refused.
fn inside<'a>(label: &'a str, cgroup: &'a str) -> Denial<'a> {
    Denial { label, cgroup: Some(cgroup), not_process: false }
}

/// The kernel was working for the subject: the process that ran is another, of the machine's own.
fn behind(label: &str) -> Denial<'_> {
    Denial { label, cgroup: Some("/system.slice/cron.service"), not_process: true }
}

impl Denial<'_> {
    fn record(&self) -> Bytes {
        let body = Selinux { tclass: 2, object: object(ObjectKind::None), ..Selinux::new_zeroed() };
        let mut parts = self.label.splitn(4, ':');
        let names: Vec<_> = parts.by_ref().take(3).collect();
        let (sensitivity, categories) = parts.next().unwrap().split_once(":c").unwrap_or(("s0", ""));
        let mut record = Builder::new(SourceId::Selinux, &body);
        let context = context(7, &format!("{}:{sensitivity}:{sensitivity}", names.join(":")));
        record = record.chunk(ChunkKind::SubjectContext, &context);
        if !categories.is_empty() {
            let word =
                categories.split(",c").fold(0, |word, number| word | 1 << number.parse::<u32>().unwrap());
            let node = crate::support::categories(0, word);
            record = record.chunk(ChunkKind::CategoriesLow, &node).chunk(ChunkKind::CategoriesHigh, &node);
        }
        if let Some(cgroup) = self.cgroup {
            let components: Vec<_> = cgroup.split('/').skip(1).collect();
            let leaf_first: String = components.iter().rev().flat_map(|name| [*name, "\0"]).collect();
            record = record.flagged(ChunkKind::Cgroup, FLAG_ABSOLUTE, leaf_first.as_bytes());
        }
        if self.not_process { record.flag(Flags::NOT_SUBJECT).build() } else { record.build() }
    }
}

/// What an event has for a container.
#[derive(Debug, PartialEq, Eq)]
struct Found {
    id: Option<String>,
    runtime: Option<Runtime>,
    pod: Option<String>,
    by: FoundBy,
}

/// What the last of these denials' events has for a container.
#[track_caller]
fn last(denials: &[Denial<'_>]) -> Option<Found> {
    let (ring, records) = mpsc::unbounded_channel();
    let mut hub = Hub::default();
    let Lines { queue: mut lines, .. } = hub.add("lines", &Encoding::Line(Format::Json), None, denials.len());
    for denial in denials {
        assert!(ring.send(denial.record()).is_ok());
    }
    let pipeline = Pipeline::new(One(records), tables(), Enricher::new(Duration::ZERO), hub);
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    runtime.block_on(pipeline.finish());
    let mut found = None;
    for denial in denials {
        let line = lines.blocking_recv().unwrap();
        let event: Event<'_> = serde_json::from_slice(&line).unwrap();
        assert_eq!(event.subject.label.as_deref(), Some(denial.label));
        found = event.container.map(|container| Found {
            id: container.id.map(Into::into),
            runtime: container.runtime,
            pod: container.pod.and_then(|pod| pod.uid).map(Into::into),
            by: container.found_by,
        });
    }
    found
}

fn podman(id: &str) -> String {
    format!("/machine.slice/libpod-{id}.scope/container")
}

fn pod(id: &str) -> String {
    format!("/kubepods.slice/kubepods-pod{UID}.slice/crio-{id}.scope")
}

const LEVEL: &str = "system_u:system_r:container_t:s0:c12,c34";

#[test]
fn a_level_that_was_seen_in_a_container_tells_it_when_the_cgroup_does_not() {
    let found = last(&[inside(LEVEL, &podman(A)), behind(LEVEL)]).unwrap();
    assert_eq!((found.id.as_deref(), found.runtime), (Some(A), Some(Runtime::Podman)));
    assert_eq!(found.by, FoundBy::SelinuxLevel, "and the event says how it was found");

    let unread = Denial { label: LEVEL, cgroup: None, not_process: false };
    assert_eq!(last(&[inside(LEVEL, &podman(A)), unread]).unwrap().by, FoundBy::SelinuxLevel);
}

#[test]
fn the_cgroup_comes_first() {
    let found = last(&[inside(LEVEL, &podman(A)), inside(LEVEL, &podman(B))]).unwrap();
    assert_eq!((found.id.as_deref(), found.by), (Some(B), FoundBy::Cgroup));
}

#[test]
fn a_level_of_two_containers_tells_neither() {
    let (a, b) = (podman(A), podman(B));
    assert_eq!(last(&[inside(LEVEL, &a), inside(LEVEL, &b), behind(LEVEL)]), None);
    assert_eq!(last(&[inside(LEVEL, &a), inside(LEVEL, &b), inside(LEVEL, &b), behind(LEVEL)]), None);
    let init = "system_u:system_r:container_init_t:s0:c12,c34";
    assert_eq!(last(&[inside(LEVEL, &a), inside(init, &b), behind(LEVEL)]), None, "whatever the type");
}

#[test]
fn a_level_of_two_containers_of_a_pod_tells_the_pod() {
    let found = last(&[inside(LEVEL, &pod(A)), inside(LEVEL, &pod(B)), behind(LEVEL)]).unwrap();
    assert_eq!((found.id, found.runtime), (None, None));
    assert_eq!(found.pod.as_deref(), Some(&*UID.replace('_', "-")));
    assert_eq!(found.by, FoundBy::SelinuxLevel);
}

#[test]
fn only_the_very_same_level_counts() {
    let a = podman(A);
    for label in [
        "system_u:system_r:container_t:s0:c12,c35",
        "system_u:system_r:container_t:s0:c12",
        "system_u:system_r:container_t:s0",
        "system_u:system_r:svirt_t:s0:c12,c34",
        "system_u:system_r:cron_t:s0:c12,c34",
    ] {
        assert_eq!(last(&[inside(LEVEL, &a), behind(label)]), None, "{label}");
        assert_eq!(
            last(&[inside(label, &a), behind(label)]).is_some(),
            label.contains("container_t:s0:c"),
            "{label}"
        );
    }
}

#[test]
fn a_process_that_is_not_the_subject_teaches_nothing() {
    let a = podman(A);
    let other = Denial { label: LEVEL, cgroup: Some(&a), not_process: true };
    assert_eq!(last(&[other, behind(LEVEL)]), None);
}
