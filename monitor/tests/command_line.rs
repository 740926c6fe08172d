//! The command line, as a user meets it: what it prints, and its exit status.

use std::{
    fs, io,
    os::unix::process::CommandExt as _,
    path::{Path, PathBuf},
    process::{Command, Output},
};

/// Runs denyd without privileges, whoever runs the tests.
fn denyd(args: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_denyd"));
    command.args(args).env_remove("DENYD_LOG");
    command.output().unwrap()
}

#[track_caller]
fn status(output: &Output) -> i32 {
    output.status.code().unwrap_or_else(|| panic!("{output:?}"))
}

fn stderr(output: &Output) -> &str {
    str::from_utf8(&output.stderr).unwrap()
}

#[test]
fn help_shows_examples_and_the_exit_statuses() {
    let output = denyd(&["--help"]);
    assert_eq!(status(&output), 0);
    let help = String::from_utf8(output.stdout).unwrap();
    for part in
        ["Examples:\n  denyd check", "Exit status:", "  3  not permitted to load eBPF programs", "  check  "]
    {
        assert!(help.contains(part), "{part:?} is not in:\n{help}");
    }
    let output = denyd(&["run", "--help"]);
    let help = String::from_utf8(output.stdout).unwrap();
    let line = help.lines().find(|line| line.contains("- landlock:"));
    assert!(line.is_some_and(|line| line.ends_with(" Landlock denials")), "{help}");
}

#[test]
fn the_version_is_that_of_the_program() {
    let output = denyd(&["--version"]);
    let version = String::from_utf8(output.stdout).unwrap();
    assert_eq!(version.split_whitespace().nth(1), Some(env!("CARGO_PKG_VERSION")), "{version}");
}

#[test]
fn what_is_no_kernels_btf_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("btf");
    let path = file.to_str().unwrap();
    let advice = "name a copy of another machine's /sys/kernel/btf/vmlinux";
    let output = denyd(&["check", "--btf", path]);
    let said = format!("denyd: cannot use {path}: No such file or directory (os error 2): {advice}\n");
    assert_eq!((stderr(&output), status(&output)), (said.as_str(), 2));
    for bytes in [b"".as_slice(), b"\x7fELF", b"\x9f\xeb\x01\x00\x18\x00\x00\x00\xff\xff\xff\xff"] {
        fs::write(&file, bytes).unwrap();
        let output = denyd(&["check", "--btf", path]);
        let said = format!("denyd: cannot use {path}: it is no BTF: {advice}\n");
        assert_eq!((stderr(&output), status(&output)), (said.as_str(), 2));
    }
}

#[test]
fn a_wrong_command_line_is_one_line_and_status_2() {
    for (args, message) in [
        (
            ["run", "--source", "seLinux"],
            "denyd: invalid value 'seLinux' for '--source <NAME>': did you mean `selinux`?\n",
        ),
        (
            ["run", "--ring-size", "1\n2"],
            "denyd: invalid value '1\\n2' for '--ring-size <BYTES>': give a number of bytes, or of KiB or MiB \
             with K or M after it: see `denyd --help`\n",
        ),
        (["check", "--jso", "x"], "denyd: unexpected argument '--jso' found: did you mean `--json`?\n"),
    ] {
        let output = denyd(&args);
        assert_eq!((stderr(&output), status(&output)), (message, 2));
    }
}

#[test]
fn the_default_configuration_is_printed_and_right() {
    let output = denyd(&["config", "default"]);
    assert_eq!((stderr(&output), status(&output)), ("", 0));
    let file = tempfile::NamedTempFile::new().unwrap();
    fs::write(&file, output.stdout).unwrap();
    let path = file.path().to_str().unwrap();
    let output = denyd(&["config", "check", path]);
    assert_eq!((stderr(&output), status(&output)), ("", 0));
    assert_eq!(output.stdout, format!("{path}: no mistakes found\n").into_bytes());
}

