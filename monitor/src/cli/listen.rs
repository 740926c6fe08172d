//! Where `tail` and `top` get their events from: the daemon, or a watch of their own.

use std::{
    io,
    os::unix::net::UnixStream,
    path::PathBuf,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicBool, Ordering::Relaxed},
    },
    thread,
};

use clap::Args;
use monitor_api::{
    client::{Client, ClientError, Closer},
    protocol::Request,
};
use monitor_explain::place::Place;
use rustix::process::Signal;
use tokio::signal::unix::{SignalKind, signal};

use super::{alone::Watcher, failure::Failure, say};
use crate::{
    kernel::KernelError,
    tail::{
        self,
        explain::Explainer,
        history::History,
        server::{self, Services},
    },
};

/// Bytes of events kept in memory when there is no daemon.
const MEMORY: usize = 16 << 20;

/// Where to listen.
#[derive(Debug, Args)]
pub(super) struct Listen {
    /// Socket of the daemon.
    #[arg(long, value_name = "PATH", default_value = tail::SOCKET)]
    socket: PathBuf,

    /// Folder of the daemon's history, read if no daemon is running.
    #[arg(long, value_name = "FOLDER", default_value = tail::HISTORY)]
    history: PathBuf,
}

/// Where events come from.
pub(super) enum Source {
    /// A daemon that listens there.
    Daemon(PathBuf),
    /// A child of this process.
    Watcher(Watcher),
    /// What a daemon has left on disk.
    Left(Arc<History>),
}

impl Listen {
    /// The daemon, if one listens; else what it left on disk, and with `watch` what happens now.
    pub(super) fn open(&self, watch: bool, silent: bool) -> Result<Source, Failure> {
        match UnixStream::connect(&self.socket) {
            Ok(_) => return Ok(Source::Daemon(self.socket.clone())),
            Err(error) if error.kind() == io::ErrorKind::PermissionDenied => {
                return Err(ClientError::NotAllowed(self.socket.clone()).into());
            }
            Err(error)
                if matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::ConnectionRefused) => {}
            Err(error) => return Err(ClientError::Io(error).into()),
        }
        if watch {
            let watcher = Watcher::start(&self.history, MEMORY, silent).map_err(|error| match error {
                Failure::Kernel(KernelError::NotPrivileged) => Failure::NoDaemon(self.socket.clone()),
                other => other,
            })?;
            say("no daemon found; watching from this process");
            return Ok(Source::Watcher(watcher));
        }
        let Ok(history) = History::left_in(&self.history, MEMORY) else {
            return Err(Failure::NoHistory { socket: self.socket.clone(), history: self.history.clone() });
        };
        history.recent.close();
        say("no daemon found; showing its saved history");
        Ok(Source::Left(Arc::new(history)))
    }
}

impl Source {
    /// Asks for events.
    pub(super) fn ask(&self, request: &Request) -> Result<Client, Failure> {
        match self {
            Self::Daemon(socket) => Ok(Client::connect(socket, request)?),
            Self::Watcher(watcher) => Ok(Client::ask(watcher.connect().map_err(Failure::Runtime)?, request)?),
            Self::Left(history) => {
                let (ours, theirs) = UnixStream::pair().map_err(Failure::Runtime)?;
                let history = Arc::clone(history);
                let serve = move || serve(ours, &history);
                thread::Builder::new().name("serve".to_owned()).spawn(serve).map_err(Failure::Runtime)?;
                Ok(Client::ask(theirs, request)?)
            }
        }
    }

    /// Whether it may come back after it has ended.
    pub(super) fn may_return(&self) -> bool {
        matches!(self, Self::Daemon(_))
    }
}

/// Serves the one client of this process.
fn serve(stream: UnixStream, history: &Arc<History>) {
    let served = || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        runtime.block_on(async {
            stream.set_nonblocking(true)?;
            let (reader, writer) = tokio::net::UnixStream::from_std(stream)?.into_split();
            let services = Services { explainer: Some(Explainer::new(Place::here)), ..Services::default() };
            server::serve(reader, writer, history, &services, None).await
        })
    };
    // The client sees that the connection is closed.
    if let Err(error) = served() {
        tracing::debug!(%error, "events could not be served");
    }
}

/// What a signal closes.
static OPEN: Mutex<Option<Closer>> = Mutex::new(None);
static STOPPED: AtomicBool = AtomicBool::new(false);

/// Whether SIGINT or SIGTERM came.
pub(super) fn was_stopped() -> bool {
    STOPPED.load(Relaxed)
}

/// Ends this connection when SIGINT or SIGTERM comes, so that what is counted but not shown yet is shown. A second one
/// ends the process at once.
pub(super) fn close_on_signal(closer: Closer) -> Result<(), Failure> {
    let first = OPEN.lock().unwrap_or_else(PoisonError::into_inner).replace(closer).is_none();
    if !first {
        return Ok(());
    }
    let runtime =
        tokio::runtime::Builder::new_current_thread().enable_all().build().map_err(Failure::Runtime)?;
    let (mut interrupt, mut terminate) = {
        let _guard = runtime.enter();
        let signals =
            signal(SignalKind::interrupt()).and_then(|one| Ok((one, signal(SignalKind::terminate())?)));
        signals.map_err(Failure::Runtime)?
    };
    let wait = move || {
        runtime.block_on(async {
            loop {
                tokio::select! {
                    _ = interrupt.recv() => {}
                    _ = terminate.recv() => {}
                }
                if STOPPED.swap(true, Relaxed) {
                    // Whatever hangs, such as a full pipe, is not waited for. A process may kill itself.
                    _ = rustix::process::kill_process(rustix::process::getpid(), Signal::KILL);
                }
                if let Some(closer) = &*OPEN.lock().unwrap_or_else(PoisonError::into_inner) {
                    closer.close();
                }
            }
        });
    };
    thread::Builder::new().name("signals".to_owned()).spawn(wait).map_err(Failure::Runtime)?;
    Ok(())
}
