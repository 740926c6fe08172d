//! The HTTP endpoint: `/metrics` for Prometheus, `/status` for `denyd status`, `/healthz`, and a page that names them.
//!
//! It runs in a thread of its own, so that a scrape never keeps the reader of denials waiting. It listens on loopback
//! unless told otherwise; TLS, client certificates and passwords are set as for Prometheus's own exporters
//! ([`access`]). Connections are bounded in number and time.

pub mod access;
mod password;
mod respond;

use std::{
    io,
    net::{SocketAddr, TcpListener as StdListener},
    path::PathBuf,
    sync::Arc,
    thread,
    time::Duration,
};

use hyper::{server::conn::http1, service::service_fn};
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::{
    io::{AsyncRead, AsyncWrite},
    net::{TcpListener, TcpStream},
    sync::{Semaphore, watch},
    time::timeout,
};
use tokio_rustls::TlsAcceptor;

use self::{
    access::{Access, AccessError},
    respond::Responder,
};
use super::{Config, Metrics};

/// How long a client may take for TLS's handshake, and for the head of a request.
const HEAD_LIMIT: Duration = Duration::from_secs(5);
/// How long a connection may live. Prometheus makes a new one then.
const CONNECTION_LIMIT: Duration = Duration::from_mins(5);
/// Bytes of a request's head, at most.
const HEAD_BYTES: usize = 16 << 10;

/// Why the endpoint can't be had.
#[derive(Debug, thiserror::Error)]
pub enum WebError {
    /// Another program has the port, or denyd may not have it.
    #[error("cannot serve metrics on {address}: {error}: {advice}")]
    Listen {
        /// Where.
        address: SocketAddr,
        /// Why.
        error: io::Error,
        /// What to do.
        advice: &'static str,
    },
    /// systemd handed over something else than a socket that listens.
    #[error("cannot use the socket that systemd handed over: {0}: see ListenStream= in denyd's socket unit")]
    Activation(io::Error),
    /// The web configuration is wrong.
    #[error(transparent)]
    Access(#[from] AccessError),
    /// The thread can't be started.
    #[error("cannot start the thread that serves metrics: {0}: raise the limit of processes")]
    Thread(io::Error),
}

/// An endpoint that listens and does not answer yet.
#[derive(Debug)]
pub struct Web {
    listener: StdListener,
    access: Access,
    rules: Option<PathBuf>,
    max_connections: usize,
}

/// An endpoint that answers, until this is dropped.
#[derive(Debug)]
pub struct Serving {
    address: SocketAddr,
    access: watch::Sender<Arc<Access>>,
    rules: Option<PathBuf>,
}

impl Web {
    /// Listens, and reads keys and passwords, which may take privileges that denyd gives up later.
    ///
    /// # Errors
    ///
    /// If the address can't be had or the web configuration is wrong.
    pub fn bind(config: &Config) -> Result<Self, WebError> {
        let access = config.web_config.as_deref().map(Access::read).transpose()?.unwrap_or_default();
        let listener = match handed_over().map_err(WebError::Activation)? {
            Some(listener) => listener,
            None => StdListener::bind(config.listen).map_err(|error| WebError::Listen {
                address: config.listen,
                advice: advice(&error),
                error,
            })?,
        };
        listener.set_nonblocking(true).map_err(WebError::Activation)?;
        let max_connections = config.max_connections;
        Ok(Self { listener, access, rules: config.web_config.clone(), max_connections })
    }

