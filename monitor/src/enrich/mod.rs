//! What user space adds to an event: the systemd unit, the container, and names.
//!
//! Unit and container follow from the path of the cgroup ([`cgroup`]). Names have to be looked up ([`accounts`]), which
//! may take long: an event waits for a name that is not known yet ([`hold`]), but never longer than a set time
//! (`cache`), and nothing that reads the ring buffer waits for anything.

pub mod accounts;
mod cache;
pub mod cgroup;
pub mod hold;
pub mod symbols;

use std::{borrow::Cow, future::pending, time::Duration};

use tokio::time::{Instant, sleep_until};

pub use self::cache::{Answer, Counts, Desk};
use self::{accounts::Id, cache::Cache};
use crate::event::{Event, Missing, Process, Text};

/// A name that an event waits for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Wanted {
    /// That of a user or group.
    Account(Id),
}

/// Knows names, and asks for those it doesn't.
#[derive(Debug)]
pub struct Enricher {
    wait: Duration,
    accounts: Option<Cache<Id, Box<str>>>,
}

impl Enricher {
    /// One that looks nothing up, for events that wait this long at most.
    #[must_use]
    pub fn new(wait: Duration) -> Self {
        Self { wait, accounts: None }
    }

    /// Has it name users and groups. The desk is where they are looked up ([`accounts::start`]).
    pub fn look_up_accounts(&mut self) -> Desk<Id, Box<str>> {
        let (cache, desk) = Cache::new(self.wait);
        self.accounts = Some(cache);
        desk
    }

    /// Asks for the names that an event needs and that are not known. Gives those to wait for.
    pub fn want(&mut self, event: &Event<'_>, now: Instant) -> Vec<Wanted> {
        let mut wanted = Vec::new();
        if let Some(accounts) = &mut self.accounts {
            for id in ids(&event.process).into_iter().flatten() {
                if accounts.want(id, now) {
                    wanted.push(Wanted::Account(id));
                }
            }
        }
        wanted
    }

    /// Adds the names that are known, and says which are not. [`Self::want`] comes before.
    pub fn complete<'a>(&'a self, event: &mut Event<'a>) {
        let Some(accounts) = &self.accounts else { return };
        let ids = ids(&event.process);
        for (id, (field, slot)) in ids.into_iter().zip(slots(&mut event.process)) {
            match id.map(|id| accounts.get(&id)) {
                Some(Ok(Some(name))) => *slot = Some(Cow::Borrowed(name)),
                Some(Err(reason)) => {
                    event.missing.push(Missing { field: field.into(), reason: reason.into() });
                }
                // There is no id, or it has no name.
                None | Some(Ok(None)) => {}
            }
        }
    }

    /// Whether there is nothing to wait for any more.
    #[must_use]
    pub fn is_settled(&self, wanted: &Wanted, now: Instant) -> bool {
        match wanted {
            Wanted::Account(id) => self.accounts.as_ref().is_none_or(|accounts| accounts.is_settled(id, now)),
        }
    }

    /// Until when an event waits for this name, if it does.
    #[must_use]
    pub fn waits_until(&self, wanted: &Wanted) -> Option<Instant> {
        match wanted {
            Wanted::Account(id) => self.accounts.as_ref()?.waits_until(id),
        }
    }

    /// Waits until an answer is there, or this time has come. Cancelling it loses nothing.
    pub async fn progress(&mut self, until: Option<Instant>) {
        tokio::select! {
            biased;
            () = answered(self.accounts.as_mut()) => {}
            () = until_then(until) => {}
        }
    }

    /// Takes the answers that are there.
    pub fn take_answers(&mut self) {
        if let Some(accounts) = &mut self.accounts {
            accounts.take_answers();
        }
    }

    /// What became of the questions about users and groups.
    #[must_use]
    pub fn accounts(&self) -> Option<Counts> {
        self.accounts.as_ref().map(Cache::counts)
    }
}

async fn answered<K: Copy + Eq + std::hash::Hash, V>(cache: Option<&mut Cache<K, V>>) {
    match cache {
        Some(cache) => cache.answered().await,
        None => pending().await,
    }
}

async fn until_then(time: Option<Instant>) {
    match time {
        Some(time) => sleep_until(time).await,
        None => pending().await,
    }
}

/// The ids that have names, in the order of [`slots`].
fn ids(process: &Process<'_>) -> [Option<Id>; 5] {
    [
        process.uid.map(Id::User),
        process.euid.map(Id::User),
        process.gid.map(Id::Group),
        process.egid.map(Id::Group),
        process.loginuid.map(Id::User),
    ]
}

/// Where the names go.
fn slots<'p, 'a>(process: &'p mut Process<'a>) -> [(&'static str, &'p mut Option<Text<'a>>); 5] {
    [
        ("process.user", &mut process.user),
        ("process.euser", &mut process.euser),
        ("process.group", &mut process.group),
        ("process.egroup", &mut process.egroup),
        ("process.loginuser", &mut process.loginuser),
    ]
}

/// Adds what the path of the process's cgroup tells, and hands the event on.
///
/// What is added borrows from the path, so that nothing is copied.
pub fn located<R>(mut event: Event<'_>, then: impl FnOnce(Event<'_>) -> R) -> R {
    let Some(path) = event.process.cgroup.as_mut().and_then(|cgroup| cgroup.path.take()) else {
        return then(event);
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
    then(event)
}
