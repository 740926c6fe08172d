//! systemd's directory of users and groups (<https://systemd.io/USER_GROUP_API/>): one question and one answer over a
//! local socket, each an object of JSON with a zero byte after it.
//!
//! Where systemd-userdbd runs, its multiplexer knows every account that the machine's name service knows: those of sssd
//! and LDAP, too. Elsewhere systemd itself knows the users that it made for units (`DynamicUser=`).

use std::{
    io::{self, Read as _, Write as _},
    os::unix::net::UnixStream,
    path::Path,
    time::Duration,
};

use monitor_api::snapshot::NameWay;
use serde::Deserialize;
use serde_json::json;

use super::Id;

/// Where the services have their sockets, each under its name.
pub(super) const FOLDER: &str = "/run/systemd/userdb";

/// Whom to ask: the first that is there.
const SERVICES: [(&str, NameWay); 2] =
    [("io.systemd.Multiplexer", NameWay::Userdbd), ("io.systemd.DynamicUser", NameWay::DynamicUser)];

/// An answer that is longer is none.
const ANSWER_LIMIT: u64 = 1 << 20;

/// How long a service may take. No event waits for it.
const PATIENCE: Duration = Duration::from_secs(5);

/// The account could not be looked up.
#[derive(Debug, thiserror::Error)]
pub(super) enum UserdbError {
    /// The service can't be asked, or does not answer.
    #[error("{service} failed: {error}")]
    Io {
        /// The service.
        service: &'static str,
        /// Why.
        error: io::Error,
    },
    /// What came is no answer.
    #[error("{service} gave no usable answer")]
    Answer {
        /// The service.
        service: &'static str,
    },
    /// The service says that it can't.
    #[error("{service} refused: {error}")]
    Refused {
        /// The service.
        service: &'static str,
        /// The error's name.
        error: String,
    },
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Answer {
    error: Option<String>,
    #[serde(default)]
    parameters: Parameters,
}

#[derive(Default, Deserialize)]
struct Parameters {
    record: Option<Record>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Record {
    user_name: Option<String>,
    group_name: Option<String>,
}

/// Who is asked of those that have sockets in `folder`, if any.
pub(super) fn way(folder: &Path) -> Option<NameWay> {
    SERVICES.into_iter().find(|(service, _)| folder.join(service).exists()).map(|(_, way)| way)
}

/// The name of an account, by the services that have sockets in `folder`. None if they, or there are none, don't know it.
///
/// # Errors
///
/// If a service is there and can't be asked, or its answer can't be used.
pub(super) fn name(folder: &Path, id: Id) -> Result<Option<String>, UserdbError> {
    for (service, _way) in SERVICES {
        let failed = |error| UserdbError::Io { service, error };
        match UnixStream::connect(folder.join(service)) {
            Ok(stream) => return ask(stream, service, id),
            // That of a service that ended is there still.
            Err(error)
                if matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::ConnectionRefused) => {}
            Err(error) => return Err(failed(error)),
        }
    }
    Ok(None)
}

fn ask(mut stream: UnixStream, service: &'static str, id: Id) -> Result<Option<String>, UserdbError> {
    let (method, key, number) = match id {
        Id::User(uid) => ("io.systemd.UserDatabase.GetUserRecord", "uid", uid),
        Id::Group(gid) => ("io.systemd.UserDatabase.GetGroupRecord", "gid", gid),
    };
    let mut question =
        json!({ "method": method, "parameters": { key: number, "service": service } }).to_string();
    question.push('\0');
    let mut exchange = || {
        stream.set_read_timeout(Some(PATIENCE))?;
        stream.set_write_timeout(Some(PATIENCE))?;
        stream.write_all(question.as_bytes())?;
        read_answer(&stream)
    };
    let answer = exchange().map_err(|error| UserdbError::Io { service, error })?;
    let answer: Answer = serde_json::from_slice(&answer).map_err(|_| UserdbError::Answer { service })?;
    match (answer.error, answer.parameters.record, id) {
        (Some(error), ..) if error.ends_with(".NoRecordFound") => Ok(None),
        (Some(error), ..) => Err(UserdbError::Refused { service, error }),
        (None, Some(Record { user_name: Some(name), .. }), Id::User(_))
        | (None, Some(Record { group_name: Some(name), .. }), Id::Group(_)) => Ok(Some(name)),
        _ => Err(UserdbError::Answer { service }),
    }
}

/// What comes before the zero byte.
fn read_answer(stream: &UnixStream) -> io::Result<Vec<u8>> {
    let mut answer = Vec::new();
    let mut part = [0; 4096];
    let mut rest = stream.take(ANSWER_LIMIT);
    loop {
        let length = rest.read(&mut part)?;
        if length == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        let end = part[..length].iter().position(|&byte| byte == 0);
        answer.extend(&part[..end.unwrap_or(length)]);
        if end.is_some() {
            return Ok(answer);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::{os::unix::net::UnixListener, thread};

    use serde_json::Value;
    use tempfile::TempDir;

    use super::*;

    /// A folder in which this service gives this answer to the one question that it is asked, and that question.
    fn answering(service: &str, answer: &'static [u8]) -> (TempDir, thread::JoinHandle<Value>) {
        let folder = tempfile::tempdir().unwrap();
        let listener = UnixListener::bind(folder.path().join(service)).unwrap();
        let answered = thread::spawn(move || {
            let (mut stream, _) = listener.accept().unwrap();
            let question = read_answer(&stream).unwrap();
            // Who has read enough may be gone.
            let _enough = stream.write_all(answer);
            serde_json::from_slice(&question).unwrap()
        });
        (folder, answered)
    }

    #[test]
    fn a_user_and_a_group_are_asked_for_as_systemd_wants() {
        let (folder, asked) = answering(
            "io.systemd.Multiplexer",
            b"{\"parameters\":{\"record\":{\"userName\":\"ada\",\"uid\":1234},\"incomplete\":false}}\0",
        );
        assert_eq!(name(folder.path(), Id::User(1234)).unwrap().as_deref(), Some("ada"));
        assert_eq!(
            asked.join().unwrap(),
            json!({
                "method": "io.systemd.UserDatabase.GetUserRecord",
                "parameters": { "uid": 1234, "service": "io.systemd.Multiplexer" },
            })
        );
        let (folder, asked) =
            answering("io.systemd.DynamicUser", b"{\"parameters\":{\"record\":{\"groupName\":\"staff\"}}}\0");
        assert_eq!(name(folder.path(), Id::Group(50)).unwrap().as_deref(), Some("staff"));
        assert_eq!(
            asked.join().unwrap(),
            json!({
                "method": "io.systemd.UserDatabase.GetGroupRecord",
                "parameters": { "gid": 50, "service": "io.systemd.DynamicUser" },
            })
        );
    }

    #[test]
    fn an_account_that_nobody_knows_has_no_name() {
        let (folder, asked) = answering(
            "io.systemd.Multiplexer",
            b"{\"error\":\"io.systemd.UserDatabase.NoRecordFound\",\"parameters\":{}}\0",
        );
        assert_eq!(name(folder.path(), Id::User(7)).unwrap(), None);
        drop(asked.join());
        let nobody = tempfile::tempdir().unwrap();
        assert_eq!(name(nobody.path(), Id::User(7)).unwrap(), None);
        assert_eq!(name(&nobody.path().join("missing"), Id::User(7)).unwrap(), None);
        // One that has ended.
        drop(UnixListener::bind(nobody.path().join("io.systemd.Multiplexer")).unwrap());
        assert_eq!(name(nobody.path(), Id::User(7)).unwrap(), None);
    }

    #[test]
    fn a_service_that_answers_otherwise_is_named() {
        for (answer, said) in [
            (
                b"{\"error\":\"io.systemd.UserDatabase.ServiceNotAvailable\"}\0".as_slice(),
                "io.systemd.Multiplexer refused: io.systemd.UserDatabase.ServiceNotAvailable",
            ),
            (b"{\"parameters\":{\"record\":{\"groupName\":\"x\"}}}\0", "gave no usable answer"),
            (b"{}\0", "gave no usable answer"),
            (b"nonsense\0", "gave no usable answer"),
            (b"{\"parameters\":{\"record\":{\"userName\":\"cut", "unexpected end of file"),
        ] {
            let (folder, asked) = answering("io.systemd.Multiplexer", answer);
            let error = name(folder.path(), Id::User(7)).unwrap_err().to_string();
            assert!(error.starts_with("io.systemd.Multiplexer") && error.contains(said), "{error}");
            drop(asked.join());
        }
    }

    #[test]
    fn an_endless_answer_is_not_read_on() {
        let endless = vec![b' '; 2 << 20].leak();
        let (folder, asked) = answering("io.systemd.Multiplexer", endless);
        let error = name(folder.path(), Id::User(7)).unwrap_err().to_string();
        assert!(error.contains("unexpected end of file"), "{error}");
        drop(asked.join());
    }
}
