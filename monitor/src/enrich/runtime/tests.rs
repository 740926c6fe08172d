//! The clients, against servers that answer as real ones do, and as broken ones might. Time stands still: it moves on
//! only when everything waits.

#![expect(clippy::unnecessary_wraps, reason = "the form of every answer that a server gives")]

use std::future::pending;

use bytes::{BufMut as _, Bytes, BytesMut};
use hyper::{HeaderMap, Response};
use prost::Message;
use tempfile::TempDir;
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::{UnixListener, UnixStream},
    sync::mpsc,
    time::Instant,
};

use super::{
    cri::{
        ContainerMetadata, ContainerStatus, ContainerStatusResponse, ImageSpec, PodSandboxMetadata,
        PodSandboxStatus, PodSandboxStatusResponse, StatusRequest,
    },
    lookup::look_up,
    *,
};
use crate::enrich::cache::{Answer, Requests};

const ID: &str = "81950eac55062e5d8e7b5567d1036e4b146dfe212bdc9263c97347e6ce86b904";
const OTHER: &str = "ee4b20e90ac7f42a10bd004d05646b13d8ab5e2c5e7cbc01abf8006bac016459";

fn question(runtime: Option<Runtime>) -> Question {
    Question { id: ContainerId::parse(ID).unwrap(), runtime }
}

/// A name, where one may be missing.
fn text(text: &str) -> Option<Box<str>> {
    Box::<str>::from(text).into()
}

/// A socket in a folder of its own.
struct Server {
    folder: TempDir,
    api: Api,
}

impl Server {
    fn socket(&self) -> Socket {
        Socket { api: self.api, path: self.path() }
    }

    fn path(&self) -> PathBuf {
        self.folder.path().join("socket")
    }

    /// Serves each connection so.
    fn start<F: Future<Output = ()> + Send + 'static>(
        api: Api,
        serve: impl Fn(UnixStream) -> F + Send + 'static,
    ) -> Self {
        let server = Self { folder: tempfile::tempdir().unwrap(), api };
        let listener = UnixListener::bind(server.path()).unwrap();
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(serve(stream));
            }
        });
        server
    }

    /// One that answers every request with these bytes and closes.
    fn docker(answer: impl Into<Bytes>) -> Self {
        let answer = answer.into();
        Self::start(Api::Docker, move |mut stream| {
            let answer = answer.clone();
            async move {
                let request = read_request(&mut stream).await;
                assert!(request.starts_with(&format!("GET /containers/{ID}/json HTTP/1.1\r\n")), "{request}");
                // The client may have had enough before the end.
                let _cut = stream.write_all(&answer).await;
            }
        })
    }

    /// One that answers calls so: `Err` is a gRPC status.
    fn cri(answer: fn(&str, &str) -> Result<Bytes, u8>) -> Self {
        Self::start(Api::Cri, move |stream| async move {
            let mut connection = h2::server::handshake(stream).await.unwrap();
            while let Some(Ok((mut request, mut respond))) = connection.accept().await {
                let method = request.uri().path().rsplit('/').next().unwrap().to_owned();
                let mut body = BytesMut::new();
                tokio::spawn(async move {
                    while let Some(Ok(data)) = request.body_mut().data().await {
                        body.extend_from_slice(&data);
                    }
                    let id = StatusRequest::decode(&body[5..]).unwrap().id;
                    let (data, status) = match answer(&method, &id) {
                        Ok(data) => (data, 0),
                        Err(status) => (Bytes::new(), status),
                    };
                    let head = Response::builder().header("content-type", "application/grpc");
                    let mut stream = respond.send_response(head.body(()).unwrap(), false).unwrap();
                    let mut trailers = HeaderMap::new();
                    trailers.insert("grpc-status", u16::from(status).into());
                    // The client may have had enough before the end.
                    let _cut = stream.send_data(data, false).and_then(|()| stream.send_trailers(trailers));
                });
            }
        })
    }
}

async fn read_request(stream: &mut UnixStream) -> String {
    let mut request = Vec::new();
    while !request.ends_with(b"\r\n\r\n") {
        request.push(stream.read_u8().await.unwrap());
    }
    String::from_utf8(request).unwrap()
}

/// An answer of HTTP with this body.
fn ok(body: &str) -> String {
    format!(
        "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\r\n{body}",
        body.len()
    )
}

