//! Who may ask: the web configuration of Prometheus's exporters (exporter-toolkit, docs/web-configuration.md), in YAML.
//!
//! ```yaml
//! tls_server_config:
//!   cert_file: denyd.crt           # relative to this file
//!   key_file: denyd.key
//!   client_auth_type: RequireAndVerifyClientCert
//!   client_ca_file: prometheus-ca.crt
//! basic_auth_users:
//!   prometheus: $2y$10$...         # htpasswd -nBC 10 '' | tr -d ':\n'
//! ```
//!
//! What would make it less strict than its author thinks is an error: keys that are not known, or not supported here.

use std::{
    collections::HashMap,
    fs, io,
    path::{Path, PathBuf},
    sync::Arc,
};

use hyper::header::{HeaderName, HeaderValue, InvalidHeaderValue};
use rustls::{
    RootCertStore, ServerConfig, SupportedProtocolVersion,
    crypto::ring::default_provider,
    pki_types::{
        CertificateDer, PrivateKeyDer,
        pem::{self, PemObject as _},
    },
    server::{VerifierBuilderError, WebPkiClientVerifier},
    version::{TLS12, TLS13},
};
use serde::Deserialize;

/// Bytes of the file, at most.
const LIMIT: u64 = 1 << 20;

/// Who may ask. By default everyone who can connect, without TLS.
#[derive(Clone, Debug, Default)]
pub struct Access {
    tls: Option<Arc<ServerConfig>>,
    users: HashMap<String, String>,
    headers: Vec<(HeaderName, HeaderValue)>,
}

/// Why a web configuration can't be used.
#[derive(Debug, thiserror::Error)]
#[error("cannot use the web configuration {path}: {fault}")]
pub struct AccessError {
    path: PathBuf,
    fault: Fault,
}

