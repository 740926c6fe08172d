//! A soak: what denyd needs of memory stays the same, however many denials it has told, and however often it was asked.

use std::time::Duration;

use serde::{Deserialize, Serialize};
use xtask::{kernel, progress, vm};

use super::{
    Bench, Printed,
    account::{self, Account},
    run::Run,
    script::WATCH,
};

/// What the soak showed.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Soak {
    /// On which machine, and when.
    pub run: Run,
    /// xtask's name of the kernel.
    pub kernel: String,
    /// Denials of one round.
    pub each: u32,
    /// After each round: centiseconds since the guest's start, and KiB of the heap.
    pub rounds: Vec<[u64; 2]>,
    /// denyd's account at the end.
    pub account: Account,
}

const SOURCE: &str = "selinux";
const PROCESSES: u32 = 8;
/// Denials a second of each process.
const RATE: u32 = 60;
/// Seconds of a round.
const SECONDS: u32 = 10;

/// Boots a guest.
pub(super) fn measure(bench: &Bench) -> anyhow::Result<Soak> {
    let run = Run::now()?;
    let rounds = if bench.extent.quick { 6 } else { 90 };
    let guest = bench.guest(kernel::NEWEST, vm::Module::Selinux)?.processors(2).append("audit=0");
    let each = RATE * SECONDS;
    let flood = format!(
        "actor flood {SOURCE} --processes {PROCESSES} --users {PROCESSES} --each {each} --rate {RATE}"
    );
    let script = format!(
        "{WATCH}\n{FUNCTIONS}\nwatch /dev/null --no-fold --source {SOURCE}\n\
         for round in $(seq {rounds}); do {flood} >/dev/null; ask; tell; done\nunwatch >account; sed 's/^/said /' account"
    );
    let what = format!("a soak of {rounds} rounds on {}", kernel::NEWEST);
    let time = Duration::from_secs(u64::from(rounds * SECONDS * 4 + 180));
    let printed = progress::step(what, || Printed::by(&guest, &script, time))?;
    let samples: anyhow::Result<_> = printed
        .lines("round")
        .iter()
        .map(|line| {
            let (time, memory) = line.split_once(' ').unwrap_or((line, ""));
            Ok([time.parse()?, memory.parse()?])
        })
        .collect();
    Ok(Soak {
        run,
        kernel: kernel::NEWEST.to_owned(),
        each: each * PROCESSES,
        rounds: samples?,
        account: account::of(SOURCE, printed.lines("said"))?,
    })
}

/// denyd tells each denial, keeps them in its history, and is asked for them and for its status in each round.
const FUNCTIONS: &str = r#"
set -e
ask() { denyd tail --lines 100 >/dev/null; denyd status >/dev/null; denyd explain --last 100 >/dev/null; }
tell() {
    read -r up _ </proc/uptime
    echo "round ${up%.*}${up#*.} $(sed -n 's/^RssAnon:[^0-9]*\([0-9]*\).*/\1/p' /proc/$watcher/status)"
}
"#;
