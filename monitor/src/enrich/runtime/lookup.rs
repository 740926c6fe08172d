//! Asking the runtimes, several at a time.

use std::{io, path::Path, sync::Arc, time::Duration};

use tokio::{task::JoinSet, time::timeout};

use super::{Api, ContainerId, Named, Question, Socket, cri, docker};
use crate::{
    enrich::cache::{Answer, Desk},
    text,
};

/// How long a runtime has for an answer. An event waits for much less than that.
pub const ANSWER_LIMIT: Duration = Duration::from_secs(5);
/// The largest answer that is read.
pub const SIZE_LIMIT: usize = 1 << 20;
/// The longest name that is taken.
pub const NAME_LIMIT: usize = 1024;
/// Containers that are asked for at the same time.
const AT_ONCE: usize = 8;

/// Why a runtime could not be asked.
#[derive(Debug, thiserror::Error)]
pub(super) enum LookupError {
    #[error("cannot connect: {0}")]
    Connect(io::Error),
    #[error("no answer in {} s", ANSWER_LIMIT.as_secs())]
    Late,
    #[error("the answer is too large")]
    TooLarge,
    #[error("the answer can't be read")]
    Malformed,
    #[error("the answer is about another container")]
    Another,
    #[error("the answer is status {0}")]
    Status(u16),
    #[error("the call failed with gRPC status {0:?}")]
    Grpc(tonic::Code),
}

/// Looks containers up until nobody asks any more.
pub async fn serve(mut desk: Desk<Question, Named>, sockets: Vec<Socket>) {
    let sockets: Arc<[Socket]> = sockets.into();
    let mut lookups = JoinSet::new();
    loop {
        tokio::select! {
            question = desk.questions.recv(), if lookups.len() < AT_ONCE => {
                let Some(question) = question else { break };
                let (sockets, answers) = (Arc::clone(&sockets), desk.answers.clone());
                lookups.spawn(async move {
                    let answer = look_up(question, &sockets).await;
                    // Where nobody waits for it any more, it is not needed.
                    let _unheard = answers.send((question, answer)).await;
                });
            }
            Some(_) = lookups.join_next() => {}
        }
    }
}

/// Asks each socket that may know the container, until one does.
pub(super) async fn look_up(question: Question, sockets: &[Socket]) -> Answer<Named> {
    let mut failure = None;
    for socket in sockets.iter().filter(|socket| socket.suits(&question)) {
        match timeout(ANSWER_LIMIT, ask(socket, question.id)).await.unwrap_or(Err(LookupError::Late)) {
            Ok(Some(named)) => return Ok(Some(named)),
            Ok(None) => {}
            Err(error) => {
                tracing::debug!(socket = %socket.path.display(), id = %question.id, %error, "a lookup failed");
                let reason = format!("{}: {error}", socket.path.display());
                failure.get_or_insert(text::escape(reason.as_bytes()).into());
            }
        }
    }
    failure.map_or(Ok(None), Err)
}

async fn ask(socket: &Socket, id: ContainerId) -> Result<Option<Named>, LookupError> {
    match socket.api {
        Api::Docker => docker::ask(&socket.path, id).await,
        Api::Cri => cri::ask(&socket.path, id).await,
    }
}

/// A name out of an answer; an empty one is none.
pub(super) fn name(text: &str) -> Result<Option<Box<str>>, LookupError> {
    if text.len() > NAME_LIMIT {
        return Err(LookupError::TooLarge);
    }
    Ok((!text.is_empty()).then(|| text::escape(text.as_bytes()).into()))
}

pub(super) async fn connect(path: &Path) -> Result<tokio::net::UnixStream, LookupError> {
    tokio::net::UnixStream::connect(path).await.map_err(LookupError::Connect)
}
