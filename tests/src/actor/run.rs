//! Runs cases, one process each, and reports.

use std::{
    fs::{self, Metadata},
    io::{self, BufRead as _, BufReader, Write as _},
    os::unix::{fs::MetadataExt as _, process::ExitStatusExt as _},
    process::{Child, ChildStdin, ChildStdout, Command, Stdio},
};

use anyhow::{Context as _, bail};
use serde_json::{Value, json};

use crate::{
    actor::act::{GO, READY},
    case::{Case, Outcome},
    report::{ProcessFacts, Report},
    scene::Scene,
};

/// Runs one case. Whatever goes wrong stands in the report.
#[must_use]
pub fn run(case: &Case) -> Report {
    let mut scene = Scene::default();
    let mut report = Report {
        case: case.name.to_owned(),
        outcome: Outcome::Broken("not run".to_owned()),
        facts: scene.facts.clone(),
        process: ProcessFacts::default(),
        ancestors: Vec::new(),
    };
    match play(case, &mut scene, &mut report) {
        Ok(outcome) => report.outcome = outcome,
        Err(error) => report.outcome = Outcome::Broken(format!("{error:#}")),
    }
    report
}

fn play(case: &Case, scene: &mut Scene, report: &mut Report) -> anyhow::Result<Outcome> {
    (case.given)(scene).context("cannot be set up")?;
    report.facts.clone_from(&scene.facts);
    let mut actor = Actor::start(case)?;
    actor.say(&serde_json::to_string(&scene.facts)?)?;
    report.facts = serde_json::from_str(&actor.hear()?)
        .context("the process could not be confined, or said no facts")?;
    if actor.hear()? != READY {
        bail!("the process could not be confined");
    }
    report.process = ProcessFacts::read(actor.child.id())?;
    report.ancestors = report.process.ancestors()?;
    let paths = case.events.iter().filter_map(|event| event.value("object.path")?.as_str());
    for path in paths.filter(|path| path.starts_with('/')) {
        // As the process sees it. What is yet to be made is not there.
        if let Ok(file) = fs::symlink_metadata(format!("/proc/{}/root{path}", actor.child.id())) {
            report.facts.insert(format!("stat {path}"), of_file(&file));
        }
    }
    actor.say(GO)?;
    let outcome = actor.hear()?;
    if outcome.is_empty() {
        let status = actor.child.wait()?;
        let signal = status.signal().with_context(|| format!("the process gave no outcome: {status}"))?;
        return Ok(Outcome::Killed(signal));
    }
    // What the operation itself changed (user, namespaces) is not what it was refused with: the first look counts.
    Ok(serde_json::from_str(&outcome)?)
}

/// What an event says of a file.
fn of_file(file: &Metadata) -> Value {
    let (major, minor) = (rustix::fs::major(file.dev()), rustix::fs::minor(file.dev()));
    json!({
        "inode": file.ino(),
        "mode": format!("{:07o}", file.mode()),
        "owner": file.uid(),
        "device_number": format!("{major}:{minor}"),
    })
}

/// The process of [`crate::actor::act`], and the pipes to it.
struct Actor {
    child: Child,
    input: Option<ChildStdin>,
    output: BufReader<ChildStdout>,
}

impl Actor {
    fn start(case: &Case) -> anyhow::Result<Self> {
        let mut command = Command::new(std::env::current_exe()?);
        let mut child = command
            .args(["act", case.name])
            .current_dir("/srv")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()?;
        let input = child.stdin.take();
        let output = BufReader::new(child.stdout.take().context("no pipe")?);
        Ok(Self { child, input, output })
    }

    fn say(&mut self, line: &str) -> io::Result<()> {
        let input = self.input.as_mut().ok_or(io::ErrorKind::BrokenPipe)?;
        writeln!(input, "{line}")
    }

    /// The next line, empty at the end.
    fn hear(&mut self) -> io::Result<String> {
        let mut line = String::new();
        self.output.read_line(&mut line)?;
        Ok(line.trim_end().to_owned())
    }
}

impl Drop for Actor {
    fn drop(&mut self) {
        // The end of its input is what it waits for; if it does not wait, it is gone.
        self.input = None;
        drop(self.child.wait());
    }
}
