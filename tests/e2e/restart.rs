//! Restarts: what was refused while denyd was killed again and again, or did not run at all, is reported once and accounted
//! for to one.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
    time::Duration,
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
    /// Whether there is one flood after another for as long as that takes which is done meanwhile.
    endless: bool,
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

/// The same, fifty times.
const KILL_FIFTY_TIMES: &str = "for turn in $(seq 50); do
    [ $((turn % 2)) = 0 ] || read -r event <&4
    kill -9 $pid; wait $pid; start
done";

/// What runs by default.
const RESTARTS: [Restarts; 4] = [
    Restarts {
        name: "killed_again_and_again",
        options: "--no-fold",
        extent: "--processes 8 --users 8 --each 150 --rate 5",
        endless: false,
        meanwhile: KILL,
        unfolded: true,
    },
    Restarts {
        name: "killed_again_and_again_with_folding",
        options: "--fold-window 100ms",
        extent: "--processes 8 --users 8 --each 150 --rate 5",
        endless: false,
        meanwhile: KILL,
        unfolded: false,
    },
    Restarts {
        name: "stopped_meanwhile",
        options: "--no-fold",
        extent: "--processes 8 --users 8 --each 40 --rate 40",
        endless: false,
        meanwhile: "kill -TERM $pid; wait $pid; cat <&3 >>said_before; wait $flood; start",
        unfolded: true,
    },
    Restarts {
        name: "another_denyd_takes_its_place",
        options: "--no-fold",
        extent: "--processes 8 --users 8 --each 40 --rate 40",
        endless: false,
        meanwhile: "kill -TERM $pid; wait $pid; cat <&3 >>said_before; wait $flood; OPTIONS='--no-fold --ring-size 1048576'; start",
        unfolded: true,
    },
];

/// What runs on request: a thousand denials a second; and, each an event, as many as the ring buffer holds while an emulated
/// machine starts denyd.
const LONG_RESTARTS: [Restarts; 2] = [
    Restarts {
        name: "killed_fifty_times",
        options: "",
        extent: "--processes 8 --users 8 --each 1250 --rate 125",
        endless: true,
        meanwhile: KILL_FIFTY_TIMES,
        unfolded: false,
    },
    Restarts {
        name: "killed_fifty_times_without_folding",
        options: "--no-fold --ring-size 33554432",
        extent: "--processes 8 --users 8 --each 50 --rate 5",
        endless: true,
        meanwhile: KILL_FIFTY_TIMES,
        unfolded: true,
    },
];

/// The kernels, the modules that refuse, and the processors of each guest.
const GUESTS: [(&str, vm::Module, &str, u32); 2] =
    [("7", vm::Module::Selinux, "selinux", 2), ("6.1", vm::Module::Apparmor, "apparmor", 1)];

/// How long a guest has in which denyd is killed fifty times.
const LONG: Duration = Duration::from_mins(40);

/// The guests.
pub(crate) fn plan(plan: &mut Plan) {
    for guest in GUESTS {
        let (kernel, _, source, _) = guest;
        add(plan, &format!("{kernel}/{source}/restart"), guest, &RESTARTS, None);
        for long in LONG_RESTARTS.chunks(1) {
            add(plan, &format!("{kernel}/{source}/restarts"), guest, long, Some(LONG));
        }
    }
}

/// Adds a guest that is treated so; on request if it has a time of its own.
fn add(
    plan: &mut Plan,
    name: &str,
    (kernel, module, source, processors): (&'static str, vm::Module, &'static str, u32),
    restarts: &'static [Restarts],
    time: Option<Duration>,
) {
    let booted = Booted::new(name.replace('/', "-"), move || {
        let guest = guest_with_policy(kernel, module)?.processors(processors);
        let guest = if let Some(time) = time { guest.timeout(time) } else { guest };
        boot(&guest, &script(source, restarts))
    });
    let trial = |restarts: &'static Restarts| {
        let guest = Arc::clone(&booted);
        Trial::test(format!("{name}/{}", restarts.name), move || {
            Ok(judge(guest.outcome()?, restarts, source)?)
        })
        .with_ignored_flag(time.is_some())
    };
    plan.add_guest(&booted, restarts.iter().map(trial).collect());
}

/// For each way, prints its name, what was done, the file's events, those of the history, and what denyd said.
fn script(source: &str, restarts: &[Restarts]) -> String {
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
    let part = |Restarts { name, options, extent, endless, meanwhile, .. }: &Restarts| {
        let flood = format!("actor flood {source} {extent}");
        let flood = if *endless { format!("while ! [ -e enough ]; do {flood}; done") } else { flood };
        format!(
            "OPTIONS='{options}'; rm -rf events said_before /var/lib/denyd; : >said_before; start
echo '=== {name}'; rm -f enough; {flood} & flood=$!
{meanwhile}
: >enough; wait $flood
kill -TERM $pid; wait $pid; echo '--- events'; cat events; echo '--- history'; cat /var/lib/denyd/history/*.jsonl
echo '--- said'; cat said_before; cat <&3; exec 3<&-; denyd detach; ls /sys/fs/bpf/denyd\n"
        )
    };
    restarts.iter().fold(format!("SOURCE={source}\n{start}"), |script, restarts| script + &part(restarts))
}

fn judge(output: &str, restarts: &Restarts, source: &str) -> Result<(), String> {
    let part = output.split("=== ").find_map(|part| part.strip_prefix(&format!("{}\n", restarts.name)));
    let part = part.ok_or_else(|| format!("the guest did not get there:\n{output}"))?;
    let (done, rest) = part.split_once("--- events\n").ok_or(part)?;
    let (events, rest) = rest.split_once("--- history\n").ok_or(rest)?;
    let (history, said) = rest.split_once("--- said\n").ok_or(rest)?;
    let mut expected: BTreeMap<u64, u64> = BTreeMap::new();
    for flooded in done.lines().filter_map(|line| serde_json::from_str::<Flooded>(line).ok()) {
        for (user, count) in flooded.refused.into_iter().chain([(QUIET_UID, 1)]) {
            *expected.entry(user.into()).or_default() += count;
        }
    }
    if expected.is_empty() {
        return Err(format!("the flood did not end: {done}"));
    }
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
    // What could not be folded is not lost.
    let is_it = |line: &str| {
        line.strip_prefix(&account).is_some_and(|rest| rest.is_empty() || rest.starts_with(", "))
    };
    if said.lines().any(is_it) && detached {
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
