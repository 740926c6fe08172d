//! What a runtime may answer, and why it did not.

use std::{io, path::Path, time::Duration};

use crate::text;

/// How long a runtime has for an answer. An event waits for much less than that.
pub const ANSWER_LIMIT: Duration = Duration::from_secs(5);
/// The largest answer that is read.
pub const SIZE_LIMIT: usize = 1 << 20;
/// The longest name that is taken.
pub const NAME_LIMIT: usize = 1024;
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
