//! Measurements of what denyd costs and keeps, side by side with what else there is: `cargo xtask bench`.
//!
//! What was measured is kept in `docs/bench/` as JSON, one file a part; its README and its plots are made of these files
//! alone. Where a figure is to be the same on any machine, the guest's clocks count instructions
//! ([`xtask::vm::Guest::counting_instructions`]).

use std::{
    cell::OnceCell,
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
    time::Duration,
};

use anyhow::{Context as _, ensure};
use serde::{Serialize, de::DeserializeOwned};
use xtask::{
    architecture::Architecture,
    cache::Cache,
    kernel::Kernel,
    setup::{self, bench::Peers},
    vm,
    vm::{Guest, Policy},
    workspace::{self, Profile},
};

mod account;
mod allow;
mod denial;
mod path;
mod plot;
mod profile;
mod report;
mod run;
mod script;
mod soak;
mod spread;
mod storm;
mod watcher;

/// Where the results go, in the source tree.
const FOLDER: &str = "docs/bench";

/// What can be measured.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum Part {
    /// Floods of denials: is each accounted for, whatever the load?
    Storm,
    /// What is allowed: does it cost more instructions with denyd?
    Allow,
    /// A denial in the kernel: what does it cost the refused process, and what does audit?
    Denial,
    /// A denial's whole way to a line: CPU of the machine, time and memory, beside auditd, LAUREL and bpftrace
    Path,
    /// Denials for a quarter of an hour: does denyd need more and more memory?
    Soak,
    /// denyd's reader under load, on this machine itself: a flame graph (needs root)
    Profile,
}

impl Part {
    /// All of them.
    pub(crate) const ALL: [Self; 6] =
        [Self::Allow, Self::Denial, Self::Path, Self::Storm, Self::Soak, Self::Profile];

    /// The name of its file.
    fn name(self) -> &'static str {
        match self {
            Self::Storm => "storm",
            Self::Allow => "allow",
            Self::Denial => "denial",
            Self::Path => "path",
            Self::Soak => "soak",
            Self::Profile => "profile",
        }
    }
}

/// How much is measured.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Extent {
    /// Denials of one storm.
    pub denials: u32,
    /// How long all storms may take.
    pub minutes: Option<u32>,
    /// Few samples, to see that all works.
    pub quick: bool,
}

/// What measuring takes.
pub(crate) struct Bench {
    cache: Cache,
    denyd: PathBuf,
    actor: PathBuf,
    peers: OnceCell<Peers>,
    extent: Extent,
}

impl Bench {
    /// Sets up and builds what is needed.
    pub(crate) fn new(extent: Extent) -> anyhow::Result<Self> {
        let cache = Cache::open()?;
        setup::build(&cache)?;
        setup::guests(&cache)?;
        let denyd = workspace::build_denyd(Profile::Release)?;
        let actor = workspace::build_program("tests", "actor", Profile::Release)?;
        Ok(Self { cache, denyd, actor, peers: OnceCell::new(), extent })
    }

    /// Measures one part, and keeps what came out.
    pub(crate) fn measure(&self, part: Part) -> anyhow::Result<()> {
        match part {
            Part::Storm => storm::measure(self, |storms| keep(part, storms)),
            Part::Allow => keep(part, &allow::measure(self)?),
            Part::Denial => denial::measure(self, |denials| keep(part, denials)),
            Part::Path => path::measure(self, |paths| keep(part, paths)),
            Part::Soak => keep(part, &soak::measure(self)?),
            Part::Profile => keep(part, &profile::measure(self, &workspace::root().join(FOLDER))?),
        }
    }

    /// Writes the README and the plots of all parts that were measured once.
    pub(crate) fn report() -> anyhow::Result<()> {
        let folder = workspace::root().join(FOLDER);
        for (name, content) in report::files(&folder)? {
            let path = folder.join(name);
            fs::write(&path, content).with_context(|| format!("cannot write {}", path.display()))?;
        }
        Ok(())
    }

    /// A guest with the tests' policy, denyd and the actor.
    fn guest(&self, kernel: &str, module: vm::Module) -> anyhow::Result<Guest> {
        let sources = workspace::root().join("tests");
        let policy = Policy {
            selinux: Some(sources.join("policy/selinux.cil")),
            apparmor: Some(sources.join("profiles")),
            prepare: None,
        };
        let kernel = Kernel::resolve(kernel, Architecture::default(), &self.cache)?;
        Ok(Guest::new(kernel, module).policy(policy).binary(&self.denyd).binary(&self.actor))
    }
}

/// What a guest's script printed, by the first word of each line; other lines are somebody's complaint.
struct Printed(BTreeMap<String, Vec<String>>);

impl Printed {
    /// Boots the guest, and runs the script.
    fn by(guest: &Guest, script: &str, time: Duration) -> anyhow::Result<Self> {
        let outcome = guest.clone().timeout(time).run(["sh", "-c", script], &mut std::io::sink())?;
        let output = String::from_utf8_lossy(&outcome.output).into_owned();
        ensure!(outcome.status == 0, "the guest's script failed:\n{output}");
        let mut printed: BTreeMap<String, Vec<String>> = BTreeMap::new();
        for line in output.lines() {
            let (word, rest) = line.split_once(' ').unwrap_or((line, ""));
            printed.entry(word.to_owned()).or_default().push(rest.to_owned());
        }
        Ok(Self(printed))
    }

    /// The rest of the only line that begins with `word`.
    fn line(&self, word: &str) -> anyhow::Result<&str> {
        match self.0.get(word).map(Vec::as_slice) {
            Some([line]) => Ok(line),
            _ => anyhow::bail!("the guest did not print one `{word}`, but {:?}", self.0),
        }
    }

    /// The rests of all lines that begin with `word`.
    fn lines(&self, word: &str) -> &[String] {
        self.0.get(word).map_or(&[], Vec::as_slice)
    }

    /// The rest of the only line that begins with `word`, if there is one, as JSON.
    fn optional<T: DeserializeOwned>(&self, word: &str) -> anyhow::Result<Option<T>> {
        self.0.contains_key(word).then(|| self.json(word)).transpose()
    }

    /// The rest of the only line that begins with `word`, as JSON.
    fn json<T: DeserializeOwned>(&self, word: &str) -> anyhow::Result<T> {
        let line = self.line(word)?;
        serde_json::from_str(line)
            .with_context(|| format!("the guest printed `{word} {line}` among {:?}", self.0))
    }
}

/// Keeps what a part measured.
fn keep(part: Part, results: &impl Serialize) -> anyhow::Result<()> {
    let folder = workspace::root().join(FOLDER);
    let path = folder.join(part.name()).with_extension("json");
    let text = serde_json::to_string_pretty(results)? + "\n";
    fs::create_dir_all(&folder)
        .and_then(|()| fs::write(&path, text))
        .with_context(|| format!("cannot write {}", path.display()))
}

/// Reads what a part kept, if it was measured.
fn kept<T: DeserializeOwned>(folder: &Path, part: Part) -> anyhow::Result<Option<T>> {
    let path = folder.join(part.name()).with_extension("json");
    if !path.is_file() {
        return Ok(None);
    }
    let text = fs::read(&path).with_context(|| format!("cannot read {}", path.display()))?;
    let results = serde_json::from_slice(&text);
    results.with_context(|| {
        format!(
            "{} is of another version; measure it again: cargo xtask bench {}",
            path.display(),
            part.name()
        )
    })
}
