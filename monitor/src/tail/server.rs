//! The daemon's side: an output that keeps the newest events and sends them to clients.
//!
//! It has a thread of its own. What comes from the hub goes into the bounded [`History`] at once, from which each
//! client reads as fast as it can. A client that is too slow is told how many events it lost, and holds up nobody.

use std::{
    io,
    num::NonZeroUsize,
    os::unix::net::UnixListener as StdListener,
    path::PathBuf,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
    thread,
    time::Duration,
};

use monitor_api::{
    protocol::{Control, End, Hello, REQUEST_MAX, Reason, Refusal, Request, StatusRequest, VERSION},
    snapshot::ClientsNow,
};
use rustix::process::geteuid;
use tokio::{
    io::{
        AsyncBufRead, AsyncBufReadExt as _, AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _,
        BufReader,
    },
    net::{UnixListener, UnixStream},
    runtime,
    sync::{OwnedSemaphorePermit, Semaphore, oneshot},
    task::JoinSet,
    time::{sleep, timeout},
};

use super::{
    explain::{self, Explainer},
    history::{History, Judgement, Keeper, Wanted},
    peer::{Admission, Peer},
    segments::HistoryError,
    socket::{self, Listening, Name, SocketError},
    status::Status,
};
use crate::{
    event::SCHEMA_VERSION,
    ledger::OutputMark,
    output::{Lines, OutputCounts},
};

/// How long a client has for its request.
const REQUEST_LIMIT: Duration = Duration::from_secs(10);
/// How long clients have for what is left when denyd ends.
const DRAIN_LIMIT: Duration = Duration::from_secs(1);
/// How long to wait when connections can't be accepted, as when no file descriptor is left.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);
/// Lines taken from the hub at once.
const BATCH: usize = 512;
/// Lines that are passed over before a client is told where its events are now.
const SILENCE: u64 = 4096;
/// Lines judged for one client before another gets its turn.
pub(super) const TURN: usize = 128;

/// How clients are served.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Options {
    /// The socket.
    pub socket: PathBuf,
    /// The group whose members may listen, beside root and denyd's own user.
    pub group: Option<u32>,
    /// Clients at once, at most.
    pub clients: NonZeroUsize,
    /// Bytes of events kept in memory.
    pub memory: usize,
    /// Where on disk events are kept, and how many bytes of them at most.
    pub disk: Option<(PathBuf, u64)>,
}

