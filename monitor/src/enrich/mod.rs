//! What user space adds to an event: the systemd unit, the container, and names.
//!
//! Unit and container follow from the path of the cgroup ([`cgroup`]), or the container from the SELinux level
//! (`levels`). Names have to be looked up ([`accounts`], [`runtime`]), which may take long: an event waits for a name
//! that is not known yet ([`hold`]), but never longer than a set time (`cache`), and nothing that reads the ring buffer
//! waits for anything.

pub mod accounts;
mod cache;
pub mod cgroup;
pub mod hold;
mod levels;
pub mod runtime;
mod stacks;
#[cfg(feature = "symbols")]
pub mod symbols;

use std::{borrow::Cow, future::pending, time::Duration};

use tokio::time::{Instant, sleep_until};

pub use self::cache::{Answer, Counts, Requests};
use self::{
    accounts::Id,
    cache::Cache,
    levels::Levels,
    runtime::{ContainerId, Named, Question, Socket},
    stacks::Asked,
};
use crate::event::{Container, Event, Missing, Process, Stack, Text};

/// A name that an event waits for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Wanted {
    /// That of a user or group.
    Account(Id),
    /// Those of a container and its pod.
    Container(Question),
    /// Those of the functions on a stack.
    Stack(Asked),
}

/// Knows names, and asks for those it doesn't.
#[derive(Debug)]
pub struct Enricher {
    wait: Duration,
    levels: Levels,
    accounts: Option<Cache<Id, Box<str>>>,
    containers: Option<Containers>,
    stacks: Option<Cache<Asked, Stack<'static>>>,
}

/// Names of containers, and where they are asked for.
#[derive(Debug)]
struct Containers {
    sockets: Vec<Socket>,
    names: Cache<Question, Named>,
}

impl Enricher {
    /// One that looks nothing up, for events that wait this long at most.
    #[must_use]
    pub fn new(wait: Duration) -> Self {
        Self { wait, levels: Levels::default(), accounts: None, containers: None, stacks: None }
    }

    /// Enables user and group names. Returns the queue end for the lookup thread ([`accounts::start`]).
    pub fn look_up_accounts(&mut self) -> Requests<Id, Box<str>> {
        let (cache, requests) = Cache::new(self.wait);
        self.accounts = Some(cache);
        requests
    }

    /// Has it name the containers that may be known at these sockets. The requests is where they are looked up
    /// (`runtime::serve`).
    pub fn look_up_containers(&mut self, sockets: &[Socket]) -> Requests<Question, Named> {
        let (names, requests) = Cache::new(self.wait);
        self.containers = Some(Containers { sockets: sockets.to_vec(), names });
        requests
    }

    /// Has it name the functions on stacks. The requests is where they are looked up (`symbols::start`).
    pub fn look_up_functions(&mut self) -> Requests<Asked, Stack<'static>> {
        let (cache, requests) = Cache::with_capacity(stacks::KNOWN_LIMIT, self.wait);
        self.stacks = Some(cache);
        requests
    }

    /// Takes what an event teaches about others, and asks for the names that it needs and that are not known. Gives
    /// those to wait for.
    pub fn want(&mut self, event: &Event<'_>, now: Instant) -> Vec<Wanted> {
        self.levels.learn(event, now);
        let mut wanted = Vec::new();
        if let Some(accounts) = &mut self.accounts {
            for id in ids(&event.process).into_iter().flatten() {
                if accounts.want(&id, now) {
                    wanted.push(Wanted::Account(id));
                }
            }
        }
        if let Some(containers) = &mut self.containers {
            let question = match &event.container {
                Some(container) => containers.question(container),
                None => self.levels.infer(event, now).and_then(|container| containers.question(&container)),
            };
            if let Some(question) = question
                && containers.names.want(&question, now)
            {
                wanted.push(Wanted::Container(question));
            }
        }
        if let Some(stacks) = &mut self.stacks
            && let Some(asked) = Asked::new(event)
            && stacks.want(&asked, now)
        {
            wanted.push(Wanted::Stack(asked));
        }
        wanted
    }

    /// Adds what is known, and says which names are not. [`Self::want`] comes before.
    pub fn complete<'a>(&'a self, event: &mut Event<'a>, now: Instant) {
        if event.container.is_none() {
            event.container = self.levels.infer(event, now);
        }
        if let Some(accounts) = &self.accounts {
            name_accounts(accounts, event);
        }
        if let Some(containers) = &self.containers {
            containers.name(event);
        }
        if let Some(stacks) = &self.stacks {
            name_functions(stacks, event);
        }
    }

    /// Whether there is nothing to wait for any more.
    #[must_use]
    pub fn is_settled(&self, wanted: &Wanted, now: Instant) -> bool {
        self.waits_until(wanted).is_none_or(|until| until <= now)
    }

    /// Until when an event waits for this name, if it does.
    #[must_use]
    pub fn waits_until(&self, wanted: &Wanted) -> Option<Instant> {
        match wanted {
            Wanted::Account(id) => self.accounts.as_ref()?.waits_until(id),
            Wanted::Container(question) => self.containers.as_ref()?.names.waits_until(question),
            Wanted::Stack(asked) => self.stacks.as_ref()?.waits_until(asked),
        }
    }

    /// Waits until an answer is there, or this time has come. Cancelling it loses nothing.
    pub async fn progress(&mut self, until: Option<Instant>) {
        tokio::select! {
            biased;
            () = answered(self.accounts.as_mut()) => {}
            () = answered(self.containers.as_mut().map(|containers| &mut containers.names)) => {}
            () = answered(self.stacks.as_mut()) => {}
            () = until_then(until) => {}
        }
    }

    /// Takes the answers that are there.
    pub fn take_answers(&mut self) {
        if let Some(accounts) = &mut self.accounts {
            accounts.take_answers();
        }
        if let Some(containers) = &mut self.containers {
            containers.names.take_answers();
        }
        if let Some(stacks) = &mut self.stacks {
            stacks.take_answers();
        }
    }

    /// What became of the questions, by what they were about.
    pub fn counts(&self) -> impl Iterator<Item = (&'static str, Counts)> {
        let accounts = self.accounts.as_ref().map(|names| ("users and groups", names.counts()));
        let containers = self.containers.as_ref().map(|containers| ("containers", containers.names.counts()));
        let stacks = self.stacks.as_ref().map(|stacks| ("functions on stacks", stacks.counts()));
        [accounts, containers, stacks].into_iter().flatten()
    }
}

