//! A Prometheus of the test's own.

use std::{
    fs,
    io::{BufRead as _, BufReader},
    net::SocketAddr,
    process::{Child, ChildStderr, Command, Stdio},
    thread,
};

use serde_json::Value;
use tempfile::TempDir;
use xtask::{process, setup::prometheus::Prometheus};

pub struct Server {
    child: Child,
    address: String,
    promtool: Command,
    _folder: TempDir,
}

impl Server {
    /// Starts it with the rules of the repository; it scrapes this address every second.
    pub fn start(programs: &Prometheus, target: SocketAddr) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let rules = crate::folder("prometheus/alerts.yml").canonicalize().unwrap();
        let configuration = format!(
            "global: {{scrape_interval: 1s, evaluation_interval: 1s}}\nrule_files: [{}]\nscrape_configs:\n  - job_name: \
             denyd\n    static_configs: [{{targets: [\"{target}\"]}}]\n",
            rules.display()
        );
        let file = folder.path().join("prometheus.yml");
        fs::write(&file, configuration).unwrap();
        let mut child = Command::new(&programs.server)
            .arg(format!("--config.file={}", file.display()))
            .arg(format!("--storage.tsdb.path={}", folder.path().join("data").display()))
            .arg("--web.listen-address=127.0.0.1:0")
            .stderr(Stdio::piped())
            .stdout(Stdio::null())
            .spawn()
            .unwrap();
        let address = listening(child.stderr.take().unwrap());
        Self { child, address, promtool: Command::new(&programs.promtool), _folder: folder }
    }

    /// What it answers to a query: the samples.
    pub fn ask(&self, expression: &str) -> Vec<Value> {
        let mut command = Command::new(self.promtool.get_program());
        command.args(["query", "instant", "--format=json"]).arg(format!("http://{}", self.address));
        let answer = process::read(command.arg(expression));
        let answer = answer.unwrap_or_else(|error| panic!("{expression}: {error}"));
        serde_json::from_str(&answer).unwrap_or_else(|error| panic!("{expression}: {error}: {answer}"))
    }
}

/// Where it says that it listens. What it says afterwards is read and forgotten, so that it never waits.
fn listening(log: ChildStderr) -> String {
    let mut lines = BufReader::new(log).lines().map_while(Result::ok);
    let mut said = Vec::new();
    for line in lines.by_ref() {
        let address = line.split("msg=\"Listening on\" address=").nth(1);
        let address = address.and_then(|rest| rest.split_whitespace().next()).map(str::to_owned);
        said.push(line);
        if let Some(address) = address {
            thread::spawn(move || lines.for_each(drop));
            return address;
        }
    }
    panic!("Prometheus ended: {}", said.join("\n"))
}

impl Drop for Server {
    fn drop(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }
}
