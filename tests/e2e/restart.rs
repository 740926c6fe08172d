//! Restarts: what was refused while denyd was killed again and again, or did not run at all, is reported once and accounted
//! for to one.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use libtest_mimic::Trial;
use serde_json::Value;
use tests::actor::flood::{Flooded, QUIET_UID};
use xtask::vm;

use crate::{
    group::{boot, guest_with_policy},
    plan::{Booted, Plan},
};

/// A way to treat denyd during a flood.
struct Restarts {
    name: &'static str,
    options: &'static str,
    extent: &'static str,
    /// What the shell does while the flood lasts.
    meanwhile: &'static str,
    /// Whether each denial must be an event of its own.
    unfolded: bool,
}

/// Kills and starts denyd, in turn when it has written something and right after its start.
const KILL: &str = "for turn in 1 2 3; do
    [ $turn = 2 ] || read -r event <&4
    kill -9 $pid; wait $pid; start
done";

const RESTARTS: [Restarts; 4] = [
    Restarts {
        name: "killed_again_and_again",
        options: "--no-fold",
        extent: "--processes 8 --users 8 --each 150 --rate 5",
        meanwhile: KILL,
        unfolded: true,
    },
    Restarts {
        name: "killed_again_and_again_with_folding",
        options: "--fold-window 100ms",
        extent: "--processes 8 --users 8 --each 150 --rate 5",
        meanwhile: KILL,
        unfolded: false,
    },
    Restarts {
        name: "stopped_meanwhile",
        options: "--no-fold",
        extent: "--processes 8 --users 8 --each 40 --rate 40",
        meanwhile: "kill -TERM $pid; wait $pid; cat <&3 >>said_before; wait $flood; start",
        unfolded: true,
    },
    Restarts {
        name: "another_denyd_takes_its_place",
        options: "--no-fold",
        extent: "--processes 8 --users 8 --each 40 --rate 40",
        meanwhile: "kill -TERM $pid; wait $pid; cat <&3 >>said_before; wait $flood; OPTIONS='--no-fold --ring-size 1048576'; start",
        unfolded: true,
    },
];

/// The kernels, the modules that refuse, and the processors of each guest.
const GUESTS: [(&str, vm::Module, &str, u32); 2] =
    [("7", vm::Module::Selinux, "selinux", 2), ("6.1", vm::Module::Apparmor, "apparmor", 1)];

/// The guests.
pub(crate) fn plan(plan: &mut Plan) {
    for (kernel, module, source, processors) in GUESTS {
        let guest = Booted::new(format!("{kernel}-{source}-restart"), move || {
            boot(&guest_with_policy(kernel, module)?.processors(processors), &script(source))
        });
        let trial = |restarts: &'static Restarts| {
            let guest = Arc::clone(&guest);
            Trial::test(format!("{kernel}/{source}/restart/{}", restarts.name), move || {
                Ok(judge(guest.outcome()?, restarts, source)?)
            })
        };
        plan.add_guest(&guest, RESTARTS.iter().map(trial).collect());
    }
}

/// For each way, prints its name, what was done, the file's events, those of the history, and what denyd said.
fn script(source: &str) -> String {
    let start = "mount -t bpf bpf /sys/fs/bpf
cd /run
cat >denyd.toml <<END
[[output]]
kind = 'file'
name = 'file'
path = '/run/events'
[[output]]
kind = 'stdout'
name = 'stdout'
END
start() {
    rm -f said out; mkfifo said out
    denyd run --config denyd.toml --source $SOURCE $OPTIONS 2>said >out & pid=$!
    exec 3<said 4<out
    while read -r line <&3; do case $line in *watching*) break;; *) echo \"$line\" >>said_before;; esac; done
}\n";
    let part = |Restarts { name, options, extent, meanwhile, .. }: &Restarts| {
        format!(
            "OPTIONS='{options}'; rm -rf events said_before /var/lib/denyd; : >said_before; start
echo '=== {name}'; actor flood {source} {extent} & flood=$!
{meanwhile}
wait $flood
kill -TERM $pid; wait $pid; echo '--- events'; cat events; echo '--- history'; cat /var/lib/denyd/history/*.jsonl
echo '--- said'; cat said_before; cat <&3; exec 3<&-; denyd detach; ls /sys/fs/bpf/denyd\n"
        )
    };
    RESTARTS.iter().fold(format!("SOURCE={source}\n{start}"), |script, restarts| script + &part(restarts))
}

fn judge(output: &str, restarts: &Restarts, source: &str) -> Result<(), String> {
    let part = output.split("=== ").find_map(|part| part.strip_prefix(&format!("{}\n", restarts.name)));
    let part = part.ok_or_else(|| format!("the guest did not get there:\n{output}"))?;
    let (done, rest) = part.split_once("--- events\n").ok_or(part)?;
    let (events, rest) = rest.split_once("--- history\n").ok_or(rest)?;
    let (history, said) = rest.split_once("--- said\n").ok_or(rest)?;
    let done = done.lines().find_map(|line| serde_json::from_str::<Flooded>(line).ok()).ok_or(done)?;
    let expected: BTreeMap<u64, u64> = done
        .refused
        .iter()
        .map(|&(user, count)| (u64::from(user), count))
        .chain([(QUIET_UID.into(), 1)])
        .collect();
    let file = once(events).map_err(|error| format!("the file: {error}\n{said}"))?;
    by_user(&file, &expected).map_err(|error| format!("the file: {error}\n{said}"))?;
    let history = once(history).map_err(|error| format!("the history: {error}\n{said}"))?;
    by_user(&history, &expected).map_err(|error| format!("the history: {error}\n{said}"))?;
    if history.len() != file.len() {
        return Err(format!("the history has {} events, the file {}\n{said}", history.len(), file.len()));
    }
    let all: u64 = expected.values().sum();
    let single = file.iter().filter(|event| event.get("count").is_none()).count() as u64;
    if restarts.unfolded && single != all {
        return Err(format!("{single} events of {all} denials\n{said}"));
    }
    let folded = if single == all { String::new() } else { format!("folded {}, ", all - single) };
    let account = format!("denyd: {source}: seen {all}, emitted {single}, {folded}lost 0");
    let detached = said.trim_end().ends_with("detached");
    if said.lines().any(|line| line == account) && detached {
        Ok(())
    } else {
        Err(format!("it does not say `{account}`, or was not detached:\n{said}"))
    }
}

/// The events, of which none may be there twice and none torn.
fn once(text: &str) -> Result<Vec<Value>, String> {
    let parse = |line: &str| serde_json::from_str::<Value>(line).map_err(|error| format!("{error}: {line}"));
    let events = text.lines().map(parse).collect::<Result<Vec<_>, _>>()?;
    let mut seen = BTreeSet::new();
    for event in &events {
        let key = [&event["time"], &event["process"]["pid"], &event["count"]].map(Value::to_string);
        if !seen.insert(key) {
            return Err(format!("twice: {event}"));
        }
    }
    Ok(events)
}

/// Whether each user's denials are in the events, to one.
fn by_user(events: &[Value], expected: &BTreeMap<u64, u64>) -> Result<(), String> {
    let mut counts: BTreeMap<u64, u64> = BTreeMap::new();
    for event in events {
        let user = event["process"]["uid"].as_u64().ok_or_else(|| event.to_string())?;
        *counts.entry(user).or_default() += event["count"].as_u64().unwrap_or(1);
    }
    if counts == *expected {
        Ok(())
    } else {
        Err(format!("by user the events count {counts:?}, and not {expected:?}"))
    }
}
