//! `denyd run` as a service: what privileges it keeps, its outputs, its files' rotation, and what a reload changes; and
//! what it knows of stacks once it has no privileges.

use std::sync::Arc;

use libtest_mimic::Trial;
use serde_json::Value;
use xtask::vm;

use crate::{
    KERNELS,
    group::{boot, guest},
    plan::{Booted, Plan},
};

/// Prints a part for each trial, `=== NAME`. It waits for what denyd says and writes, never for time to pass.
const SCRIPT: &str = r#"
cd /run && mkfifo said
cat >denyd.toml <<END
[[output]]
kind = "stdout"
[[output]]
kind = "file"
path = "/run/log"
filter = 'module == "apparmor"'
[[output]]
kind = "unix"
path = "/run/nobody"
queue = 1
END
heard() { while read -r line <&3; do echo "$line" >>err; case "$line" in *"$1"*) return;; esac; done; }
deny() { aa-exec -p app -- sh -c 'echo x >/var/lib/x/y' 2>/dev/null; }
denyd run --no-pin --no-fold --config denyd.toml >out 2>said & pid=$!
exec 3<said; heard watching
deny; until [ -s log ]; do :; done
echo "=== privileges"; cat /proc/$pid/task/*/status | grep -E '^(Cap|NoNewPrivs:|Seccomp:)'
mv log log.1; deny; until [ -s log ]; do :; done
echo "=== rotation"; ls -l log; cat log.1 log
sed -i 's/module == "apparmor"/module == "selinux"/' denyd.toml; sed -i '1i silent = true' denyd.toml
kill -HUP $pid; heard "restart denyd for these keys"; heard "configuration reloaded"
deny
echo 'ringsize = 1' >denyd.toml; kill -HUP $pid; heard "configuration not applied"
deny
kill -TERM $pid; wait $pid; echo "=== exit $?"
cat <&3 >>err
echo "=== said"; cat err
mkfifo said2; denyd run --no-pin --no-fold --stack --name-wait 10s --source apparmor >stacks 2>said2 & pid=$!
exec 3<said2; heard watching; deny
while [ ! -s stacks ] && kill -0 $pid; do :; done
kill -TERM $pid; wait $pid
echo "=== stacks"; cat stacks
mkfifo said3; DENYD_LOG=denyd_ebpf=trace denyd run --no-pin --no-fold --source apparmor --ring-size 64K >events 2>said3 & pid=$!
exec 3<said3; heard watching; deny
while [ ! -s events ] && kill -0 $pid; do :; done
kill -STOP $pid; aa-exec -p app -- sh -c 'for i in $(seq 100); do echo x >/var/lib/x/y; done' 2>/dev/null
kill -CONT $pid; kill -TERM $pid; wait $pid
echo "=== program log"; cat <&3
"#;

/// A guest for each kernel.
pub(crate) fn plan(plan: &mut Plan) {
    for (kernel, _) in KERNELS {
        let guest = Booted::new(format!("{kernel}-service"), move || {
            boot(&guest(kernel, vm::Module::Apparmor)?, SCRIPT)
        });
        let trial = |(name, judge): (_, Judge)| {
            let guest = Arc::clone(&guest);
            Trial::test(format!("{kernel}/service/{name}"), move || Ok(judge(guest.outcome()?)?))
        };
        let trials = JUDGES.into_iter().map(trial).collect();
        plan.add_guest(&guest, trials);
    }
}

type Judge = fn(&str) -> Result<(), String>;

const JUDGES: [(&str, Judge); 6] = [
    ("no_privilege_is_left", no_privilege_is_left),
    ("a_moved_file_is_made_anew", a_moved_file_is_made_anew),
    ("a_reload_changes_the_outputs_alone", a_reload_changes_the_outputs_alone),
    ("every_output_accounts_for_every_event", every_output_accounts_for_every_event),
    ("a_stack_goes_from_the_refusal_to_the_system_call", a_stack_goes_from_the_refusal_to_the_system_call),
    ("the_programs_log_what_they_did_when_asked", the_programs_log_what_they_did_when_asked),
];

/// The part of the output under this head.
pub(crate) fn part<'o>(output: &'o str, head: &str) -> Result<&'o str, String> {
    let parts = output.split("=== ").skip(1);
    let part = parts.filter_map(|part| part.split_once('\n')).find(|(first, _)| first.trim() == head);
    part.map(|(_, rest)| rest).ok_or_else(|| format!("there is no part `{head}` in:\n{output}"))
}

/// What is wrong, with what was printed, unless it is right.
pub(crate) fn holds(right: bool, what: &str, output: &str) -> Result<(), String> {
    if right { Ok(()) } else { Err(format!("{what}:\n{output}")) }
}

fn no_privilege_is_left(output: &str) -> Result<(), String> {
    let part = part(output, "privileges")?;
    let mut threads = 0;
    for line in part.lines() {
        let (name, value) = line.split_once(':').ok_or_else(|| part.to_owned())?;
        let right = match name {
            "NoNewPrivs" => value.trim() == "1",
            "Seccomp" => value.trim() == "2",
            _ => u64::from_str_radix(value.trim(), 16) == Ok(0),
        };
        holds(right, line, part)?;
        threads += usize::from(name == "CapBnd");
    }
    holds(threads >= 4, "the reader, the names, stdout, the file and the sockets have threads", part)
}

fn a_moved_file_is_made_anew(output: &str) -> Result<(), String> {
    let part = part(output, "rotation")?;
    let (mode, lines) = part.split_once('\n').ok_or_else(|| part.to_owned())?;
    holds(mode.starts_with("-rw-r-----"), "its mode is not 0640", part)?;
    let events = lines.lines().filter(|line| line.starts_with('{') && line.ends_with('}')).count();
    holds(events >= 2 && events == lines.lines().count(), "not every line is an event", part)
}

fn a_reload_changes_the_outputs_alone(output: &str) -> Result<(), String> {
    part(output, "exit 0")?;
    let said = part(output, "said")?;
    for line in
        ["keys=\"silent\"", "configuration reloaded", "unknown key `ringsize`: did you mean `ring_size`?"]
    {
        holds(said.contains(line), line, said)?;
    }
    holds(said.matches("denyd: watching").count() == 1, "the programs were attached once", said)?;
    let [received, filtered, ..] = account(said, "file")?;
    holds(filtered >= 2 && filtered < received, "the file's filter was changed", said)
}

fn every_output_accounts_for_every_event(output: &str) -> Result<(), String> {
    let said = part(output, "said")?;
    let accounts = [account(said, "stdout")?, account(said, "file")?, account(said, "unix")?];
    for [received, filtered, written, lost] in accounts {
        holds(received >= 4 && received == filtered + written + lost, "an account does not balance", said)?;
        holds(received == accounts[0][0], "not all outputs received the same", said)?;
    }
    let [[.., stdout_lost], [.., file_lost], [_, _, unix_written, _]] = accounts;
    holds(
        (stdout_lost, file_lost, unix_written) == (0, 0, 0),
        "lost where there was room, or written to nobody",
        said,
    )?;
    holds(!said.contains("unaccounted"), "a loss that nobody counted", said)
}

/// Whether the functions are in the order in which they called each other, by their names in the kernel's source.
fn a_stack_goes_from_the_refusal_to_the_system_call(output: &str) -> Result<(), String> {
    let stacks = part(output, "stacks")?;
    let event = stacks.lines().next().ok_or("no event")?;
    let event: Value = serde_json::from_str(event).map_err(|error| format!("{error}: {event}"))?;
    let frames = |side: &str| event["stack"][side].as_array().cloned().unwrap_or_default();
    let kernel = frames("kernel");
    let mut functions = kernel.iter().filter_map(|frame| frame["function"].as_str());
    // Not the function that the program is attached to: Linux 7 jumps from it to the program's trampoline and does not
    // call it, so that its frame is not on the stack.
    for callee in ["aa_path_perm", "apparmor_file_open", "do_sys_openat2", "do_syscall_64"] {
        // The compiler may have made a part of a function one of its own (`.isra.0`).
        let there = functions.any(|function| function.split('.').next() == Some(callee));
        holds(there, &format!("no {callee} after those before it"), stacks)?;
    }
    let user = frames("user");
    let innermost = user.first().ok_or_else(|| format!("no frame of the program: {stacks}"))?;
    let build_id = innermost["build_id"].as_str().unwrap_or_default();
    holds(build_id.len() == 40, "no build id of the C library, which opened the file", stacks)?;
    holds(innermost["file_offset"].is_string(), "no place in the file", stacks)
}

/// aya-log's messages: one for each record that was submitted, and one for each that had no room.
fn the_programs_log_what_they_did_when_asked(output: &str) -> Result<(), String> {
    let said = part(output, "said")?;
    holds(!said.contains("denyd_ebpf"), "the programs log unasked", said)?;
    let log = part(output, "program log")?;
    let source = log.lines().find_map(|line| line.strip_prefix("denyd: apparmor: ")).ok_or(log)?;
    let count = |word: &str| -> Option<usize> {
        source.split(", ").find_map(|part| part.strip_prefix(word)?.split_whitespace().next()?.parse().ok())
    };
    let messages = |end: &str| {
        let is_message = |line: &&str| line.contains("TRACE denyd_ebpf") || line.contains("DEBUG denyd_ebpf");
        log.lines().filter(is_message).filter(|line| line.contains(end)).count()
    };
    let (submitted, full) =
        (messages("source 1: a record of "), messages("source 1: no room in the ring buffer"));
    holds(submitted > 0 && count("emitted") == Some(submitted), "not a message for each record", log)?;
    holds(full > 0 && count("lost") == Some(full), "not a message for each loss", log)
}

/// What denyd says at the end of an output: received, filtered, written, lost.
fn account(said: &str, name: &str) -> Result<[u64; 4], String> {
    let head = format!("denyd: {name}: received ");
    let line =
        said.lines().find(|line| line.starts_with(&head)).ok_or_else(|| format!("no {name} in:\n{said}"))?;
    let number = |word: &str| -> u64 {
        let mut words = line.split([' ', ',']).skip_while(|other| *other != word);
        words.nth(1).and_then(|number| number.parse().ok()).unwrap_or(0)
    };
    Ok(["received", "filtered", "written", "lost"].map(number))
}
