//! What a client and the daemon say to each other, one JSON object a line.
//!
//! The client sends one [`Request`]. The daemon answers with a [`Control`] line, `{"denyd":{"hello":...}}` or
//! `{"denyd":{"error":...}}`. After a hello come events, each exactly as `denyd run` prints it, and between them control
//! lines where there is something to tell. docs/tail.md shows it.

use std::{fmt, str::FromStr};

use jiff::Timestamp;
use monitor_event::selection::Selection;
use monitor_explain::{finding::Finding, report::Report};
use serde::{Deserialize, Serialize};

use crate::snapshot::Snapshot;

/// The version of the protocol. It grows when an old client or daemon would misunderstand.
pub const VERSION: u32 = 2;

/// The longest request, with its newline.
pub const REQUEST_MAX: usize = 64 * 1024;

/// What a client wants.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Request {
    /// [`VERSION`].
    pub version: u32,
    /// Which events.
    #[serde(default)]
    pub selection: Selection,
    /// None from before this time.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub since: Option<Timestamp>,
    /// None from after this time.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub until: Option<Timestamp>,
    /// No more than this many of the events that were before; absent for all of them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last: Option<u64>,
    /// Those from this place on, instead of the last so many.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub from: Option<Cursor>,
    /// Whether events are wanted as they happen, after those that were.
    #[serde(default)]
    pub follow: bool,
    /// The status is wanted, and no events.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub status: Option<StatusRequest>,
    /// What the events' denials have as causes and remedies is wanted, and no events.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub explain: bool,
}

impl Default for Request {
    /// All events that were.
    fn default() -> Self {
        Self {
            version: VERSION,
            selection: Selection::default(),
            since: None,
            until: None,
            last: None,
            from: None,
            follow: false,
            status: None,
            explain: false,
        }
    }
}

/// A place in the history, before an event.
///
/// As text it is the boot and the number with a colon between them.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Cursor {
    /// The boot in which the daemon gave it ([`Hello::boot`]).
    pub boot: String,
    /// The event's number in the history: one more than that of the event before.
    pub number: u64,
}

/// Text that is no cursor.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not a cursor: give one that --show-cursor has printed, as BOOT:NUMBER")]
pub struct CursorError;

impl fmt::Display for Cursor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.boot, self.number)
    }
}

impl FromStr for Cursor {
    type Err = CursorError;

    fn from_str(text: &str) -> Result<Self, CursorError> {
        let (boot, number) = text.split_once(':').ok_or(CursorError)?;
        let is_boot = boot.chars().all(|char| char.is_ascii_hexdigit() || char == '-');
        let number = number.parse().map_err(|_| CursorError)?;
        if is_boot { Ok(Self { boot: boot.to_owned(), number }) } else { Err(CursorError) }
    }
}

/// Which status is wanted.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct StatusRequest {
    /// That of when the outputs have written, filtered or lost what they have received by now; but no longer than so many
    /// milliseconds from now.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub settle_ms: Option<u32>,
    /// Outputs that are not waited for.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub except: Vec<String>,
}

/// The status.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct StatusNow {
    /// Outputs that were waited for and are not done with what they had received when they were asked.
    pub unsettled: Vec<String>,
    /// What is watched, and what is counted.
    pub now: Snapshot,
}

/// What the daemon says beside events.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Control {
    /// The request was understood.
    Hello(Hello),
    /// There will be no events. The last line.
    Error(Refusal),
    /// The status that was asked for.
    Status(Box<StatusNow>),
    /// One of the findings that were asked for. What explains the most denials comes first.
    Finding(Box<Finding>),
    /// After all findings: what they were made of. It has none itself.
    Explained(Box<Report>),
    /// The number of the event that comes next, if it is not one more than that of the last one; or of the first that is
    /// yet to be looked at.
    At(u64),
    /// So many events are gone that would have come here; how many of them were selected is not known.
    Lost(u64),
    /// The place that was asked for is of another history: events may be gone here, and nobody knows how many.
    Interrupted,
    /// All that was before has been sent; what follows has just happened.
    Current,
    /// All was sent that was asked for, or the daemon ends. The last line.
    End(End),
}

