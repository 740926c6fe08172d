use std::{
    fs,
    io::{self, BufRead as _, BufReader, Read as _},
    net::{TcpListener, UdpSocket},
    os::unix::{
        fs::chown,
        net::{UnixDatagram, UnixListener},
    },
    path::Path,
};

use tokio::runtime;

use super::{
    spec::{Facility, Spec, Target},
    stdout::Outcome,
    syslog::{Address, Header, Syslog},
    transport::{Transport, drive},
    unix::{Journal, Unix},
    *,
};
use crate::{fault::Fault, format::Format};

const JSON: Encoding = Encoding::Line(Format::Json);

fn event(comm: &str) -> Event<'_> {
    let mut event: Event<'_> = serde_json::from_str(
        r#"{"schema":2,"time":"2026-03-01T10:00:00.123456789Z","host":"web1","kind":"denial","module":"selinux",
        "verdict":"denied","silent":false,"action":{"class":"file","permissions":["read","open"]},
        "subject":{"label":"system_u:system_r:httpd_t:s0"},"object":{"kind":"file","path":"/etc/shadow"},
        "process":{"pid":42,"tid":43,"comm":"x"},"unit":{"name":"nginx.service"}}"#,
    )
    .unwrap();
    event.process.comm = Some(comm.into());
    event
}

/// The names of the processes of these lines.
fn comms<'t, I: IntoIterator<Item = &'t str>>(lines: I) -> Vec<String> {
    let comm = |line: &str| {
        let event: serde_json::Value = serde_json::from_str(line).unwrap();
        event["process"]["comm"].as_str().unwrap().to_owned()
    };
    lines.into_iter().map(comm).collect()
}

fn numbered(count: usize) -> Vec<String> {
    (0..count).map(|number| number.to_string()).collect()
}

fn send(hub: &mut Hub, comms: &[String]) {
    for comm in comms {
        hub.send(&event(comm));
    }
}

/// Time goes on at once when everything waits, so that no test waits for a pause.
fn runtime() -> runtime::Runtime {
    runtime::Builder::new_current_thread().enable_all().start_paused(true).build().unwrap()
}

/// Sends events through a transport until its queue is empty.
fn sent(encoding: &Encoding, to: impl Transport, comms: &[&str]) -> Arc<OutputCounts> {
    let mut hub = Hub::default();
    let lines = hub.add("x", encoding, None, comms.len());
    let counts = Arc::clone(&lines.counts);
    for comm in comms {
        hub.send(&event(comm));
    }
    drop(hub);
    runtime().block_on(drive(lines, to));
    counts
}

fn filter(text: &str) -> Filter {
    Filter::parse(text).unwrap()
}

#[test]
fn what_is_written_after_the_end_is_counted_once() {
    let counts = OutputCounts::new("x".into(), 8);
    counts.receive(3);
    counts.write(1);
    counts.end();
    counts.write(2);
    counts.end();
    assert_eq!((counts.written(), counts.lost(OutputLoss::Ended), counts.queued()), (1, 2, 0));
}

