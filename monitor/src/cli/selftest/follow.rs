//! What the daemon shows over its socket: the events, and its status.

use std::time::{Duration, Instant};

use jiff::Timestamp;
use monitor_api::{
    client::{Client, ClientError, Read},
    protocol::{Control, Line, Request, StatusNow, StatusRequest},
    snapshot::SourceState,
};
use monitor_event::selection::Selection;

use crate::{
    cli::{failure::Failure, listen::Source},
    event::{Event, Kind, Module},
    source,
};

/// The source that sees a module's denials where they are logged.
pub(super) fn source_of(module: Module) -> &'static str {
    let logged =
        |source: &&source::Source| source.module == module && !source.silent && source.kind == Kind::Denial;
    // The first is the kernel's; what object managers refuse comes later. Every module has one.
    source::ALL.iter().find(logged).map_or(module.name(), |source| source.name)
}

/// Each source's state.
pub(super) fn states(source: &Source, wait: Duration) -> Result<Vec<(String, SourceState)>, Failure> {
    if let Source::Watcher(watcher) = source {
        return Ok(watcher.states.clone());
    }
    let status = status(source, StatusRequest::default(), wait)?;
    let sources = status.into_iter().flat_map(|status| status.now.sources);
    Ok(sources.map(|source| (source.name, source.state)).collect())
}

/// The daemon's status; none without a daemon. The daemon has `wait` for it, beside the time that it is asked to wait.
pub(super) fn status(
    source: &Source,
    request: StatusRequest,
    wait: Duration,
) -> Result<Option<StatusNow>, Failure> {
    if !matches!(source, Source::Daemon(_)) {
        return Ok(None);
    }
    let asked = request.settle_ms.map_or(Duration::ZERO, |ms| Duration::from_millis(ms.into()));
    let client = source.ask(&Request::status(request))?;
    client.set_patience(Some(wait + asked)).map_err(Failure::Runtime)?;
    Ok(Some(client.status()?))
}

/// Follows the events of a module.
pub(super) struct Follower {
    client: Client,
    module: Module,
}

/// What came.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Arrival {
    /// The event.
    Event {
        /// So long after the refusal.
        delay: Duration,
        /// As it came.
        line: Vec<u8>,
    },
    /// Nothing in time.
    Nothing,
}

impl Follower {
    /// Events from now on.
    pub(super) fn new(source: &Source, module: Module) -> Result<Self, Failure> {
        let client = source.ask(&Request {
            selection: Selection { module: vec![module], ..Selection::default() },
            last: Some(0),
            follow: true,
            ..Request::default()
        })?;
        let mut follower = Self { client, module };
        // From this line on no event is missed.
        while !matches!(follower.client.read()?, Read::Line(Line::Control(Control::Current)) | Read::Closed) {
        }
        Ok(follower)
    }

    /// Waits for the event of this process.
    pub(super) fn event(&mut self, pid: u32, wait: Duration) -> Result<Arrival, Failure> {
        let end = Instant::now() + wait;
        loop {
            let left = end.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return Ok(Arrival::Nothing);
            }
            self.client.set_patience(Some(left)).map_err(Failure::Runtime)?;
            match self.client.read()? {
                Read::Line(Line::Event(line)) => {
                    let Ok(event) = serde_json::from_slice::<Event<'_>>(line) else { continue };
                    if event.process.pid == Some(pid)
                        && event.module == self.module
                        && event.kind == Kind::Denial
                    {
                        let delay = Timestamp::now().duration_since(event.time);
                        let delay = delay.try_into().unwrap_or_default();
                        return Ok(Arrival::Event { delay, line: line.to_owned() });
                    }
                }
                Read::Line(Line::Control(Control::Error(refusal))) => {
                    return Err(ClientError::Refused(refusal).into());
                }
                Read::Line(Line::Control(_)) => {}
                Read::Quiet => return Ok(Arrival::Nothing),
                Read::Closed => {
                    return Err(ClientError::Io(std::io::ErrorKind::ConnectionReset.into()).into());
                }
            }
        }
    }
}