#[test]
fn a_wrong_configuration_is_one_line_and_status_2() {
    let file = tempfile::NamedTempFile::new().unwrap();
    fs::write(&file, "\nringsize = 1\n").unwrap();
    let path = file.path().to_str().unwrap();
    let message = format!(
        "denyd: {path}, line 2: unknown key `ringsize`: did you mean `ring_size`?: see `denyd config default`\n"
    );
    for args in [["config", "check", path], ["run", "--config", path]] {
        let output = denyd(&args);
        assert_eq!((stderr(&output), status(&output)), (message.as_str(), 2));
    }
    let output = denyd(&["run", "--config", "/nonexistent"]);
    assert_eq!(status(&output), 2);
    assert!(stderr(&output).contains("cannot read the configuration /nonexistent: "), "{output:?}");
}

#[test]
fn a_wrong_filter_says_where_and_what_is_near() {
    let output = denyd(&["run", "--filter", "process.com == \"x\""]);
    assert_eq!(status(&output), 2);
    let nearest = "an event has no field `process.com`: did you mean `process.comm`?";
    assert!(stderr(&output).contains(nearest), "{output:?}");
}

#[test]
fn without_a_verb_it_shows_its_help_and_status_2() {
    let output = denyd(&[]);
    assert_eq!(status(&output), 2);
    assert!(stderr(&output).contains("Usage: denyd <COMMAND>"), "{output:?}");
}

#[test]
fn without_privilege_it_says_what_it_needs_and_status_3() {
    let folder = tempfile::tempdir().unwrap();
    let program = for_anyone(folder.path()).unwrap();
    for verb in ["run", "check"] {
        let mut command = Command::new(&program);
        command.arg(verb);
        if rustix::process::geteuid().is_root() {
            command.uid(65534).gid(65534);
        }
        let output = run(&mut command);
        assert_eq!(status(&output), 3, "{output:?}");
        let message = stderr(&output);
        assert!(message.starts_with("denyd: may not load eBPF programs: run as root"), "{message}");
        assert_eq!(message.lines().count(), 1, "{message}");
        assert!(output.stdout.is_empty());
    }
}

#[test]
fn selftest_without_a_daemon_and_privilege_says_who_may_and_status_3() {
    let folder = tempfile::tempdir().unwrap();
    let mut command = Command::new(for_anyone(folder.path()).unwrap());
    let socket = folder.path().join("denyd.sock");
    command.arg("selftest").arg("--socket").arg(&socket);
    if rustix::process::geteuid().is_root() {
        command.uid(65534).gid(65534);
    }
    let output = run(&mut command);
    let message = format!(
        "denyd: no denyd listens on {}, and to watch without one takes root: start the daemon (systemctl start denyd), or run \
         this as root\n",
        socket.display()
    );
    assert_eq!((stderr(&output), status(&output)), (&*message, 3));
}

#[test]
fn the_man_pages_are_written_where_they_belong() {
    let folder = tempfile::tempdir().unwrap();
    let output = denyd(&["man", folder.path().to_str().unwrap()]);
    assert_eq!(status(&output), 0, "{output:?}");
    for (page, part) in [
        ("man1/denyd.1", "denyd\\-tail(1)"),
        ("man1/denyd-tail.1", ".SH EXAMPLES"),
        ("man5/denyd.toml.5", "\\fBring_size = \"8M\"\\fR"),
    ] {
        let text = fs::read_to_string(folder.path().join(page)).unwrap();
        assert!(text.contains(part), "{page}: {part}\n{text}");
    }
    let output = denyd(&["man", "/dev/null"]);
    let message = stderr(&output);
    assert!(message.starts_with("denyd: cannot write /dev/null/man1/denyd.1: Not a directory"), "{message}");
    assert_eq!(status(&output), 1);
}

#[test]
fn bash_takes_the_completions() {
    let output = denyd(&["completions", "bash"]);
    assert_eq!(status(&output), 0);
    let script = String::from_utf8(output.stdout).unwrap();
    let ask =
        "COMP_WORDS=(denyd tail --no-f); COMP_CWORD=2; _denyd denyd --no-f tail; echo \"${COMPREPLY[@]}\"";
    let bash = Command::new("bash").args(["--norc", "-c", &format!("{script}\n{ask}")]).output();
    // Where there is no bash, nobody completes with it.
    let Ok(bash) = bash else { return };
    assert_eq!(String::from_utf8_lossy(&bash.stdout).trim(), "--no-fold", "{bash:?}");
}