/// A message as gRPC frames it.
fn framed(message: &impl Message) -> Bytes {
    let mut bytes = BytesMut::new();
    bytes.put_u8(0);
    bytes.put_u32(u32::try_from(message.encoded_len()).unwrap());
    message.encode(&mut bytes).unwrap();
    bytes.freeze()
}

/// What one socket says.
async fn asked(server: &Server) -> Answer<Named> {
    look_up(question(None), &[server.socket()]).await
}

/// Asks a server that can't be understood. What it is refused for, without the socket's path.
async fn failure(server: &Server) -> String {
    let reason = asked(server).await.unwrap_err();
    reason.strip_prefix(&format!("{}: ", server.path().display())).unwrap().to_owned()
}

#[tokio::test(start_paused = true)]
async fn docker_tells_the_name_and_the_image() {
    // As Docker 24 and Podman 4 write it, with a few of the other fields.
    let server = Server::docker(ok(&format!(
        r#"{{"Id":"{ID}","Created":"2026-01-02T03:04:05Z","State":{{"Status":"running","Pid":4242}},
            "Image":"sha256:9a1b","Name":"/web-1","Mounts":[],
            "Config":{{"Hostname":"81950eac5506","Image":"docker.io/library/nginx:1.27","Labels":null}}}}"#
    )));
    let named =
        Named { name: text("web-1"), image: text("docker.io/library/nginx:1.27"), ..Named::default() };
    assert_eq!(asked(&server).await, Ok(Some(named)));
}

#[tokio::test(start_paused = true)]
async fn docker_tells_the_pod_of_a_container_that_the_kubelet_started() {
    let server = Server::docker(ok(&format!(
        r#"{{"Id":"{ID}","Name":"/k8s_app_web-0_shop_uid_0","Config":{{"Image":"app","Labels":{{
            "io.kubernetes.pod.name":"web-0","io.kubernetes.pod.namespace":"shop","other":"\u0000"}}}}}}"#
    )));
    let named = asked(&server).await.unwrap().unwrap();
    assert_eq!((named.pod_name, named.pod_namespace), (text("web-0"), text("shop")));
}

#[tokio::test(start_paused = true)]
async fn docker_may_not_know_the_container() {
    let server = Server::docker("HTTP/1.1 404 Not Found\r\nContent-Length: 2\r\n\r\n{}");
    assert_eq!(asked(&server).await, Ok(None));
}

