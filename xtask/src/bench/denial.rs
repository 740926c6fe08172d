//! What a denial costs the refused process in the kernel: with denyd, and with the kernel's own audit of it.

use std::time::Duration;

use serde::{Deserialize, Serialize};
use xtask::{progress, vm};

use super::{Bench, Printed, allow::Cost, run::Run, watcher::Watcher};

/// What is compared.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Denials {
    /// On which machine, and when.
    pub run: Run,
    /// Denials of one round.
    pub each: u32,
    /// One guest after another.
    pub guests: Vec<Refused>,
}

/// What was refused in one guest.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Refused {
    /// xtask's name of the kernel.
    pub kernel: String,
    /// What refuses.
    pub module: String,
    /// Who watches.
    pub watcher: String,
    /// Instructions of each round.
    pub rounds: Vec<u64>,
}

const EACH: u32 = 20;

/// Where it is measured.
const KERNELS: [(&str, &str, vm::Module); 3] = [
    ("6.1", "selinux", vm::Module::Selinux),
    ("7", "selinux", vm::Module::Selinux),
    ("7", "apparmor", vm::Module::Apparmor),
];

/// Who watches, one guest each.
const WATCHERS: [Watcher; 5] =
    [Watcher::Nobody, Watcher::Denyd("--no-fold"), Watcher::Denyd(""), Watcher::KernelLog, Watcher::Auditd];

/// Boots a guest for each, and hands on what there is after each of them.
pub(super) fn measure(bench: &Bench, keep: impl Fn(&Denials) -> anyhow::Result<()>) -> anyhow::Result<()> {
    let run = Run::now()?;
    let rounds = if bench.extent.quick { 20 } else { 100 };
    let mut denials = Denials { run, each: EACH, guests: Vec::new() };
    for &(kernel, module, in_force) in if bench.extent.quick { &KERNELS[1..2] } else { &KERNELS[..] } {
        for watcher in WATCHERS {
            // The pauses are long enough for what was refused to be read.
            let cost = format!("actor cost {module} refused --rounds {rounds} --each {EACH} --pause 100");
            let script = watcher.around("", &format!("{cost} >warm; echo \"cost $({cost})\""));
            let guest = watcher.in_guest(bench.guest(kernel, in_force)?.counting_instructions(), bench)?;
            let what = format!("what {module} refuses on {kernel}, watched by {}", watcher.name());
            let printed = progress::step(what, || Printed::by(&guest, &script, Duration::from_mins(10)))?;
            denials.guests.push(Refused {
                kernel: kernel.to_owned(),
                module: module.to_owned(),
                watcher: watcher.name().to_owned(),
                rounds: printed.json::<Cost>("cost")?.rounds,
            });
            keep(&denials)?;
        }
    }
    Ok(())
}
