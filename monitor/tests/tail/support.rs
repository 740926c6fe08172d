//! A server with its socket and history in a folder, fed by the test.

use std::{num::NonZeroUsize, path::PathBuf, sync::Arc, time::Duration};

use monitor::{
    event::Event,
    format::Format,
    output::{Encoding, Hub, OutputCounts},
    tail::{
        explain::Explainer,
        server::{self, ClientCounts, Options, Running, Services},
    },
};
use monitor_api::{
    client::{Client, Read},
    protocol::{Control, End, Line, Request},
};
use monitor_explain::place::Place;
use tempfile::TempDir;

pub(crate) const EVENT: &str = include_str!("../golden/selinux_file.json");

pub(crate) struct Daemon {
    pub folder: Arc<TempDir>,
    pub running: Running,
    pub clients: Arc<ClientCounts>,
    pub counts: Arc<OutputCounts>,
    hub: Option<Hub>,
}

impl Daemon {
    pub(crate) fn start() -> Self {
        Self::start_with(|_| {})
    }

    /// A server with few places and little room.
    pub(crate) fn start_with(change: impl FnOnce(&mut Options)) -> Self {
        Self::start_in(Arc::new(tempfile::tempdir().unwrap()), change)
    }

    pub(crate) fn start_in(folder: Arc<TempDir>, change: impl FnOnce(&mut Options)) -> Self {
        let explainer = Some(Explainer::new(Place::default));
        Self::start_as(folder, change, Services { explainer, ..Services::default() })
    }

    /// A server that has only these services.
    pub(crate) fn start_with_services(services: Services) -> Self {
        Self::start_as(Arc::new(tempfile::tempdir().unwrap()), |_| {}, services)
    }

    fn start_as(folder: Arc<TempDir>, change: impl FnOnce(&mut Options), services: Services) -> Self {
        let mut options = Options {
            socket: folder.path().join("denyd.sock"),
            group: None,
            clients: NonZeroUsize::new(4).unwrap(),
            memory: 1 << 20,
            disk: None,
        };
        change(&mut options);
        let mut hub = Hub::default();
        let lines = hub.add("tail", &Encoding::Line(Format::Json), None, 1 << 16);
        let counts = Arc::clone(&lines.counts);
        let opened = server::open(&options, None).unwrap();
        let clients = opened.clients();
        let running = opened.start(lines, services).unwrap();
        Self { folder, running, clients, counts, hub: Some(hub) }
    }

    pub(crate) fn socket(&self) -> PathBuf {
        self.folder.path().join("denyd.sock")
    }

    pub(crate) fn history(&self) -> PathBuf {
        self.folder.path().join("history")
    }

    /// Sends events of these processes, and waits until the server has them.
    pub(crate) fn send(&mut self, pids: impl IntoIterator<Item = u32>) {
        let hub = self.hub.as_mut().unwrap();
        let mut event: Event<'_> = serde_json::from_str(EVENT).unwrap();
        for pid in pids {
            event.process.pid = Some(pid);
            event.time = jiff::Timestamp::from_second(i64::from(pid)).unwrap();
            hub.send(&event);
        }
        until(|| self.counts.written() == self.counts.received());
    }

    pub(crate) fn ask(&self, request: &Request) -> Client {
        Client::connect(&self.socket(), request).unwrap()
    }

    /// Ends it as a daemon ends: no more events come.
    pub(crate) fn stop(mut self) -> Arc<TempDir> {
        drop(self.hub.take());
        self.running.ended.blocking_recv().unwrap();
        self.folder
    }
}

/// All that was, and with `follow` what comes.
pub(crate) fn request(follow: bool) -> Request {
    Request { follow, ..Request::default() }
}

/// What a client was sent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Sent {
    Pid(u32),
    Lost(u64),
    Interrupted,
    Current,
    End(End),
    Closed,
}

pub(crate) fn next(client: &mut Client) -> Sent {
    match client.read().unwrap() {
        Read::Line(Line::Control(Control::At(_))) => next(client),
        Read::Line(Line::Control(Control::Interrupted)) => Sent::Interrupted,
        Read::Line(Line::Event(line)) => {
            let event: Event<'_> = serde_json::from_slice(line).unwrap();
            Sent::Pid(event.process.pid.unwrap())
        }
        Read::Line(Line::Control(Control::Lost(count))) => Sent::Lost(count),
        Read::Line(Line::Control(Control::Current)) => Sent::Current,
        Read::Line(Line::Control(Control::End(end))) => Sent::End(end),
        Read::Line(Line::Control(other)) => panic!("{other:?}"),
        Read::Closed => Sent::Closed,
        Read::Quiet => panic!("it has no patience"),
    }
}

/// All that comes until the connection ends.
pub(crate) fn rest(client: &mut Client) -> Vec<Sent> {
    std::iter::from_fn(|| Some(next(client)).filter(|sent| *sent != Sent::Closed)).collect()
}

pub(crate) fn pids(pids: impl IntoIterator<Item = u32>) -> Vec<Sent> {
    pids.into_iter().map(Sent::Pid).collect()
}

/// Waits for something that another thread does. Whoever waits for ever is ended by the test's time limit.
pub(crate) fn until(mut done: impl FnMut() -> bool) {
    while !done() {
        std::thread::yield_now();
    }
}

/// Longer than anything here takes.
pub(crate) const LONG: Duration = Duration::from_mins(1);
