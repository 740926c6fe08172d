//! The daemon explains to those who may ask it, though they are nobody otherwise.

use std::{
    fs,
    os::unix::{fs::PermissionsExt as _, process::CommandExt as _},
    process::Command,
};

use monitor::tail::server::Services;
use monitor_api::{
    client::{Client, Read},
    protocol::{Control, Line, Request},
};
use monitor_explain::finding::Cause;

use crate::support::Daemon;

fn explain(last: Option<u64>) -> Request {
    Request { explain: true, last, ..Request::default() }
}

#[test]
fn many_events_are_one_finding() {
    let mut daemon = Daemon::start();
    daemon.send(1..=5);
    let report = daemon.ask(&explain(Some(3))).report().unwrap();
    assert_eq!((report.denials, report.lines, report.broken_lines), (3, 3, 0));
    let [finding] = &*report.findings else { panic!("{report:?}") };
    assert_eq!((finding.cause, finding.count), (Cause::Unchecked, 3));
    assert_eq!(finding.objects, ["/var/lib/x/y"]);
    assert_eq!(daemon.ask(&explain(None)).report().unwrap().denials, 5);
}

#[test]
fn a_member_of_the_group_asks_it_without_root() {
    // Only root can become another.
    let is_root = rustix::process::geteuid().is_root();
    let mut daemon = Daemon::start_with(|options| options.group = Some(65534));
    daemon.send([7]);
    fs::set_permissions(daemon.folder.path(), fs::Permissions::from_mode(0o755)).unwrap();
    let program = daemon.folder.path().join("denyd");
    fs::copy(env!("CARGO_BIN_EXE_denyd"), &program).unwrap();
    let mut command = Command::new(&program);
    command.args(["explain", "--json", "--socket"]).arg(daemon.socket());
    if is_root {
        command.uid(65534).gid(65534);
    }
    let output = command.output().unwrap();
    assert!(output.status.success(), "{output:?}");
    let report: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(report["denials"], 1);
    // The server of the test has no policy, whatever this machine has.
    assert_eq!(report["findings"][0]["cause"], "unchecked");
}

#[test]
fn where_nobody_explains_that_is_said() {
    let daemon = Daemon::start_with_services(Services::default());
    let mut client = Client::connect(&daemon.socket(), &explain(None)).unwrap();
    let Read::Line(Line::Control(Control::Error(refusal))) = client.read().unwrap() else { panic!() };
    assert_eq!(refusal.message, "nothing is explained here: ask the daemon");
}
