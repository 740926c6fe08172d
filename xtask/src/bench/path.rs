//! The whole way from a refusal to a line: what it costs the whole machine, how long it takes, and what it holds.

use std::{fs, time::Duration};

use anyhow::Context as _;
use serde::{Deserialize, Serialize};
use xtask::{kernel, progress, vm};

use super::{Bench, Printed, run::Run, watcher::Watcher};

/// What is compared.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Paths {
    /// On which machine, and when.
    pub run: Run,
    /// Denials of each sample.
    pub denials: u32,
    /// How many of them come in a second.
    pub rate: u32,
    /// Denials of the flood.
    pub flood: u32,
    /// Who watches, one guest each.
    pub watchers: Vec<Watched>,
}

/// One guest.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Watched {
    /// Who watches.
    pub watcher: String,
    /// Its programs' size in bytes, without shared libraries.
    pub size: u64,
    /// From its start until it watches, in centiseconds of 10 million instructions.
    pub start: u64,
    /// How long tasks ran in each sample with denials, in nanoseconds, which are instructions.
    pub busy: Vec<u64>,
    /// The same, when nothing was refused.
    pub idle: Vec<u64>,
    /// Centiseconds from a flood's begin until its end.
    pub flooded: u64,
    /// Lines of the flood's denials.
    pub lines: u64,
    /// Resident memory in KiB, before and after the flood, and the most.
    pub memory: [u64; 3],
    /// Nanoseconds from a refusal to its line, one after another; none where there is no line for each.
    pub lags: Vec<u64>,
}

const WATCHERS: [Watcher; 6] = [
    Watcher::Nobody,
    Watcher::Denyd("--no-fold"),
    Watcher::Auditd,
    Watcher::Laurel,
    Watcher::Denyd(""),
    Watcher::Bpftrace,
];

const RATE: u32 = 160;
/// Milliseconds between single denials: more than denyd lets records come together for (`PACE`, monitor/src/pipeline.rs).
pub(super) const LAG_PAUSE: u32 = 60;

/// Boots a guest for each, and hands on what there is after each of them.
pub(super) fn measure(bench: &Bench, keep: impl Fn(&Paths) -> anyhow::Result<()>) -> anyhow::Result<()> {
    let run = Run::now()?;
    let (samples, seconds, flood, lags) =
        if bench.extent.quick { (2, 5, 2_000, 50) } else { (5, 10, 20_000, 1_000) };
    let mut paths = Paths { run, denials: seconds * RATE, rate: RATE, flood, watchers: Vec::new() };
    for watcher in WATCHERS {
        // A repeat that is folded has no line of its own.
        let lags = if matches!(watcher, Watcher::Nobody | Watcher::Denyd("")) { 0 } else { lags };
        let extent = Extent { samples, seconds, flood, lags };
        let what = format!("the way of a denial to {}", watcher.name());
        // The others can be compared without it.
        match progress::step(what, || one(bench, watcher, extent)) {
            Ok(watched) => paths.watchers.push(watched),
            Err(error) => progress::note(format_args!("{} is left out: {error:#}", watcher.name())),
        }
        keep(&paths)?;
    }
    Ok(())
}

/// How much of each.
#[derive(Clone, Copy)]
struct Extent {
    samples: u32,
    seconds: u32,
    flood: u32,
    lags: u32,
}

fn one(bench: &Bench, watcher: Watcher, extent: Extent) -> anyhow::Result<Watched> {
    let script = script(watcher, extent);
    let guest = bench.guest(kernel::NEWEST, vm::Module::Selinux)?.counting_instructions();
    let guest = watcher.in_guest(guest, bench)?;
    let printed = Printed::by(&guest, &script, Duration::from_mins(40))?;
    let numbers = |word: &str| {
        let number =
            |line: &String| line.parse().with_context(|| format!("the guest printed `{word} {line}`"));
        printed.lines(word).iter().map(number).collect()
    };
    let number = |word: &str| printed.json::<u64>(word);
    let mut size = 0;
    for program in watcher.programs(bench)? {
        size += fs::metadata(&program).with_context(|| format!("no {}", program.display()))?.len();
    }
    let busy: anyhow::Result<Vec<u64>> = numbers("busy");
    let idle: anyhow::Result<Vec<u64>> = numbers("idle");
    Ok(Watched {
        watcher: watcher.name().to_owned(),
        size,
        start: number("start")?,
        busy: busy?,
        idle: idle?,
        flooded: number("refused")?,
        lines: number("lines")?,
        memory: [number("rest")?, number("flooded")?, number("most")?],
        lags: if extent.lags == 0 { Vec::new() } else { printed.json("lags")? },
    })
}

/// Centiseconds are of the guest's clock, which counts instructions.
const FUNCTIONS: &str = r#"
now() { read -r up _ </proc/uptime; echo "${up%.*}${up#*.}"; }
# Nanoseconds for which tasks ran, on the guest's only processor.
busy() { set -- $(grep '^cpu0 ' /proc/schedstat); echo "$8"; }
memory() {
    sum=0
    for name in $who; do
        for pid in $(pidof "$name"); do
            sum=$((sum + $(sed -n "s/^$1:[^0-9]*\([0-9]*\).*/\1/p" /proc/$pid/status)))
        done
    done
    echo $sum
}
count() { grep -c "$needle" $lines; }
# Until no more lines come.
settle() { last=x; until [ "$(count)" = "$last" ]; do last=$(count); sleep 3; done; }
lines=/dev/null needle=x who=
begin=$(now)
"#;

fn script(watcher: Watcher, Extent { samples, seconds, flood, lags }: Extent) -> String {
    let rate = RATE / 8;
    let each = rate * seconds;
    let lag = if lags == 0 {
        String::new()
    } else {
        format!(
            "echo \"lags $(actor lag selinux --file $lines --needle \"$needle\" --count {lags} --pause {LAG_PAUSE})\"\n"
        )
    };
    let measured = format!(
        "echo \"start $(($(now) - begin))\"\n\
         sleep 2\n\
         echo \"rest $(memory VmRSS)\"\n\
         flood='actor flood selinux --processes 8 --users 8'\n\
         $flood --each 20 --rate 20 >warm\n\
         sleep 3\n\
         for sample in $(seq {samples}); do\n\
         before=$(busy); $flood --each {each} --rate {rate} >warm; sleep 3; echo \"busy $(($(busy) - before))\"\n\
         before=$(busy); sleep {seconds}; sleep 3; echo \"idle $(($(busy) - before))\"\n\
         done\n\
         {lag}\
         settle; before=$(count); begin=$(now)\n\
         $flood --each {} >warm\n\
         echo \"refused $(($(now) - begin))\"\n\
         settle\n\
         echo \"lines $(($(count) - before))\"\n\
         echo \"flooded $(memory VmRSS)\"\n\
         echo \"most $(memory VmHWM)\"",
        flood / 8
    );
    watcher.around(FUNCTIONS, &measured)
}
