//! What user space adds to an event: the systemd unit and the container.

pub mod cgroup;
pub mod symbols;

use std::borrow::Cow;

use crate::event::{Event, Missing};

/// Adds what the path of the process's cgroup tells, and hands the event on.
///
/// What is added borrows from the path, so that nothing is copied.
pub fn located<R>(mut event: Event<'_>, then: impl FnOnce(&mut Event<'_>) -> R) -> R {
    let Some(path) = event.process.cgroup.as_mut().and_then(|cgroup| cgroup.path.take()) else {
        return then(&mut event);
    };
    // Borrows from the path from here on.
    let mut event: Event<'_> = event;
    if let Some(cgroup) = &mut event.process.cgroup {
        cgroup.path = Some(Cow::Borrowed(&path));
    }
    (event.unit, event.container) = cgroup::read(&path);
    if !path.starts_with('/') {
        event.missing.push(Missing {
            field: "unit".into(),
            reason: "the start of the cgroup's path is missing".into(),
        });
    }
    then(&mut event)
}
