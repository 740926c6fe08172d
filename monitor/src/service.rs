//! What the service manager is told (`sd_notify(3)`): that denyd is ready, reloads, stops, and is alive.
//!
//! The watchdog is fed by the task that reads the ring buffer, so that a reader that hangs is a service that hangs.
//! Without a service manager, nothing is sent.

use std::{fmt, future::pending};

use sd_notify::NotifyState;
use tokio::time::{Interval, MissedTickBehavior, interval};

/// What keeps the service manager from taking denyd for dead, if there is one that asks for it.
#[derive(Debug)]
pub(crate) struct Watchdog(Option<Interval>);

impl Watchdog {
    /// As the service manager that started denyd asks for it. Must be called within a tokio runtime.
    #[must_use]
    pub(crate) fn from_environment() -> Self {
        // Twice in its time, as sd_watchdog_enabled(3) advises.
        let watchdog = sd_notify::watchdog_enabled().map(|limit| {
            let mut interval = interval(limit / 2);
            interval.set_missed_tick_behavior(MissedTickBehavior::Delay);
            interval
        });
        Self(watchdog)
    }

    /// Reports that denyd is alive whenever it is due, to whom else it may concern, too, for ever.
    pub(crate) async fn feed(&mut self, alive: impl Fn()) {
        let Some(watchdog) = &mut self.0 else { return pending().await };
        loop {
            watchdog.tick().await;
            tell(&[NotifyState::Watchdog]);
            alive();
        }
    }
}

/// denyd does now what its configuration says.
pub(crate) fn ready(status: impl fmt::Display) {
    tell(&[NotifyState::Ready, NotifyState::Status(&status.to_string())]);
}

/// denyd reads its configuration again.
pub(crate) fn reloading() {
    match NotifyState::monotonic_usec_now() {
        Ok(now) => tell(&[NotifyState::Reloading, now]),
        Err(error) => tracing::debug!(%error, "the time of a reload is unknown"),
    }
}

/// denyd ends.
pub(crate) fn stopping() {
    tell(&[NotifyState::Stopping, NotifyState::Status("writing what is queued")]);
}

fn tell(state: &[NotifyState<'_>]) {
    if let Err(error) = sd_notify::notify(state) {
        tracing::debug!(%error, "the service manager can't be determined");
    }
}
