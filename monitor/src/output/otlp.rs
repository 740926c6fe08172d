//! Events as log records of OpenTelemetry, to a collector over gRPC (OTLP).
//!
//! The body is the event in one sentence; every field of the event is an attribute, named by its path after `denyd.`:
//! `denyd.process.comm`.

use std::{io, time::Duration};

use bytes::{Bytes, BytesMut};
use opentelemetry_proto::tonic::{
    collector::logs::v1::{ExportLogsServiceRequest, logs_service_client::LogsServiceClient},
    common::v1::{AnyValue, ArrayValue, InstrumentationScope, KeyValue, KeyValueList, any_value},
    logs::v1::{LogRecord, ResourceLogs, ScopeLogs, SeverityNumber},
    resource::v1::Resource,
};
use prost::Message as _;
use tonic::{
    Code,
    transport::{Channel, Endpoint},
};

use super::{
    error::EncodeError,
    transport::{SendError, Transport},
};
use crate::{
    event::{Event, Kind, Verdict},
    format,
};

/// How long connecting may take.
const CONNECT_LIMIT: Duration = Duration::from_secs(5);
/// How long the collector may take to answer.
const ANSWER_LIMIT: Duration = Duration::from_secs(10);

/// Writes an event as a log record.
pub(super) fn encode(event: &Event<'_>, buffer: &mut BytesMut) -> Result<(), EncodeError> {
    let (severity, text) = match event.verdict {
        Some(Verdict::Denied) => (SeverityNumber::Warn, "WARN"),
        _ => (SeverityNumber::Info, "INFO"),
    };
    let mut attributes = Vec::new();
    flatten("denyd", serde_json::to_value(event)?, &mut attributes);
    let record = LogRecord {
        time_unix_nano: u64::try_from(event.time.as_nanosecond()).unwrap_or(0),
        severity_number: severity.into(),
        severity_text: text.to_owned(),
        body: Some(string(format::message(event).to_string())),
        attributes,
        event_name: match event.kind {
            Kind::Denial => "denyd.denial".to_owned(),
            Kind::Policy => "denyd.policy".to_owned(),
        },
        ..LogRecord::default()
    };
    record.encode(buffer).map_err(io::Error::from)?;
    Ok(())
}

/// Adds the values under this name, those of an object each under its own.
fn flatten(name: &str, value: serde_json::Value, attributes: &mut Vec<KeyValue>) {
    match value {
        serde_json::Value::Object(fields) => {
            for (field, value) in fields {
                flatten(&format!("{name}.{field}"), value, attributes);
            }
        }
        value => attributes.push(attribute(name, any(value))),
    }
}

fn attribute(key: &str, value: AnyValue) -> KeyValue {
    KeyValue { key: key.to_owned(), value: Some(value), ..KeyValue::default() }
}

fn string(text: String) -> AnyValue {
    AnyValue { value: Some(any_value::Value::StringValue(text)) }
}

fn any(value: serde_json::Value) -> AnyValue {
    use serde_json::Value;
    let value = match value {
        Value::Null => None,
        Value::Bool(flag) => Some(any_value::Value::BoolValue(flag)),
        Value::Number(number) => Some(match number.as_i64() {
            Some(number) => any_value::Value::IntValue(number),
            // OTLP has no number for it.
            None => any_value::Value::StringValue(number.to_string()),
        }),
        Value::String(text) => Some(any_value::Value::StringValue(text)),
        Value::Array(values) => {
            Some(any_value::Value::ArrayValue(ArrayValue { values: values.into_iter().map(any).collect() }))
        }
        Value::Object(fields) => Some(any_value::Value::KvlistValue(KeyValueList {
            values: fields.into_iter().map(|(key, value)| attribute(&key, any(value))).collect(),
        })),
    };
    AnyValue { value }
}

/// A collector.
#[derive(Debug)]
pub(super) struct Collector {
    endpoint: Endpoint,
    resource: Resource,
    client: Option<LogsServiceClient<Channel>>,
}

impl Collector {
    /// The collector there: `http://127.0.0.1:4317`.
    pub(super) fn new(endpoint: Endpoint) -> Self {
        let host = crate::host::name().to_string_lossy().into_owned();
        let about =
            [("service.name", "denyd"), ("service.version", env!("CARGO_PKG_VERSION")), ("host.name", &host)];
        let attributes = about.map(|(key, value)| attribute(key, string(value.to_owned()))).into();
        Self {
            endpoint: endpoint.connect_timeout(CONNECT_LIMIT).timeout(ANSWER_LIMIT),
            resource: Resource { attributes, ..Resource::default() },
            client: None,
        }
    }

    fn request(&self, lines: &[Bytes]) -> Result<ExportLogsServiceRequest, prost::DecodeError> {
        let log_records = lines.iter().map(|line| LogRecord::decode(line.clone()));
        let scope = InstrumentationScope {
            name: "denyd".to_owned(),
            version: env!("CARGO_PKG_VERSION").to_owned(),
            ..InstrumentationScope::default()
        };
        let scope_logs = ScopeLogs {
            scope: Some(scope),
            log_records: log_records.collect::<Result<_, _>>()?,
            ..ScopeLogs::default()
        };
        let logs = ResourceLogs {
            resource: Some(self.resource.clone()),
            scope_logs: vec![scope_logs],
            ..ResourceLogs::default()
        };
        Ok(ExportLogsServiceRequest { resource_logs: vec![logs] })
    }
}

impl Transport for Collector {
    async fn connect(&mut self) -> io::Result<()> {
        let channel = self.endpoint.connect().await.map_err(io::Error::other)?;
        self.client = Some(LogsServiceClient::new(channel));
        Ok(())
    }

    async fn send(&mut self, lines: &[Bytes]) -> (usize, Result<(), SendError>) {
        let request = match self.request(lines) {
            Ok(request) => request,
            Err(error) => return (0, Err(SendError::Refused(error.to_string()))),
        };
        let Some(client) = &mut self.client else {
            return (0, Err(io::Error::from(io::ErrorKind::NotConnected).into()));
        };
        match client.export(request).await {
            Ok(answer) => match answer.into_inner().partial_success {
                Some(partial) if partial.rejected_log_records > 0 => {
                    let rejected = usize::try_from(partial.rejected_log_records).unwrap_or(lines.len());
                    let taken = lines.len().saturating_sub(rejected);
                    (taken, Err(SendError::Refused(partial.error_message)))
                }
                _ => (lines.len(), Ok(())),
            },
            Err(status) => (0, Err(refusal(&status))),
        }
    }
}

/// Which failures pass, by OTLP's own list.
fn refusal(status: &tonic::Status) -> SendError {
    match status.code() {
        Code::Cancelled
        | Code::DeadlineExceeded
        | Code::Aborted
        | Code::OutOfRange
        | Code::Unavailable
        | Code::DataLoss
        | Code::ResourceExhausted => SendError::Broken(io::Error::other(status.to_string())),
        _ => SendError::Refused(status.to_string()),
    }
}

#[cfg(test)]
mod tests;
