//! A Prometheus of the test's own.

use std::{fs, net::SocketAddr};

use serde_json::Value;
use tempfile::TempDir;
use xtask::{prometheus, setup::prometheus::Prometheus};

pub(crate) struct Server {
    server: prometheus::Server,
    _folder: TempDir,
}

impl Server {
    /// Starts it with the rules of the repository; it scrapes this address every second.
    pub(crate) fn start(programs: &Prometheus, target: SocketAddr) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let rules = crate::folder("prometheus/alerts.yml").canonicalize().unwrap();
        let configuration = format!(
            "global: {{scrape_interval: 1s, evaluation_interval: 1s}}\nrule_files: [{}]\nscrape_configs:\n  - job_name: \
             denyd\n    static_configs: [{{targets: [\"{target}\"]}}]\n",
            rules.display()
        );
        let file = folder.path().join("prometheus.yml");
        fs::write(&file, configuration).unwrap();
        let server = prometheus::Server::start(programs, &file, &folder.path().join("data"));
        Self { server: server.unwrap_or_else(|error| panic!("{error}")), _folder: folder }
    }

    /// What it answers to a query: the samples.
    pub(crate) fn ask(&self, expression: &str) -> Vec<Value> {
        self.server.instant(expression, None).unwrap_or_else(|error| panic!("{error}"))
    }
}
