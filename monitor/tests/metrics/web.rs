//! The HTTP endpoint, over real sockets.

use std::{
    fs,
    io::{ErrorKind, Read as _, Write as _},
    net::{SocketAddr, TcpListener, TcpStream},
    path::Path,
    sync::Arc,
};

use base64::{Engine as _, prelude::BASE64_STANDARD};
use monitor::metrics::{
    Config,
    web::{Serving, Web},
};
use monitor_api::snapshot::Snapshot;
use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair};
use rustls::{
    ClientConfig, ClientConnection, RootCertStore, StreamOwned,
    pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer},
};

use crate::support::metrics;

fn config() -> Config {
    Config { enabled: true, listen: SocketAddr::from(([127, 0, 0, 1], 0)), ..Config::default() }
}

fn serve(config: &Config) -> Serving {
    let (metrics, _observer) = metrics();
    Web::bind(config).unwrap().serve(Arc::new(metrics)).unwrap()
}

/// Sends a request and reads all of the answer.
fn exchange(mut to: impl std::io::Read + std::io::Write, head: &str) -> std::io::Result<String> {
    write!(to, "{head}\r\nHost: x\r\nConnection: close\r\n\r\n")?;
    let mut answer = String::new();
    match to.read_to_string(&mut answer) {
        // A server need not say goodbye in TLS.
        Err(error) if error.kind() != ErrorKind::UnexpectedEof => Err(error),
        _ => Ok(answer),
    }
}

fn get(serving: &Serving, head: &str) -> String {
    exchange(TcpStream::connect(serving.address()).unwrap(), head).unwrap()
}

#[test]
fn each_page_is_served_and_nothing_else() {
    let serving = serve(&config());
    let get = |head: &str| get(&serving, head);
    let text = get("GET /metrics HTTP/1.1");
    assert!(text.starts_with("HTTP/1.1 200 OK\r\n"), "{text}");
    assert!(text.contains("content-type: text/plain; version=0.0.4; charset=utf-8\r\n"), "{text}");
    assert!(text.contains("\ndenyd_selinux_enforcing 1\n"), "{text}");
    let open = get("GET /metrics HTTP/1.1\r\nAccept: application/openmetrics-text;version=1.0.0,*/*;q=0.1");
    assert!(open.contains("content-type: application/openmetrics-text; version=1.0.0; charset=utf-8\r\n"));
    assert!(open.ends_with("# EOF\n"), "{open}");
    let status = get("GET /status HTTP/1.1");
    let snapshot: Snapshot = serde_json::from_str(status.split_once("\r\n\r\n").unwrap().1).unwrap();
    assert_eq!(snapshot, crate::support::snapshot());
    assert!(get("GET /healthz HTTP/1.1").ends_with("\r\n\r\nok\n"));
    assert!(get("GET / HTTP/1.1").contains("<a href=\"/metrics\">"));
    assert!(get("GET /etc HTTP/1.1").starts_with("HTTP/1.1 404 "));
    let posted = get("POST /metrics HTTP/1.1");
    assert!(posted.starts_with("HTTP/1.1 405 ") && posted.contains("allow: GET, HEAD\r\n"), "{posted}");
    let head = get("HEAD /metrics HTTP/1.1");
    assert!(head.starts_with("HTTP/1.1 200 OK\r\n") && head.ends_with("\r\n\r\n"), "{head}");
}

#[test]
fn a_port_in_use_is_told_with_what_to_do() {
    let other = TcpListener::bind("127.0.0.1:0").unwrap();
    let config = Config { listen: other.local_addr().unwrap(), ..config() };
    let error = Web::bind(&config).unwrap_err().to_string();
    let expected = format!(
        "cannot serve metrics on {}: Address already in use (os error 98): another program listens there (`ss -ltnp` \
         names it); choose another port",
        config.listen
    );
    assert_eq!(error, expected);
}

#[test]
fn one_connection_too_many_is_closed_at_once_and_counted_and_harms_no_other() {
    let serving = serve(&Config { max_connections: 1, ..config() });
    let mut first = TcpStream::connect(serving.address()).unwrap();
    let mut buffer = [0; 4096];
    let mut alive = |first: &mut TcpStream| {
        write!(first, "GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n").unwrap();
        let len = first.read(&mut buffer).unwrap();
        assert!(buffer[..len].starts_with(b"HTTP/1.1 200 OK\r\n"));
    };
    alive(&mut first);
    let mut second = TcpStream::connect(serving.address()).unwrap();
    let ended = match second.read(&mut [0; 16]) {
        Ok(len) => len == 0,
        Err(error) => error.kind() == ErrorKind::ConnectionReset,
    };
    assert!(ended, "it was closed");
    alive(&mut first);
    write!(first, "GET /metrics HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n").unwrap();
    let mut text = String::new();
    first.read_to_string(&mut text).unwrap();
    assert!(text.contains("\ndenyd_web_connections_refused_total 1\n"), "{text}");
}