#[derive(Debug, thiserror::Error)]
enum Fault {
    #[error("{0}")]
    Read(#[from] io::Error),
    #[error("{0}")]
    Form(String),
    #[error("{path}: {error}")]
    Pem { path: PathBuf, error: pem::Error },
    #[error("{path} has no certificate")]
    NoCertificate { path: PathBuf },
    #[error("{0}")]
    Tls(#[from] rustls::Error),
    #[error("client_ca_file: {0}")]
    Clients(#[from] VerifierBuilderError),
    #[error(
        "client_auth_type {0} is not supported: use NoClientCert, VerifyClientCertIfGiven or RequireAndVerifyClientCert"
    )]
    ClientAuth(String),
    #[error("client_auth_type {0} needs client_ca_file")]
    NoClientCa(String),
    #[error("client_ca_file has no use without client_auth_type: RequireAndVerifyClientCert")]
    UnusedClientCa,
    #[error("there is no TLS version {0}: use TLS12 or TLS13")]
    Version(String),
    #[error("min_version is newer than max_version")]
    NoVersion,
    #[error("{0} is not supported: leave it out (only strong ones are used)")]
    Unsupported(&'static str),
    #[error("the password of `{0}` is not a bcrypt hash: make one with `htpasswd -nBC 10 {0}`")]
    Hash(String),
    #[error("the header {name} has a value that no header can have: {error}")]
    Header { name: String, error: InvalidHeaderValue },
    #[error("the header {0} can't be set: exporters set only those that a browser's safety needs")]
    UnknownHeader(String),
}

/// The file, with the names that exporter-toolkit has.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct File {
    tls_server_config: Option<Tls>,
    http_server_config: Http,
    basic_auth_users: HashMap<String, String>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct Tls {
    cert_file: PathBuf,
    key_file: PathBuf,
    client_auth_type: Option<String>,
    client_ca_file: Option<PathBuf>,
    client_allowed_sans: Vec<String>,
    min_version: Option<String>,
    max_version: Option<String>,
    cipher_suites: Vec<String>,
    /// Without effect in exporter-toolkit, too.
    #[serde(rename = "prefer_server_cipher_suites")]
    _prefer_server_cipher_suites: bool,
    curve_preferences: Vec<String>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct Http {
    /// HTTP/1.1 is spoken anyway.
    #[serde(rename = "http2")]
    _http2: bool,
    headers: HashMap<String, String>,
}

/// The headers that exporter-toolkit lets one set.
const HEADERS: [&str; 5] = [
    "content-security-policy",
    "strict-transport-security",
    "x-content-type-options",
    "x-frame-options",
    "x-xss-protection",
];

impl Access {
    /// Reads a web configuration, and the files that it names.
    ///
    /// # Errors
    ///
    /// If one of them can't be read or used.
    pub fn read(path: &Path) -> Result<Self, AccessError> {
        Self::try_read(path).map_err(|fault| AccessError { path: path.to_owned(), fault })
    }

    /// How TLS is spoken, if it is.
    pub(super) fn tls(&self) -> Option<Arc<ServerConfig>> {
        self.tls.clone()
    }

    /// The users, with the hashes of their passwords. If there are none, nobody is asked who they are.
    pub(super) fn users(&self) -> &HashMap<String, String> {
        &self.users
    }

    /// What every answer's head has.
    pub(super) fn headers(&self) -> &[(HeaderName, HeaderValue)] {
        &self.headers
    }

    fn try_read(path: &Path) -> Result<Self, Fault> {
        if fs::metadata(path)?.len() > LIMIT {
            return Err(Fault::Form("it is too long".to_owned()));
        }
        let text = fs::read_to_string(path)?;
        // An empty file is a document without anything in it, which no struct is made of.
        let file: Option<File> =
            serde_saphyr::from_str(&text).map_err(|error| Fault::Form(error.to_string()))?;
        let file = file.unwrap_or_default();
        let folder = path.parent().unwrap_or(Path::new("."));
        for (user, hash) in &file.basic_auth_users {
            hash.parse::<bcrypt::HashParts>().map_err(|_no_hash| Fault::Hash(user.clone()))?;
        }
        Ok(Self {
            tls: file.tls_server_config.map(|tls| tls.configure(folder).map(Arc::new)).transpose()?,
            users: file.basic_auth_users,
            headers: file.http_server_config.headers()?,
        })
    }
}

impl Http {
    fn headers(self) -> Result<Vec<(HeaderName, HeaderValue)>, Fault> {
        let mut headers = Vec::new();
        for (name, value) in self.headers {
            let known = HEADERS.into_iter().find(|known| name.eq_ignore_ascii_case(known));
            let known = known.ok_or_else(|| Fault::UnknownHeader(name.clone()))?;
            let value = HeaderValue::try_from(value).map_err(|error| Fault::Header { name, error })?;
            headers.push((HeaderName::from_static(known), value));
        }
        Ok(headers)
    }
}

impl Tls {
    fn configure(&self, folder: &Path) -> Result<ServerConfig, Fault> {
        for (name, set) in [
            ("client_allowed_sans", !self.client_allowed_sans.is_empty()),
            ("cipher_suites", !self.cipher_suites.is_empty()),
            ("curve_preferences", !self.curve_preferences.is_empty()),
        ] {
            if set {
                return Err(Fault::Unsupported(name));
            }
        }
        let provider = Arc::new(default_provider());
        let builder = ServerConfig::builder_with_provider(Arc::clone(&provider))
            .with_protocol_versions(&self.versions()?)?;
        let required = match self.client_auth_type.as_deref() {
            None | Some("" | "NoClientCert") => None,
            Some("VerifyClientCertIfGiven") => Some(false),
            Some("RequireAndVerifyClientCert") => Some(true),
            Some(other) => return Err(Fault::ClientAuth(other.to_owned())),
        };
        let builder = match (required, &self.client_ca_file) {
            (None, None) => builder.with_no_client_auth(),
            (None, Some(_)) => return Err(Fault::UnusedClientCa),
            (Some(_), None) => {
                return Err(Fault::NoClientCa(self.client_auth_type.clone().unwrap_or_default()));
            }
            (Some(required), Some(authorities)) => {
                let mut roots = RootCertStore::empty();
                for certificate in certificates(&folder.join(authorities))? {
                    roots.add(certificate)?;
                }
                let verifier = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider);
                let verifier = if required { verifier } else { verifier.allow_unauthenticated() };
                builder.with_client_cert_verifier(verifier.build()?)
            }
        };
        let key = folder.join(&self.key_file);
        let private = PrivateKeyDer::from_pem_file(&key).map_err(|error| Fault::Pem { path: key, error })?;
        let mut config = builder.with_single_cert(certificates(&folder.join(&self.cert_file))?, private)?;
        config.alpn_protocols = vec![b"http/1.1".to_vec()];
        Ok(config)
    }

    fn versions(&self) -> Result<Vec<&'static SupportedProtocolVersion>, Fault> {
        let place = |version: &Option<String>, default| match version.as_deref() {
            None | Some("") => Ok(default),
            Some("TLS12") => Ok(0),
            Some("TLS13") => Ok(1),
            Some(other) => Err(Fault::Version(other.to_owned())),
        };
        let (first, last) = (place(&self.min_version, 0)?, place(&self.max_version, 1)?);
        let versions: Vec<_> = [&TLS12, &TLS13].into_iter().take(last + 1).skip(first).collect();
        if versions.is_empty() { Err(Fault::NoVersion) } else { Ok(versions) }
    }
}

fn certificates(path: &Path) -> Result<Vec<CertificateDer<'static>>, Fault> {
    let fault = |error| Fault::Pem { path: path.to_owned(), error };
    let all: Vec<_> =
        CertificateDer::pem_file_iter(path).map_err(fault)?.collect::<Result<_, _>>().map_err(fault)?;
    if all.is_empty() { Err(Fault::NoCertificate { path: path.to_owned() }) } else { Ok(all) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Result<Access, String> {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("web.yml");
        fs::write(&path, text).unwrap();
        Access::read(&path).map_err(|error| error.to_string())
    }

    fn fault(text: &str) -> String {
        read(text).unwrap_err().split_once("web.yml: ").unwrap().1.to_owned()
    }

    #[test]
    fn an_empty_file_asks_nobody_anything() {
        let access = read("").unwrap();
        assert!(access.tls().is_none() && access.users().is_empty());
    }

    #[test]
    fn users_and_headers_are_read() {
        let hash = bcrypt::hash("x", 4).unwrap();
        let access = read(&format!(
            "basic_auth_users:\n  prometheus: {hash}\nhttp_server_config:\n  headers:\n    X-Frame-Options: deny\n"
        ));
        let access = access.unwrap();
        assert_eq!(access.users()["prometheus"], hash);
        assert_eq!(access.headers()[0].0, "x-frame-options");
    }

    #[test]
    fn what_would_be_less_strict_than_it_looks_is_an_error_that_says_what_to_do() {
        assert!(fault("basic_auth_user:\n  a: b\n").contains("unknown field"));
        assert_eq!(
            fault("basic_auth_users:\n  joe: secret\n"),
            "the password of `joe` is not a bcrypt hash: make one with `htpasswd -nBC 10 joe`"
        );
        let tls =
            |line: &str| fault(&format!("tls_server_config:\n  cert_file: c\n  key_file: k\n  {line}\n"));
        assert_eq!(tls("min_version: TLS14"), "there is no TLS version TLS14: use TLS12 or TLS13");
        assert_eq!(
            tls("client_auth_type: RequireAndVerifyClientCert"),
            "client_auth_type RequireAndVerifyClientCert needs client_ca_file"
        );
        assert!(tls("cipher_suites: [A]").starts_with("cipher_suites is not supported"));
        assert!(tls("client_auth_type: RequireAnyClientCert").contains("is not supported"));
        assert!(tls("client_ca_file: ca").contains("has no use"));
        assert!(fault("http_server_config:\n  headers:\n    Set-Cookie: x\n").contains("can't be set"));
    }
}
