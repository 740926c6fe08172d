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
        ["Examples:\n  denyd check", "Exit status:", "  3  denyd lacks the privilege", "check   Say what"]
    {
        assert!(help.contains(part), "{part:?} is not in:\n{help}");
    }
    let output = denyd(&["run", "--help"]);
    let help = String::from_utf8(output.stdout).unwrap();
    let line = help.lines().find(|line| line.contains("- landlock:"));
    assert!(line.is_some_and(|line| line.ends_with(" Landlock denials")), "{help}");
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
        let output = command.output().unwrap();
        assert_eq!(status(&output), 3, "{output:?}");
        let message = stderr(&output);
        assert!(message.starts_with("denyd: may not load eBPF programs: run as root"), "{message}");
        assert_eq!(message.lines().count(), 1, "{message}");
        assert!(output.stdout.is_empty());
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
