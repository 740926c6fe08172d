//! `denyd run`: prints every denial.

use std::{net::SocketAddr, path::PathBuf, time::Duration};

use clap::Args;

use super::{
    daemon::{Daemon, Opened, Signals},
    failure::Failure,
};
use crate::{
    config::{
        self, Choice, Config, FoldKey,
        metrics::{DEFAULT_ADDRESS, parse_address},
    },
    enrich::runtime::Socket,
    fault::Fault,
    filter::Filter,
    format::Format,
    kernel,
    output::spec::{Spec, output_id},
    posture,
    tail::server,
};

const AFTER_HELP: &str = "\
Examples:
  denyd run                                    sources that cost nothing while access is allowed
  denyd run --silent                           also denials that the policy does not log
  denyd run --source default,capability        also missing capabilities
  denyd run --source landlock >denials.jsonl   only Landlock, into a file
  denyd run --filter 'process.comm == \"nginx\" && object.path.startsWith(\"/srv/\")'
                                               only denials of nginx in /srv
  denyd run --no-fold                          every repeat of a denial as an event of its own
  denyd run --no-pin                           leave nothing in the kernel at the end
  denyd run --inject ring-full=10              lose one denial in ten, to see whether an alert fires
  denyd run --runtime-socket cri:/run/containerd/containerd.sock
                                               also names of containers and pods
  denyd run --metrics                          also metrics, on 127.0.0.1:9934
  denyd run | jq -r '[.process.comm, .object.path] | @tsv'

Options override the configuration (see `denyd config default`). With --format or --filter, events go to standard \
output only.

On SIGHUP denyd reloads its configuration and reopens its files. On SIGINT or SIGTERM it exits, and prints what it \
saw, emitted and lost on standard error. The programs stay attached, for the next denyd: `denyd detach` detaches them.

Exit status:
  0  stopped by SIGINT or SIGTERM
  1  runtime failure: standard output closed or full, or the metrics port in use
  2  invalid command line or configuration
  3  not permitted to load eBPF programs
  4  no source can be attached on this kernel";

/// Run the daemon: report denials to standard output or the configured outputs.
#[derive(Debug, Args)]
#[command(after_help = AFTER_HELP)]
#[expect(clippy::struct_excessive_bools, reason = "each is an option of its own")]
pub(super) struct Run {
    /// Configuration file. [default: /etc/denyd/denyd.toml]
    #[arg(long, value_name = "PATH")]
    config: Option<PathBuf>,

    /// Sources to watch, separated by commas. [default: default]
    #[arg(long = "source", value_name = "NAME", value_delimiter = ',')]
    sources: Vec<Choice>,

    /// Also report denials that the policy does not log: SELinux's dontaudit, AppArmor's deny rules, Landlock's log
    /// flags.
    #[arg(long)]
    silent: bool,

    /// Also report the kernel and user stacks of the process.
    #[arg(long)]
    stack: bool,

    /// Size of the ring buffer between the kernel and denyd: a power of two, at least 64K. [default: 8M]
    #[arg(long, value_name = "BYTES", value_parser = config::parse_ring_size)]
    ring_size: Option<u32>,

    /// Report every repeat of a denial as an event of its own, instead of counting them in the kernel.
    #[arg(long)]
    no_fold: bool,

    /// How long repeats of a denial are counted before they are reported as one event. [default: 1s]
    #[arg(long, value_name = "TIME", value_parser = config::parse_fold_window, conflicts_with = "no_fold")]
    fold_window: Option<Duration>,

    /// Which denials are repeats of one: the same denial of the same program, user and cgroup, or of the same process.
    /// [default: program]
    #[arg(long, value_enum, value_name = "KEY", hide_possible_values = false, conflicts_with = "no_fold")]
    fold_key: Option<FoldKey>,

    /// Detach the programs when denyd ends. Otherwise they stay attached, and the next `denyd run` reports what was
    /// refused meanwhile.
    #[arg(long)]
    no_pin: bool,