#[test]
fn each_output_has_its_own_filter_queue_and_account() {
    let mut hub = Hub::default();
    let all = hub.add("all", &JSON, None, 8);
    let some = hub.add("some", &JSON, Some(filter(r#"process.comm in ["1", "2"]"#)), 8);
    let few = hub.add("few", &JSON, Some(filter(r#"process.comm != "0""#)), 2);
    send(&mut hub, &numbered(4));
    assert_eq!(all.counts.queued(), 4);
    for lines in [&all, &some, &few] {
        lines.counts.end();
    }
    assert_eq!(all.counts.to_string(), "all: received 4, written 0, lost 4 (ended 4)");
    assert_eq!(some.counts.to_string(), "some: received 4, filtered 2, written 0, lost 2 (ended 2)");
    assert_eq!(
        few.counts.to_string(),
        "few: received 4, filtered 1, written 0, lost 3 (queue_full 1, ended 2)"
    );
}

fn faults(text: &str) -> Faults {
    [text.parse::<Fault>().unwrap()].into_iter().collect()
}

#[test]
fn a_queue_that_is_full_on_request_loses_what_is_counted() {
    let mut hub = Hub::with_faults(faults("queue-full=3"));
    let lines = hub.add("x", &JSON, None, 8);
    send(&mut hub, &numbered(7));
    lines.counts.end();
    assert_eq!(lines.counts.to_string(), "x: received 7, written 0, lost 7 (queue_full 2, ended 5)");
}

#[test]
fn an_output_that_fails_on_request_loses_nothing_that_it_can_send_again() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("socket");
    let socket = UnixDatagram::bind(&path).unwrap();
    let mut hub = Hub::with_faults(faults("output-failed=1"));
    let lines = hub.add("x", &JSON, None, 8);
    let counts = Arc::clone(&lines.counts);
    send(&mut hub, &numbered(2));
    let runtime = runtime();
    let driven = runtime.spawn(drive(lines, Unix::new(path, None)));
    runtime.block_on(async {
        while !counts.is_failing() {
            tokio::task::yield_now().await;
        }
    });
    driven.abort();
    assert_eq!((counts.written(), counts.queued()), (0, 2));
    socket.set_nonblocking(true).unwrap();
    assert_eq!(socket.recv(&mut [0; 8]).unwrap_err().kind(), io::ErrorKind::WouldBlock);
}

#[test]
fn an_event_is_encoded_once_for_each_encoding() {
    let mut hub = Hub::default();
    let mut one = hub.add("one", &JSON, None, 1);
    let mut other = hub.add("other", &JSON, None, 1);
    let mut journal = hub.add("journal", &Encoding::Journal, None, 1);
    hub.send(&event("x"));
    let [one, other, journal] =
        [&mut one, &mut other, &mut journal].map(|lines| lines.queue.try_recv().unwrap());
    assert_eq!(one.as_ptr(), other.as_ptr());
    assert_ne!(one, journal);
}

#[test]
fn a_filter_can_be_changed_and_an_output_removed() {
    let mut hub = Hub::default();
    let mut lines = hub.add("x", &JSON, None, 8);
    send(&mut hub, &numbered(1));
    hub.set_filter("x", Some(filter("silent")).as_ref());
    send(&mut hub, &numbered(1));
    hub.remove("x");
    send(&mut hub, &numbered(1));
    assert!(lines.queue.try_recv().is_ok() && lines.queue.try_recv().is_err() && lines.queue.is_closed());
    assert_eq!((lines.counts.received(), lines.counts.filtered()), (2, 1));
}

#[test]
fn lines_go_to_a_stream_socket() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("socket");
    let listener = UnixListener::bind(&path).unwrap();
    let counts = sent(&JSON, Unix::new(path, None), &["a", "b"]);
    assert_eq!(counts.to_string(), "x: received 2, written 2, lost 0");
    let mut text = String::new();
    listener.accept().unwrap().0.read_to_string(&mut text).unwrap();
    assert_eq!(comms(text.lines()), ["a", "b"]);
}

#[test]
fn datagrams_go_to_a_datagram_socket() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("socket");
    let socket = UnixDatagram::bind(&path).unwrap();
    let counts = sent(&JSON, Unix::new(path, None), &["a"]);
    assert_eq!(counts.to_string(), "x: received 1, written 1, lost 0");
    let mut buffer = [0; 4096];
    let length = socket.recv(&mut buffer).unwrap();
    assert_eq!(comms([str::from_utf8(&buffer[..length]).unwrap()]), ["a"]);
}

#[test]
fn who_is_not_there_yet_is_connected_to_later_and_nothing_is_lost() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("socket");
    let mut hub = Hub::default();
    let lines = hub.add("x", &JSON, None, 8);
    let counts = Arc::clone(&lines.counts);
    send(&mut hub, &numbered(3));
    runtime().block_on(async {
        let driven = tokio::spawn(drive(lines, Unix::new(path.clone(), None)));
        while !counts.is_failing() {
            tokio::task::yield_now().await;
        }
        let listener = UnixListener::bind(&path).unwrap();
        listener.set_nonblocking(true).unwrap();
        let listener = tokio::net::UnixListener::from_std(listener).unwrap();
        let (stream, _) = listener.accept().await.unwrap();
        // Once more: the listener goes away with the first connection, and another comes.
        while counts.written() < 3 {
            tokio::task::yield_now().await;
        }
        drop((listener, stream));
        fs::remove_file(&path).unwrap();
        send(&mut hub, &numbered(1));
        while !counts.is_failing() {
            tokio::task::yield_now().await;
        }
        let listener = tokio::net::UnixListener::bind(&path).unwrap();
        drop(hub);
        let (_stream, _) = listener.accept().await.unwrap();
        assert!(matches!(driven.await.unwrap(), Outcome::Drained | Outcome::Failed(_)));
    });
    counts.end();
    assert_eq!(counts.received(), counts.written() + counts.lost_in_all());
    assert!(counts.written() >= 3, "{counts}");
}

#[test]
fn a_reader_that_does_not_read_slows_nobody_and_its_loss_is_exact() {
    const EVENTS: usize = 5000;
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("socket");
    let listener = UnixListener::bind(&path).unwrap();
    let mut hub = Hub::default();
    let mut outputs = Outputs::default();
    let to = |name: &str, path: &Path, queue| Spec {
        name: name.to_owned(),
        filter: None,
        queue,
        advice: false,
        target: Target::Unix { path: path.to_owned(), owner: None, format: Format::Json },
    };
    let dead = folder.path().join("dead");
    drop(UnixListener::bind(&dead).unwrap());
    let file = folder.path().join("file");
    let specs = [
        to("slow", &path, 100),
        to("dead", &dead, 7),
        Spec {
            name: "file".to_owned(),
            filter: None,
            queue: EVENTS,
            advice: false,
            target: Target::File { path: file.clone(), format: Format::Json },
        },
    ];
    outputs.set(&specs, &mut hub).unwrap();
    send(&mut hub, &numbered(EVENTS));
    // The file has room for all; the other two hold neither it nor the sender up.
    let counts: Vec<_> = outputs.counts().cloned().collect();
    let [slow, dead, file_counts] = &counts[..] else { panic!("{counts:?}") };
    while file_counts.written() < EVENTS as u64 {
        std::thread::yield_now();
    }
    assert_eq!(fs::read_to_string(&file).unwrap().lines().count(), EVENTS);
    assert!(slow.lost(OutputLoss::QueueFull) > 0, "{slow}");
    // Now the slow one is read: what it gets is what counts as written.
    drop(hub);
    let reader = listener.accept().unwrap().0;
    let read = std::thread::spawn(move || BufReader::new(reader).lines().map_while(Result::ok).count());
    let ended = runtime::Builder::new_current_thread().build().unwrap().block_on(async {
        while slow.queued() > 0 {
            tokio::task::yield_now().await;
        }
        outputs.end()
    });
    assert_eq!(read.join().unwrap() as u64, slow.written());
    for counts in &ended {
        assert_eq!(counts.received(), EVENTS as u64);
        assert_eq!(counts.received(), counts.written() + counts.lost_in_all(), "{counts}");
    }
    assert_eq!((dead.written(), dead.lost_in_all()), (0, EVENTS as u64));
}

/// Reads the datagrams that are there, and counts them.
fn count_datagrams(socket: &UnixDatagram) -> u64 {
    let mut buffer = vec![0; 1 << 16];
    let mut count = 0;
    while socket.recv(&mut buffer).is_ok() {
        count += 1;
    }
    count
}

/// Counts the whole messages of syslog over TCP.
fn count_messages(mut rest: &[u8]) -> u64 {
    let mut count = 0;
    while let Some(space) = rest.iter().position(|&byte| byte == b' ') {
        let length: usize = str::from_utf8(&rest[..space]).unwrap().parse().unwrap();
        let Some(after) = rest.get(space + 1 + length..) else { break };
        rest = after;
        count += 1;
    }
    count
}

#[test]
fn whoever_takes_nothing_slows_nobody_whatever_kind_of_output_it_is() {
    const EVENTS: usize = 20_000;
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name);
    // They are there, and take connections as far as the kernel does so for them. None reads.
    let [datagrams, journal, log] =
        ["datagrams", "journal", "log"].map(|name| UnixDatagram::bind(path(name)).unwrap());
    let tcp = TcpListener::bind("127.0.0.1:0").unwrap();
    let collector = TcpListener::bind("127.0.0.1:0").unwrap();
    let syslog = |address| Target::Syslog { address, facility: Facility::Authpriv, format: Format::Json };
    let endpoint = format!("http://{}", collector.local_addr().unwrap());
    let targets = [
        ("unix", Target::Unix { path: path("datagrams"), owner: None, format: Format::Json }),
        ("journald", Target::Journald { path: path("journal") }),
        ("local", syslog(Address::Unix(path("log")))),
        ("tcp", syslog(Address::Tcp(tcp.local_addr().unwrap().to_string()))),
        ("otlp", Target::Otlp { endpoint: spec::Collector(endpoint.try_into().unwrap()) }),
        ("file", Target::File { path: path("file"), format: Format::Json }),
    ];
    let queue = |name| if name == "file" { EVENTS } else { 50 };
    let specs = targets.map(|(name, target)| Spec {
        name: name.to_owned(),
        filter: None,
        queue: queue(name),
        advice: false,
        target,
    });
    let mut hub = Hub::default();
    let mut outputs = Outputs::default();
    outputs.set(&specs, &mut hub).unwrap();
    // This returns although nobody reads.
    send(&mut hub, &numbered(EVENTS));
    let file = outputs.counts().last().cloned().unwrap();
    while file.written() < EVENTS as u64 {
        std::thread::yield_now();
    }
    let counts: Vec<_> = outputs.counts().cloned().collect();
    for counts in &counts[..5] {
        assert!(counts.lost(OutputLoss::QueueFull) > 0, "{counts}");
    }
    // Now they read, all but the collector: what they get is what counts as written.
    drop(hub);
    let mut stream = tcp.accept().unwrap().0;
    stream.set_nonblocking(true).unwrap();
    let sockets = [datagrams, journal, log];
    for socket in &sockets {
        socket.set_nonblocking(true).unwrap();
    }
    let (mut read, mut bytes) = ([0; 3], Vec::new());
    while counts[..4].iter().any(|counts| counts.queued() > 0) {
        for (read, socket) in read.iter_mut().zip(&sockets) {
            *read += count_datagrams(socket);
        }
        // It fails when there is nothing more yet; what came is kept.
        _ = stream.read_to_end(&mut bytes);
        std::thread::yield_now();
    }
    let ended = outputs.end();
    for (read, socket) in read.iter_mut().zip(&sockets) {
        *read += count_datagrams(socket);
    }
    stream.set_nonblocking(false).unwrap();
    stream.read_to_end(&mut bytes).unwrap();
    let [datagrams, journal, log] = read;
    for (counts, read) in ended.iter().zip([datagrams, journal, log, count_messages(&bytes), 0]) {
        assert_eq!(counts.written(), read, "{counts}");
    }
    for counts in &ended {
        assert_eq!(counts.received(), EVENTS as u64, "{counts}");
        assert_eq!(counts.received(), counts.written() + counts.lost_in_all(), "{counts}");
    }
}

#[test]
fn another_users_socket_and_what_is_no_socket_are_not_written_to() {
    let folder = tempfile::tempdir().unwrap();
    let (path, no_socket) = (folder.path().join("socket"), folder.path().join("file"));
    fs::write(&no_socket, "").unwrap();
    let _listener = UnixListener::bind(&path).unwrap();
    let connect = |path: &Path, owner| {
        let mut to = Unix::new(path.to_owned(), owner);
        runtime().block_on(to.connect())
    };
    assert!(
        connect(&no_socket, None)
            .unwrap_err()
            .to_string()
            .ends_with("/file: it is no socket: name one on which somebody listens")
    );
    assert!(connect(&folder.path().join("none"), None).is_err());
    assert!(connect(&path, None).is_ok());
    if rustix::process::geteuid().is_root() {
        chown(&path, Some(65534), None).unwrap();
        let error = connect(&path, None).unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::PermissionDenied);
        assert!(error.to_string().contains("its owner is user 65534"), "{error}");
        assert!(error.to_string().ends_with("name it as `owner` if it may have the events"), "{error}");
        assert!(connect(&path, Some(65534)).is_ok(), "the owner that is expected");
    }
}

