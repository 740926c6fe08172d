//! What the `denyd` command does when it can't do what it is asked: one line, and the right exit status.

use std::{
    fs,
    os::unix::{fs::PermissionsExt as _, process::CommandExt as _},
    process::{Command, Output, Stdio},
    sync::Arc,
};

use libtest_mimic::{Failed, Trial};
use xtask::vm;

use crate::{
    group::{denyd, run_in_guest},
    plan::{Booted, Plan},
};

/// Exit statuses, as `denyd --help` lists them.
const USAGE: i32 = 2;
const NOT_PRIVILEGED: i32 = 3;
const KERNEL_UNFIT: i32 = 4;
const FAILED: i32 = 1;

/// Nobody in particular.
const USER: u32 = 65_534;

/// Trials on this machine, and a guest for what it can't show.
pub(crate) fn plan(plan: &mut Plan) {
    plan.add([
        Trial::test("command/unknown_flag", || refuses(&["run", "--sauce"], USAGE, "--sauce")),
        Trial::test("command/unknown_verb", || refuses(&["runn"], USAGE, "run")),
        Trial::test("command/unknown_source", || refuses(&["run", "--source", "selinx"], USAGE, "selinux")),
        Trial::test("command/help_lists_the_exit_statuses", help_lists_the_exit_statuses),
        Trial::test("command/no_root", no_root),
    ]);
    let guest = Booted::new("7-command", || run_in_guest("7", vm::Module::None, "", SCRIPT));
    let trial = |(name, status, cause)| {
        let guest = Arc::clone(&guest);
        Trial::test(format!("7/command/{name}"), move || in_guest(guest.outcome()?, name, status, cause))
    };
    let trials = [
        ("closed_stdout", FAILED, "standard output"),
        ("no_btf", KERNEL_UNFIT, "BTF"),
        ("module_not_in_force", KERNEL_UNFIT, "selinux"),
    ];
    let trials = trials.into_iter().map(trial).collect();
    plan.add_guest(&guest, trials);
}

/// A shell script that prints, for each of its trials, `=== NAME STATUS` and then denyd's standard error.
const SCRIPT: &str = r#"
say() { echo "=== $1 $(cat /run/status)"; cat /run/err; }
(denyd run --no-pin 2>/run/err; echo $? >/run/status) | true; say closed_stdout
denyd run --no-pin --source selinux >/run/out 2>/run/err; echo $? >/run/status; say module_not_in_force
mount -t tmpfs none /sys/kernel/btf
denyd run --no-pin >/run/out 2>/run/err; echo $? >/run/status; say no_btf
"#;

fn in_guest(output: &str, name: &str, status: i32, cause: &str) -> Result<(), Failed> {
    let mut parts = output.split("=== ").map(|part| part.split_once('\n').unwrap_or((part, "")));
    let part = parts.find_map(|(head, errors)| Some((head.strip_prefix(name)?.trim().parse().ok()?, errors)));
    let (got, errors) = part.ok_or_else(|| format!("no {name} in the output:\n{output}"))?;
    one_line(got, errors, status, cause)
}

/// The last line says why; what came before is what denyd said while all was well.
fn one_line(got: i32, errors: &str, status: i32, cause: &str) -> Result<(), Failed> {
    let before_start = errors.lines().take_while(|line| !line.starts_with("denyd: watching")).count();
    let problems: Vec<_> = match errors.lines().count() {
        all if all == before_start => errors.lines().collect(),
        _ => errors.lines().filter(|line| line.contains(cause)).collect(),
    };
    let right = matches!(problems[..], [line] if line.starts_with("denyd: ") && line.contains(cause));
    if got == status && right {
        return Ok(());
    }
    Err(format!("exit status {got} instead of {status}, or not one line with `{cause}`:\n{errors}").into())
}

fn refuses(arguments: &[&str], status: i32, cause: &str) -> Result<(), Failed> {
    judge(&Command::new(denyd()?).args(arguments).output()?, status, cause)
}

fn judge(output: &Output, status: i32, cause: &str) -> Result<(), Failed> {
    let errors = String::from_utf8_lossy(&output.stderr);
    if !output.stdout.is_empty() {
        return Err(
            format!("standard output isn't empty: {}", String::from_utf8_lossy(&output.stdout)).into()
        );
    }
    one_line(output.status.code().unwrap_or(-1), &errors, status, cause)
}

fn help_lists_the_exit_statuses() -> Result<(), Failed> {
    let output = Command::new(denyd()?).arg("--help").output()?;
    let help = String::from_utf8(output.stdout)?;
    for status in [FAILED, USAGE, NOT_PRIVILEGED, KERNEL_UNFIT] {
        let told = help.lines().any(|line| line.trim_start().starts_with(&format!("{status} ")));
        if !told {
            return Err(format!("exit status {status} isn't in the help:\n{help}").into());
        }
    }
    Ok(())
}

/// As somebody who may do nothing, from where that somebody may read it.
fn no_root() -> Result<(), Failed> {
    let folder = tempfile::tempdir()?;
    fs::set_permissions(folder.path(), fs::Permissions::from_mode(0o755))?;
    let program = folder.path().join("denyd");
    // By another process: a child that some other trial starts now would hold a file open for writing that this one wrote,
    // and nothing can be run then.
    let copied = Command::new("cp").arg(denyd()?).arg(&program).status()?;
    if !copied.success() {
        return Err(format!("cp: {copied}").into());
    }
    let mut command = Command::new(program);
    command.arg("run").stdin(Stdio::null());
    if rustix::process::geteuid().is_root() {
        command.uid(USER).gid(USER);
    }
    judge(&command.output()?, NOT_PRIVILEGED, "root")
}
