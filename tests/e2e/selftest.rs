//! `denyd selftest`: what it causes arrives everywhere, and where something stops, it says where.

use std::sync::Arc;

use libtest_mimic::Trial;
use serde_json::Value;
use tests::case::Version;
use xtask::vm;

use crate::{
    group::run_in_guest,
    plan::{Booted, Plan},
    service::holds,
};

/// A guest, and what of it can be tried there.
struct Guest {
    kernel: &'static str,
    module: vm::Module,
    append: &'static str,
    /// The modules of which something is caused there.
    caused: &'static [&'static str],
}

static GUESTS: [Guest; 3] = [
    Guest {
        kernel: "6.1",
        module: vm::Module::Apparmor,
        append: "",
        caused: &["apparmor", "capability", "seccomp", "yama"],
    },
    Guest {
        kernel: "6.12",
        module: vm::Module::Selinux,
        append: "",
        caused: &["selinux", "capability", "seccomp", "yama"],
    },
    Guest {
        kernel: "7",
        module: vm::Module::Apparmor,
        append: "lockdown=integrity",
        caused: &["apparmor", "landlock", "capability", "seccomp", "yama", "lockdown"],
    },
];

/// Prints a part for each trial, `=== NAME STATUS`. It waits for what denyd says, never for time to pass.
const SCRIPT: &str = r#"
cd /run && mkfifo said && mkdir small && mount -t tmpfs -o size=16k none small
echo 1 >/proc/sys/kernel/yama/ptrace_scope
head='sources = ["default", "capability", "lockdown"]
[metrics]
enabled = true
'
configure() { printf '%s%s' "$head" "$1" >denyd.toml; }
output() { printf '[[output]]\nname = "%s"\nkind = "%s"\n%s\n' "$@"; }
heard() { while read -r line <&3; do echo "$line" >>err; case "$line" in *"$1"*) return;; esac; done; }
part() { name=$1; shift; "$@" >got 2>&1; echo "=== $name $?"; cat got; }

configure "$(output stdout stdout; output log file 'path = "/run/log"'
    output narrow file 'path = "/run/narrow"
filter = "module == \"seccomp\""')"
denyd run --no-pin --config denyd.toml >out 2>said & pid=$!
exec 3<said; heard watching
part healthy denyd selftest
part json denyd selftest --json
part one denyd selftest --module seccomp
part other denyd selftest --module tomoyo
echo "=== log 0"; cat log
echo "=== narrow 0"; cat narrow

cat /dev/zero >small/filled 2>/dev/null
configure "$(output log file 'path = "/run/log"'; output full file 'path = "/run/small/log"'
    output dead unix 'path = "/run/nobody"')"
kill -HUP $pid; heard "configuration reloaded"
part stuck denyd selftest --module seccomp,yama --wait 1
part stuck-json denyd selftest --json --module seccomp --wait 1

configure "$(output log file 'path = "/run/log"
filter = "module == \"bpf\""')"
kill -HUP $pid; heard "configuration reloaded"
part filtered denyd selftest --module seccomp

kill -TERM $pid; wait $pid
cat <&3 >>err; echo "=== said 0"; cat err
part alone denyd selftest --module seccomp,yama
"#;

/// A guest for each of these kernels.
pub(crate) fn plan(plan: &mut Plan, kernels: &[(&str, Version)]) {
    for guest in GUESTS.iter().filter(|guest| kernels.iter().any(|(kernel, _)| *kernel == guest.kernel)) {
        let &Guest { kernel, module, append, .. } = guest;
        let booted =
            Booted::new(format!("{kernel}-selftest"), move || run_in_guest(kernel, module, append, SCRIPT));
        let trial = |(name, judge): (_, Judge)| {
            let booted = Arc::clone(&booted);
            Trial::test(format!("{kernel}/selftest/{name}"), move || Ok(judge(guest, booted.outcome()?)?))
        };
        let trials = JUDGES.into_iter().map(trial).collect();
        plan.add_guest(&booted, trials);
    }
}

type Judge = fn(&Guest, &str) -> Result<(), String>;

const JUDGES: [(&str, Judge); 6] = [
    ("what_is_caused_arrives_in_every_output", arrives),
    ("every_output_has_the_event_itself", each_output_has_it),
    ("a_full_disk_and_a_dead_reader_are_named", stuck),
    ("filters_that_want_nothing_are_named", filtered),
    ("without_a_daemon_it_watches_by_itself", alone),
    ("what_it_can_not_do_is_said_with_its_status", cannot),
];

/// The part of the output under this name, and its exit status.
fn part<'o>(output: &'o str, name: &str) -> Result<(&'o str, &'o str), String> {
    let parts = output.split("=== ").skip(1).filter_map(|part| part.split_once('\n'));
    let mut parts =
        parts.filter_map(|(head, rest)| Some((head.trim().strip_prefix(name)?.strip_prefix(' ')?, rest)));
    parts.next().ok_or_else(|| format!("there is no part `{name}` in:\n{output}"))
}

