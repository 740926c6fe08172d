//! `cargo xtask test`

use std::{
    ffi::OsString,
    fs,
    process::{Command, ExitCode},
    time::{Duration, Instant},
};

use anyhow::Context as _;
use clap::{Args, ValueEnum};
use xtask::{
    architecture::Architecture,
    cache::Cache,
    process,
    setup::{self, checkers::Checkers, helm::Helm, kubernetes::Kubernetes},
    workspace,
};

use crate::commands::deny;

const AFTER_HELP: &str = "\
Examples:
  cargo xtask test                                              all that CI runs
  cargo xtask test --only e2e -- 7/selinux/                     the cases of one guest
  cargo xtask test --only e2e -- --list                         the end-to-end tests, by name
  cargo xtask test --only e2e -- --ignored                      those that run on request: services that are broken, put \
right and broken again; some 15 minutes
  cargo xtask test --only e2e -- --ignored broken-selinux/port  one of them";

/// Runs every check and test: formatting, lints, docs, dependencies, unit tests, and end-to-end tests on real
/// kernels
#[derive(Debug, Args)]
#[command(after_help = AFTER_HELP)]
pub(crate) struct Test {
    /// Only this part
    #[arg(long, value_enum)]
    only: Option<Part>,
    /// The machine that guests emulate; on another than this one, only end-to-end tests run, of the modules that most
    /// machines have
    #[arg(long, value_enum, default_value_t)]
    arch: Architecture,
    /// Only the tests whose names contain this (arguments of the test programs)
    #[arg(last = true, value_name = "FILTER")]
    filter: Vec<OsString>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Part {
    /// Formatting, lints, docs and dependencies
    Lint,
    /// Unit, property and golden tests
    Unit,
    /// Denials on real kernels, in guests
    E2e,
}

/// What tells the end-to-end tests which machine guests emulate (`tests::machine`).
const E2E_MACHINE: &str = "DENYD_E2E_ARCH";

impl Test {
    /// Every check and test.
    pub(crate) fn all() -> Self {
        Self { only: None, arch: Architecture::default(), filter: Vec::new() }
    }

