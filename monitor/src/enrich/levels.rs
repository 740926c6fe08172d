//! From the SELinux level of a container to the container.
//!
//! A container's runtime gives its processes a pair of categories that no other container has at that time
//! (`container_t:s0:c12,c345`). Where the cgroup doesn't tell the container, because the process in the event is not who
//! asked or its cgroup could not be read, the level of the subject may: if a process of the same level was seen in a
//! container's cgroup before.
//!
//! That is an inference, and the event says so. A level that was seen in two containers shows neither; if these are of
//! one pod, it shows the pod.

use std::{borrow::Cow, num::NonZeroUsize, time::Duration};

use lru::LruCache;
use tokio::time::Instant;

use crate::event::{Container, Event, FoundBy, Module, Pod, QosClass, Runtime};

/// Levels that are kept; the one that was not seen for the longest time goes first.
const LIMIT: NonZeroUsize = NonZeroUsize::new(4096).expect("it is not 0");
/// How long after it was last seen in a container a level shows that container. Another may get it when that is gone.
const KEPT_FOR: Duration = Duration::from_mins(10);

/// Which container a level is that of.
#[derive(Debug)]
pub(super) struct Levels {
    seen: LruCache<Box<str>, Seen>,
}

#[derive(Debug)]
struct Seen {
    /// Absent if it was seen in several.
    container: Option<Owned>,
    /// Absent if it was seen in several, or in none.
    pod: Option<OwnedPod>,
    until: Instant,
}

#[derive(Debug, PartialEq, Eq)]
struct Owned {
    id: Box<str>,
    runtime: Option<Runtime>,
}

#[derive(Debug, PartialEq, Eq)]
struct OwnedPod {
    uid: Option<Box<str>>,
    qos: Option<QosClass>,
}

impl Default for Levels {
    fn default() -> Self {
        Self { seen: LruCache::new(LIMIT) }
    }
}

impl Levels {
    /// Keeps the level of a process whose cgroup shows its container, if the level is a container's.
    pub(super) fn learn(&mut self, event: &Event<'_>, now: Instant) {
        let Some(container) = &event.container else { return };
        let Some(level) = own_label(event).and_then(container_level) else { return };
        let own = container.id.as_deref().map(|id| Owned { id: id.into(), runtime: container.runtime });
        let pod = container
            .pod
            .as_ref()
            .map(|pod| OwnedPod { uid: pod.uid.as_deref().map(Into::into), qos: pod.qos });
        let until = now + KEPT_FOR;
        match self.seen.get_mut(level) {
            Some(seen) if now < seen.until => {
                seen.until = until;
                if seen.container != own {
                    seen.container = None;
                }
                if seen.pod != pod {
                    seen.pod = None;
                }
            }
            _ => {
                self.seen.put(level.into(), Seen { container: own, pod, until });
            }
        }
    }

    /// The container of an event's subject, by its level.
    pub(super) fn infer(&self, event: &Event<'_>, now: Instant) -> Option<Container<'_>> {
        if self.seen.is_empty() {
            return None;
        }
        let label = event.subject.label.as_deref().filter(|_| event.module == Module::Selinux);
        let label = label.or_else(|| own_label(event))?;
        let seen = self.seen.peek(container_level(label)?).filter(|seen| now < seen.until)?;
        if seen.container.is_none() && seen.pod.is_none() {
            return None;
        }
        Some(Container {
            id: seen.container.as_ref().map(|container| Cow::Borrowed(&*container.id)),
            name: None,
            image: None,
            runtime: seen.container.as_ref().and_then(|container| container.runtime),
            pod: seen.pod.as_ref().map(|pod| Pod {
                uid: pod.uid.as_deref().map(Cow::Borrowed),
                qos: pod.qos,
                ..Pod::default()
            }),
            parents: Vec::new(),
            found_by: FoundBy::SelinuxLevel,
        })
    }
}

/// The SELinux label of the process in the event, if it is known to be its own.
fn own_label<'e>(event: &'e Event<'_>) -> Option<&'e str> {
    match event.module {
        Module::Selinux if event.subject.not_process => event.process.label.as_deref(),
        Module::Selinux => event.subject.label.as_deref(),
        _ => event.process.label.as_deref(),
    }
}

/// The level of a label whose type is one that runtimes give to what runs in containers, if it is one level, with
/// categories.
fn container_level(label: &str) -> Option<&str> {
    let mut parts = label.splitn(4, ':');
    let (_user, _role, type_, level) = (parts.next()?, parts.next()?, parts.next()?, parts.next()?);
    // container-selinux's types, their name of old, and udica's.
    let is_container =
        type_.starts_with("container_") || type_ == "svirt_lxc_net_t" || type_.ends_with(".process");
    let is_pair = level.contains(':') && !level.contains('-');
    (is_container && is_pair).then_some(level)
}
