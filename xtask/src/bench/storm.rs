//! Storms: what many processes are refused, as fast as they can be or at a server's rate, is accounted for to one.

use std::{collections::BTreeMap, time::Duration};

use anyhow::{Context as _, ensure};
use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};
use xtask::{progress, setup::KERNELS, vm};

use super::{
    Bench, Printed,
    account::{self, Account},
    run::Run,
};

/// Whose denials storms are of: what SELinux logs, and what it and AppArmor keep out of the log.
const SELINUX: Source = Source { name: "selinux", module: vm::Module::Selinux };
const SELINUX_SILENT: Source = Source { name: "selinux-silent", module: vm::Module::Selinux };
const APPARMOR_SILENT: Source = Source { name: "apparmor-silent", module: vm::Module::Apparmor };
/// Subjects of the storms.
const USERS: u32 = 200;
/// The user of the actor's single denial.
const QUIET_USER: u32 = 2999;
/// Denials by which the rate is found, when there is little time.
const PILOT: u32 = 20_000;
/// How long a guest takes besides the storms themselves.
const AROUND: Duration = Duration::from_mins(3);
/// Fewer denials than any guest manages in a second.
const SLOWEST: u32 = 300;

/// What all storms showed.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Storms {
    /// On which machine, and when.
    pub run: Run,
    /// One after another.
    pub storms: Vec<Storm>,
}

/// One storm.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Storm {
    /// xtask's name of the kernel.
    pub kernel: String,
    /// Processors of the guest.
    pub processors: u32,
    /// Processes that were refused.
    pub processes: u32,
    /// Users that they were of.
    pub users: u32,
    /// Denials a second that were aimed at, in all; without it, as many as there could be.
    pub rate: Option<u32>,
    /// The source of the denials.
    pub source: String,
    /// denyd's options.
    pub options: String,
    /// Denials that there were.
    pub denials: u64,
    /// Of these, those of which it is known how long they took.
    pub timed: u64,
    /// How long, in seconds of the guest.
    pub seconds: f64,
    /// From the single denial until its line was read, in seconds. None where lines were read later.
    pub quiet_seconds: Option<f64>,
    /// denyd's account.
    pub account: Account,
    /// Events of single denials, and of repeats.
    pub events: [u64; 2],
    /// What is not as it should be; empty if each denial is accounted for, by user too, and none is lost.
    pub faults: Vec<String>,
}

/// What the actor did.
#[derive(Deserialize)]
struct Flooded {
    refused: Vec<(u32, u64)>,
}

/// What the actor read.
#[derive(Deserialize)]
struct Tally {
    single: u64,
    repeats: u64,
    users: BTreeMap<u32, u64>,
    quiet: Option<Quiet>,
}

/// The single denial.
#[derive(Deserialize)]
struct Quiet {
    /// When the kernel refused it.
    time: Timestamp,
    /// Nanoseconds since 1970.
    read_at: i128,
}

/// One of denyd's sources.
#[derive(Clone, Copy)]
struct Source {
    name: &'static str,
    module: vm::Module,
}

/// How a storm is made.
struct Plan {
    source: Source,
    processes: u32,
    users: u32,
    options: &'static str,
    amount: Amount,
}

enum Amount {
    /// So many in all, as fast as they come, but no longer than so many seconds.
    Fast { denials: u32, seconds: Option<u32> },
    /// So many a second of each process, for so many seconds.
    Paced { each: u32, seconds: u32 },
}

/// Boots a guest for each kernel and number of processors, and hands on what there is after each of them.
pub(super) fn measure(bench: &Bench, keep: impl Fn(&Storms) -> anyhow::Result<()>) -> anyhow::Result<()> {
    let run = Run::now()?;
    let kernels = if bench.extent.quick { &KERNELS[KERNELS.len() - 1..] } else { &KERNELS };
    let guests = u32::try_from(2 * kernels.len())?;
    let seconds = bench.extent.minutes.map(|minutes| minutes * 60 / guests);
    // Of a guest's time, booting and starting denyd twice takes a part.
    let seconds = seconds.map(|seconds| (seconds.saturating_sub(40) / 2).max(5));
    let mut all = Storms { run, storms: Vec::new() };
    for &kernel in kernels {
        for processors in [1, 2] {
            let amount = || Amount::Fast { denials: bench.extent.denials, seconds };
            let fast = [1, 64].map(|processes| Plan {
                source: SELINUX,
                processes,
                users: USERS,
                options: "",
                amount: amount(),
            });
            let mut guests = vec![Vec::from(fast)];
            if kernel == xtask::kernel::NEWEST {
                let quick = bench.extent.quick;
                let more = [
                    paced(SELINUX, "--no-fold", quick),
                    paced(SELINUX, "--no-fold --silent", quick),
                    paced(SELINUX_SILENT, "--no-fold --silent", quick),
                ];
                guests[0].extend(more.into_iter().flatten());
                guests.push(paced(APPARMOR_SILENT, "--no-fold --silent", quick).into());
            }
            let what = format!("storms on {kernel}, {processors} processor(s)");
            for plans in &guests {
                all.storms.extend(progress::step(&what, || in_guest(bench, kernel, processors, plans))?);
                keep(&all)?;
            }
        }
    }
    Ok(())
}

