//! Asks the running denyd by its endpoint for metrics.

use std::net::SocketAddr;

use bytes::Bytes;
use http_body_util::{BodyExt as _, Empty, Limited};
use hyper::{Request, StatusCode, client::conn::http1, header::HOST};
use hyper_util::rt::TokioIo;
use monitor_api::snapshot::Snapshot;
use tokio::{net::TcpStream, runtime, time::timeout};

use super::daemon::PATIENCE;

/// Bytes of its answer, at most.
const LIMIT: usize = 4 << 20;

/// What it says of itself.
///
/// # Errors
///
/// Why it says nothing, and what to do.
pub(super) fn ask(address: SocketAddr) -> Result<Snapshot, String> {
    let runtime =
        runtime::Builder::new_current_thread().enable_all().build().map_err(|error| error.to_string())?;
    let late = |_late| format!("it did not answer within {} seconds", PATIENCE.as_secs());
    runtime.block_on(async { timeout(PATIENCE, get(address)).await }).map_err(late)?
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