#[test]
fn the_journal_gets_fields() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("socket");
    let socket = UnixDatagram::bind(&path).unwrap();
    let counts = sent(&Encoding::Journal, Journal::new(path), &["ng\ninx"]);
    assert_eq!(counts.to_string(), "x: received 1, written 1, lost 0");
    let mut buffer = vec![0; 65536];
    let length = socket.recv(&mut buffer).unwrap();
    let fields = journal_fields(&buffer[..length]);
    let get = |name: &str| -> Vec<&str> {
        fields.iter().filter(|(field, _)| field == name).map(|(_, value)| value.as_str()).collect()
    };
    for (name, value) in [
        ("DENYD_MODULE", "selinux"),
        ("DENYD_VERDICT", "denied"),
        ("DENYD_SILENT", "false"),
        ("DENYD_CLASS", "file"),
        ("DENYD_PATH", "/etc/shadow"),
        ("DENYD_COMM", "ng\ninx"),
        ("DENYD_PID", "42"),
        ("DENYD_UNIT", "nginx.service"),
        ("DENYD_SUBJECT", "system_u:system_r:httpd_t:s0"),
        ("PRIORITY", "4"),
        ("SYSLOG_IDENTIFIER", "denyd"),
    ] {
        assert_eq!(get(name), [value], "{name}");
    }
    assert_eq!(get("DENYD_PERMISSION"), ["read", "open"]);
    assert_eq!(comms(get("DENYD_EVENT")), ["ng\ninx"]);
    assert!(get("MESSAGE")[0].contains("/etc/shadow"));
    for (name, _) in &fields {
        assert!(name.bytes().all(|byte| byte.is_ascii_uppercase() || byte == b'_'), "{name}");
    }
}