/// Those at the rates of servers, of which each denial is to be an event.
fn paced(source: Source, options: &'static str, quick: bool) -> [Plan; 2] {
    let seconds = if quick { 3 } else { 10 };
    [(8, 20), (64, 16)].map(|(processes, each)| Plan {
        source,
        processes,
        users: processes,
        options,
        amount: Amount::Paced { each, seconds },
    })
}

/// Boots a guest with the module of the first plan, as all have.
fn in_guest(bench: &Bench, kernel: &str, processors: u32, plans: &[Plan]) -> anyhow::Result<Vec<Storm>> {
    let module = plans.first().context("there is no storm")?.source.module;
    let script: String = (0..).zip(plans).map(|(number, plan)| plan.script(number)).collect();
    let time: u32 = plans.iter().map(Plan::longest).sum();
    // Audit would slow the storm down: its records go to the guest's console.
    let guest = bench.guest(kernel, module)?.processors(processors).append("audit=0").binary("/usr/bin/nice");
    let script = format!("{FUNCTIONS}\n{script}");
    let printed = Printed::by(&guest, &script, AROUND + Duration::from_secs(time.into()))?;
    let storms = (0..).zip(plans).map(|(number, plan)| plan.judged(&printed, number, kernel, processors));
    storms.collect()
}

/// `storm NUMBER MODULE ARRIVING OPTIONS DENIALS SECONDS PROCESSES EXTENT`: floods while denyd watches. Events are read
/// as they come if `ARRIVING` is 1, by a reader that waits for nobody; else at the end.
const FUNCTIONS: &str = r#"
cd /run
now() { read -r up _ </proc/uptime; echo "${up%.*}${up#*.}"; }
storm() {
    number=$1 module=$2 arriving=$3 options=$4 denials=$5 seconds=$6 processes=$7 extent=$8
    rm -f said events; mkfifo said
    if [ "$arriving" = 1 ]; then
        mkfifo events
        # It measures, and must not wait for a processor itself.
        nice -n -20 actor tally --first <events >tally & reader=$!
    fi
    # As its unit has it.
    nice -n -4 denyd run --no-pin --source $module $options >events 2>said & pid=$!
    exec 3<said; while read -r line <&3; do case $line in *watching*) break;; esac; done
    each=$((denials / processes))
    if [ "$seconds" != 0 ]; then
        start=$(now)
        echo "pilot$number $(actor flood $module --processes $processes --each $((20000 / processes)) $extent)"
        fit=$((20000 * 100 / ($(now) - start) * seconds / processes))
        [ $each -lt $fit ] || each=$fit
    fi
    start=$(now)
    done=$(actor flood $module --processes $processes --each $each $extent)
    echo "centiseconds$number $(($(now) - start))"
    echo "done$number $done"
    kill -TERM $pid; wait $pid
    if [ "$arriving" = 1 ]; then wait $reader; else actor tally <events >tally; fi
    echo "tally$number $(cat tally)"
    sed "s/^/said$number /" <&3; exec 3<&-
}
"#;

impl Plan {
    fn script(&self, number: u32) -> String {
        let Self { source, processes, users, options, .. } = self;
        let (module, silent) =
            source.name.strip_suffix("-silent").map_or((source.name, ""), |module| (module, "--silent"));
        let (arriving, denials, seconds, rate) = match self.amount {
            Amount::Fast { denials, seconds } => (1, denials, seconds.unwrap_or(0), String::new()),
            Amount::Paced { each, seconds } => (0, each * seconds * processes, 0, format!("--rate {each}")),
        };
        format!(
            "storm {number} {module} {arriving} '{options}' {denials} {seconds} {processes} '--users {users} {rate} {silent}'\n"
        )
    }

