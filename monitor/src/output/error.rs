//! Why an event can't be encoded.

/// An event could not be encoded.
#[derive(Debug, thiserror::Error)]
pub enum EncodeError {
    /// Its JSON could not be written.
    #[error(transparent)]
    Json(#[from] serde_json::Error),
    /// The message around it could not be written.
    #[error(transparent)]
    Message(#[from] std::io::Error),
}
