//! The history on disk, as clients see it.

use std::{fs, os::unix::fs::PermissionsExt as _, sync::Arc};

use monitor::{
    output::OutputLoss,
    tail::{history::History, segments, server::Options},
};
use monitor_api::protocol::{End, Request};
use tempfile::TempDir;

use crate::support::{Daemon, Sent, pids, request, rest, until};

/// A server that keeps little in memory and so much on disk.
fn daemon_in(folder: Arc<TempDir>, disk: u64) -> Daemon {
    let history = folder.path().join("history");
    Daemon::start_in(folder, |options: &mut Options| {
        options.memory = 4096;
        options.disk = Some((history, disk));
    })
}

fn daemon(disk: u64) -> Daemon {
    daemon_in(Arc::new(tempfile::tempdir().unwrap()), disk)
}

/// Sends events and waits until they are on disk.
fn send(daemon: &mut Daemon, range: std::ops::Range<u32>) {
    // In small parts, so that the disk keeps up with the little memory.
    for pid in range {
        daemon.send([pid]);
        let history = daemon.running.history.clone().unwrap();
        until(|| history.written() + history.lost(OutputLoss::Failed) == daemon.counts.received());
    }
}

#[track_caller]
fn assert_shows(daemon: &Daemon, request: &Request, expected: Vec<Sent>) {
    assert_eq!(rest(&mut daemon.ask(request)), [expected, vec![Sent::End(End::Done)]].concat());
}

#[test]
fn what_is_no_longer_in_memory_comes_from_disk() {
    let mut daemon = daemon(1 << 20);
    send(&mut daemon, 0..100);
    assert_shows(&daemon, &request(false), pids(0..100));
    assert_shows(&daemon, &Request { last: Some(50), ..request(false) }, pids(50..100));
    let time = |second| Some(jiff::Timestamp::from_second(second).unwrap());
    assert_shows(&daemon, &Request { since: time(90), ..request(false) }, pids(90..100));
    assert_shows(&daemon, &Request { until: time(9), ..request(false) }, pids(0..10));
    assert_shows(&daemon, &Request { until: time(50), last: Some(3), ..request(false) }, pids(48..51));
}

#[test]
fn it_outlives_the_daemon() {
    let mut first = daemon(1 << 20);
    send(&mut first, 0..10);
    let folder = first.stop();
    let mut second = daemon_in(folder, 1 << 20);
    send(&mut second, 10..20);
    assert_shows(&second, &request(false), pids(0..20));
    let history = second.history();
    drop(second.stop());
    assert!(History::left_in(&history, 4096).is_err(), "the folder went with the test");
}

#[test]
fn what_was_left_can_be_read_without_a_daemon() {
    let mut daemon = daemon(1 << 20);
    send(&mut daemon, 0..10);
    let history = daemon.history();
    let _folder = daemon.stop();
    let left = Arc::new(History::left_in(&history, 4096).unwrap());
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    let (lost, chunk) = runtime.block_on(left.reader(left.origin()).read(u64::MAX));
    assert_eq!((lost, chunk.lines.len()), (0, 10));
}

#[test]
fn the_oldest_are_gone_without_a_fuss_when_it_is_full() {
    let mut daemon = daemon(64 * 1024);
    send(&mut daemon, 0..200);
    let sent = rest(&mut daemon.ask(&request(false)));
    let first =
        sent.iter().find_map(|sent| if let Sent::Pid(pid) = sent { Some(*pid) } else { None }).unwrap();
    assert!((1..190).contains(&first), "{first}");
    assert_eq!(sent, [pids(first..200), vec![Sent::End(End::Done)]].concat());
    let bytes: u64 =
        fs::read_dir(daemon.history()).unwrap().map(|file| file.unwrap().metadata().unwrap().len()).sum();
    assert!(bytes <= 64 * 1024, "{bytes}");
}

#[test]
fn a_disk_that_cannot_be_written_loses_only_the_history_and_the_loss_is_told() {
    let mut daemon = daemon(1 << 20);
    send(&mut daemon, 0..5);
    // A file in the place of the folder: nothing can be written, whoever runs the test.
    fs::remove_dir_all(daemon.history()).unwrap();
    fs::write(daemon.history(), "in the way").unwrap();
    send(&mut daemon, 5..50);
    let counts = daemon.running.history.clone().unwrap();
    assert_eq!(counts.to_string(), "history: received 50, written 5, lost 45 (failed 45)");
    fs::remove_file(daemon.history()).unwrap();
    send(&mut daemon, 50..100);
    assert_eq!(counts.to_string(), "history: received 100, written 55, lost 45 (failed 45)");
    assert_shows(&daemon, &request(false), pids(50..100));
    assert_eq!((daemon.counts.received(), daemon.counts.written()), (100, 100));
}

#[test]
fn a_gap_on_disk_is_told_where_it_is() {
    let mut daemon = daemon(1 << 20);
    send(&mut daemon, 0..5);
    // The file is let go and another begun, and its folder is in the way for a while.
    let folder = daemon.history();
    let aside = folder.with_extension("aside");
    fs::rename(&folder, &aside).unwrap();
    fs::write(&folder, "in the way").unwrap();
    for segment in segments::list(&aside).unwrap() {
        let name = format!("{:020}.jsonl", segment.first);
        fs::copy(aside.join(&name), aside.join(name + ".copy")).unwrap();
        fs::remove_file(aside.join(format!("{:020}.jsonl", segment.first))).unwrap();
    }
    send(&mut daemon, 5..30);
    fs::remove_file(&folder).unwrap();
    fs::rename(&aside, &folder).unwrap();
    for file in fs::read_dir(&folder).unwrap() {
        let path = file.unwrap().path();
        fs::rename(&path, path.with_extension("")).unwrap();
    }
    send(&mut daemon, 30..60);
    assert_shows(&daemon, &request(false), [pids(0..5), vec![Sent::Lost(25)], pids(30..60)].concat());
}

#[test]
fn a_damaged_line_is_lost_and_told() {
    let mut first = daemon(1 << 20);
    send(&mut first, 0..3);
    let history = first.history();
    let folder = first.stop();
    let path = segments::list(&history).unwrap()[0].path().to_owned();
    let text = fs::read_to_string(&path).unwrap().replacen("\"schema\":2", "\"schema\":#", 2);
    fs::write(&path, text).unwrap();
    fs::set_permissions(&path, fs::Permissions::from_mode(0o640)).unwrap();
    let daemon = daemon_in(folder, 1 << 20);
    assert_shows(&daemon, &request(false), [vec![Sent::Lost(2)], pids(2..3)].concat());
}
