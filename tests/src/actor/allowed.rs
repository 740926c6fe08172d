//! A workload of which nothing is refused, and how often denyd's programs ran meanwhile.

use std::{
    collections::BTreeMap,
    fs,
    io::{self, Write as _},
    net::TcpStream,
    process::Command,
};

use anyhow::{Context as _, ensure};
use rustix::{net::SocketType, process::Signal};
use serde::{Deserialize, Serialize};

use crate::{
    case::Module,
    cases,
    operation::{file, process, socket},
    scene,
};

/// How often each of denyd's programs ran during the workload.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Quiet {
    /// Operations that were allowed.
    pub operations: u32,
    /// Runs of each program, by its name.
    pub runs: BTreeMap<String, u64>,
}

const DIRECTORY: &str = "/srv/open/allowed";
const ROUNDS: u32 = 500;

/// Has a confined process do what it may, and counts the runs of the programs.
///
/// # Errors
/// Fails if anything is refused, or the kernel doesn't count.
pub fn allowed(module: Module) -> anyhow::Result<Quiet> {
    scene::directory(DIRECTORY)?;
    fs::write("/proc/sys/kernel/bpf_stats_enabled", "1")
        .context("the kernel doesn't count programs' runs")?;
    let before = runs()?;
    let output = Command::new(std::env::current_exe()?)
        .args(["work", module.name()])
        .output()
        .context("cannot run the workload")?;
    let runs = runs_since(&before)?;
    let errors = String::from_utf8_lossy(&output.stderr);
    ensure!(output.status.success(), "something was refused: {errors}");
    Ok(Quiet { operations: String::from_utf8(output.stdout)?.trim().parse()?, runs })
}

/// How often each program ran since there were `before`.
pub(super) fn runs_since(before: &BTreeMap<String, u64>) -> anyhow::Result<BTreeMap<String, u64>> {
    let mut runs = runs()?;
    for (name, count) in &mut runs {
        *count -= before.get(name).copied().unwrap_or(0);
    }
    Ok(runs)
}

/// The runs so far of each program whose name says that it is one of denyd's sources.
pub(super) fn runs() -> anyhow::Result<BTreeMap<String, u64>> {
    let mut runs = BTreeMap::new();
    for program in aya::programs::loaded_programs() {
        let program = program?;
        let name = program.name_as_str().unwrap_or_default();
        if Module::ALL.iter().any(|module| name.starts_with(module.name())) {
            *runs.entry(name.to_owned()).or_insert(0) += program.run_count();
        }
    }
    Ok(runs)
}

/// The workload: thousands of operations, each of which the module decides about and allows.
///
/// # Errors
/// Fails if anything is refused.
pub fn work(module: Module) -> anyhow::Result<()> {
    cases::default_confinement(module).enter()?;
    let listener = socket::listening_tcp(socket::loopback4(8099)).context("listen")?;
    let mut operations = 0;
    let mut count = |done: u32| operations += done;
    let own_id = i32::try_from(std::process::id())?;
    for round in 0..ROUNDS {
        let path = format!("{DIRECTORY}/{round}");
        let moved = format!("{DIRECTORY}/{round}-moved");
        fs::write(&path, "content").context("write")?;
        fs::read(&path).context("read")?;
        fs::metadata(&path).context("stat")?;
        fs::rename(&path, &moved).context("rename")?;
        fs::remove_file(&moved).context("unlink")?;
        fs::read_dir(DIRECTORY).context("readdir")?.for_each(drop);
        process::kill(own_id, Signal::WINCH).context("kill")?;
        drop(socket::unix(SocketType::STREAM).context("socket")?);
        count(8);
        if round % 10 == 0 {
            drop(TcpStream::connect(socket::loopback4(8099)).context("connect")?);
            drop(rustix::net::accept(&listener).context("accept")?);
            process::fork_and_wait(|| file::open_to_read(DIRECTORY).map(drop)).context("fork")?;
            count(4);
        }
    }
    writeln!(io::stdout(), "{operations}")?;
    Ok(())
}
