//! denyd's image, run by Podman in a full guest as docs/packages.md says: it watches the whole machine, and tells processes
//! of the machine from those of other containers.
//!
//! It runs on request: a full guest has to boot, and Podman to unpack the image.

use std::{collections::BTreeMap, error::Error, fs, process::Command, sync::Arc, time::Duration};

use libtest_mimic::Trial;
use serde_json::{Value, json};
use tests::expectation::Expectation;
use xtask::{
    architecture::Architecture,
    cache::Cache,
    package::{image, release::Release},
    process, setup,
    vm::{Module, Userland},
};

use crate::{
    group::{boot, denyd, guest},
    plan::{Booted, Plan},
    service::{holds, part},
};

const KERNEL: &str = "7";
/// How long the guest has; a busy machine may need minutes.
const TIMEOUT: Duration = Duration::from_mins(20);

/// What it runs: `run_image` is podman with the options that the documentation has.
const SCRIPT: &str = include_str!("container/watch_from_a_container");
/// What is refused there, which other trials share.
const FENCED: &str = include_str!("full/fenced");

type Judge = fn(&str) -> Result<(), String>;

/// The guest and its trials.
pub(crate) fn plan(plan: &mut Plan) {
    let guest = Booted::new(format!("{KERNEL}-container"), || run().map_err(|error| error.to_string()));
    let trial = |(name, judge): (&str, Judge)| {
        let guest = Arc::clone(&guest);
        Trial::test(format!("{KERNEL}/container/{name}"), move || Ok(judge(guest.outcome()?)?))
            .with_ignored_flag(true)
    };
    let trials: [(_, Judge); 3] = [
        ("a_process_of_the_machine_has_its_unit_and_no_container", of_the_machine),
        ("a_process_in_another_container_has_that_containers_id", of_a_container),
        ("it_has_no_privilege_once_it_watches", no_privilege),
    ];
    plan.add_guest(&guest, trials.into_iter().map(trial).collect());
}

fn run() -> Result<String, Box<dyn Error>> {
    let share = tempfile::tempdir()?;
    let stripped = share.path().join("denyd");
    process::capture(Command::new("strip").arg("-o").arg(&stripped).arg(denyd()?))?;
    let release = Release::of_source()?;
    let image = image::build(&stripped, Architecture::Amd64, &release, share.path())?;
    fs::rename(image, share.path().join("image.tar"))?;
    fs::remove_file(stripped)?;
    fs::write(share.path().join("version"), &release.version)?;
    fs::write(share.path().join("fenced"), FENCED)?;
    let full = setup::full_image(&Cache::open()?, None)?;
    let guest = guest(KERNEL, Module::Apparmor)?.userland(Userland::Full(full));
    Ok(boot(&guest.share(share.path()).timeout(TIMEOUT), SCRIPT)?)
}

/// Whether the one event of the process that the script told under this name is as it must be.
fn is_event_of(output: &str, name: &str, wanted: &Expectation) -> Result<(), String> {
    let pid: u64 = part(output, name)?.trim().parse().map_err(|error| format!("{error}:\n{output}"))?;
    let events = part(output, "events")?.lines().map(serde_json::from_str);
    let events: Vec<Value> =
        events.collect::<Result<_, _>>().map_err(|error| format!("{error}:\n{output}"))?;
    let of_process: Vec<_> = events.iter().filter(|event| event["process"]["pid"] == pid).collect();
    let [event] = of_process[..] else {
        return Err(format!("{} events of {name}, process {pid}:\n{output}", of_process.len()));
    };
    let faults = wanted.mismatches(event, &BTreeMap::new());
    holds(faults.is_empty(), &faults.join("\n"), &event.to_string())
}

/// What both refusals have: the place, and the name that the container was given for its machine.
fn refused() -> Expectation {
    let denied = Expectation::denied().path("/forbidden").field("subject.label", "fenced");
    denied.field("host", "node-7").field("process.comm", "cat")
}

fn of_the_machine(output: &str) -> Result<(), String> {
    let unit = json!({ "name": "probe.service", "slice": "system.slice" });
    is_event_of(output, "machine", &refused().field("unit", unit).absent("container"))
}

fn of_a_container(output: &str) -> Result<(), String> {
    let id = part(output, "id")?.trim();
    let container = json!({ "id": id, "runtime": "podman", "found_by": "cgroup" });
    let unit = json!({ "name": format!("libpod-{id}.scope"), "slice": "machine.slice" });
    is_event_of(output, "other", &refused().field("unit", unit).field("container", container))
}

fn no_privilege(output: &str) -> Result<(), String> {
    let sets = part(output, "privileges")?;
    let none = |line: &str| line.ends_with(":\t0000000000000000");
    holds(sets.lines().count() == 5 && sets.lines().all(none), "it has capabilities", sets)
}