#[test]
fn a_password_is_asked_for_and_can_be_changed_while_it_runs() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("web.yml");
    let set = |password: &str| {
        let hash = bcrypt::hash(password, 4).unwrap();
        let text = format!(
            "basic_auth_users:\n  prometheus: {hash}\nhttp_server_config:\n  headers:\n    X-Frame-Options: deny\n"
        );
        fs::write(&path, text).unwrap();
    };
    set("old");
    let serving = serve(&Config { web_config: Some(path.clone()), ..config() });
    let ask = |password: &str| {
        let basic = BASE64_STANDARD.encode(format!("prometheus:{password}"));
        get(&serving, &format!("GET /metrics HTTP/1.1\r\nAuthorization: Basic {basic}"))
    };
    let refused = get(&serving, "GET /metrics HTTP/1.1");
    assert!(
        refused.starts_with("HTTP/1.1 401 ") && refused.contains("www-authenticate: Basic realm="),
        "{refused}"
    );
    assert!(!refused.contains("denyd_"), "nothing leaks");
    assert!(ask("new").starts_with("HTTP/1.1 401 "));
    let answer = ask("old");
    assert!(answer.starts_with("HTTP/1.1 200 ") && answer.contains("x-frame-options: deny\r\n"), "{answer}");
    set("new");
    serving.reload().unwrap();
    assert!(ask("old").starts_with("HTTP/1.1 401 "));
    assert!(ask("new").starts_with("HTTP/1.1 200 "));
    fs::write(&path, "basic_auth_users: [").unwrap();
    assert!(serving.reload().is_err());
    assert!(ask("new").starts_with("HTTP/1.1 200 "), "the old one stays in force");
}

/// An authority and what it signed, in files.
struct Authority {
    issuer: Issuer<'static, KeyPair>,
    certificate: CertificateDer<'static>,
}

impl Authority {
    fn new() -> Self {
        let mut params = CertificateParams::new(Vec::new()).unwrap();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let key = KeyPair::generate().unwrap();
        let certificate = params.self_signed(&key).unwrap().der().clone();
        Self { issuer: Issuer::new(params, key), certificate }
    }

    fn sign(&self) -> (rcgen::Certificate, KeyPair) {
        let key = KeyPair::generate().unwrap();
        let params = CertificateParams::new(vec!["localhost".to_owned()]).unwrap();
        (params.signed_by(&key, &self.issuer).unwrap(), key)
    }

    /// What a client offers who trusts this authority and has this certificate.
    fn client(&self, identity: Option<(rcgen::Certificate, KeyPair)>) -> Arc<ClientConfig> {
        let mut roots = RootCertStore::empty();
        roots.add(self.certificate.clone()).unwrap();
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let builder = ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions();
        let builder = builder.unwrap().with_root_certificates(roots);
        Arc::new(match identity {
            None => builder.with_no_client_auth(),
            Some((certificate, key)) => {
                let key = PrivateKeyDer::from(PrivatePkcs8KeyDer::from(key.serialize_der()));
                builder.with_client_auth_cert(vec![certificate.der().clone()], key).unwrap()
            }
        })
    }
}

fn get_by_tls(serving: &Serving, client: Arc<ClientConfig>) -> std::io::Result<String> {
    let connection = ClientConnection::new(client, "localhost".try_into().unwrap()).unwrap();
    let stream = TcpStream::connect(serving.address()).unwrap();
    exchange(StreamOwned::new(connection, stream), "GET /metrics HTTP/1.1")
}

fn write_server(folder: &Path, authority: &Authority) {
    let (certificate, key) = authority.sign();
    fs::write(folder.join("denyd.crt"), certificate.pem()).unwrap();
    fs::write(folder.join("denyd.key"), key.serialize_pem()).unwrap();
}

#[test]
fn tls_lets_in_only_clients_with_a_certificate_if_told_so() {
    let folder = tempfile::tempdir().unwrap();
    let authority = Authority::new();
    write_server(folder.path(), &authority);
    let pem = format!(
        "-----BEGIN CERTIFICATE-----\n{}\n-----END CERTIFICATE-----\n",
        BASE64_STANDARD.encode(&authority.certificate)
    );
    fs::write(folder.path().join("ca.crt"), pem).unwrap();
    let path = folder.path().join("web.yml");
    let server = "tls_server_config:\n  cert_file: denyd.crt\n  key_file: denyd.key\n";
    fs::write(&path, server).unwrap();
    let serving = serve(&Config { web_config: Some(path.clone()), ..config() });
    let answer = get_by_tls(&serving, authority.client(None)).unwrap();
    assert!(answer.contains("\ndenyd_selinux_enforcing 1\n"), "{answer}");
    let plain = exchange(TcpStream::connect(serving.address()).unwrap(), "GET /metrics HTTP/1.1");
    assert!(!plain.unwrap_or_default().contains("denyd_"), "nothing is told without TLS");

    let strict = "  client_auth_type: RequireAndVerifyClientCert\n  client_ca_file: ca.crt\n";
    fs::write(&path, format!("{server}{strict}")).unwrap();
    serving.reload().unwrap();
    assert!(!get_by_tls(&serving, authority.client(None)).unwrap_or_default().contains("denyd_"));
    let stranger = Authority::new().sign();
    assert!(!get_by_tls(&serving, authority.client(Some(stranger))).unwrap_or_default().contains("denyd_"));
    let known = authority.client(Some(authority.sign()));
    assert!(get_by_tls(&serving, known).unwrap().contains("denyd_selinux_enforcing 1"));
}
