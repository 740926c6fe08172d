//! Asks the running denyd: by its socket, or by its endpoint for metrics, which other users may ask, too.

use std::{net::SocketAddr, path::Path, time::Duration};

use bytes::Bytes;
use http_body_util::{BodyExt as _, Empty, Limited};
use hyper::{Request, StatusCode, client::conn::http1, header::HOST};
use hyper_util::rt::TokioIo;
use monitor_api::{
    client::{Client, ClientError},
    protocol::{self, StatusRequest},
    snapshot::Snapshot,
};
use serde::Serialize;
use tokio::{net::TcpStream, runtime, time::timeout};

use crate::metrics::DEFAULT_ADDRESS;

/// How long it may take to answer.
const PATIENCE: Duration = Duration::from_secs(3);
/// Bytes of its answer, at most.
const LIMIT: usize = 4 << 20;

/// The running denyd.
#[derive(Debug, Serialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Daemon {
    /// What it says.
    Answers(Box<Snapshot>),
    /// It says nothing.
    Silent {
        /// Why, and what to do.
        reason: String,
    },
}

/// Asks what listens on the socket, and if nothing does or it may not be asked, what serves metrics at the usual address.
pub(super) fn ask(socket: &Path) -> Daemon {
    let error = match by_socket(socket) {
        Ok(snapshot) => return Daemon::Answers(Box::new(snapshot)),
        Err(error) => error,
    };
    match DEFAULT_ADDRESS.parse().map(ask_metrics) {
        Ok(Daemon::Answers(snapshot)) => Daemon::Answers(snapshot),
        _ => Daemon::Silent { reason: error.to_string() },
    }
}

fn by_socket(socket: &Path) -> Result<Snapshot, ClientError> {
    let client = Client::connect(socket, &protocol::Request::of_status(StatusRequest::default()))?;
    client.set_patience(Some(PATIENCE)).map_err(ClientError::Io)?;
    client.status().map(|status| status.now)
}

/// Asks what serves metrics there.
pub(super) fn ask_metrics(address: SocketAddr) -> Daemon {
    let asked =
        runtime::Builder::new_current_thread().enable_all().build().map_err(|error| error.to_string());
    let answer = asked.and_then(|runtime| {
        let late = |_late| format!("it did not answer within {} seconds", PATIENCE.as_secs());
        runtime.block_on(async { timeout(PATIENCE, get(address)).await }).map_err(late)?
    });
    match answer {
        Ok(snapshot) => Daemon::Answers(Box::new(snapshot)),
        Err(reason) => Daemon::Silent { reason: format!("{address}: {reason}") },
    }
}

async fn get(address: SocketAddr) -> Result<Snapshot, String> {
    let stream = TcpStream::connect(address)
        .await
        .map_err(|error| format!("{error}: is `denyd run --metrics` running?"))?;
    let failed = |error: hyper::Error| format!("{error}: is it denyd's endpoint, and without TLS?");
    let (mut sender, connection) = http1::handshake(TokioIo::new(stream)).await.map_err(failed)?;
    let request = Request::get("/status")
        .header(HOST, address.to_string())
        .body(Empty::<Bytes>::new())
        .map_err(|error| error.to_string())?;
    let exchange = async {
        let response = sender.send_request(request).await.map_err(failed)?;
        match response.status() {
            StatusCode::OK => {}
            StatusCode::UNAUTHORIZED => return Err("it wants a password, which this can't give".to_owned()),
            other => return Err(format!("it answers {other}: it is not denyd's endpoint")),
        }
        let body = Limited::new(response.into_body(), LIMIT).collect().await;
        let body = body.map_err(|error| error.to_string())?.to_bytes();
        serde_json::from_slice(&body).map_err(|error| format!("its answer is not understood: {error}"))
    };
    tokio::select! {
        biased;
        answer = exchange => answer,
        // It ends before the answer only if it fails; the exchange says why.
        _ended = connection => Err("it closed the connection".to_owned()),
    }
}