    pub(crate) fn run(&self) -> anyhow::Result<ExitCode> {
        let cache = Cache::open()?;
        let mut steps = Steps::default();
        let wants = |part| match self.only {
            Some(only) => only == part,
            None => part == Part::E2e || self.arch.is_host(),
        };

        steps.run("set-up", || -> Result<(), setup::SetupError> {
            setup::build(&cache)?;
            if wants(Part::Lint) {
                setup::lint(&cache)?;
            }
            if wants(Part::Unit) || wants(Part::E2e) {
                setup::guests(&cache)?;
            }
            if wants(Part::Unit) {
                setup::policies(&cache)?;
                setup::prometheus::Prometheus::ensure(&cache)?;
            }
            if wants(Part::E2e) {
                setup::kernels(self.arch, &cache)?;
                setup::machine(self.arch, &cache)?;
                // Of which there is a sample in each run.
                setup::machine(Architecture::Arm64, &cache)?;
            }
            Ok(())
        })?;
        if wants(Part::Lint) {
            lint(&mut steps, &setup::lint(&cache)?)?;
            kubernetes(&mut steps, &Kubernetes::ensure(&cache)?, &Helm::ensure(&cache)?)?;
        }
        if wants(Part::Unit) {
            let mut unit =
                cargo(["test", "--workspace", "--exclude", "monitor-ebpf", "--exclude", "tests", "--"]);
            steps.show("unit tests", unit.args(&self.filter))?;
            // Not its end-to-end tests.
            let mut tests = cargo(["test", "--package", "tests", "--lib", "--bins", "--"]);
            steps.show("unit tests of the end-to-end tests", tests.args(&self.filter))?;
            let mut prometheus = cargo(["test", "--package", "tests", "--test", "prometheus", "--"]);
            steps.show("metrics, rules and dashboard with Prometheus", prometheus.args(&self.filter))?;
        }
        if wants(Part::E2e) {
            let mut e2e = cargo(["test", "--package", "tests", "--test", "e2e", "--"]);
            e2e.env(E2E_MACHINE, self.arch.debian());
            steps.show("end-to-end tests", e2e.args(&self.filter))?;
        }
        steps.print();
        Ok(ExitCode::SUCCESS)
    }
}

/// Values of the chart, one set for each rendering: its own, and those that turn on what is off.
const CHART_VALUES: [&[&str]; 2] = [
    &[],
    &[
        "fleetLabels.cluster=blue",
        "imagePullSecrets[0].name=registry",
        "metrics.podMonitor.enabled=true",
        "nodeSelector.pool=edge",
        "silent=true",
        "sources={capability}",
    ],
];

/// The objects as they are, and those of the chart.
fn kubernetes(steps: &mut Steps, objects: &Kubernetes, helm: &Helm) -> anyhow::Result<()> {
    let deploy = workspace::root().join("deploy");
    let chart = deploy.join("helm/denyd");
    steps.show("Kubernetes objects", objects.check().arg(deploy.join("kubernetes/denyd.yaml")))?;
    steps.show("Helm chart", &mut helm.lint(&chart))?;
    let folder = tempfile::tempdir()?;
    for (number, values) in CHART_VALUES.into_iter().enumerate() {
        let rendered = folder.path().join(format!("{number}.yaml"));
        fs::write(&rendered, helm.render(&chart, values)?)?;
        steps.show("objects of the chart", objects.check().arg(rendered))?;
    }
    Ok(())
}

fn lint(steps: &mut Steps, checkers: &Checkers) -> anyhow::Result<()> {
    const DENY_WARNINGS: [&str; 3] = ["--", "-D", "warnings"];
    steps.show("formatting", &mut cargo(["fmt", "--all", "--check"]))?;
    steps.show("clippy", cargo(["clippy", "--quiet", "--all-targets"]).args(DENY_WARNINGS))?;
    let mut smallest = cargo(["clippy", "--quiet", "--package", "monitor", "--no-default-features"]);
    steps.show("clippy of the smallest build", smallest.args(DENY_WARNINGS))?;
    // Stable rustc takes -Z build-std only so.
    let mut ebpf = cargo(["clippy", "--quiet", "--package", "monitor-ebpf", "--release"]);
    ebpf.env("RUSTC_BOOTSTRAP", "1").args(["--target", "bpfel-unknown-none", "-Z", "build-std=core"]);
    steps.show("clippy of the eBPF programs", ebpf.args(DENY_WARNINGS))?;
    let mut docs = cargo(["doc", "--quiet", "--no-deps"]);
    steps.show("docs", docs.env("RUSTDOCFLAGS", "-D warnings"))?;
    steps.run("licences and sources of dependencies", || deny::check(false))?;
    let check = |program, arguments: &[&str]| {
        let mut command = checkers.command(program);
        command.args(arguments).current_dir(workspace::root());
        command
    };
    steps.show("unused dependencies", &mut check("cargo-shear", &["--locked"]))?;
    steps.show("spelling", &mut check("typos", &[]))?;
    steps.show("TOML", &mut check("taplo", &["fmt", "--check"]))?;
    steps.show("Markdown", &mut check("rumdl", &["check", "--quiet", "."]))
}

fn cargo<const N: usize>(arguments: [&str; N]) -> Command {
    let mut command = workspace::cargo();
    command.args(arguments);
    command
}

/// What was done, and how long it took.
#[derive(Default)]
struct Steps(Vec<(&'static str, Duration)>);

impl Steps {
    fn show(&mut self, name: &'static str, command: &mut Command) -> anyhow::Result<()> {
        self.run(name, || process::show(command))
    }

    fn run<E>(&mut self, name: &'static str, work: impl FnOnce() -> Result<(), E>) -> anyhow::Result<()>
    where
        E: std::error::Error + Send + Sync + 'static,
    {
        eprintln!("xtask: == {name}");
        let start = Instant::now();
        work().with_context(|| format!("{name} failed"))?;
        self.0.push((name, start.elapsed()));
        Ok(())
    }

    fn print(&self) {
        let total = self.0.iter().map(|(_, time)| time).sum();
        eprintln!("xtask: all passed");
        for (name, time) in self.0.iter().copied().chain([("total", total)]) {
            eprintln!("{:>8.1} s  {name}", time.as_secs_f32());
        }
    }
}