fn json(text: &str) -> Result<Value, String> {
    serde_json::from_str(text).map_err(|error| format!("{error}:\n{text}"))
}

fn arrives(guest: &Guest, output: &str) -> Result<(), String> {
    let (status, said) = part(output, "healthy")?;
    holds(status == "0" && said.ends_with("all that was caused arrived\n"), "it did not all arrive", said)?;
    for module in guest.caused {
        let line = said.lines().find(|line| line.starts_with(&format!("{module}: ")));
        let line = line.ok_or_else(|| format!("{module} is not named:\n{said}"))?;
        let narrow =
            if *module == "seccomp" { "written by stdout, log, narrow" } else { "by the filter of narrow" };
        for step in [
            "refused by the kernel (",
            "event after ",
            "written by stdout, log",
            narrow,
            "counted in metrics",
        ] {
            holds(line.contains(step), step, line)?;
        }
    }
    let (status, said) = part(output, "json")?;
    let report = json(said)?;
    let arrived = report["modules"].as_array().into_iter().flatten();
    let arrived: Vec<_> = arrived.filter(|tested| tested["result"] == "arrived").collect();
    let names: Vec<_> = arrived.iter().filter_map(|tested| tested["module"].as_str()).collect();
    holds(
        status == "0" && report["result"] == "arrived" && names == guest.caused,
        "the report as JSON",
        said,
    )?;
    let whole =
        |tested: &&Value| tested["in_metrics"] == true && tested["event_after_ms"].as_f64() > Some(0.0);
    holds(arrived.iter().all(whole), "a step is missing", said)
}

fn each_output_has_it(guest: &Guest, output: &str) -> Result<(), String> {
    for name in ["log", "narrow"] {
        let (_, lines) = part(output, name)?;
        for module in guest.caused {
            let of_module =
                lines.lines().map(json).collect::<Result<Vec<_>, _>>()?.into_iter().filter(|event| {
                    event["module"] == *module
                        && event["process"]["comm"].as_str().is_some_and(|comm| comm.starts_with("selftest"))
                });
            // Twice, as text and as JSON, and seccomp once more, alone. Yama asks for a capability itself.
            let expected = match (name, *module) {
                (_, "seccomp") => 3,
                ("narrow", _) => 0,
                (_, "capability") => 4,
                _ => 2,
            };
            let count = of_module.count();
            holds(count == expected, &format!("{name} has {count} events of {module}"), lines)?;
        }
    }
    Ok(())
}

fn stuck(_: &Guest, output: &str) -> Result<(), String> {
    let (status, said) = part(output, "stuck")?;
    holds(status == "1" && said.ends_with("STOPPED: 2 of 2 did not arrive everywhere\n"), "its end", said)?;
    // Yama's denial does not come alone.
    for (module, lost) in [
        ("seccomp: ", "STOPPED at the output full: lost 1 (failed 1): "),
        ("yama: ", "STOPPED at the output full: lost 2 (failed 2) of the 2 events that came: "),
    ] {
        let line = said.lines().find(|line| line.starts_with(module)).unwrap_or_default();
        for step in ["written by log; ", lost, "STOPPED at the output dead: not written after 1 s, "] {
            holds(line.contains(step), step, said)?;
        }
    }
    let (status, said) = part(output, "stuck-json")?;
    let report = json(said)?;
    let tested = &report["modules"][0];
    let full = serde_json::json!({"lost": {"reasons": [{"reason": "failed", "count": 1}], "of": 1}});
    let right = status == "1" && tested["stopped"]["at"] == "output" && tested["outputs"][1]["fate"] == full;
    holds(
        right && tested["outputs"][2]["fate"]["waiting"]["queued"].as_u64() >= Some(1),
        "the report as JSON",
        said,
    )
}

fn filtered(_: &Guest, output: &str) -> Result<(), String> {
    let (status, said) = part(output, "filtered")?;
    let right = said.contains("not wanted by the filter of log") && said.contains("STOPPED at the filters: ");
    holds(status == "1" && right, "where it stopped", said)
}

fn alone(_: &Guest, output: &str) -> Result<(), String> {
    let (status, said) = part(output, "alone")?;
    let lines = ["seccomp: refused by the kernel (", "yama: refused by the kernel (", "no daemon running"];
    let right = lines.iter().all(|start| said.lines().any(|line| line.starts_with(start)));
    holds(status == "0" && right && said.matches("; event after ").count() == 2, "it watches by itself", said)
}

fn cannot(_: &Guest, output: &str) -> Result<(), String> {
    let (status, said) = part(output, "one")?;
    let [line, end] = said.lines().collect::<Vec<_>>()[..] else { return Err(said.to_owned()) };
    holds(
        status == "0" && line.starts_with("seccomp: refused") && end.starts_with("all"),
        "one module",
        said,
    )?;
    let (status, said) = part(output, "other")?;
    holds(status == "5" && said.starts_with("tomoyo: skipped: denyd does not watch it"), "not watched", said)
}
