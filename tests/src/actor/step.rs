//! A step: a shell script that does what a trial in a full guest is about.

use std::{
    collections::BTreeMap,
    fs::{self, File},
    io,
    path::Path,
    process::{Command, Stdio},
    time::Duration,
};

use anyhow::Context as _;
use serde::{Deserialize, Serialize};

/// What every script may use.
const PRELUDE: &str = r#"
# fact NAME VALUE: something that the check must know.
fact() { printf '%s %s\n' "$1" "$2" >>"$FACTS"; }
# known NAME COMMAND...: runs a command whose process id the check must know.
known() { sh -c 'printf "%s %s\n" "$0" $$ >>"$FACTS"; exec "$@"' "$@"; }
"#;

/// A step, as it went.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct StepReport {
    /// The step's name.
    pub step: String,
    /// How the script ended.
    pub status: String,
    /// What it printed, standard output and error as they came.
    pub output: String,
    /// What it wants the check to know.
    pub facts: BTreeMap<String, String>,
}

/// Runs a script, whose file has the step's name, for so long. If it takes longer, its exit status is 124, as `timeout` says it.
///
/// # Errors
/// Fails if it can't be run; that it fails itself stands in the report.
pub fn step(script: &Path, limit: Duration) -> anyhow::Result<StepReport> {
    let name = script.file_name().context("a script without a name")?.to_string_lossy().into_owned();
    let text = fs::read_to_string(script).with_context(|| format!("cannot read {}", script.display()))?;
    let facts = Path::new("/run").join(format!("facts-{name}"));
    // A file, because what a script leaves running would hold a pipe open.
    let output = Path::new("/run").join(format!("output-{name}"));
    let written = File::create(&output)?;
    // One script that hangs must not take the others with it.
    let status = Command::new("timeout")
        .args(["--kill-after=10", &limit.as_secs().to_string()])
        .args(["/bin/sh", "-c", &format!("{PRELUDE}\n{text}")])
        .env("FACTS", &facts)
        .stdin(Stdio::null())
        .stdout(written.try_clone()?)
        .stderr(written)
        .status()?;
    let told = match fs::read_to_string(&facts) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => String::new(),
        told => told?,
    };
    let facts = told.lines().filter_map(|line| line.split_once(' '));
    Ok(StepReport {
        step: name,
        status: status.to_string(),
        output: String::from_utf8_lossy(&fs::read(&output)?).into_owned(),
        facts: facts.map(|(name, value)| (name.to_owned(), value.to_owned())).collect(),
    })
}
