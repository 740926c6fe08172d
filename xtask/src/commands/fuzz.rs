//! `cargo xtask fuzz`

use std::{
    fs, io,
    path::{Path, PathBuf},
    process::{Command, ExitCode, Stdio},
    time::Duration,
};

use anyhow::{Context as _, bail};
use clap::{Args, ValueEnum};
use nix::sys::{
    resource::{UsageWho, getrusage},
    time::{TimeVal, TimeValLike as _},
};
use xtask::{
    cache::Cache,
    process, progress,
    setup::{self, tools},
    workspace,
};

const EXAMPLES: &str = "\
Examples:
  cargo xtask fuzz                        five minutes of each input
  cargo xtask fuzz audit --minutes 60     until it had an hour in all

What was found worth keeping, and how long each had, is kept in the cache: the next run goes on from there.";

/// Feeds the readers of untrusted input with what a fuzzer thinks of (fuzz/)
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Fuzz {
    /// Which input; without any, each in turn
    targets: Vec<Target>,
    /// Minutes of processor time that each shall have had, earlier runs included
    #[arg(long, default_value_t = 5)]
    minutes: u32,
}

/// The fuzz targets.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Target {
    /// Records of the ring buffer
    Record,
    /// Lines on the socket, in both directions
    Request,
    /// Filters
    Filter,
    /// Audit's text, and messages of user space
    Audit,
    /// Paths of cgroups
    Cgroup,
    /// Configurations
    Configuration,
    /// Binary SELinux policies
    Policy,
    /// AppArmor's profiles
    Profile,
}

/// How long a target runs before its time is noted.
const SLICE: Duration = Duration::from_mins(2);
/// Beyond this many bytes, inputs have nothing new for a reader of lines.
const LINES: u32 = 8 << 10;
/// A policy with all that there is in one has so many.
const POLICY: u32 = 128 << 10;

impl Target {
    fn name(self) -> String {
        self.to_possible_value().map_or_else(String::new, |value| value.get_name().to_owned())
    }

    /// What it begins with: files of the source tree or of this machine, in these folders.
    const fn seeds(self) -> &'static [&'static str] {
        match self {
            Self::Audit => &["tests/captured", "tests/captured/forms", "monitor/tests/explain"],
            Self::Policy => &["monitor-explain/tests/policies"],
            Self::Profile => &["/etc/apparmor.d", "tests/profiles"],
            _ => &[],
        }
    }

    const fn longest(self) -> u32 {
        match self {
            Self::Policy => POLICY,
            _ => LINES,
        }
    }
}

impl Fuzz {
    pub(crate) fn run(&self) -> anyhow::Result<ExitCode> {
        let cache = Cache::open()?;
        setup::build(&cache)?;
        tools::CARGO_FUZZ.ensure(&cache)?;
        let folder = workspace::root().join("fuzz");
        process::show(in_fuzz(&folder).args(["fuzz", "build"]))?;
        let targets = if self.targets.is_empty() { Target::value_variants() } else { &self.targets };
        let wanted = Duration::from_mins(self.minutes.into());
        for &target in targets {
            let name = target.name();
            let corpus = Corpus { folder: cache.folder(&format!("fuzz/{name}"))? };
            let program = program(&folder, &name)?;
            let had =
                progress::step(format_args!("fuzzing {name}"), || corpus.feed(target, &program, wanted))?;
            progress::note(format_args!("{name} has had {} minutes", had.as_secs() / 60));
        }
        Ok(ExitCode::SUCCESS)
    }
}

/// Cargo in the fuzz targets' folder, with what sanitizers take.
fn in_fuzz(folder: &Path) -> Command {
    let mut cargo = workspace::cargo();
    cargo.current_dir(folder).env("RUSTC_BOOTSTRAP", "1");
    cargo
}

