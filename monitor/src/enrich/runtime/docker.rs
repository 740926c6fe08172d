//! Docker's API, which Podman speaks, too: `GET /containers/ID/json`.

use std::{error::Error as _, future::pending, path::Path};

use bytes::Bytes;
use http_body_util::{BodyExt as _, Empty, LengthLimitError, Limited};
use hyper::{Request, StatusCode, client::conn::http1, header::HOST};
use hyper_util::rt::TokioIo;
use serde::Deserialize;

use super::{
    ContainerId, Named, SIZE_LIMIT,
    answer::{LookupError, connect, name},
};

/// The largest head of an answer.
const HEAD_LIMIT: usize = 64 << 10;

/// What is needed of the answer.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Inspect {
    id: String,
    name: Option<String>,
    config: Option<Config>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Config {
    image: Option<String>,
    labels: Option<Labels>,
}

/// The labels that the kubelet gives the containers that it starts through Docker.
#[derive(Deserialize)]
struct Labels {
    #[serde(rename = "io.kubernetes.pod.name")]
    pod_name: Option<String>,
    #[serde(rename = "io.kubernetes.pod.namespace")]
    pod_namespace: Option<String>,
}

/// Asks for a container. `None` if there is no such.
pub(super) async fn ask(path: &Path, id: ContainerId) -> Result<Option<Named>, LookupError> {
    let stream = TokioIo::new(connect(path).await?);
    let (mut sender, connection) = http1::Builder::new()
        .max_buf_size(HEAD_LIMIT)
        .handshake(stream)
        .await
        .map_err(|error| unreadable(&error))?;
    let request = Request::get(format!("/containers/{id}/json")).header(HOST, "localhost");
    let request = request.body(Empty::<Bytes>::new()).map_err(|_| LookupError::Malformed)?;
    let answer = async {
        let response = sender.send_request(request).await.map_err(|error| unreadable(&error))?;
        match response.status() {
            StatusCode::OK => {}
            StatusCode::NOT_FOUND => return Ok(None),
            status => return Err(LookupError::Status(status.as_u16())),
        }
        let body = Limited::new(response.into_body(), SIZE_LIMIT).collect().await.map_err(|error| {
            if error.is::<LengthLimitError>() { LookupError::TooLarge } else { LookupError::Malformed }
        })?;
        read(&body.to_bytes(), id).map(Some)
    };
    tokio::select! {
        answer = answer => answer,
        // What goes wrong with the connection shows in the answer.
        () = async { let _shown = connection.await; pending().await } => Err(LookupError::Malformed),
    }
}

fn unreadable(error: &hyper::Error) -> LookupError {
    tracing::debug!(%error, cause = error.source(), "an answer can't be read");
    LookupError::Malformed
}

fn read(body: &[u8], id: ContainerId) -> Result<Named, LookupError> {
    let inspect: Inspect = serde_json::from_slice(body).map_err(|_| LookupError::Malformed)?;
    if ContainerId::parse(&inspect.id) != Some(id) {
        return Err(LookupError::Another);
    }
    let (image, labels) = inspect.config.map_or((None, None), |config| (config.image, config.labels));
    let (pod_name, pod_namespace) =
        labels.map_or((None, None), |labels| (labels.pod_name, labels.pod_namespace));
    let text = |text: Option<String>| name(text.as_deref().unwrap_or_default());
    Ok(Named {
        name: name(inspect.name.as_deref().map_or("", |name| name.strip_prefix('/').unwrap_or(name)))?,
        image: text(image)?,
        pod_name: text(pod_name)?,
        pod_namespace: text(pod_namespace)?,
    })
}
