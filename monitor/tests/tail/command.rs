//! `denyd tail` itself, as a user runs it.

use std::{
    fs,
    io::{BufRead as _, BufReader},
    os::unix::{fs::PermissionsExt as _, process::CommandExt as _},
    path::Path,
    process::{Child, ChildStdout, Command, Output, Stdio},
    sync::Arc,
    sync::atomic::Ordering::Relaxed,
};

use crate::support::{Daemon, until};

fn tail(socket: &Path, args: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_denyd"));
    command.arg("tail").arg("--socket").arg(socket).args(["--history", "/dev/null/none", "--utc"]).args(args);
    command.env_remove("DENYD_LOG").stdin(Stdio::null());
    command
}

fn output(command: &mut Command) -> (String, String, i32) {
    let Output { status, stdout, stderr } = command.output().unwrap();
    let text = |bytes| String::from_utf8(bytes).unwrap();
    (text(stdout), text(stderr), status.code().unwrap())
}

fn line(second: u32) -> String {
    format!(
        "Jan 01 00:00:{second:02} selinux    denied    cat[{second}]: write file /var/lib/x/y (httpd_t on var_lib_t)\n"
    )
}

/// `denyd tail -f`, of which lines can be read.
struct Following {
    child: Child,
    lines: BufReader<ChildStdout>,
}

impl Following {
    fn start(daemon: &Daemon, args: &[&str]) -> Self {
        let mut command = tail(&daemon.socket(), args);
        let mut child = command.arg("-f").stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        let lines = BufReader::new(child.stdout.take().unwrap());
        until(|| daemon.clients.accepted.load(Relaxed) > 0);
        Self { child, lines }
    }

    fn line(&mut self) -> String {
        let mut line = String::new();
        self.lines.read_line(&mut line).unwrap();
        line
    }
}

impl Drop for Following {
    fn drop(&mut self) {
        // It may have ended.
        let _killed = self.child.kill();
        let _status = self.child.wait();
    }
}

#[test]
fn the_last_ten_are_shown() {
    let mut daemon = Daemon::start();
    daemon.send(0..20);
    let expected: String = (10..20).map(line).collect();
    assert_eq!(output(&mut tail(&daemon.socket(), &[])), (expected, String::new(), 0));
}

#[test]
fn repeats_are_one_line_with_a_count() {
    let mut daemon = Daemon::start();
    daemon.send([1, 2, 2, 2, 3]);
    let folded = line(2).replace("/y (", "/y ×3 (");
    let (shown, _, _) = output(&mut tail(&daemon.socket(), &[]));
    assert_eq!(shown, [line(1), folded, line(3)].concat());
    let (shown, _, _) = output(&mut tail(&daemon.socket(), &["--no-fold"]));
    assert_eq!(shown, [1, 2, 2, 2, 3].map(line).concat());
}

#[test]
fn what_happens_is_shown_at_once() {
    let mut daemon = Daemon::start();
    let mut following = Following::start(&daemon, &[]);
    for second in 1..5 {
        daemon.send([second]);
        assert_eq!(following.line(), line(second));
    }
}

#[test]
fn a_daemon_that_comes_back_is_followed_on() {
    let mut daemon = Daemon::start_with(|_| {});
    let mut following = Following::start(&daemon, &[]);
    daemon.send([1]);
    assert_eq!(following.line(), line(1));
    let folder = daemon.stop();
    assert_eq!(following.line(), "-- the daemon has ended; waiting for it to come back --\n");
    let mut daemon = Daemon::start_in(Arc::clone(&folder), |_| {});
    assert_eq!(following.line(), "-- the daemon is back --\n");
    // It kept nothing.
    assert_eq!(following.line(), "-- the history before is gone: events may be lost here --\n");
    daemon.send([2]);
    assert_eq!(following.line(), line(2));
}

#[test]
fn a_cursor_goes_on_where_another_run_has_ended() {
    let mut daemon = Daemon::start();
    daemon.send([1, 2]);
    let (shown, _, status) = output(&mut tail(&daemon.socket(), &["--show-cursor"]));
    let (events, cursor) = shown.split_once("-- cursor: ").unwrap();
    assert_eq!((events, status), ([line(1), line(2)].concat().as_str(), 0));
    let cursor = cursor.strip_suffix(" --\n").unwrap();
    daemon.send([3]);
    let (shown, _, status) = output(&mut tail(&daemon.socket(), &["--after-cursor", cursor]));
    assert_eq!((shown, status), (line(3), 0));
    let (_, message, status) = output(&mut tail(&daemon.socket(), &["--after-cursor", "17"]));
    assert!(message.contains("give one that --show-cursor has printed"), "{message}");
    assert_eq!(status, 2);
}