impl Containers {
    /// What to ask about a container, if it has an id and any socket may know it.
    fn question(&self, container: &Container<'_>) -> Option<Question> {
        let id = ContainerId::parse(container.id.as_deref()?)?;
        let question = Question { id, runtime: container.runtime };
        self.sockets.iter().any(|socket| socket.suits(&question)).then_some(question)
    }

    /// Adds the names of an event's container and pod.
    fn name<'a>(&'a self, event: &mut Event<'a>) {
        let Some(container) = &mut event.container else { return };
        let Some(question) = self.question(container) else { return };
        let reason = match self.names.get(&question) {
            Ok(Some(Named { name, image, pod_name, pod_namespace })) => {
                let text = |name: &'a Option<Box<str>>| name.as_deref().map(Cow::Borrowed);
                (container.name, container.image) = (text(name), text(image));
                if pod_name.is_some() || pod_namespace.is_some() {
                    let pod = container.pod.get_or_insert_default();
                    (pod.name, pod.namespace) = (text(pod_name), text(pod_namespace));
                }
                return;
            }
            Ok(None) => "no runtime knows this container, or not any more",
            Err(reason) => reason,
        };
        event.missing.push(Missing { field: "container.name".into(), reason: reason.into() });
    }
}

/// Adds the names of an event's users and groups.
fn name_accounts<'a>(accounts: &'a Cache<Id, Box<str>>, event: &mut Event<'a>) {
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

/// Adds the names of the functions on an event's stacks.
fn name_functions<'a>(stacks: &'a Cache<Asked, Stack<'static>>, event: &mut Event<'a>) {
    let Some(asked) = Asked::new(event) else { return };
    match stacks.get(&asked) {
        Ok(Some(named)) => event.stack = Some(named.borrowed()),
        Ok(None) => {}
        Err(reason) => {
            event.missing.push(Missing { field: "stack.function".into(), reason: reason.into() });
        }
    }
}

async fn answered<K: Clone + Eq + std::hash::Hash, V>(cache: Option<&mut Cache<K, V>>) {
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

/// Takes the path of the process's cgroup out of an event, so that [`locate`] can borrow from it.
pub fn cgroup_path<'a>(event: &mut Event<'a>) -> Option<Text<'a>> {
    event.process.cgroup.as_mut()?.path.take()
}

/// Puts the path of the process's cgroup back, and adds what it shows, which borrows from it: nothing is copied.
pub fn locate<'a>(event: &mut Event<'a>, path: Option<&'a str>) {
    let Some(path) = path else { return };
    if let Some(cgroup) = &mut event.process.cgroup {
        cgroup.path = Some(Cow::Borrowed(path));
    }
    (event.unit, event.container) = cgroup::read(path);
    if !path.starts_with('/') {
        event.missing.push(Missing {
            field: "unit".into(),
            reason: "the start of the cgroup's path is missing".into(),
        });
    }
}