    /// Seconds that it may take.
    fn longest(&self) -> u32 {
        match self.amount {
            Amount::Fast { denials, seconds: None } => denials / SLOWEST,
            Amount::Fast { seconds: Some(seconds), .. } => 3 * seconds + PILOT / SLOWEST,
            Amount::Paced { seconds, .. } => 60 + 6 * seconds,
        }
    }

    fn judged(&self, printed: &Printed, number: u32, kernel: &str, processors: u32) -> anyhow::Result<Storm> {
        let done: Flooded = printed.json(&format!("done{number}"))?;
        let tally: Tally = printed.json(&format!("tally{number}"))?;
        let centiseconds: f64 = printed.json(&format!("centiseconds{number}"))?;
        let said = printed.lines(&format!("said{number}"));
        let account = account::of(self.source.name, said)?;
        let pilot: Option<Flooded> = printed.optional(&format!("pilot{number}"))?;
        let mut expected: BTreeMap<u32, u64> = BTreeMap::new();
        for flooded in pilot.iter().chain([&done]) {
            for &(user, count) in flooded.refused.iter().chain([&(QUIET_USER, 1)]) {
                *expected.entry(user).or_default() += count;
            }
        }
        let denials = expected.values().sum();
        let is_paced = matches!(self.amount, Amount::Paced { .. });
        let faults = faults(&account, &tally, &expected, !is_paced);
        let quiet_seconds = tally.quiet.filter(|_| !is_paced).map(|quiet| {
            SignedDuration::from_nanos_i128(quiet.read_at - quiet.time.as_nanosecond()).as_secs_f64()
        });
        ensure!(centiseconds > 0.0, "the storm took no time");
        Ok(Storm {
            kernel: kernel.to_owned(),
            processors,
            processes: self.processes,
            users: self.users,
            rate: match self.amount {
                Amount::Fast { .. } => None,
                Amount::Paced { each, .. } => Some(each * self.processes),
            },
            source: self.source.name.to_owned(),
            options: self.options.to_owned(),
            denials,
            timed: done.refused.iter().map(|(_, count)| count).sum(),
            seconds: centiseconds / 100.0,
            quiet_seconds,
            account,
            events: [tally.single, tally.repeats],
            faults,
        })
    }
}

/// What is not as it should be.
fn faults(account: &Account, tally: &Tally, expected: &BTreeMap<u32, u64>, folds: bool) -> Vec<String> {
    let number = |name: &str| account::number(account, name);
    let all: u64 = expected.values().sum();
    let mut faults = Vec::new();
    let mut check = |what: &str, is: u64, should_be: u64| {
        if is != should_be {
            faults.push(format!("{what} {is}, and not {should_be}"));
        }
    };
    check("seen", number("seen"), all);
    check("lost", number("lost"), 0);
    check("emitted", number("emitted"), if folds { tally.single } else { all });
    check("folded", number("folded"), all - number("emitted").min(all));
    check("unaccounted for", number("unaccounted for"), 0);
    for (user, &count) in expected {
        check(&format!("denials of user {user}"), tally.users.get(user).copied().unwrap_or(0), count);
    }
    let strangers = tally.users.keys().filter(|user| !expected.contains_key(user)).count();
    check("other users", strangers as u64, 0);
    faults
}

#[cfg(test)]
mod tests {
    use super::*;

    fn account(numbers: &[(&str, u64)]) -> Account {
        numbers.iter().map(|&(name, count)| (name.to_owned(), count)).collect()
    }

    #[test]
    fn one_denial_too_few_is_a_fault() {
        let expected = BTreeMap::from([(3000, 5), (QUIET_USER, 1)]);
        let tally = |of_user| Tally {
            single: 2,
            repeats: 1,
            users: BTreeMap::from([(3000, of_user), (QUIET_USER, 1)]),
            quiet: None,
        };
        let right = account(&[("seen", 6), ("emitted", 2), ("folded", 4), ("lost", 0)]);
        assert_eq!(faults(&right, &tally(5), &expected, true), Vec::<String>::new());
        assert_eq!(faults(&right, &tally(4), &expected, true), ["denials of user 3000 4, and not 5"]);
        assert_eq!(faults(&right, &tally(5), &expected, false), ["emitted 2, and not 6"]);
        let lost = account(&[("seen", 6), ("emitted", 2), ("folded", 3), ("lost", 1), ("share", 1)]);
        let found = faults(&lost, &tally(4), &expected, true);
        assert_eq!(found.len(), 3, "{found:?}");
    }
}