/// Reads an entry of the journal's protocol, as its documentation says.
fn journal_fields(mut entry: &[u8]) -> Vec<(String, String)> {
    let mut fields = Vec::new();
    while !entry.is_empty() {
        let end = entry.iter().position(|&byte| byte == b'\n' || byte == b'=').unwrap();
        let (name, rest) = (&entry[..end], &entry[end + 1..]);
        let (value, rest) = if entry[end] == b'=' {
            let end = rest.iter().position(|&byte| byte == b'\n').unwrap();
            (&rest[..end], &rest[end..])
        } else {
            let (length, rest) = rest.split_first_chunk().unwrap();
            rest.split_at(usize::try_from(u64::from_le_bytes(*length)).unwrap())
        };
        assert_eq!(rest[0], b'\n');
        entry = &rest[1..];
        fields.push((String::from_utf8(name.into()).unwrap(), String::from_utf8(value.into()).unwrap()));
    }
    fields
}

fn syslog() -> Encoding {
    Encoding::Syslog(Header::new(Facility::Authpriv), Format::Json)
}

/// The text of a message of RFC 5424, whose header is as it must be.
#[track_caller]
fn syslog_text(message: &str) -> &str {
    // authpriv is 10, warning 4.
    let rest =
        message.strip_prefix("<84>1 2026-03-01T10:00:00.123456Z ").unwrap_or_else(|| panic!("{message}"));
    let parts: Vec<_> = rest.splitn(6, ' ').collect();
    let [_host, "denyd", id, "denial", "-", text] = parts[..] else { panic!("{message}") };
    assert_eq!(id, std::process::id().to_string());
    text
}