/// Where cargo-fuzz has put a target's program.
fn program(folder: &Path, name: &str) -> anyhow::Result<PathBuf> {
    let target = folder.join("target");
    let built = fs::read_dir(&target).with_context(|| format!("cannot read {}", target.display()))?;
    let programs = built.filter_map(Result::ok).map(|entry| entry.path().join("release").join(name));
    programs.into_iter().find(|path| path.is_file()).with_context(|| format!("cargo-fuzz built no {name}"))
}

/// What is kept of a target.
struct Corpus {
    folder: PathBuf,
}

impl Corpus {
    /// The file with the processor time that the target has had, in seconds.
    fn note(&self) -> PathBuf {
        self.folder.with_extension("seconds")
    }

    fn had(&self) -> anyhow::Result<Duration> {
        let note = self.note();
        let text = match fs::read_to_string(&note) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Duration::ZERO),
            text => text.with_context(|| format!("cannot read {}", note.display()))?,
        };
        let seconds =
            text.trim().parse().with_context(|| format!("no number in {}: remove it", note.display()))?;
        Ok(Duration::from_secs(seconds))
    }

    /// Runs the target until it has had this time in all. Returns what it has had.
    fn feed(&self, target: Target, program: &Path, wanted: Duration) -> anyhow::Result<Duration> {
        let mut had = self.had()?;
        while let Some(left) = wanted.checked_sub(had).filter(|left| !left.is_zero()) {
            let before = used()?;
            let slice = SLICE.min(left).as_secs().max(1);
            let mut command = Command::new(program);
            command.arg(&self.folder);
            for seeds in target.seeds() {
                command.args(Some(workspace::root().join(seeds)).filter(|seeds| seeds.is_dir()));
            }
            command.arg(format!("-max_total_time={slice}")).arg(format!("-max_len={}", target.longest()));
            // Nobody reads which functions are new, and a symbolizer that names them takes much of the time.
            command.arg("-print_funcs=0");
            let found = self.folder.with_extension("found-");
            command.arg(format!("-artifact_prefix={}", found.display()));
            if let Err(error) = process::capture(command.stderr(Stdio::piped())) {
                bail!("{error}\nwhat it failed on is in {}*", found.display());
            }
            had += used()?.saturating_sub(before);
            fs::write(self.note(), had.as_secs().to_string())?;
        }
        Ok(had)
    }
}

/// The processor time of the programs that this one has run.
fn used() -> anyhow::Result<Duration> {
    let usage = getrusage(UsageWho::RUSAGE_CHILDREN)?;
    let of = |time: TimeVal| Duration::from_millis(u64::try_from(time.num_milliseconds()).unwrap_or(0));
    Ok(of(usage.user_time()) + of(usage.system_time()))
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn every_target_of_the_folder_is_one() {
        let entries = fs::read_dir(workspace::root().join("fuzz/fuzz_targets")).unwrap();
        let there: BTreeSet<_> = entries
            .map(|entry| entry.unwrap().path().file_stem().unwrap().to_string_lossy().into_owned())
            .collect();
        assert_eq!(
            Target::value_variants().iter().map(|target| target.name()).collect::<BTreeSet<_>>(),
            there
        );
    }

    #[test]
    fn what_a_target_has_had_is_kept() {
        let folder = tempfile::tempdir().unwrap();
        let corpus = Corpus { folder: folder.path().join("audit") };
        assert_eq!(corpus.had().unwrap(), Duration::ZERO);
        fs::write(corpus.note(), "61").unwrap();
        let nothing = Path::new("/nonexistent");
        assert_eq!(
            corpus.feed(Target::Audit, nothing, Duration::from_mins(1)).unwrap(),
            Duration::from_secs(61)
        );
        assert!(corpus.feed(Target::Audit, nothing, Duration::from_secs(62)).is_err());
        fs::write(corpus.note(), "an hour").unwrap();
        assert!(corpus.had().unwrap_err().to_string().contains("remove it"));
    }
}