/// Why clients can't be served.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// There is no socket.
    #[error(transparent)]
    Socket(#[from] SocketError),
    /// There is no history on disk.
    #[error(transparent)]
    History(#[from] HistoryError),
    /// There is no thread.
    #[error("cannot serve clients: {0}: raise the limits of threads and open files")]
    Thread(#[source] io::Error),
}

/// What is counted of clients.
#[derive(Debug, Default)]
pub struct ClientCounts {
    /// Clients served now.
    pub connected: AtomicU64,
    /// Clients served so far.
    pub accepted: AtomicU64,
    /// Clients that were refused.
    pub refused: AtomicU64,
    /// Events that clients lost, being too slow.
    pub lost: AtomicU64,
}

impl ClientCounts {
    /// All of them, now.
    #[must_use]
    pub fn now(&self) -> ClientsNow {
        ClientsNow {
            connected: self.connected.load(Relaxed),
            accepted: self.accepted.load(Relaxed),
            refused: self.refused.load(Relaxed),
            lost: self.lost.load(Relaxed),
        }
    }
}

/// What clients may have beside events.
#[derive(Clone, Debug, Default)]
pub struct Services {
    /// The status.
    pub status: Option<Status>,
    /// Findings.
    pub explainer: Option<Explainer>,
}

/// Clients are being served.
#[derive(Debug)]
pub struct Running {
    /// What became of the events in the history on disk, if there is one.
    pub history: Option<Arc<OutputCounts>>,
    /// Ready when all is written and sent that can be, after the hub was dropped.
    pub ended: oneshot::Receiver<()>,
}

/// The socket and the history, open.
#[derive(Debug)]
pub struct Opened {
    listener: StdListener,
    /// The socket's name, if it has one in the file system.
    name: Option<Name>,
    history: Arc<History>,
    keeper: Option<Keeper>,
    clients: Arc<ClientCounts>,
    group: Option<u32>,
    limit: NonZeroUsize,
}

/// Opens the socket and the history's folder, after which privileges may be dropped. What is written to the history is
/// marked, if there is a mark.
///
/// # Errors
///
/// If one of them can't be had.
pub fn open(options: &Options, mark: Option<OutputMark>) -> Result<Opened, StartError> {
    let Options { socket, group, clients, memory, disk } = options;
    let listening = socket::listen(socket, *group)?;
    let (history, keeper) = match disk {
        Some((folder, bytes)) => {
            let (history, keeper) = History::on_disk(folder, *bytes, *memory, mark)?;
            (history, Some(keeper))
        }
        None => (History::in_memory(*memory), None),
    };
    let Listening { listener, name } = listening;
    let (history, name) = (Arc::new(history), Some(name));
    Ok(Opened { listener, name, history, keeper, clients: Arc::default(), group: *group, limit: *clients })
}

impl Opened {
    /// A socket that somebody else has opened, for root and this process's own user, and a history in memory.
    #[must_use]
    pub fn inherited(listener: StdListener, history: Arc<History>, limit: NonZeroUsize) -> Self {
        Self { listener, name: None, history, keeper: None, clients: Arc::default(), group: None, limit }
    }

    /// Where the history on disk marks what it has written, if there is one and it does.
    #[must_use]
    pub fn mark(&self) -> Option<OutputMark> {
        self.keeper.as_ref().and_then(Keeper::mark)
    }

    /// What is counted of clients.
    #[must_use]
    pub fn clients(&self) -> Arc<ClientCounts> {
        Arc::clone(&self.clients)
    }

    /// Starts to serve clients with these lines, and with what there is beside them.
    ///
    /// # Errors
    ///
    /// If there is no thread for it.
    pub fn start(self, lines: Lines, services: Services) -> Result<Running, StartError> {
        let Self { listener, name, history, keeper, clients, group, limit } = self;
        let runtime =
            runtime::Builder::new_current_thread().enable_all().build().map_err(StartError::Thread)?;
        let listener = {
            let _guard = runtime.enter();
            UnixListener::from_std(listener).map_err(StartError::Thread)?
        };
        let (sender, ended) = oneshot::channel();
        let running = Running { history: keeper.as_ref().map(|keeper| Arc::clone(&keeper.counts)), ended };
        let kept = keeper.map(|keeper| keeper.start(Arc::clone(&history), runtime.handle().clone()));
        let kept = kept.transpose().map_err(StartError::Thread)?;
        let server = Server { history, services, clients, group, limit };
        let run = move || {
            runtime.block_on(server.run(lines, kept, listener, name));
            // A disk that hangs must not keep denyd from ending.
            runtime.shutdown_background();
            // Nobody may wait for it.
            let _unwanted = sender.send(());
        };
        thread::Builder::new().name("tail".to_owned()).spawn(run).map_err(StartError::Thread)?;
        Ok(running)
    }
}

struct Server {
    history: Arc<History>,
    services: Services,
    clients: Arc<ClientCounts>,
    group: Option<u32>,
    limit: NonZeroUsize,
}

impl Server {
    /// Serves until no more lines come. `kept` is ready when all of them are on disk.
    async fn run(
        self,
        lines: Lines,
        kept: Option<oneshot::Receiver<()>>,
        listener: UnixListener,
        name: Option<Name>,
    ) {
        let mut clients = JoinSet::new();
        tokio::select! {
            () = take_in(lines, &self.history) => {}
            () = self.accept(&listener, &mut clients) => {}
        }
        // Nobody can come any more; what is there is written and sent.
        drop((listener, name));
        let rest = async {
            if let Some(kept) = kept {
                // Fails only if writing panicked.
                let _ended = kept.await;
            }
            while clients.join_next().await.is_some() {}
        };
        if timeout(DRAIN_LIMIT, rest).await.is_err() {
            tracing::debug!("clients or the disk were too slow for the last events");
        }
    }

    /// Serves whoever comes. Never ends.
    async fn accept(&self, listener: &UnixListener, clients: &mut JoinSet<()>) {
        let places = Arc::new(Semaphore::new(self.limit.get()));
        loop {
            let accepted = tokio::select! {
                accepted = listener.accept() => accepted,
                Some(_) = clients.join_next() => continue,
            };
            let stream = match accepted {
                Ok((stream, _)) => stream,
                Err(error) => {
                    tracing::debug!(%error, "a connection could not be accepted");
                    sleep(ACCEPT_PAUSE).await;
                    continue;
                }
            };
            match self.admit(&stream, &places) {
                Ok(place) => {
                    self.clients.accepted.fetch_add(1, Relaxed);
                    let guest = Guest::new(Arc::clone(&self.clients), place);
                    let (history, services) = (Arc::clone(&self.history), self.services.clone());
                    clients.spawn(async move {
                        let counts = Arc::clone(&guest.counts);
                        let (reader, writer) = stream.into_split();
                        // How it ended is the client's business.
                        let _told = serve(reader, writer, &history, &services, Some(&counts)).await;
                        drop(guest);
                    });
                }
                Err(refusal) => {
                    self.clients.refused.fetch_add(1, Relaxed);
                    // A new connection has room for it; if not, the client sees that it is closed.
                    let _told = stream.try_write(&Control::Error(refusal).line());
                }
            }
        }
    }

    /// A place, if this one may have one and there is one.
    fn admit(&self, stream: &UnixStream, places: &Arc<Semaphore>) -> Result<OwnedSemaphorePermit, Refusal> {
        let admission = Admission { user: geteuid().as_raw(), group: self.group };
        let peer = Peer::from_socket(stream).map_err(|error| Refusal {
            reason: Reason::NotAllowed,
            message: format!("denyd can't tell who you are: {error}"),
        })?;
        if !admission.admits(&peer) {
            let message = "only root and members of the group denyd may see denials: run it as root, or have yourself \
                           added to the group (usermod -aG denyd USER) and log in again";
            return Err(Refusal { reason: Reason::NotAllowed, message: message.to_owned() });
        }
        Arc::clone(places).try_acquire_owned().map_err(|_| Refusal {
            reason: Reason::Busy,
            message: format!(
                "{} clients are connected, which is the limit: end one of them, or raise the limit in denyd's \
                 configuration",
                self.limit
            ),
        })
    }
}

/// A client's place, which it leaves when dropped.
struct Guest {
    counts: Arc<ClientCounts>,
    _place: OwnedSemaphorePermit,
}

impl Guest {
    fn new(counts: Arc<ClientCounts>, place: OwnedSemaphorePermit) -> Self {
        counts.connected.fetch_add(1, Relaxed);
        Self { counts, _place: place }
    }
}

impl Drop for Guest {
    fn drop(&mut self) {
        self.counts.connected.fetch_sub(1, Relaxed);
    }
}

/// Takes lines into the history until no more come.
pub async fn take_in(mut lines: Lines, history: &History) {
    let mut batch = Vec::with_capacity(BATCH);
    loop {
        let count = lines.queue.recv_many(&mut batch, BATCH).await;
        if count == 0 {
            history.recent.close();
            return;
        }
        history.recent.push(batch.drain(..));
        lines.counts.write(count as u64);
    }
}

/// Serves one client until it has all that it asked for, it goes, or no more events come.
///
/// # Errors
///
/// If the client can't be read from or written to.
pub async fn serve(
    reader: impl AsyncRead + Unpin,
    mut writer: impl AsyncWrite + Unpin,
    history: &Arc<History>,
    services: &Services,
    counts: Option<&ClientCounts>,
) -> io::Result<()> {
    let mut reader = BufReader::new(reader);
    let asked = match timeout(REQUEST_LIMIT, read_request(&mut reader)).await {
        Ok(asked) => asked?,
        Err(_) => Err(bad(format!("no request came in {} s", REQUEST_LIMIT.as_secs()))),
    };
    let asked = asked.and_then(|request| {
        let selector = request.selection.compile().map_err(|error| bad(error.to_string()))?;
        Ok((Wanted { selector, since: request.since, until: request.until }, request))
    });
    let (wanted, request) = match asked {
        Ok(asked) => asked,
        Err(refusal) => {
            writer.write_all(&Control::Error(refusal).line()).await?;
            return writer.shutdown().await;
        }
    };
    let hello = Hello {
        version: VERSION,
        denyd: env!("CARGO_PKG_VERSION").to_owned(),
        schema: SCHEMA_VERSION,
        boot: history.boot().to_owned(),
    };
    writer.write_all(&Control::Hello(hello).line()).await?;
    let send = async {
        match &request.status {
            Some(asked) => send_status(&mut writer, services.status.as_ref(), asked).await,
            None if request.explain => {
                let explainer = services.explainer.as_ref();
                explain::send(&mut writer, history, wanted, &request, explainer).await
            }
            None => send(&mut writer, history, wanted, &request, counts).await,
        }
    };
    tokio::select! {
        sent = send => sent?,
        // It needs nothing more from us.
        () = gone(&mut reader) => {}
    }
    writer.shutdown().await
}

pub(super) fn bad(message: String) -> Refusal {
    Refusal { reason: Reason::BadRequest, message }
}

/// Reads the request's line.
async fn read_request(reader: &mut (impl AsyncBufRead + Unpin)) -> io::Result<Result<Request, Refusal>> {
    let mut line = Vec::new();
    reader.take(REQUEST_MAX as u64).read_until(b'\n', &mut line).await?;
    Ok(match line.last() {
        Some(b'\n') => Request::parse(&line),
        _ if line.len() == REQUEST_MAX => Err(bad(format!("the request is longer than {REQUEST_MAX} bytes"))),
        _ => Err(bad("the request's line does not end".to_owned())),
    })
}

/// Waits until the client closes its end. What it sends until then is of no interest.
async fn gone(reader: &mut (impl AsyncRead + Unpin)) {
    let mut nothing = [0; 512];
    while let Ok(1..) = reader.read(&mut nothing).await {}
}

async fn send_status(
    writer: &mut (impl AsyncWrite + Unpin),
    status: Option<&Status>,
    asked: &StatusRequest,
) -> io::Result<()> {
    let now = match status {
        Some(status) => status.tell(asked).await,
        None => None,
    };
    let last = match now {
        Some(now) => {
            writer.write_all(&Control::Status(Box::new(now)).line()).await?;
            Control::End(End::Done)
        }
        None => Control::Error(bad("there is no status here: ask the daemon".to_owned())),
    };
    writer.write_all(&last.line()).await
}

/// Where a reader has to start; none, if the place that was asked for is of another history.
pub(super) async fn first_wanted(history: &Arc<History>, wanted: &Wanted, request: &Request) -> Option<u64> {
    if let Some(from) = &request.from {
        return history.resume(from);
    }
    let (reading, wanted, last) = (Arc::clone(history), wanted.clone(), request.last);
    let start = tokio::task::spawn_blocking(move || reading.start(&wanted, last)).await;
    // It fails only if it panics; then there is no history.
    Some(start.unwrap_or_else(|_| history.recent.news().borrow().next))
}

async fn send(
    writer: &mut (impl AsyncWrite + Unpin),
    history: &Arc<History>,
    wanted: Wanted,
    request: &Request,
    counts: Option<&ClientCounts>,
) -> io::Result<()> {
    let mut news = history.recent.news();
    let end = news.borrow_and_update().next;
    let mut buffer = Vec::new();
    let start = first_wanted(history, &wanted, request).await.unwrap_or_else(|| {
        buffer.extend_from_slice(&Control::Interrupted.line());
        history.origin()
    });
    let mut cursor = history.reader(start.min(end));
    let mut place = Place { told: None };
    place.tell(&mut buffer, cursor.number());
    let mut current = false;
    loop {
        let until = if request.follow && current { u64::MAX } else { end };
        let (mut lost, chunk) = cursor.read(until).await;
        let mut number = chunk.first;
        for lines in chunk.lines.chunks(TURN) {
            for line in lines {
                match wanted.judge(line) {
                    Judgement::Wanted => {
                        tell_lost(&mut buffer, &mut lost, counts);
                        place.tell(&mut buffer, number);
                        buffer.extend_from_slice(line);
                        place.told = Some(number + 1);
                    }
                    Judgement::Unwanted => {}
                    Judgement::Unreadable => lost += 1,
                }
                number += 1;
            }
            tokio::task::yield_now().await;
        }
        tell_lost(&mut buffer, &mut lost, counts);
        let is_last = !current && cursor.number() >= end;
        if is_last || place.told.is_none_or(|told| cursor.number() - told >= SILENCE) {
            place.tell(&mut buffer, cursor.number());
        }
        writer.write_all(&buffer).await?;
        buffer.clear();
        if is_last {
            if !request.follow {
                return writer.write_all(&Control::End(End::Done).line()).await;
            }
            current = true;
            writer.write_all(&Control::Current.line()).await?;
        } else if chunk.lines.is_empty() {
            let latest = *news.borrow_and_update();
            if latest.closed && cursor.number() >= latest.next {
                return writer.write_all(&Control::End(End::Stopping).line()).await;
            }
            if cursor.number() >= latest.next {
                // Its sender is the history's.
                let _there = news.changed().await;
            }
        }
    }
}

/// What a client knows of the number of the event that comes next.
struct Place {
    told: Option<u64>,
}

impl Place {
    /// Says which it is, if the client would take it for another.
    fn tell(&mut self, buffer: &mut Vec<u8>, number: u64) {
        if self.told != Some(number) {
            buffer.extend_from_slice(&Control::At(number).line());
            self.told = Some(number);
        }
    }
}

/// Says how many events are gone at this place.
fn tell_lost(buffer: &mut Vec<u8>, lost: &mut u64, counts: Option<&ClientCounts>) {
    let lost = std::mem::take(lost);
    if lost > 0 {
        if let Some(counts) = counts {
            counts.lost.fetch_add(lost, Relaxed);
        }
        buffer.extend_from_slice(&Control::Lost(lost).line());
    }
}
