//! Where denyd spends its time under load: on this machine's own processor and kernel, by `perf`.

use std::{
    collections::BTreeMap,
    fs,
    io::{BufRead as _, BufReader, Read as _},
    path::Path,
    process::{Child, ChildStderr, Command, Stdio},
};

use anyhow::{Context as _, ensure};
use inferno::{
    collapse::{Collapse as _, perf},
    flamegraph,
};
use serde::{Deserialize, Serialize};
use xtask::{apt, process, progress, setup, workspace};

use super::{
    Bench,
    account::{self, Account},
    run::Run,
};

/// What was measured.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Profile {
    /// On which machine, and when.
    pub run: Run,
    /// Load after load.
    pub loads: Vec<Load>,
    /// Samples by function, the shares of those that were running, of the last load; the largest first.
    pub functions: Vec<(String, f64)>,
}

/// denyd under one load.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Load {
    /// Denials a second that were aimed at; none: as many as there could be.
    pub rate: Option<u32>,
    /// denyd's account.
    pub account: Account,
    /// denyd's processor time in centiseconds: in user space, and in the kernel.
    pub time: [u64; 2],
}

/// Processes that are refused.
const PROCESSES: u32 = 4;
/// How many functions are kept.
const FUNCTIONS: usize = 25;
/// The flame graph's name, beside the results.
const PICTURE: &str = "profile.svg";

/// Runs denyd on this machine, which must be root's.
pub(super) fn measure(bench: &Bench, folder: &Path) -> anyhow::Result<Profile> {
    ensure!(apt::is_root(), "the profile is made on this machine, which needs root; run it as root");
    setup::profiler(&bench.cache)?;
    let run = Run::now()?;
    let denyd = workspace::build_denyd(workspace::Profile::Profiling)?;
    let seconds = if bench.extent.quick { 3 } else { 10 };
    let scratch = tempfile::tempdir()?;
    let data = scratch.path().join("perf.data");
    let paced = |rate| {
        progress::step(format_args!("denyd under {rate} denials a second"), || {
            load(bench, &denyd, Some(rate), seconds, None)
        })
    };
    let mut loads = vec![paced(200)?, paced(2_000)?];
    loads.push(progress::step("denyd under all denials that there can be", || {
        load(bench, &denyd, None, seconds, Some(&data))
    })?);

    let mut script = Command::new("perf");
    let script = process::capture(script.args(["script", "--force", "--input"]).arg(&data))?;
    let mut stacks = Vec::new();
    perf::Folder::from(perf::Options::default()).collapse(&script[..], &mut stacks)?;
    let stacks = String::from_utf8(stacks)?;
    fs::write(folder.join(PICTURE), picture(&stacks)?)?;
    Ok(Profile { run, loads, functions: functions(&stacks) })
}

/// Has processes refused a capability while denyd writes each denial into a file, and `perf` looks on if it is told where
/// to write.
fn load(
    bench: &Bench,
    denyd: &Path,
    rate: Option<u32>,
    seconds: u32,
    data: Option<&Path>,
) -> anyhow::Result<Load> {
    // More than a ring holds at once, so that denyd is busy all the time.
    const FLOOD: u32 = 100_000;
    let scratch = tempfile::tempdir()?;
    let mut watcher = Watcher::start(denyd, &scratch.path().join("events"))?;
    let perf = data.map(|data| look_on(&watcher.child, data, scratch.path())).transpose()?;
    let before = watcher.time()?;
    let (each, pace) = match rate {
        Some(rate) => (rate / PROCESSES * seconds, format!("--rate {}", rate / PROCESSES)),
        None => (FLOOD / PROCESSES * seconds / 10, String::new()),
    };
    // The actor's files are nobody else's: a file system of its own.
    let flood = format!(
        "mount -t tmpfs flood /srv && exec '{}' flood capability --processes {PROCESSES} --users {PROCESSES} --each {each} {pace}",
        bench.actor.display()
    );
    process::capture(Command::new("unshare").args(["--mount", "sh", "-c", &flood]))?;
    let after = watcher.time()?;
    let account = watcher.stop()?;
    if let Some(mut perf) = perf {
        // It ends with denyd.
        perf.wait()?;
    }
    Ok(Load { rate, account, time: [after[0] - before[0], after[1] - before[1]] })
}

