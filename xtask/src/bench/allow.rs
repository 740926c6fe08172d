//! The allow path: what is not refused costs the same instructions with denyd as without it.

use std::{collections::BTreeMap, time::Duration};

use serde::{Deserialize, Serialize};
use xtask::{progress, vm};

use super::{Bench, Printed, run::Run, script::WATCH};

/// What is compared.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Allowed {
    /// On which machine, and when.
    pub run: Run,
    /// One guest after another.
    pub guests: Vec<Guest>,
}

/// One guest.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Guest {
    /// xtask's name of the kernel.
    pub kernel: String,
    /// What decides.
    pub module: String,
    /// Instructions of each round without denyd, before and after those with it.
    pub without: Vec<u64>,
    /// The same with denyd and its default sources attached.
    pub with: Vec<u64>,
    /// Runs of each of denyd's programs meanwhile.
    pub runs: BTreeMap<String, u64>,
}

/// Of an actor's measurement.
#[derive(Deserialize)]
pub(super) struct Cost {
    /// Nanoseconds, or instructions, of each round.
    pub rounds: Vec<u64>,
    /// Runs of programs, if they were counted.
    pub runs: Option<BTreeMap<String, u64>>,
}

/// The module whose confinement the process is in, and the one in force.
const GUESTS: [(&str, &str, vm::Module); 5] = [
    ("6.1", "selinux", vm::Module::Selinux),
    ("6.12", "selinux", vm::Module::Selinux),
    ("7", "selinux", vm::Module::Selinux),
    ("7", "apparmor", vm::Module::Apparmor),
    ("7", "landlock", vm::Module::None),
];

/// Boots a guest for each.
pub(super) fn measure(bench: &Bench) -> anyhow::Result<Allowed> {
    let run = Run::now()?;
    let rounds = if bench.extent.quick { 20 } else { 200 };
    let mut guests = Vec::new();
    for &(kernel, module, in_force) in if bench.extent.quick { &GUESTS[2..3] } else { &GUESTS[..] } {
        let cost = format!("actor cost {module} allowed --rounds {rounds} --count-runs");
        // A kernel that has just booted takes more for the same until denyd has been there once.
        let script = format!(
            "{WATCH}\n{cost} >warm; watch events; {cost} >warm; unwatch\n\
             echo \"before $({cost})\"; watch events; echo \"with $({cost})\"; unwatch; echo \"after $({cost})\""
        );
        let guest = bench.guest(kernel, in_force)?.counting_instructions();
        let printed = progress::step(format_args!("what {module} allows on {kernel}"), || {
            Printed::by(&guest, &script, Duration::from_mins(10))
        })?;
        let cost = |word| printed.json::<Cost>(word);
        let [before, with, after] = [cost("before")?, cost("with")?, cost("after")?];
        guests.push(Guest {
            kernel: kernel.to_owned(),
            module: module.to_owned(),
            without: [before.rounds, after.rounds].concat(),
            with: with.rounds,
            runs: with.runs.unwrap_or_default(),
        });
    }
    Ok(Allowed { run, guests })
}
