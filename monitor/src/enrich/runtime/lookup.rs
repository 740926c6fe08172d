//! Asking the runtimes, several at a time.

use std::sync::Arc;

use tokio::{task::JoinSet, time::timeout};

use super::{
    Api, ContainerId, Named, Question, Socket,
    answer::{ANSWER_LIMIT, LookupError},
    cri, docker,
};
use crate::{
    enrich::cache::{Answer, Requests},
    text,
};

/// Containers that are asked for at the same time.
const AT_ONCE: usize = 8;

/// Looks containers up until nobody asks any more.
pub async fn serve(mut requests: Requests<Question, Named>, sockets: Vec<Socket>) {
    let sockets: Arc<[Socket]> = sockets.into();
    let mut lookups = JoinSet::new();
    loop {
        tokio::select! {
            question = requests.questions.recv(), if lookups.len() < AT_ONCE => {
                let Some(question) = question else { break };
                let (sockets, answers) = (Arc::clone(&sockets), requests.answers.clone());
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
