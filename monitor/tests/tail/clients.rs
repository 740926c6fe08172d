//! Clients: many, slow, gone, and such as talk nonsense.

use std::{
    io::{Read as _, Write as _},
    net::Shutdown,
    os::unix::net::UnixStream,
    sync::atomic::Ordering::Relaxed,
};

use monitor_api::{
    client::{Client, ClientError},
    protocol::{Control, End, Line, REQUEST_MAX, Reason, Request},
};
use monitor_event::selection::Selection;

use crate::support::{Daemon, LONG, Sent, next, pids, request, rest, until};

#[test]
fn a_client_gets_what_was_and_what_happens() {
    let mut daemon = Daemon::start();
    daemon.send(1..4);
    let mut client = daemon.ask(&request(true));
    assert_eq!([(); 4].map(|()| next(&mut client)).to_vec(), [pids(1..4), vec![Sent::Current]].concat());
    daemon.send(4..6);
    assert_eq!([(); 2].map(|()| next(&mut client)).to_vec(), pids(4..6));
    daemon.stop();
    assert_eq!(rest(&mut client), [Sent::End(End::Stopping)]);
}

#[test]
fn without_follow_it_ends_with_what_was() {
    let mut daemon = Daemon::start();
    daemon.send(1..4);
    assert_eq!(rest(&mut daemon.ask(&request(false))), [pids(1..4), vec![Sent::End(End::Done)]].concat());
}

#[test]
fn a_client_chooses_its_events() {
    let mut daemon = Daemon::start();
    daemon.send(1..10);
    let chosen = |request: &Request| {
        let mut sent = rest(&mut daemon.ask(request));
        assert_eq!(sent.pop(), Some(Sent::End(End::Done)));
        sent
    };
    let selection = Selection { pid: vec![2, 5, 7], ..Selection::default() };
    let some = Request { selection, ..request(false) };
    assert_eq!(chosen(&some), pids([2, 5, 7]));
    assert_eq!(chosen(&Request { last: Some(2), ..some }), pids([5, 7]), "the last that were chosen");
    let time = |second| Some(jiff::Timestamp::from_second(second).unwrap());
    assert_eq!(chosen(&Request { since: time(3), until: time(5), ..request(false) }), pids(3..6));
    assert_eq!(chosen(&Request { last: Some(0), ..request(false) }), []);
    assert_eq!(chosen(&Request { last: Some(100), ..request(false) }), pids(1..10));
    let filter = Some("process.pid >= 8".to_owned());
    let selection = Selection { filter, ..Selection::default() };
    assert_eq!(chosen(&Request { selection, ..request(false) }), pids([8, 9]));
}

#[test]
fn a_slow_client_loses_only_its_own_events_and_is_told_how_many() {
    let mut daemon = Daemon::start();
    let mut slow = daemon.ask(&request(true));
    assert_eq!(next(&mut slow), Sent::Current);
    let mut quick = daemon.ask(&request(true));
    assert_eq!(next(&mut quick), Sent::Current);
    // More than memory and the socket's buffer hold.
    let mut seen = Vec::new();
    for start in (0..20_000).step_by(100) {
        daemon.send(start..start + 100);
        seen.extend((0..100).map(|_| next(&mut quick)));
    }
    assert_eq!(seen, pids(0..20_000), "the other gets all");
    assert_eq!(
        (daemon.counts.received(), daemon.counts.written()),
        (20_000, 20_000),
        "and the reader waits for none"
    );
    // None is missing without being told, or this would not end.
    let mut accounted = 0;
    let mut sent = Vec::new();
    while accounted < 20_000 {
        sent.push(next(&mut slow));
        accounted += match sent.last() {
            Some(Sent::Pid(_)) => 1,
            Some(Sent::Lost(count)) => *count,
            other => panic!("{other:?}"),
        };
    }
    assert_eq!(accounted, 20_000);
    let lost: u64 = sent.iter().map(|sent| if let Sent::Lost(count) = sent { *count } else { 0 }).sum();
    assert!(lost > 0);
    assert_eq!(daemon.clients.lost.load(Relaxed), lost);
    // Where it was told, and nowhere else, there is a gap.
    let mut expected = 0;
    for sent in &sent {
        match sent {
            Sent::Pid(pid) => {
                assert_eq!(u64::from(*pid), expected);
                expected += 1;
            }
            Sent::Lost(count) => expected += count,
            _ => {}
        }
    }
}

