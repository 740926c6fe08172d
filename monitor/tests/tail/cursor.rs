//! Going on where another connection has ended.

use std::sync::Arc;

use monitor::tail::server::Options;
use monitor_api::protocol::{Cursor, End, Request};
use monitor_event::selection::Selection;
use tempfile::TempDir;

use crate::support::{Daemon, Sent, next, pids, request, rest};

/// A server that keeps what it has.
fn daemon_in(folder: Arc<TempDir>, disk: u64) -> Daemon {
    let history = folder.path().join("history");
    Daemon::start_in(folder, |options: &mut Options| options.disk = Some((history, disk)))
}

fn daemon() -> Daemon {
    daemon_in(Arc::new(tempfile::tempdir().unwrap()), 1 << 20)
}

fn from(cursor: Option<Cursor>) -> Request {
    assert!(cursor.is_some(), "there is always a place");
    Request { from: cursor, ..request(false) }
}

/// All that comes from a place on, and the place after it.
fn all_from(daemon: &Daemon, cursor: Option<Cursor>) -> (Vec<Sent>, Option<Cursor>) {
    let mut client = daemon.ask(&from(cursor));
    let mut sent = rest(&mut client);
    assert_eq!(sent.pop(), Some(Sent::End(End::Done)));
    (sent, client.cursor())
}

#[test]
fn each_event_comes_once_whatever_its_time() {
    let mut daemon = daemon();
    daemon.send(1..6);
    let mut client = daemon.ask(&request(true));
    assert_eq!([next(&mut client), next(&mut client)].to_vec(), pids(1..3));
    let cursor = client.cursor();
    // Of the same time as one before, and of earlier times: the clocks of two CPUs are not in step.
    daemon.send([5, 2, 1]);
    let (sent, cursor) = all_from(&daemon, cursor);
    assert_eq!(sent, pids([3, 4, 5, 5, 2, 1]));
    assert_eq!(all_from(&daemon, cursor).0, []);
}

#[test]
fn a_restart_of_the_daemon_changes_nothing() {
    let mut first = daemon();
    first.send(1..4);
    let mut client = first.ask(&request(true));
    assert_eq!([(); 4].map(|()| next(&mut client)).to_vec(), [pids(1..4), vec![Sent::Current]].concat());
    first.send([4]);
    assert_eq!(next(&mut client), Sent::Pid(4));
    first.send([5]);
    let cursor = client.cursor();
    drop(client);
    let mut second = daemon_in(first.stop(), 1 << 20);
    second.send(6..8);
    assert_eq!(all_from(&second, cursor).0, pids(5..8));
}

#[test]
fn what_was_passed_over_is_not_looked_at_again() {
    let mut daemon = daemon();
    daemon.send(1..10);
    let selection = Selection { pid: vec![2, 7], ..Selection::default() };
    let mut client = daemon.ask(&Request { selection, ..request(false) });
    assert_eq!(next(&mut client), Sent::Pid(2));
    let after_the_first = client.cursor();
    assert_eq!(rest(&mut client), [Sent::Pid(7), Sent::End(End::Done)]);
    let after_all = client.cursor();
    assert_eq!(all_from(&daemon, after_the_first).0, pids(3..10));
    assert_eq!(all_from(&daemon, after_all).0, []);
    // Whoever was sent nothing goes on from there, too.
    let selection = Selection { pid: vec![99], ..Selection::default() };
    let mut client = daemon.ask(&Request { selection, ..request(false) });
    assert_eq!(rest(&mut client), [Sent::End(End::Done)]);
    daemon.send([99]);
    assert_eq!(all_from(&daemon, client.cursor()).0, pids([99]));
}

#[test]
fn what_is_gone_since_is_counted() {
    let mut daemon = daemon_in(Arc::new(tempfile::tempdir().unwrap()), 64 * 1024);
    daemon.send([1]);
    let mut client = daemon.ask(&request(false));
    rest(&mut client);
    // More than there is room for, in memory and on disk.
    daemon.send(2..2000);
    let folder = daemon.stop();
    let daemon = daemon_in(folder, 64 * 1024);
    let (sent, _) = all_from(&daemon, client.cursor());
    let Sent::Lost(lost) = sent[0] else { panic!("{:?}", sent[0]) };
    assert!(lost > 0);
    let first = u32::try_from(2 + lost).unwrap();
    assert_eq!(sent[1..], pids(first..2000));
}

#[test]
fn a_history_that_is_gone_is_told() {
    let mut first = Daemon::start();
    first.send(1..4);
    let mut client = first.ask(&request(false));
    rest(&mut client);
    let mut second = Daemon::start_in(first.stop(), |_| {});
    second.send(8..10);
    assert_eq!(all_from(&second, client.cursor()).0, [vec![Sent::Interrupted], pids(8..10)].concat());
    // A place that is yet to come was given by a history that nobody has any more.
    let cursor = client.cursor().map(|cursor| Cursor { number: u64::MAX, ..cursor });
    assert_eq!(all_from(&second, cursor).0, [vec![Sent::Interrupted], pids(8..10)].concat());
    // The same number in another boot is another place.
    let there = second.ask(&request(false)).cursor();
    assert_eq!(there, None, "nothing was read yet");
    let mut client = second.ask(&request(false));
    rest(&mut client);
    let elsewhere = client.cursor().map(|cursor| Cursor { boot: "another".to_owned(), ..cursor });
    assert_eq!(all_from(&second, elsewhere).0, [vec![Sent::Interrupted], pids(8..10)].concat());
}
