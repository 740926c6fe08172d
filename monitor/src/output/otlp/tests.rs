use std::sync::{Arc, Mutex};

use bytes::BufMut as _;
use hyper::{HeaderMap, Response};
use opentelemetry_proto::tonic::collector::logs::v1::{ExportLogsPartialSuccess, ExportLogsServiceResponse};
use tokio::net::TcpListener;

use super::*;
use crate::output::{Encoding, Hub, transport::drive};

/// A collector's answer: how many records it rejects, or a gRPC status.
type Answer = Result<i64, u8>;

/// Sends events to a collector that answers so, one answer a request, and no more then. Gives the records that it got
/// and what the output counted.
fn sent(comms: &[&str], answers: &[Answer]) -> (Vec<LogRecord>, String) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = format!("http://{}", listener.local_addr().unwrap());
        let got = Arc::new(Mutex::new(Vec::new()));
        tokio::spawn(serve(listener, Arc::clone(&got), answers.to_vec()));

        let mut hub = Hub::default();
        let lines = hub.add("otlp", &Encoding::Otlp, None, comms.len());
        let counts = Arc::clone(&lines.counts);
        for comm in comms {
            let mut event: Event<'_> = serde_json::from_str(EVENT).unwrap();
            event.process.comm = Some((*comm).into());
            hub.send(&event);
        }
        drop(hub);
        drive(lines, Collector::new(Endpoint::from_shared(address).unwrap())).await;
        let records = got.lock().unwrap().clone();
        (records, counts.to_string())
    })
}

const EVENT: &str = r#"{"schema":2,"time":"1970-01-01T00:00:01.5Z","host":"web1","kind":"denial","module":"selinux",
    "verdict":"denied","silent":false,"action":{"class":"file","permissions":["read","open"]},"subject":{},
    "object":{"kind":"file","path":"/etc/shadow","inode":18446744073709551615},
    "process":{"pid":42,"tid":43,"comm":"x","ancestors":[{"pid":1,"comm":"init","uid":0}]}}"#;

async fn serve(listener: TcpListener, got: Arc<Mutex<Vec<LogRecord>>>, answers: Vec<Answer>) {
    let mut answers = answers.into_iter();
    while let Ok((stream, _)) = listener.accept().await {
        let mut connection = h2::server::handshake(stream).await.unwrap();
        while let Some(Ok((mut request, mut respond))) = connection.accept().await {
            assert_eq!(request.uri().path(), "/opentelemetry.proto.collector.logs.v1.LogsService/Export");
            let (got, answer) = (Arc::clone(&got), answers.next().unwrap_or(Ok(0)));
            tokio::spawn(async move {
                let mut body = BytesMut::new();
                while let Some(Ok(data)) = request.body_mut().data().await {
                    body.extend_from_slice(&data);
                }
                let request = ExportLogsServiceRequest::decode(&body[5..]).unwrap();
                let mut framed = BytesMut::new();
                if let Ok(rejected) = answer {
                    let logs = request.resource_logs.into_iter().flat_map(|logs| logs.scope_logs);
                    got.lock().unwrap().extend(logs.flat_map(|logs| logs.log_records));
                    let partial = (rejected > 0).then(|| ExportLogsPartialSuccess {
                        rejected_log_records: rejected,
                        error_message: "too old".to_owned(),
                    });
                    let message = ExportLogsServiceResponse { partial_success: partial };
                    framed.put_u8(0);
                    framed.put_u32(u32::try_from(message.encoded_len()).unwrap());
                    message.encode(&mut framed).unwrap();
                }
                let head = Response::builder().header("content-type", "application/grpc");
                let mut stream = respond.send_response(head.body(()).unwrap(), false).unwrap();
                let mut trailers = HeaderMap::new();
                trailers.insert("grpc-status", u16::from(answer.err().unwrap_or(0)).into());
                stream.send_data(framed.freeze(), false).unwrap();
                stream.send_trailers(trailers).unwrap();
            });
        }
    }
}

fn get<'r>(record: &'r LogRecord, name: &str) -> Option<&'r any_value::Value> {
    let found = record.attributes.iter().find(|attribute| attribute.key == name)?;
    found.value.as_ref()?.value.as_ref()
}

#[test]
fn a_record_has_every_field_of_the_event() {
    use any_value::Value::{ArrayValue, BoolValue, IntValue, StringValue};
    let (records, counts) = sent(&["nginx"], &[]);
    assert_eq!(counts, "otlp: received 1, written 1, lost 0");
    let [record] = &records[..] else { panic!("{records:?}") };
    assert_eq!((record.time_unix_nano, record.severity_text.as_str()), (1_500_000_000, "WARN"));
    assert_eq!(record.event_name, "denyd.denial");
    for (name, value) in [
        ("denyd.module", StringValue("selinux".to_owned())),
        ("denyd.process.comm", StringValue("nginx".to_owned())),
        ("denyd.process.pid", IntValue(42)),
        ("denyd.silent", BoolValue(false)),
        ("denyd.object.inode", StringValue(u64::MAX.to_string())),
    ] {
        assert_eq!(get(record, name), Some(&value), "{name}");
    }
    let Some(ArrayValue(permissions)) = get(record, "denyd.action.permissions") else { panic!("{record:?}") };
    assert_eq!(permissions.values.len(), 2);
    let Some(StringValue(body)) = record.body.as_ref().and_then(|body| body.value.as_ref()) else { panic!() };
    assert!(body.contains("nginx") && body.contains("/etc/shadow"), "{body}");
}

#[test]
fn what_a_collector_rejects_is_lost_and_counted() {
    let (_, counts) = sent(&["a", "b", "c"], &[Ok(2)]);
    assert_eq!(counts, "otlp: received 3, written 1, lost 2 (failed 2)");
    // 3 is INVALID_ARGUMENT: it would be refused again.
    let (records, counts) = sent(&["a", "b"], &[Err(3)]);
    assert_eq!((records.len(), counts.as_str()), (0, "otlp: received 2, written 0, lost 2 (failed 2)"));
}

#[test]
fn what_a_collector_can_not_take_now_is_sent_again() {
    // 14 is UNAVAILABLE, 8 RESOURCE_EXHAUSTED.
    let (records, counts) = sent(&["a", "b"], &[Err(14), Err(8)]);
    assert_eq!((records.len(), counts.as_str()), (2, "otlp: received 2, written 2, lost 0"));
}