    /// Answers, in a thread of its own.
    ///
    /// # Errors
    ///
    /// If the thread can't be started.
    pub fn serve(self, metrics: Arc<Metrics>) -> Result<Serving, WebError> {
        let runtime =
            tokio::runtime::Builder::new_current_thread().enable_all().build().map_err(WebError::Thread)?;
        let address = self.listener.local_addr().map_err(WebError::Thread)?;
        let (access, current) = watch::channel(Arc::new(self.access));
        let max_connections = self.max_connections;
        let listener = {
            let _guard = runtime.enter();
            TcpListener::from_std(self.listener).map_err(WebError::Thread)?
        };
        thread::Builder::new()
            .name("metrics".to_owned())
            .spawn(move || {
                runtime.block_on(accept(listener, current, metrics, max_connections));
                // A password may still be compared; the process's end ends it.
                runtime.shutdown_background();
            })
            .map_err(WebError::Thread)?;
        Ok(Serving { address, access, rules: self.rules })
    }
}

impl Serving {
    /// Where it listens.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Reads keys and passwords anew. Connections that are open stay as they are.
    ///
    /// # Errors
    ///
    /// If the web configuration is wrong, or can't be read any more; then the old one stays in force.
    pub fn reload(&self) -> Result<(), AccessError> {
        if let Some(path) = &self.rules {
            self.access.send_replace(Arc::new(Access::read(path)?));
        }
        Ok(())
    }
}

/// The socket that systemd listens on for denyd (`LISTEN_FDS`), if it does. Sockets that are no TCP sockets are for others.
fn handed_over() -> io::Result<Option<StdListener>> {
    let mut sockets = listenfd::ListenFd::from_env();
    let mut wrong = None;
    for index in 0..sockets.len() {
        match sockets.take_tcp_listener(index) {
            Ok(Some(listener)) => return Ok(Some(listener)),
            Ok(None) => {}
            Err(error) => wrong = Some(error),
        }
    }
    match wrong {
        // The only one is meant for this.
        Some(error) if sockets.len() == 1 => Err(error),
        _ => Ok(None),
    }
}

fn advice(error: &io::Error) -> &'static str {
    match error.kind() {
        io::ErrorKind::AddrInUse => {
            "another program listens there (`ss -ltnp` names it); choose another port"
        }
        io::ErrorKind::PermissionDenied => "choose a port from 1024 on",
        io::ErrorKind::AddrNotAvailable => "this machine has no such address",
        _ => "choose another address",
    }
}

/// Takes connections until nobody holds [`Serving`] any more.
async fn accept(
    listener: TcpListener,
    mut access: watch::Receiver<Arc<Access>>,
    metrics: Arc<Metrics>,
    max_connections: usize,
) {
    let places = Arc::new(Semaphore::new(max_connections));
    let responder = Arc::new(Responder::new(Arc::clone(&metrics)));
    loop {
        let accepted = tokio::select! {
            accepted = listener.accept() => accepted,
            changed = access.changed() => match changed {
                Ok(()) => continue,
                Err(_nobody_holds_it) => return,
            },
        };
        match accepted {
            Ok((stream, _peer)) => match Arc::clone(&places).try_acquire_owned() {
                Ok(place) => {
                    let access = Arc::clone(&access.borrow());
                    let responder = Arc::clone(&responder);
                    tokio::spawn(async move {
                        // A connection that fails or takes too long concerns nobody but its client.
                        let _ended = timeout(CONNECTION_LIMIT, connection(stream, access, responder)).await;
                        drop(place);
                    });
                }
                Err(_all_taken) => metrics.refused(),
            },
            Err(error) => {
                // Out of descriptors, most likely: the connection stays in the backlog meanwhile.
                tracing::warn!(%error, "a connection for metrics could not be taken");
                tokio::time::sleep(Duration::from_millis(100)).await;
            }
        }
    }
}

async fn connection(stream: TcpStream, access: Arc<Access>, responder: Arc<Responder>) {
    match access.tls() {
        None => http(stream, access, responder).await,
        Some(tls) => match timeout(HEAD_LIMIT, TlsAcceptor::from(tls).accept(stream)).await {
            Ok(Ok(stream)) => http(stream, access, responder).await,
            Ok(Err(error)) => tracing::debug!(%error, "a client for metrics failed TLS's handshake"),
            Err(_late) => tracing::debug!("a client for metrics took too long for TLS's handshake"),
        },
    }
}

async fn http(stream: impl AsyncRead + AsyncWrite + Unpin, access: Arc<Access>, responder: Arc<Responder>) {
    let service = service_fn(|request| responder.respond(request, &access));
    let served = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(HEAD_LIMIT)
        .max_buf_size(HEAD_BYTES)
        .serve_connection(TokioIo::new(stream), service)
        .await;
    if let Err(error) = served {
        tracing::debug!(%error, "a connection for metrics failed");
    }
}
