//! The event as it is.

use crate::event::Event;

/// In one line, without the newline.
pub(super) fn line(event: &Event<'_>) -> String {
    // Only a map with keys that are no strings could fail, and an event has none.
    serde_json::to_string(event).unwrap_or_default()
}

/// Over several lines, without the last newline.
pub(super) fn pretty(event: &Event<'_>) -> String {
    serde_json::to_string_pretty(event).unwrap_or_default()
}