#[test]
fn beyond_the_limit_clients_are_refused_and_nobody_else_is_harmed() {
    let mut daemon = Daemon::start();
    let mut served: Vec<_> = (0..4).map(|_| daemon.ask(&request(true))).collect();
    for _ in 0..10_000 {
        let error = Client::connect(&daemon.socket(), &request(true)).unwrap_err();
        let ClientError::Refused(refusal) = error else { panic!("{error}") };
        assert_eq!(refusal.reason, Reason::Busy);
        assert!(
            refusal.message.starts_with("4 clients are connected, which is the limit: "),
            "{}",
            refusal.message
        );
    }
    assert_eq!(daemon.clients.refused.load(Relaxed), 10_000);
    daemon.send(1..3);
    for client in &mut served {
        assert_eq!([(); 3].map(|()| next(client)), [Sent::Current, Sent::Pid(1), Sent::Pid(2)]);
    }
    drop(served.pop());
    until(|| daemon.clients.connected.load(Relaxed) == 3);
    assert_eq!(rest(&mut daemon.ask(&request(false))).len(), 3, "a place that was left is free");
}

#[test]
fn clients_that_never_ask_do_not_keep_denyd_from_ending() {
    let daemon = Daemon::start();
    let silent = UnixStream::connect(daemon.socket()).unwrap();
    until(|| daemon.clients.connected.load(Relaxed) == 1);
    let socket = daemon.socket();
    let folder = daemon.stop();
    assert!(!socket.exists());
    drop((silent, folder));
}

#[test]
fn a_client_that_dies_leaves_its_place() {
    let mut daemon = Daemon::start();
    let dead = daemon.ask(&request(true));
    until(|| daemon.clients.connected.load(Relaxed) == 1);
    drop(dead);
    until(|| daemon.clients.connected.load(Relaxed) == 0);
    daemon.send(1..3);
    assert_eq!(rest(&mut daemon.ask(&request(false))).len(), 3);
}

/// What comes back for these bytes.
fn answer(daemon: &Daemon, bytes: &[u8]) -> Vec<u8> {
    let mut stream = UnixStream::connect(daemon.socket()).unwrap();
    stream.set_read_timeout(Some(LONG)).unwrap();
    // It may be refused before all is sent.
    let _sent = stream.write_all(bytes);
    stream.shutdown(Shutdown::Write).unwrap();
    let mut answer = Vec::new();
    // What came before an error counts.
    let _read = stream.read_to_end(&mut answer);
    answer
}

#[test]
fn nonsense_is_answered_with_an_error() {
    let daemon = Daemon::start();
    let many = [
        b"{\"version\":2,\"selection\":{\"comm\":[\"".to_vec(),
        vec![b'x'; REQUEST_MAX],
        b"\"]}}\n".to_vec(),
    ]
    .concat();
    for (bytes, reason, message) in [
        (&b"GET / HTTP/1.1\r\n\r\n"[..], Reason::BadRequest, "this is no request: "),
        (b"\xff\x00\n", Reason::BadRequest, "this is no request: "),
        (b"", Reason::BadRequest, "the request's line does not end"),
        (b"{\"version\":2", Reason::BadRequest, "the request's line does not end"),
        (&many, Reason::BadRequest, "the request is longer than 65536 bytes"),
        (b"{\"version\":7}\n", Reason::Version, "this denyd speaks version 2 and the client version 7: "),
        (b"{\"version\":2,\"selection\":{\"path\":[\"[\"]}}\n", Reason::BadRequest, "`[` is not a pattern: "),
        (
            b"{\"version\":2,\"selection\":{\"filter\":\"nose == 1\"}}\n",
            Reason::BadRequest,
            "the filter can't be used: ",
        ),
    ] {
        let answer = answer(&daemon, bytes);
        let line = answer.strip_suffix(b"\n").unwrap_or_else(|| panic!("{}", answer.escape_ascii()));
        match Line::parse(line).unwrap() {
            Line::Control(Control::Error(refusal)) => {
                assert_eq!(refusal.reason, reason);
                assert!(refusal.message.starts_with(message), "{}", refusal.message);
            }
            other => panic!("{other:?}"),
        }
    }
    assert_eq!(rest(&mut daemon.ask(&request(false))), [Sent::End(End::Done)], "it still serves");
}

#[test]
fn what_is_no_denyd_is_told_from_one() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("other.sock");
    let other = std::os::unix::net::UnixListener::bind(&path).unwrap();
    let greet = std::thread::spawn(move || {
        let (mut stream, _) = other.accept().unwrap();
        stream.write_all(b"220 mail.example ESMTP\r\n").unwrap();
    });
    let error = Client::connect(&path, &request(false)).unwrap_err();
    assert!(matches!(error, ClientError::NoHello), "{error}");
    greet.join().unwrap();
    let error = Client::connect(&path, &request(false)).unwrap_err();
    assert!(matches!(error, ClientError::NoDaemon(_)), "{error}");
}