#[test]
fn syslog_goes_over_udp() {
    let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
    let address = Address::Udp(socket.local_addr().unwrap().to_string());
    let counts = sent(&syslog(), Syslog::new(address), &["a"]);
    assert_eq!(counts.to_string(), "x: received 1, written 1, lost 0");
    let mut buffer = [0; 4096];
    let length = socket.recv(&mut buffer).unwrap();
    assert_eq!(comms([syslog_text(str::from_utf8(&buffer[..length]).unwrap())]), ["a"]);
}

#[test]
fn syslog_over_tcp_has_each_length_before_its_message() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = Address::Tcp(listener.local_addr().unwrap().to_string());
    let counts = sent(&syslog(), Syslog::new(address), &["a", "b"]);
    assert_eq!(counts.to_string(), "x: received 2, written 2, lost 0");
    let mut text = String::new();
    listener.accept().unwrap().0.read_to_string(&mut text).unwrap();
    let mut rest = text.as_str();
    for comm in ["a", "b"] {
        let (length, after) = rest.split_once(' ').unwrap();
        let (message, after) = after.split_at(length.parse().unwrap());
        assert_eq!(comms([syslog_text(message)]), [comm]);
        rest = after;
    }
    assert_eq!(rest, "");
}

#[test]
fn syslog_goes_to_a_local_socket() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("log");
    let socket = UnixDatagram::bind(&path).unwrap();
    sent(&syslog(), Syslog::new(Address::Unix(path)), &["a"]);
    let mut buffer = [0; 4096];
    let length = socket.recv(&mut buffer).unwrap();
    syslog_text(str::from_utf8(&buffer[..length]).unwrap());
}

