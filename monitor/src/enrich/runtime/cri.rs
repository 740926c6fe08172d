//! Kubernetes's Container Runtime Interface, version 1: `ContainerStatus` and `PodSandboxStatus`.
//!
//! The messages are those of `k8s.io/cri-api/pkg/apis/runtime/v1/api.proto`, with the fields that are needed and no
//! others: the generated whole of it needs a compiler of that language to be built.

use std::{collections::BTreeMap, path::Path};

use hyper::http::uri::PathAndQuery;
use hyper_util::rt::TokioIo;
use prost::Message;
use tonic::{
    Code, Request,
    client::Grpc,
    transport::{Channel, Endpoint},
};
use tonic_prost::ProstCodec;

use super::{
    ContainerId, Named, SIZE_LIMIT,
    answer::{LookupError, connect, name},
};

const CONTAINER_STATUS: &str = "/runtime.v1.RuntimeService/ContainerStatus";
const POD_SANDBOX_STATUS: &str = "/runtime.v1.RuntimeService/PodSandboxStatus";

/// `ContainerStatusRequest` and `PodSandboxStatusRequest`, which have the same form.
#[derive(Clone, PartialEq, Message)]
pub(super) struct StatusRequest {
    #[prost(string, tag = "1")]
    pub(super) id: String,
}

#[derive(Clone, PartialEq, Message)]
pub(super) struct ContainerStatusResponse {
    #[prost(message, optional, tag = "1")]
    pub(super) status: Option<ContainerStatus>,
}

#[derive(Clone, PartialEq, Message)]
pub(super) struct ContainerStatus {
    #[prost(string, tag = "1")]
    pub(super) id: String,
    #[prost(message, optional, tag = "2")]
    pub(super) metadata: Option<ContainerMetadata>,
    #[prost(message, optional, tag = "8")]
    pub(super) image: Option<ImageSpec>,
    #[prost(btree_map = "string, string", tag = "12")]
    pub(super) labels: BTreeMap<String, String>,
}

#[derive(Clone, PartialEq, Message)]
pub(super) struct ContainerMetadata {
    #[prost(string, tag = "1")]
    pub(super) name: String,
}

#[derive(Clone, PartialEq, Message)]
pub(super) struct ImageSpec {
    #[prost(string, tag = "1")]
    pub(super) image: String,
    #[prost(string, tag = "18")]
    pub(super) user_specified_image: String,
}

#[derive(Clone, PartialEq, Message)]
pub(super) struct PodSandboxStatusResponse {
    #[prost(message, optional, tag = "1")]
    pub(super) status: Option<PodSandboxStatus>,
}

#[derive(Clone, PartialEq, Message)]
pub(super) struct PodSandboxStatus {
    #[prost(string, tag = "1")]
    pub(super) id: String,
    #[prost(message, optional, tag = "2")]
    pub(super) metadata: Option<PodSandboxMetadata>,
}

#[derive(Clone, PartialEq, Message)]
pub(super) struct PodSandboxMetadata {
    #[prost(string, tag = "1")]
    pub(super) name: String,
    #[prost(string, tag = "3")]
    pub(super) namespace: String,
}

/// Asks for a container, and if there is none, for a pod's sandbox, which has a container's cgroup, too. `None` if there
/// is neither.
pub(super) async fn ask(path: &Path, id: ContainerId) -> Result<Option<Named>, LookupError> {
    // Connected here, so that a socket that is not there is an error of its own, and not tried again and again.
    let stream = connect(path).await?;
    let mut stream = Some(TokioIo::new(stream));
    let connector = tower::service_fn(move |_| {
        let stream = stream.take();
        async { stream.ok_or(LookupError::Malformed) }
    });
    // The address is not used, but there must be one.
    let endpoint = Endpoint::from_static("http://localhost");
    let channel = endpoint.connect_with_connector(connector).await.map_err(|_| LookupError::Malformed)?;
    let mut grpc = Grpc::new(channel).max_decoding_message_size(SIZE_LIMIT);
    if let Some(response) = call::<ContainerStatusResponse>(&mut grpc, CONTAINER_STATUS, id).await? {
        return container(response, id).map(Some);
    }
    match call::<PodSandboxStatusResponse>(&mut grpc, POD_SANDBOX_STATUS, id).await? {
        Some(response) => sandbox(response, id).map(Some),
        None => Ok(None),
    }
}

/// Makes a call; `None` if the runtime doesn't know the id.
async fn call<R: Message + Default + 'static>(
    grpc: &mut Grpc<Channel>,
    method: &'static str,
    id: ContainerId,
) -> Result<Option<R>, LookupError> {
    grpc.ready().await.map_err(|_| LookupError::Malformed)?;
    let request = Request::new(StatusRequest { id: id.to_string() });
    let codec = ProstCodec::<StatusRequest, R>::default();
    match grpc.unary(request, PathAndQuery::from_static(method), codec).await {
        Ok(response) => Ok(Some(response.into_inner())),
        Err(status) if status.code() == Code::NotFound => Ok(None),
        // An answer that tonic can't read, or that is too large, is a status, too.
        Err(status) => Err(LookupError::Grpc(status.code())),
    }
}

fn container(response: ContainerStatusResponse, id: ContainerId) -> Result<Named, LookupError> {
    let status = response.status.filter(|status| ContainerId::parse(&status.id) == Some(id));
    let status = status.ok_or(LookupError::Another)?;
    let image = status.image.unwrap_or_default();
    let image =
        if image.user_specified_image.is_empty() { &image.image } else { &image.user_specified_image };
    // The kubelet gives these labels to every container that it starts.
    let label = |label: &str| name(status.labels.get(label).map_or("", String::as_str));
    Ok(Named {
        name: name(status.metadata.as_ref().map_or("", |metadata| &metadata.name))?,
        image: name(image)?,
        pod_name: label("io.kubernetes.pod.name")?,
        pod_namespace: label("io.kubernetes.pod.namespace")?,
    })
}

fn sandbox(response: PodSandboxStatusResponse, id: ContainerId) -> Result<Named, LookupError> {
    let status = response.status.filter(|status| ContainerId::parse(&status.id) == Some(id));
    let metadata = status.ok_or(LookupError::Another)?.metadata.unwrap_or_default();
    Ok(Named {
        pod_name: name(&metadata.name)?,
        pod_namespace: name(&metadata.namespace)?,
        ..Named::default()
    })
}