#[tokio::test(start_paused = true)]
async fn what_docker_should_not_say_is_a_failure_with_its_reason() {
    let huge = format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n", SIZE_LIMIT + 1);
    let huge = huge + &" ".repeat(SIZE_LIMIT + 1);
    let endless_head = format!("HTTP/1.1 200 OK\r\nX: {}", "x".repeat(1 << 20));
    let long_name = format!(r#"{{"Id":"{ID}","Name":"{}"}}"#, "x".repeat(NAME_LIMIT + 1));
    for (answer, reason) in [
        (ok(&format!(r#"{{"Id":"{OTHER}","Name":"/web"}}"#)), "the answer is about another container"),
        (ok(r#"{"Id":"81950eac5506","Name":"/web"}"#), "the answer is about another container"),
        (ok("{}"), "the answer can't be read"),
        (ok("["), "the answer can't be read"),
        (ok(&"[".repeat(100_000)), "the answer can't be read"),
        (ok(&format!(r#"{{"Id":"{ID}","Name":7}}"#)), "the answer can't be read"),
        (ok(&long_name), "the answer is too large"),
        (huge, "the answer is too large"),
        (endless_head, "the answer can't be read"),
        ("\0\u{1}SSH-2.0".to_owned(), "the answer can't be read"),
        (String::new(), "the answer can't be read"),
        ("HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n{".to_owned(), "the answer can't be read"),
        ("HTTP/1.1 500 No\r\nContent-Length: 0\r\n\r\n".to_owned(), "the answer is status 500"),
        ("HTTP/1.1 301 No\r\nLocation: http://x/\r\n\r\n".to_owned(), "the answer is status 301"),
    ] {
        let start: String = answer.chars().take(60).collect();
        assert_eq!(failure(&Server::docker(answer)).await, reason, "{start:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn names_are_escaped() {
    let server = Server::docker(ok(&format!(r#"{{"Id":"{ID}","Name":"/a\\x41\n"}}"#)));
    assert_eq!(asked(&server).await.unwrap().unwrap().name, text("a\\\\x41\n"));
}

#[tokio::test(start_paused = true)]
async fn a_runtime_that_does_not_answer_is_given_up() {
    for api in [Api::Docker, Api::Cri] {
        let server = Server::start(api, |stream| async {
            let _open = stream;
            pending::<()>().await;
        });
        let before = Instant::now();
        assert_eq!(failure(&server).await, "no answer in 5 s");
        assert_eq!(before.elapsed().as_secs(), ANSWER_LIMIT.as_secs());
    }
}

#[tokio::test(start_paused = true)]
async fn a_socket_that_nobody_listens_on_is_a_failure() {
    let folder = tempfile::tempdir().unwrap();
    for api in [Api::Docker, Api::Cri] {
        let path = folder.path().join("absent");
        let reason = look_up(question(None), &[Socket { api, path }]).await.unwrap_err();
        assert!(
            reason.ends_with("absent: cannot connect: No such file or directory (os error 2)"),
            "{reason}"
        );
    }
}

#[tokio::test(start_paused = true)]
async fn sockets_are_asked_in_turn_until_one_knows() {
    let ignorant = Server::docker("HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n");
    let broken = Server::docker("");
    let knowing = Server::docker(ok(&format!(r#"{{"Id":"{ID}","Name":"/web"}}"#)));
    let sockets = [ignorant.socket(), broken.socket(), knowing.socket()];
    let named = Named { name: text("web"), ..Named::default() };
    assert_eq!(look_up(question(Some(Runtime::Podman)), &sockets).await, Ok(Some(named)));
    assert!(look_up(question(None), &sockets[..2]).await.is_err(), "the broken one might have known");
    let cri_only = question(Some(Runtime::CriO));
    assert_eq!(look_up(cri_only, &sockets).await, Ok(None), "none of them has its containers");
}

/// The methods' answers of a runtime that knows a container.
fn knows_container(method: &str, id: &str) -> Result<Bytes, u8> {
    assert_eq!((method, id), ("ContainerStatus", ID));
    let label = |key: &str, value: &str| (key.to_owned(), value.to_owned());
    let status = ContainerStatus {
        id: ID.to_owned(),
        metadata: Some(ContainerMetadata { name: "app".to_owned() }),
        image: Some(ImageSpec {
            image: "sha256:9a1b".to_owned(),
            user_specified_image: "shop/app:2".to_owned(),
        }),
        labels: [label("io.kubernetes.pod.name", "web-0"), label("io.kubernetes.pod.namespace", "shop")]
            .into(),
    };
    Ok(framed(&ContainerStatusResponse { status: Some(status) }))
}

/// The number of gRPC's status `NOT_FOUND`.
const NOT_FOUND: u8 = 5;

#[tokio::test(start_paused = true)]
async fn cri_tells_the_container_and_its_pod() {
    let named = Named {
        name: text("app"),
        image: text("shop/app:2"),
        pod_name: text("web-0"),
        pod_namespace: text("shop"),
    };
    assert_eq!(asked(&Server::cri(knows_container)).await, Ok(Some(named)));
}

#[tokio::test(start_paused = true)]
async fn cri_tells_the_pod_of_a_sandbox() {
    let server = Server::cri(|method, _| {
        if method == "ContainerStatus" {
            return Err(NOT_FOUND);
        }
        let metadata = PodSandboxMetadata { name: "web-0".to_owned(), namespace: "shop".to_owned() };
        let status = PodSandboxStatus { id: ID.to_owned(), metadata: Some(metadata) };
        Ok(framed(&PodSandboxStatusResponse { status: Some(status) }))
    });
    let named = Named { pod_name: text("web-0"), pod_namespace: text("shop"), ..Named::default() };
    assert_eq!(asked(&server).await, Ok(Some(named)));
    assert_eq!(asked(&Server::cri(|_, _| Err(NOT_FOUND))).await, Ok(None));
}

#[tokio::test(start_paused = true)]
async fn what_cri_should_not_say_is_a_failure_with_its_reason() {
    fn another(_: &str, _: &str) -> Result<Bytes, u8> {
        let status = ContainerStatus { id: OTHER.to_owned(), ..ContainerStatus::default() };
        Ok(framed(&ContainerStatusResponse { status: Some(status) }))
    }
    fn nothing(_: &str, _: &str) -> Result<Bytes, u8> {
        Ok(framed(&ContainerStatusResponse::default()))
    }
    fn garbage(_: &str, _: &str) -> Result<Bytes, u8> {
        Ok(Bytes::from_static(b"\0\0\0\0\x04\xff\xff\xff\xff"))
    }
    fn huge(_: &str, _: &str) -> Result<Bytes, u8> {
        let size = u32::try_from(SIZE_LIMIT).unwrap() + 1;
        Ok([&[0][..], &size.to_be_bytes(), &[0; 64]].concat().into())
    }
    type Answer = fn(&str, &str) -> Result<Bytes, u8>;
    let answers: [(Answer, &str); 6] = [
        (another, "the answer is about another container"),
        (nothing, "the answer is about another container"),
        (garbage, "the call failed with gRPC status Internal"),
        (huge, "the call failed with gRPC status OutOfRange"),
        (|_, _| Err(12), "the call failed with gRPC status Unimplemented"),
        (|_, _| Err(99), "the call failed with gRPC status Unknown"),
    ];
    for (answer, reason) in answers {
        assert_eq!(failure(&Server::cri(answer)).await, reason);
    }
    let no_http = Server::start(Api::Cri, |mut stream| async move {
        let _cut = stream.write_all(b"HTTP/1.1 400 Bad Request\r\n\r\n").await;
    });
    assert!(failure(&no_http).await.starts_with("the call failed with gRPC status"));
}

#[tokio::test(start_paused = true)]
async fn containers_are_looked_up_side_by_side_and_a_slow_one_does_not_stop_the_others() {
    // Answers only for even first digits.
    let server = Server::start(Api::Docker, |mut stream| async move {
        let request = read_request(&mut stream).await;
        let id = &request["GET /containers/".len()..][..64];
        if id.starts_with('1') {
            pending::<()>().await;
        }
        stream.write_all(ok(&format!(r#"{{"Id":"{id}","Name":"/web"}}"#)).as_bytes()).await.unwrap();
    });
    let (ask, questions) = mpsc::channel(4);
    let (answer, mut answers) = mpsc::channel(4);
    let serving = tokio::spawn(serve(Requests { questions, answers: answer }, vec![server.socket()]));
    let numbered = |digit: &str| Question {
        id: ContainerId::parse(&digit.repeat(64)).unwrap(),
        runtime: Some(Runtime::Docker),
    };
    ask.send(numbered("1")).await.unwrap();
    ask.send(numbered("2")).await.unwrap();
    let (first, answer) = answers.recv().await.unwrap();
    assert_eq!((first, answer.unwrap().unwrap().name), (numbered("2"), text("web")));
    let (second, answer) = answers.recv().await.unwrap();
    assert_eq!((second, answer.is_err()), (numbered("1"), true));
    drop(ask);
    serving.await.unwrap();
}

#[test]
fn an_id_is_64_hexadecimal_digits() {
    assert_eq!(ContainerId::parse(ID).unwrap().to_string(), ID);
    for text in [
        "",
        "web",
        "81950eac5506",
        &ID.to_uppercase(),
        &format!("{ID}0"),
        "../../../../../../../../../../../../../../../../../../../../../x",
    ] {
        assert_eq!(ContainerId::parse(text), None, "{text}");
    }
}

#[test]
fn a_socket_is_an_api_and_a_path() {
    let socket = |api, path: &str| Ok(Socket { api, path: path.into() });
    assert_eq!("docker:/run/docker.sock".parse(), socket(Api::Docker, "/run/docker.sock"));
    assert_eq!("cri:/run/crio/crio.sock".parse(), socket(Api::Cri, "/run/crio/crio.sock"));
    assert_eq!("/run/docker.sock".parse::<Socket>(), Err(SocketError::Api));
    assert_eq!("http:/run/docker.sock".parse::<Socket>(), Err(SocketError::Api));
    assert_eq!("cri:crio.sock".parse::<Socket>(), Err(SocketError::Path));
}
