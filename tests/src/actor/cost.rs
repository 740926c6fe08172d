//! What an operation costs the process that does it, in its own processor time.

use std::{collections::BTreeMap, fs, io, num::NonZeroU32, thread, time::Duration};

use anyhow::Context as _;
use rustix::time::{ClockId, clock_gettime};
use serde::{Deserialize, Serialize};

use super::{allowed, flood};
use crate::{
    case::Module,
    cases,
    operation::{file, process},
    scene,
};

/// What is done again and again.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum Operation {
    /// Files are opened, read, renamed and removed, and a signal is sent, all of which is allowed.
    Allowed,
    /// A file is opened to be written, which the module refuses.
    Refused,
}

/// How often.
#[derive(Clone, Copy, Debug, clap::Args)]
pub struct Rounds {
    /// Samples.
    #[arg(long, default_value = "100")]
    pub rounds: NonZeroU32,
    /// Operations of one sample.
    #[arg(long, default_value = "20")]
    pub each: NonZeroU32,
    /// Milliseconds between two samples, in which others handle what was refused.
    #[arg(long, default_value = "50")]
    pub pause: u64,
    /// Count the runs of denyd's programs, too, which makes each of them more expensive.
    #[arg(long)]
    pub count_runs: bool,
}

/// What it cost.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Cost {
    /// Nanoseconds of processor time of each round.
    pub rounds: Vec<u64>,
    /// Runs of each of denyd's programs meanwhile, by its name, if they were counted.
    pub runs: Option<BTreeMap<String, u64>>,
}

/// The folder of what is allowed.
const FOLDER: &str = "/srv/open/cost";

/// Does it, confined by `module`.
///
/// # Errors
/// Fails if it goes otherwise than it should.
pub fn cost(module: Module, operation: Operation, rounds: Rounds) -> anyhow::Result<Cost> {
    if rounds.count_runs {
        fs::write("/proc/sys/kernel/bpf_stats_enabled", "1")
            .context("the kernel doesn't count programs' runs")?;
    }
    scene::directory(FOLDER)?;
    flood::set_up(module)?;
    let before = rounds.count_runs.then(allowed::runs).transpose()?;
    let (mut told, tell) = io::pipe()?;
    let child = process::fork(|| {
        cases::default_confinement(module).enter()?;
        let samples = samples(module, operation, rounds)?;
        Ok(serde_json::to_writer(&tell, &samples)?)
    })?;
    drop(tell);
    let samples = serde_json::from_reader(&mut told);
    process::wait(child)?;
    let runs = before.map(|before| allowed::runs_since(&before)).transpose()?;
    Ok(Cost { rounds: samples?, runs })
}

fn samples(module: Module, operation: Operation, rounds: Rounds) -> io::Result<Vec<u64>> {
    let mut samples = Vec::with_capacity(rounds.rounds.get() as usize);
    // The first is not as the others, of which nothing is in a cache.
    for round in 0..=rounds.rounds.get() {
        let begin = processor_time();
        for _ in 0..rounds.each.get() {
            match operation {
                Operation::Allowed => be_allowed()?,
                Operation::Refused => flood::be_refused_once(module)?,
            }
        }
        let taken = processor_time().saturating_sub(begin);
        if round > 0 {
            samples.push(u64::try_from(taken.as_nanos()).unwrap_or(u64::MAX));
        }
        thread::sleep(Duration::from_millis(rounds.pause));
    }
    Ok(samples)
}

fn be_allowed() -> io::Result<()> {
    const PATH: &str = "/srv/open/cost/file";
    const MOVED: &str = "/srv/open/cost/moved";
    fs::write(PATH, "content")?;
    fs::read(PATH)?;
    fs::metadata(PATH)?;
    fs::rename(PATH, MOVED)?;
    file::open_to_read(FOLDER)?;
    fs::remove_file(MOVED)?;
    process::test_kill(i32::try_from(std::process::id()).unwrap_or(0))
}

/// Of this thread, since it began.
fn processor_time() -> Duration {
    let time = clock_gettime(ClockId::ThreadCPUTime);
    Duration::new(time.tv_sec.unsigned_abs(), u32::try_from(time.tv_nsec).unwrap_or(0))
}
