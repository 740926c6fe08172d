//! `denyd run`: prints every denial.

use std::{net::SocketAddr, path::PathBuf, time::Duration};

use clap::Args;

use super::{
    daemon::{Daemon, Opened, Signals},
    failure::Failure,
};
use crate::{
    config::{self, Choice, Config},
    enrich::{runtime::Socket, symbols::KernelSymbols},
    filter::Filter,
    format::Format,
    kernel,
    metrics::{DEFAULT_ADDRESS, web::Web},
    output::spec::Spec,
    posture,
    tail::server,
};

const AFTER_HELP: &str = "\
Examples:
  denyd run                                    watch what costs nothing while access is allowed
  denyd run --silent                           denials that the policy keeps out of the log, too (dontaudit, deny)
  denyd run --source default,capability        missing capabilities, too
  denyd run --source landlock >denials.jsonl   Landlock alone, into a file
  denyd run --filter 'process.comm == \"nginx\" && object.path.startsWith(\"/srv/\")'
                                               only what nginx was refused there
  denyd run --runtime-socket cri:/run/containerd/containerd.sock
                                               containers and pods by name, too
  denyd run --metrics                          for Prometheus, too, on 127.0.0.1:9934
  denyd run | jq -r '[.process.comm, .object.path] | @tsv'

Flags stand over the configuration, which `denyd config default` explains. With --format or --filter, events go to
standard output and to none of the outputs of the configuration.

On SIGHUP denyd reads its configuration again and opens its files anew; the programs stay attached. On SIGINT or SIGTERM
it says on standard error what it saw, sent and lost.

Exit status:
  0  it was ended by SIGINT or SIGTERM
  1  it failed while running: standard output was closed or full, or the port for metrics was taken
  2  the command line or the configuration is wrong
  3  denyd lacks the privilege to load eBPF programs
  4  nothing can be watched on this kernel";

/// Report each denial, on standard output or as the configuration says, until SIGINT or SIGTERM.
#[derive(Debug, Args)]
#[command(after_help = AFTER_HELP)]
pub(super) struct Run {
    /// The configuration: /etc/denyd/denyd.toml, unless given.
    #[arg(long, value_name = "PATH")]
    config: Option<PathBuf>,

    /// What to watch; several are separated by commas. [default: default]
    #[arg(long = "source", value_name = "NAME", value_delimiter = ',')]
    sources: Vec<Choice>,

    /// Watch denials that the policy keeps out of the log, too, of the modules that are watched: SELinux's dontaudit,
    /// AppArmor's deny rules, Landlock's log flags.
    #[arg(long)]
    silent: bool,

    /// Report the stacks of the process in the kernel and in its program, too.
    #[arg(long)]
    stack: bool,

    /// The ring buffer between the kernel and denyd: a power of two, at least 64K. [default: 4M]
    #[arg(long, value_name = "BYTES", value_parser = config::parse_ring_size)]
    ring_size: Option<u32>,

    /// How long an event may wait for a name (of a user, group, container, pod) that is not known yet. If it comes later,
    /// the event goes without it. [default: 100ms]
    #[arg(long, value_name = "TIME", value_parser = config::parse_name_wait)]
    name_wait: Option<Duration>,

    /// Ask here for the names of containers and pods: `docker:PATH` (Docker, Podman) or `cri:PATH` (containerd, CRI-O).
    /// May be given several times.
    #[arg(long = "runtime-socket", value_name = "API:PATH")]
    runtime_sockets: Vec<Socket>,

    /// Serve metrics for Prometheus, here; without a value at 127.0.0.1:9934, which only this machine can reach.
    #[arg(long, value_name = "ADDRESS:PORT", num_args = 0..=1, default_missing_value = DEFAULT_ADDRESS)]
    metrics: Option<SocketAddr>,

    /// TLS, client certificates and passwords for `--metrics`: a file as Prometheus's exporters take it.
    #[arg(long = "web.config.file", visible_alias = "web-config", value_name = "FILE", requires = "metrics")]
    web_config: Option<PathBuf>,

    /// How an event is printed, one a line. [default: json]
    #[arg(long, value_enum)]
    format: Option<Format>,

    /// Print only the events of which this is true (docs/filters.md).
    #[arg(long, value_name = "EXPRESSION")]
    filter: Option<Filter>,
}

impl Run {
    /// Watches until told to stop.
    pub(super) fn run(&self) -> Result<(), Failure> {
        let runtime =
            tokio::runtime::Builder::new_current_thread().enable_all().build().map_err(Failure::Runtime)?;
        let result = runtime.block_on(self.watch());
        // A write to standard output may hang for ever; the process's end ends it.
        runtime.shutdown_background();
        result
    }

    /// The configuration, under the command line.
    fn configured(&self) -> Result<Config, Failure> {
        let mut config = Config::read(self.config.as_deref())?;
        if !self.sources.is_empty() {
            config.sources.clone_from(&self.sources);
        }
        config.silent |= self.silent;
        config.stack |= self.stack;
        config.ring_size = self.ring_size.unwrap_or(config.ring_size);
        config.names.wait = self.name_wait.unwrap_or(config.names.wait);
        if !self.runtime_sockets.is_empty() {
            config.names.runtime_sockets.clone_from(&self.runtime_sockets);
        }
        if let Some(listen) = self.metrics {
            config.metrics.enabled = true;
            config.metrics.listen = listen;
            config.metrics.web_config.clone_from(&self.web_config);
        }
        if self.format.is_some() || self.filter.is_some() || config.outputs.is_empty() {
            config.outputs = vec![Spec::stdout(self.format.unwrap_or_default(), self.filter.clone())];
        }
        Ok(config)
    }

    async fn watch(&self) -> Result<(), Failure> {
        // First of all, so that a signal during the start is not lost.
        let signals = Signals::new().map_err(Failure::Runtime)?;
        let config = self.configured()?;
        // Before the programs are loaded, so that a port that is in use is told at once.
        let web = config.metrics.enabled.then(|| Web::bind(&config.metrics)).transpose()?;
        let attached = kernel::attach(&kernel::Options {
            sources: config::chosen(&config.sources, config.silent),
            silent: config.silent,
            stack: config.stack,
            ring_size: config.ring_size,
        })?;
        // What is only read later, and can only be opened now.
        let opened = Opened {
            symbols: config.stack.then(KernelSymbols::copy),
            web,
            posture: posture::Watch::open(),
            programs: attached.program_stats(),
            // Its folders may be root's. Without it, denials are reported all the same.
            tail: config.tail.serve.then(|| server::open(&config.tail.options())).transpose().unwrap_or_else(
                |error| {
                    tracing::error!(%error, "nobody can ask for events (denyd tail, denyd top)");
                    None
                },
            ),
        };
        // Before any thread is started, and before anything is read that others can write.
        let attached = attached.give_up_privileges()?;
        let daemon = Daemon::start(attached, &config, opened)?;
        // It holds the whole pipeline, which is large.
        Box::pin(daemon.run(signals, config, |config| self.reread(config))).await
    }

    /// Reads the configuration again. `None` if something is wrong with it, which is told.
    fn reread(&self, config: &Config) -> Option<Config> {
        let new = match self.configured() {
            Ok(new) => new,
            Err(error) => {
                tracing::error!(%error, "the configuration is not taken over");
                return None;
            }
        };
        let fixed = config.fixed_that_differ(&new);
        if !fixed.is_empty() {
            tracing::warn!(keys = fixed.join(", "), "restart denyd for these keys of the configuration");
        }
        Some(new)
    }
}
