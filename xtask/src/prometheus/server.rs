//! A Prometheus of one's own.

use std::{
    io::{self, BufRead as _, BufReader},
    path::{Path, PathBuf},
    process::{Child, ChildStderr, Command, Stdio},
    thread,
};

use serde_json::Value;

use crate::{
    process::{self, ProcessError},
    setup::prometheus::Prometheus,
};

/// Why a Prometheus does not run or does not answer.
#[derive(Debug, thiserror::Error)]
pub enum ServerError {
    /// It could not be started.
    #[error("cannot start Prometheus: {0}")]
    Start(#[source] io::Error),
    /// It ended before it listened.
    #[error("Prometheus ended: {0}")]
    Ended(String),
    /// It could not be asked.
    #[error("{expression}: {source}")]
    Query {
        /// The query.
        expression: String,
        /// What promtool said.
        source: ProcessError,
    },
    /// What it answered can't be read.
    #[error("{expression}: {source}: {answer}")]
    Answer {
        /// The query.
        expression: String,
        /// What it answered.
        answer: String,
        /// What is wrong with it.
        source: serde_json::Error,
    },
}

/// A time to be asked about, in seconds since 1970.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Period {
    /// Its begin.
    pub start: f64,
    /// Its end.
    pub end: f64,
    /// Seconds from one value to the next.
    pub step: f64,
}

/// A running Prometheus, which ends with this value.
#[derive(Debug)]
pub struct Server {
    child: Child,
    address: String,
    promtool: PathBuf,
}

impl Server {
    /// Starts it on a port that is free, with this configuration and with what is stored in this folder.
    ///
    /// # Errors
    /// When it can't be started or ends at once.
    pub fn start(programs: &Prometheus, configuration: &Path, data: &Path) -> Result<Self, ServerError> {
        let mut child = Command::new(&programs.server)
            .arg(format!("--config.file={}", configuration.display()))
            .arg(format!("--storage.tsdb.path={}", data.display()))
            .arg("--web.listen-address=127.0.0.1:0")
            .stderr(Stdio::piped())
            .stdout(Stdio::null())
            .spawn()
            .map_err(ServerError::Start)?;
        let log = child.stderr.take();
        let mut server = Self { child, address: String::new(), promtool: programs.promtool.clone() };
        server.address = log.map_or_else(|| Err(ServerError::Ended(String::new())), listening)?;
        Ok(server)
    }

    /// What it answers to a query: the samples now, or at this time.
    ///
    /// # Errors
    /// When it can't be asked.
    pub fn instant(&self, expression: &str, time: Option<f64>) -> Result<Vec<Value>, ServerError> {
        let time = time.map(|time| format!("--time={time:.3}"));
        self.ask("instant", time.as_slice(), expression)
    }

    /// What it answers to a query over this time: the series.
    ///
    /// # Errors
    /// When it can't be asked.
    pub fn range(&self, expression: &str, period: Period) -> Result<Vec<Value>, ServerError> {
        let Period { start, end, step } = period;
        let options =
            [format!("--start={start:.3}"), format!("--end={end:.3}"), format!("--step={step:.3}s")];
        self.ask("range", &options, expression)
    }

    fn ask(&self, how: &str, options: &[String], expression: &str) -> Result<Vec<Value>, ServerError> {
        let mut command = Command::new(&self.promtool);
        command.args(["query", how, "--format=json"]).args(options).arg(format!("http://{}", self.address));
        let answer = process::read(command.arg(expression))
            .map_err(|source| ServerError::Query { expression: expression.to_owned(), source })?;
        serde_json::from_str(&answer).map_err(|source| ServerError::Answer {
            expression: expression.to_owned(),
            answer,
            source,
        })
    }
}

/// Where it says that it listens. What it says afterwards is read and forgotten, so that it never waits.
fn listening(log: ChildStderr) -> Result<String, ServerError> {
    let mut lines = BufReader::new(log).lines().map_while(Result::ok);
    let mut said = Vec::new();
    for line in lines.by_ref() {
        let address = line.split("msg=\"Listening on\" address=").nth(1);
        let address = address.and_then(|rest| rest.split_whitespace().next()).map(str::to_owned);
        said.push(line);
        if let Some(address) = address {
            thread::spawn(move || lines.for_each(drop));
            return Ok(address);
        }
    }
    Err(ServerError::Ended(said.join("\n")))
}

impl Drop for Server {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _killed = self.child.kill();
        let _status = self.child.wait();
    }
}