/// Runs a program that was just copied. As long as a process that another test was starting meanwhile has the file open to
/// write, it can't be run.
fn run(command: &mut Command) -> Output {
    loop {
        match command.output() {
            Err(error) if error.kind() == io::ErrorKind::ExecutableFileBusy => std::thread::yield_now(),
            output => return output.unwrap(),
        }
    }
}

/// Copies the program to where another user can run it.
fn for_anyone(folder: &Path) -> io::Result<PathBuf> {
    use std::os::unix::fs::PermissionsExt as _;
    fs::set_permissions(folder, fs::Permissions::from_mode(0o755))?;
    let program = folder.join("denyd");
    fs::copy(env!("CARGO_BIN_EXE_denyd"), &program)?;
    Ok(program)
}

#[test]
fn the_schema_is_printed_to_anyone() {
    let output = denyd(&["schema"]);
    assert_eq!((stderr(&output), status(&output)), ("", 0));
    let schema: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(schema["properties"]["schema"]["const"], monitor::event::SCHEMA_VERSION);
}

#[test]
fn the_configuration_for_kubernetes_is_right() {
    let objects = include_str!("../../deploy/kubernetes/denyd.yaml");
    let (_, file) = objects.split_once("denyd.toml: |\n").unwrap();
    let lines = file.lines().take_while(|line| *line != "---");
    let text: String = lines.flat_map(|line| [line.strip_prefix("    ").unwrap_or(line), "\n"]).collect();
    assert!(text.contains("[metrics]\nenabled = true\n"), "{text}");
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("denyd.toml");
    fs::write(&path, text).unwrap();
    let output = denyd(&["config", "check", path.to_str().unwrap()]);
    assert_eq!((stderr(&output), status(&output)), ("", 0));
}

#[test]
fn fix_without_root_or_without_anybody_to_ask_says_what_to_do() {
    let folder = tempfile::tempdir().unwrap();
    let program = for_anyone(folder.path()).unwrap();
    let mut command = Command::new(&program);
    command.args(["fix", "/dev/null"]);
    if rustix::process::geteuid().is_root() {
        command.uid(65534).gid(65534);
    }
    let output = run(&mut command);
    let message = "denyd: only root can change this machine: run it as root, or with --dry-run\n";
    assert_eq!((stderr(&output), status(&output)), (message, 3));
    let output = denyd(&["fix", "--dry-run", "/dev/null"]);
    assert_eq!((&*output.stdout, status(&output)), (&b"No denials found.\n"[..], 0));
}

#[test]
fn fix_shows_what_it_would_do_and_does_nothing_unasked() {
    let folder = tempfile::tempdir().unwrap();
    let state = folder.path().join("state");
    let log = folder.path().join("log");
    // Without a policy, a module; no other machine's policy matters.
    fs::write(
        &log,
        "type=1400 audit(1.002:3): avc:  denied  { read } for  pid=1 comm=\"x\" scontext=u:r:denyd_a_t:s0 \
         tcontext=u:object_r:denyd_b_t:s0 tclass=file permissive=0\n",
    )
    .unwrap();
    let policy = Path::new(env!("CARGO_MANIFEST_DIR")).join("../monitor-explain/tests/policies/rich.33");
    let (log, policy, state_name) =
        (log.to_str().unwrap(), policy.to_str().unwrap(), state.to_str().unwrap());
    let output = denyd(&["fix", "--dry-run", "--policy", policy, "--state", state_name, log]);
    assert_eq!(status(&output), 0, "{output:?}");
    let text = String::from_utf8(output.stdout).unwrap();
    assert!(text.starts_with("1. selinux: denyd_a_t was refused file { read } on denyd_b_t: "), "{text}");
    if rustix::process::geteuid().is_root() {
        let output = denyd(&["fix", "--policy", policy, "--state", state_name, log]);
        let message =
            "denyd: what another policy says is not applied here: leave --policy out, or add --dry-run\n";
        assert_eq!((stderr(&output), status(&output)), (message, 2));
        let output = denyd(&["fix", "--undo", "--state", state_name]);
        assert_eq!((&*output.stdout, status(&output)), (&b"Nothing was changed by denyd fix.\n"[..], 0));
    }
}