    /// Cause a fault, to see that losses are counted and alerts fire: the ring buffer has no room for one in N records
    /// (`ring-full=N`), the queue of an output for each Nth event (`queue-full=N`), each Nth write to a file or socket fails
    /// (`output-failed=N`), or the wall clock is set and set right again (`clock-step=TIME`). May be repeated.
    #[arg(long = "inject", value_name = "FAULT")]
    faults: Vec<Fault>,

    /// Maximum time that an event waits for a name lookup (user, group, container, pod). After that the event is
    /// reported without the name. [default: 100ms]
    #[arg(long, value_name = "TIME", value_parser = config::parse_name_wait)]
    name_wait: Option<Duration>,

    /// Container runtime to ask for names of containers and pods: `docker:PATH` (Docker, Podman) or `cri:PATH`
    /// (containerd, CRI-O). May be repeated.
    #[arg(long = "runtime-socket", value_name = "API:PATH")]
    runtime_sockets: Vec<Socket>,

    /// Serve Prometheus metrics on this address; without a value on 127.0.0.1:9934.
    #[arg(long, value_name = "ADDRESS:PORT", num_args = 0..=1, default_missing_value = DEFAULT_ADDRESS, value_parser = parse_address)]
    metrics: Option<SocketAddr>,

    /// Prometheus web configuration file for `--metrics`: TLS, client certificates and passwords.
    #[arg(long = "web.config.file", visible_alias = "web-config", value_name = "FILE", requires = "metrics")]
    web_config: Option<PathBuf>,

    /// Format of the printed events, one a line. [default: json]
    #[arg(long, value_enum)]
    format: Option<Format>,

    /// Print only events that match this expression (docs/filters.md).
    #[arg(long, value_name = "EXPRESSION")]
    filter: Option<Filter>,
}

/// The number of the history among the outputs.
fn history_id() -> u64 {
    output_id("history", &[])
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
        config.fold.enabled &= !self.no_fold;
        config.fold.window = self.fold_window.unwrap_or(config.fold.window);
        config.fold.key = self.fold_key.unwrap_or(config.fold.key);
        config.pin.enabled &= !self.no_pin;
        config.faults = self.faults.iter().copied().collect();
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
        for fault in &self.faults {
            tracing::warn!(%fault, "this fault is caused on request");
        }
        // Before the programs are loaded, so that a port that is in use is reported at once.
        #[cfg(feature = "metrics")]
        let web =
            config.metrics.enabled.then(|| crate::metrics::web::Web::bind(&config.metrics)).transpose()?;
        let attached = kernel::attach(&config.kernel_options())?;
        let marks = attached.marks();
        if let Some(marks) = &marks {
            marks.retain(&config.outputs.iter().map(Spec::id).chain([history_id()]).collect::<Vec<_>>());
        }
        let history = marks.and_then(|marks| marks.output(history_id()));
        // What is only read later, and can only be opened now.
        let opened = Opened {
            #[cfg(feature = "symbols")]
            symbols: config.stack.then(crate::enrich::symbols::KernelSymbols::copy),
            #[cfg(feature = "metrics")]
            web,
            posture: posture::Watch::open(),
            programs: attached.program_stats(),
            // Its folders may be root's. Without it, denials are reported all the same.
            tail: config
                .tail
                .serve
                .then(|| server::open(&config.tail.options(), history))
                .transpose()
                .unwrap_or_else(|error| {
                    tracing::error!(%error, "event socket unavailable: `denyd tail` and `denyd top` will not work");
                    None
                }),
        };
        // Before any thread is started, and before anything is read that others can write.
        let attached = attached.give_up_privileges()?;
        let daemon = Daemon::start(attached, &config, opened)?;
        // It holds the whole pipeline, which is large.
        Box::pin(daemon.run(signals, config, |config| self.reread(config))).await
    }

    /// Reads the configuration again. `None` if something is wrong with it, which is reported.
    fn reread(&self, config: &Config) -> Option<Config> {
        let new = match self.configured() {
            Ok(new) => new,
            Err(error) => {
                tracing::error!(%error, "configuration not applied");
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
