//! JSON lines: denyd's own events, and what `journalctl -o json` writes.

use monitor_event::event::{Event, Kind};
use serde::Deserialize;

use super::{Denial, Problem, head::Head, journal::Entry};

/// What a JSON line has.
pub(super) enum Line<'a> {
    Denial(Box<Denial<'a>>),
    /// A message of the journal, and what is known beside it.
    Text(String, Head),
}

/// The fields that tell whose line it is.
#[derive(Deserialize)]
struct Probe {
    schema: Option<serde_json::Value>,
    module: Option<serde_json::Value>,
    #[serde(rename = "MESSAGE")]
    message: Option<serde_json::Value>,
    #[serde(rename = "_TRANSPORT")]
    transport: Option<String>,
    #[serde(rename = "_HOSTNAME")]
    host: Option<String>,
    #[serde(rename = "_AUDIT_ID")]
    serial: Option<String>,
    #[serde(rename = "_SOURCE_REALTIME_TIMESTAMP")]
    time: Option<String>,
}

/// Reads a line; `None` if it is of neither kind, or no denial.
pub(super) fn read(text: &str, line: u64) -> Result<Option<Line<'_>>, Problem> {
    let Ok(probe) = serde_json::from_str::<Probe>(text) else {
        // A file of JSON with a line of denyd's cut in two is a broken line; other JSON is not our affair.
        let is_ours = text.starts_with("{\"schema\":");
        return if is_ours { Err(Problem::Json("it is not whole".to_owned())) } else { Ok(None) };
    };
    if probe.schema.is_some() && probe.module.is_some() {
        let event: Event<'_> =
            serde_json::from_str(text).map_err(|error| Problem::Json(error.to_string()))?;
        let denial = Denial { event, timed: true, syscall: None, line };
        return Ok((denial.event.kind == Kind::Denial).then(|| Line::Denial(Box::new(denial))));
    }
    let Some(serde_json::Value::String(message)) = probe.message else { return Ok(None) };
    let Probe { transport, host, serial, time, .. } = probe;
    let entry = Entry { message: Some((message, line)), transport, host, serial, time };
    Ok(entry.record().map(|(message, _, head)| Line::Text(message, head)))
}