/// Has `perf` sample all threads of the process, and waits until it does.
fn look_on(process: &Child, data: &Path, scratch: &Path) -> anyhow::Result<Child> {
    let [control, acknowledged] = ["control", "acknowledged"].map(|name| scratch.join(name));
    process::capture(Command::new("mkfifo").arg(&control).arg(&acknowledged))?;
    let mut perf = Command::new("perf");
    perf.args(["record", "--quiet", "--freq", "1999", "-g", "--delay", "-1"]);
    perf.args(["--pid", &process.id().to_string()]).arg("--output").arg(data);
    perf.arg("--control").arg(format!("fifo:{},{}", control.display(), acknowledged.display()));
    let child = perf.stdout(Stdio::null()).spawn().context("cannot run perf")?;
    fs::write(&control, "enable\n")?;
    let mut answer = String::new();
    BufReader::new(fs::File::open(&acknowledged)?).read_line(&mut answer)?;
    ensure!(answer.starts_with("ack"), "perf answered `{answer}`");
    Ok(child)
}

/// denyd at work.
struct Watcher {
    child: Child,
    said: BufReader<ChildStderr>,
}

impl Watcher {
    fn start(denyd: &Path, events: &Path) -> anyhow::Result<Self> {
        let mut command = Command::new(denyd);
        command.args(["run", "--no-pin", "--no-fold", "--source", "capability"]);
        let mut child = command.stdout(fs::File::create(events)?).stderr(Stdio::piped()).spawn()?;
        let mut said = BufReader::new(child.stderr.take().context("no pipe")?);
        let mut line = String::new();
        while !line.contains("watching") {
            line.clear();
            ensure!(said.read_line(&mut line)? > 0, "denyd did not come to watch: {}", child.wait()?);
        }
        Ok(Self { child, said })
    }

    /// Processor time so far, in centiseconds: in user space, and in the kernel.
    fn time(&self) -> anyhow::Result<[u64; 2]> {
        let stat = fs::read_to_string(format!("/proc/{}/stat", self.child.id()))?;
        times(&stat).with_context(|| format!("cannot read {stat}"))
    }

    fn stop(&mut self) -> anyhow::Result<Account> {
        process::capture(Command::new("kill").arg(self.child.id().to_string()))?;
        let mut said = String::new();
        self.said.read_to_string(&mut said)?;
        self.child.wait()?;
        account::of("capability", &said.lines().map(str::to_owned).collect::<Vec<_>>())
    }
}

/// The fields `utime` and `stime` of `/proc/PID/stat`.
fn times(stat: &str) -> Option<[u64; 2]> {
    // After the name, which may have anything in it.
    let mut fields = stat.rsplit_once(") ")?.1.split(' ').skip(11);
    Some([fields.next()?.parse().ok()?, fields.next()?.parse().ok()?])
}

fn picture(stacks: &str) -> anyhow::Result<Vec<u8>> {
    let mut options = flamegraph::Options::default();
    "denyd under as many denials as there can be".clone_into(&mut options.title);
    "samples".clone_into(&mut options.count_name);
    options.no_javascript = true;
    options.image_width = Some(1200);
    // Narrower ones can't be read.
    options.min_width = 0.3;
    let mut svg = Vec::new();
    flamegraph::from_lines(&mut options, stacks.lines(), &mut svg)?;
    Ok(svg)
}

/// How much of the samples each function has, itself.
fn functions(stacks: &str) -> Vec<(String, f64)> {
    let mut counts: BTreeMap<&str, f64> = BTreeMap::new();
    for (stack, count) in stacks.lines().filter_map(|line| line.rsplit_once(' ')) {
        let function = stack.rsplit(';').next().unwrap_or(stack);
        *counts.entry(function).or_default() += count.parse::<f64>().unwrap_or(0.0);
    }
    let all: f64 = counts.values().sum();
    let mut functions: Vec<_> =
        counts.into_iter().map(|(name, count)| (name.to_owned(), count / all)).collect();
    functions.sort_by(|(_, one), (_, other)| other.total_cmp(one));
    functions.truncate(FUNCTIONS);
    functions
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_read_after_any_name() {
        let stat = "7 (a) b (c)) S 1 7 7 0 -1 4194304 100 0 0 0 35 12 0 0 20 0 4 0 99";
        assert_eq!(times(stat), Some([35, 12]));
        assert_eq!(times("7 (a"), None);
    }

    #[test]
    fn a_function_counts_where_it_is_the_last() {
        let stacks = "denyd;main;read 6\ndenyd;main 1\ndenyd;other;read 3\n";
        assert_eq!(functions(stacks), [("read".to_owned(), 0.9), ("main".to_owned(), 0.1)]);
    }
}