/// Who answers.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Hello {
    /// [`VERSION`].
    pub version: u32,
    /// The daemon's own version.
    pub denyd: String,
    /// The version of the events' form.
    pub schema: u32,
    /// The boot that [`Cursor`]s are of.
    pub boot: String,
}

/// Why a client gets nothing.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Refusal {
    /// For programs.
    pub reason: Reason,
    /// For people.
    pub message: String,
}

/// Why a client gets nothing, for programs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Reason {
    /// The user may not.
    NotAllowed,
    /// There are as many clients as there may be.
    Busy,
    /// The request is not understood.
    BadRequest,
    /// The client speaks another version.
    Version,
}

/// Why the events end.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum End {
    /// All was sent that was asked for.
    Done,
    /// The daemon ends.
    Stopping,
}

/// The object around a control line, by which it is distinguished from an event.
#[derive(Serialize, Deserialize)]
struct Envelope {
    denyd: Control,
}

/// How every control line starts, and no event does.
const CONTROL_START: &[u8] = br#"{"denyd":"#;

/// A line that the daemon can't have sent.
#[derive(Debug, thiserror::Error)]
#[error("a line that is neither an event nor a message of denyd's: {0}")]
pub struct ProtocolError(#[from] serde_json::Error);

/// A line from the daemon.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Line<'a> {
    /// An event, as JSON.
    Event(&'a [u8]),
    /// Something else.
    Control(Control),
}

impl<'a> Line<'a> {
    /// Returns what a line is. An event is not looked into.
    ///
    /// # Errors
    ///
    /// If it starts like a control line and is none.
    pub fn parse(line: &'a [u8]) -> Result<Self, ProtocolError> {
        if !line.starts_with(CONTROL_START) {
            return Ok(Self::Event(line));
        }
        let Envelope { denyd } = serde_json::from_slice(line)?;
        Ok(Self::Control(denyd))
    }
}

impl Control {
    /// The line, with its newline.
    #[must_use]
    pub fn line(self) -> Vec<u8> {
        json_line(&Envelope { denyd: self })
    }
}

impl Request {
    /// A request for the status alone.
    #[must_use]
    pub fn status(status: StatusRequest) -> Self {
        Self { last: Some(0), status: Some(status), ..Self::default() }
    }

    /// The line, with its newline.
    #[must_use]
    pub fn line(&self) -> Vec<u8> {
        json_line(self)
    }

    /// Reads a request's line.
    ///
    /// # Errors
    ///
    /// What is to be answered.
    pub fn parse(line: &[u8]) -> Result<Self, Refusal> {
        /// What every version of a request has.
        #[derive(Deserialize)]
        struct Versioned {
            version: u32,
        }
        let bad = |error: serde_json::Error| Refusal {
            reason: Reason::BadRequest,
            message: format!("this is no request: {error}: send one line of JSON, see docs/tail.md"),
        };
        let Versioned { version } = serde_json::from_slice(line).map_err(bad)?;
        if version != VERSION {
            let message = format!(
                "this denyd speaks version {VERSION} and the client version {version}: use the `denyd` of the same \
                 installation, and restart the daemon after an upgrade"
            );
            return Err(Refusal { reason: Reason::Version, message });
        }
        let request: Self = serde_json::from_slice(line).map_err(bad)?;
        if request.from.is_some() && request.last.is_some() {
            let message = "`from` and `last` both say where to start: send one of them".to_owned();
            return Err(Refusal { reason: Reason::BadRequest, message });
        }
        if request.explain && (request.follow || request.status.is_some()) {
            let message =
                "`explain` has an end and no events: send neither `follow` nor `status` with it".to_owned();
            return Err(Refusal { reason: Reason::BadRequest, message });
        }
        Ok(request)
    }
}

fn json_line(value: &impl Serialize) -> Vec<u8> {
    // Only a map with keys that are no strings could fail, and nothing here has one.
    let mut line = serde_json::to_vec(value).unwrap_or_default();
    line.push(b'\n');
    line
}

#[cfg(test)]
mod tests {
    use super::*;

    fn finding() -> Finding {
        let json = r#"{"module":"selinux","cause":"label","summary":"s","count":3,"who":[],"objects":[],"hosts":[],
            "remedies":[{"kind":"relabel","text":"t","commands":["restorecon -v /srv"],
            "changes":[{"kind":"relabel","path":"/srv"}]}],"evidence":["e"]}"#;
        serde_json::from_str(json).unwrap()
    }

    #[test]
    fn control_lines_are_told_from_events() {
        for control in [
            Control::Hello(Hello {
                version: VERSION,
                denyd: "0.1.0".to_owned(),
                schema: 2,
                boot: "b".to_owned(),
            }),
            Control::Error(Refusal { reason: Reason::Busy, message: "full".to_owned() }),
            Control::Status(Box::new(StatusNow { unsettled: Vec::new(), now: Snapshot::example() })),
            Control::Finding(Box::new(finding())),
            Control::Explained(Box::new(Report { denials: 3, ..Report::default() })),
            Control::At(1_795_700_000_000_000),
            Control::Lost(12),
            Control::Interrupted,
            Control::Current,
            Control::End(End::Done),
        ] {
            let line = control.clone().line();
            assert_eq!(Line::parse(&line).unwrap(), Line::Control(control));
        }
        let event = br#"{"schema":2,"time":"#;
        assert_eq!(Line::parse(event).unwrap(), Line::Event(event));
        assert!(Line::parse(br#"{"denyd":"what"}"#).is_err());
    }

    #[test]
    fn the_lines_are_as_documented() {
        let line = String::from_utf8(Control::Lost(12).line()).unwrap();
        assert_eq!(line, "{\"denyd\":{\"lost\":12}}\n");
        let line = String::from_utf8(Control::Current.line()).unwrap();
        assert_eq!(line, "{\"denyd\":\"current\"}\n");
        let request =
            Request::parse(br#"{"version":2,"selection":{"module":["selinux"]},"last":10}"#).unwrap();
        assert_eq!((request.last, request.follow), (Some(10), false));
        let request =
            Request::parse(br#"{"version":2,"status":{"settle_ms":500,"except":["siem"]}}"#).unwrap();
        let status = StatusRequest { settle_ms: Some(500), except: vec!["siem".to_owned()] };
        assert_eq!(request.status, Some(status));
    }

    #[test]
    fn a_cursor_is_read_as_it_is_shown() {
        let cursor = Cursor { boot: "0f1e-2d".to_owned(), number: 17 };
        assert_eq!(cursor.to_string(), "0f1e-2d:17");
        assert_eq!("0f1e-2d:17".parse(), Ok(cursor));
        for text in ["", "17", "0f1e:", "0f1e:x", "boot:17", "0f1e:-1"] {
            assert_eq!(text.parse::<Cursor>(), Err(CursorError), "{text}");
        }
    }

    #[test]
    fn what_is_no_request_is_answered_with_why() {
        for (line, reason) in [
            (&b""[..], Reason::BadRequest),
            (b"GET / HTTP/1.1\r\n", Reason::BadRequest),
            (b"{}", Reason::BadRequest),
            (br#"{"version":2,"flow":true}"#, Reason::BadRequest),
            (b"\xff\xfe", Reason::BadRequest),
            (br#"{"version":2,"last":1,"from":{"boot":"","number":1}}"#, Reason::BadRequest),
            (br#"{"version":2,"explain":true,"follow":true}"#, Reason::BadRequest),
            (br#"{"version":1,"flow":true}"#, Reason::Version),
        ] {
            assert_eq!(Request::parse(line).unwrap_err().reason, reason, "{}", line.escape_ascii());
        }
    }
}