#[test]
fn an_address_says_what_is_wrong_with_it() {
    for good in ["unix:/dev/log", "udp:192.0.2.1:514", "tcp:[2001:db8::1]:601", "tcp:log.example:601"] {
        assert!(good.parse::<Address>().is_ok(), "{good}");
    }
    for bad in
        ["", "/dev/log", "unix:log", "udp:host", "udp::514", "tcp:2001:db8::1:601", "tcp:h:0", "tcp:h:99999"]
    {
        assert!(bad.parse::<Address>().is_err(), "{bad}");
    }
}

#[test]
fn a_datagram_that_is_too_large_is_lost_alone() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("socket");
    let socket = UnixDatagram::bind(&path).unwrap();
    let large = "x".repeat(1 << 20);
    let counts = sent(&JSON, Unix::new(path, None), &["a", &large, "b"]);
    assert_eq!(counts.to_string(), "x: received 3, written 2, lost 1 (too_large 1)");
    let mut buffer = [0; 4096];
    for comm in ["a", "b"] {
        let length = socket.recv(&mut buffer).unwrap();
        assert_eq!(comms([str::from_utf8(&buffer[..length]).unwrap()]), [comm]);
    }
}

#[test]
fn outputs_are_started_kept_and_ended_as_the_configuration_changes() {
    let folder = tempfile::tempdir().unwrap();
    let (one, other) = (folder.path().join("one"), folder.path().join("other"));
    let spec = |name: &str, path: &Path, filter: Option<Filter>| Spec {
        name: name.to_owned(),
        filter,
        queue: 8,
        advice: false,
        target: Target::File { path: path.to_owned(), format: Format::Json },
    };
    let mut hub = Hub::default();
    let mut outputs = Outputs::default();
    outputs.set(&[spec("a", &one, None)], &mut hub).unwrap();
    hub.send(&event("1"));
    // The same output with a filter, and a new one.
    outputs.set(&[spec("a", &one, Some(filter("silent"))), spec("b", &other, None)], &mut hub).unwrap();
    hub.send(&event("2"));
    // Another under the same name: the first ends.
    outputs.set(&[spec("a", &other, None)], &mut hub).unwrap();
    hub.send(&event("3"));
    drop(hub);
    runtime::Builder::new_current_thread().build().unwrap().block_on(outputs.drained());
    let mut counts: Vec<_> = outputs.end().iter().map(ToString::to_string).collect();
    counts.sort();
    assert_eq!(
        counts,
        [
            "a: received 1, written 1, lost 0",
            "a: received 2, filtered 1, written 1, lost 0",
            "b: received 1, written 1, lost 0",
        ]
    );
    assert_eq!(comms(fs::read_to_string(&one).unwrap().lines()), ["1"]);
    let mut others = comms(fs::read_to_string(&other).unwrap().lines());
    others.sort();
    assert_eq!(others, ["2", "3"]);
}