#[test]
fn an_interrupt_ends_it_in_order() {
    let daemon = Daemon::start();
    let mut following = Following::start(&daemon, &[]);
    let mut daemon = daemon;
    daemon.send([1]);
    assert_eq!(following.line(), line(1));
    let pid = rustix::process::Pid::from_child(&following.child);
    rustix::process::kill_process(pid, rustix::process::Signal::INT).unwrap();
    assert!(following.child.wait().unwrap().success());
}

#[test]
fn without_a_daemon_it_says_what_to_do() {
    let folder = tempfile::tempdir().unwrap();
    let socket = folder.path().join("denyd.sock");
    let (shown, message, status) = output(&mut tail(&socket, &[]));
    assert_eq!((shown.as_str(), status), ("", 1));
    assert_eq!(
        message,
        format!(
            "denyd: no denyd listens on {}, and there is no history in /dev/null/none: start the daemon (systemctl start \
             denyd), or watch what happens from now on with -f, as root\n",
            socket.display(),
        ),
    );
}

#[test]
fn whoever_may_not_is_told_who_may() {
    let daemon = Daemon::start();
    // The folder and the program can be reached, the socket not.
    fs::set_permissions(daemon.folder.path(), fs::Permissions::from_mode(0o755)).unwrap();
    let program = daemon.folder.path().join("denyd");
    fs::copy(env!("CARGO_BIN_EXE_denyd"), &program).unwrap();
    let as_nobody = |socket: &Path| {
        let mut command = Command::new(&program);
        command.args(["tail", "--socket"]).arg(socket);
        if rustix::process::geteuid().is_root() {
            command.uid(65534).gid(65534);
        } else {
            // Only root can become another; the own socket is closed instead.
            fs::set_permissions(socket, fs::Permissions::from_mode(0o000)).unwrap();
        }
        output(&mut command)
    };
    let (_, message, status) = as_nobody(&daemon.socket());
    assert_eq!(status, 3, "{message}");
    assert!(message.contains("or have yourself added to the group denyd"), "{message}");

    if rustix::process::geteuid().is_root() {
        // Somebody has opened the socket to all: the peer is still not one who may.
        fs::set_permissions(daemon.socket(), fs::Permissions::from_mode(0o666)).unwrap();
        let (shown, message, _) = as_nobody(&daemon.socket());
        assert_eq!(shown, "");
        assert!(
            message.starts_with("denyd: only root and members of the group denyd may see denials: "),
            "{message}"
        );
    }
}

#[test]
fn a_wrong_time_or_filter_is_a_mistake_in_the_command_line() {
    let nowhere = Path::new("/dev/null/denyd.sock");
    for (args, message) in [
        (["--since", "soon"], "denyd: invalid value 'soon' for '--since <TIME>': it is no time: "),
        (["--filter", "nose == 1"], "denyd: the filter can't be used: character 1: "),
        (["--path", "["], "denyd: `[` is not a pattern: "),
        (
            ["--module", "selinx"],
            "denyd: invalid value 'selinx' for '--module <MODULE>': there is no `selinx`",
        ),
    ] {
        let (_, said, status) = output(&mut tail(nowhere, &args));
        assert!(said.starts_with(message), "{said}");
        assert_eq!(status, 2, "{said}");
    }
}

#[test]
fn json_is_for_programs() {
    let mut daemon = Daemon::start();
    daemon.send([1, 1]);
    let (shown, _, _) = output(&mut tail(&daemon.socket(), &["-o", "json"]));
    let events: Vec<serde_json::Value> =
        shown.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(events.len(), 2, "nothing is folded");
    assert_eq!(events[0]["process"]["pid"], 1);
}

#[test]
fn colours_are_for_terminals_and_those_who_ask() {
    let mut daemon = Daemon::start();
    daemon.send([1]);
    let (plain, _, _) = output(&mut tail(&daemon.socket(), &[]));
    assert!(!plain.contains('\x1b'), "{plain:?}");
    let (coloured, _, _) = output(tail(&daemon.socket(), &["--color", "always"]).env("NO_COLOR", "1"));
    assert!(coloured.contains("\x1b[1m\x1b[31mdenied"), "{coloured:?}");
}

#[test]
fn top_needs_a_terminal() {
    let mut command = Command::new(env!("CARGO_BIN_EXE_denyd"));
    let (_, message, status) = output(command.arg("top").stdin(Stdio::null()));
    assert_eq!(message, "denyd: this needs a terminal: use `denyd tail -f` in a pipe or file\n");
    assert_eq!(status, 1);
}
