//! The status that a client may ask for.

use std::{num::NonZeroUsize, path::Path, process::Command, sync::Arc, thread};

use monitor::{
    checkpoint::checkpoint,
    event::Event,
    format::Format,
    output::{
        Encoding, Hub, Outputs,
        spec::{Spec, Target},
    },
    tail::{
        server::{self, Options, Services},
        status::Status,
    },
};
use monitor_api::{
    client::{Client, Read},
    posture::Posture,
    protocol::{Control, End, Line, Reason, Request, StatusNow, StatusRequest},
    snapshot::Snapshot,
};

use crate::support::{Daemon, EVENT};

fn snapshot(unattributed: u64) -> Snapshot {
    Snapshot {
        clients: None,
        version: "1".to_owned(),
        started: "2026-01-02T03:04:05Z".parse().unwrap(),
        sources: Vec::new(),
        unattributed,
        lost_by_subject: Vec::new(),
        outputs: Vec::new(),
        programs: Vec::new(),
        bpf_stats_enabled: None,
        names: Vec::new(),
        posture: Posture::default(),
        denials: None,
    }
}

fn output(name: &str, target: Target) -> Spec {
    Spec { name: name.to_owned(), filter: None, queue: 8, advice: false, target }
}

/// Asks, and gives the answer and the line after it.
fn ask(socket: &Path, request: StatusRequest) -> (StatusNow, Control) {
    let mut client = Client::connect(socket, &Request::status(request)).unwrap();
    let mut next = || match client.read().unwrap() {
        Read::Line(Line::Control(control)) => control,
        other => panic!("{other:?}"),
    };
    let Control::Status(status) = next() else { panic!("no status") };
    (*status, next())
}

#[test]
fn it_is_told_when_the_outputs_are_done_or_the_time_is_up() {
    let folder = tempfile::tempdir().unwrap();
    let socket = folder.path().join("denyd.sock");
    let options = Options {
        socket: socket.clone(),
        group: None,
        clients: NonZeroUsize::MIN,
        memory: 1 << 20,
        disk: None,
    };
    let (mut hub, mut outputs) = (Hub::default(), Outputs::default());
    let file = folder.path().join("log");
    let specs = [
        output("file", Target::File { path: file.clone(), format: Format::Json }),
        output(
            "dead",
            Target::Unix { path: folder.path().join("nobody"), owner: None, format: Format::Json },
        ),
    ];
    outputs.set(&specs, &mut hub).unwrap();
    let (checkpoint, mut gate) = checkpoint();
    let status = Status::new(Arc::new(|| snapshot(7)), hub.listed(), checkpoint);
    let lines = hub.add("tail", &Encoding::Line(Format::Json), None, 8);
    let services = Services { status: Some(status), ..Services::default() };
    let running = server::open(&options, None).unwrap().start(lines, services).unwrap();
    let event: Event<'_> = serde_json::from_str(EVENT).unwrap();
    hub.send(&event);
    // The pipeline's part: it lets everyone through.
    thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        match runtime.block_on(gate.open()) {}
    });

    let (now, end) = ask(&socket, StatusRequest { settle_ms: Some(0), except: Vec::new() });
    assert!(now.unsettled.contains(&"dead".to_owned()), "{now:?}");
    assert_eq!((now.now, end), (snapshot(7), Control::End(End::Done)));
    // The one that never will be done is not waited for, the others are.
    let long = StatusRequest { settle_ms: Some(60_000), except: vec!["dead".to_owned()] };
    let (now, _) = ask(&socket, long);
    assert_eq!(now.unsettled, Vec::<String>::new());
    assert_eq!(std::fs::read_to_string(&file).unwrap().lines().count(), 1, "it is written");
    let asked = Command::new(env!("CARGO_BIN_EXE_denyd"))
        .args(["status", "--json", "--socket"])
        .arg(&socket)
        .output();
    let answer: serde_json::Value = serde_json::from_slice(&asked.unwrap().stdout).unwrap();
    assert_eq!(answer["daemon"]["answers"]["unattributed"], 7, "`denyd status` asks the same: {answer}");
    drop((hub, outputs));
    running.ended.blocking_recv().unwrap();
}

#[test]
fn where_there_is_none_that_is_said() {
    let daemon = Daemon::start();
    let mut client = Client::connect(&daemon.socket(), &Request::status(StatusRequest::default())).unwrap();
    let Read::Line(Line::Control(Control::Error(refusal))) = client.read().unwrap() else { panic!() };
    assert_eq!(refusal.reason, Reason::BadRequest);
    assert_eq!(refusal.message, "there is no status here: ask the daemon");
}
