//! What a run does: its trials one after another, and the guests that these ask, several at a time.
//!
//! A guest keeps one processor busy for a minute or so, and a trial only reads what came out of it. So guests boot
//! ahead of their trials, in the order of these, as many at once as there are processors.

use std::{
    num::NonZero,
    panic::{self, AssertUnwindSafe},
    process::ExitCode,
    sync::{Arc, Mutex, OnceLock},
    thread,
    time::{Duration, Instant},
};

use libtest_mimic::{Arguments, Trial};

/// What trials wait for: something that comes out of a guest.
pub(crate) struct Booted<T> {
    name: String,
    run: Box<dyn Fn() -> Result<T, String> + Send + Sync>,
    outcome: OnceLock<Result<T, String>>,
    took: OnceLock<Duration>,
}

impl<T> Booted<T> {
    /// A guest that has not run yet.
    pub(crate) fn new(
        name: impl Into<String>,
        run: impl Fn() -> Result<T, String> + Send + Sync + 'static,
    ) -> Arc<Self> {
        let (name, run) = (name.into(), Box::new(run));
        Arc::new(Self { name, run, outcome: OnceLock::new(), took: OnceLock::new() })
    }

    /// What came out of it, once it has ended.
    pub(crate) fn outcome(&self) -> Result<&T, String> {
        self.outcome.wait().as_ref().map_err(Clone::clone)
    }
}

/// A guest, whatever comes out of it.
trait Boot: Send + Sync {
    /// Runs it to its end.
    fn boot(&self);
    /// Its name, and how long it took.
    fn time(&self) -> (&str, Duration);
}

impl<T: Send + Sync> Boot for Booted<T> {
    fn boot(&self) {
        let start = Instant::now();
        // A trial must not wait for ever for a thread that is gone.
        let run = || panic::catch_unwind(AssertUnwindSafe(&self.run));
        self.outcome.get_or_init(|| run().unwrap_or_else(|_| Err("the guest's thread panicked".to_owned())));
        self.took.get_or_init(|| start.elapsed());
    }

    fn time(&self) -> (&str, Duration) {
        (&self.name, self.took.get().copied().unwrap_or_default())
    }
}

/// The trials of a run and the guests that they need.
pub(crate) struct Plan {
    arguments: Arguments,
    trials: Vec<Trial>,
    guests: Vec<Arc<dyn Boot>>,
}

impl Plan {
    /// What the command line asks for, without a trial yet.
    pub(crate) fn new(mut arguments: Arguments) -> Self {
        // Trials wait for guests, and what they say is easier to follow in order.
        arguments.test_threads.get_or_insert(1);
        Self { arguments, trials: Vec::new(), guests: Vec::new() }
    }

    /// Adds trials that need no guest.
    pub(crate) fn add(&mut self, trials: impl IntoIterator<Item = Trial>) {
        self.trials.extend(trials);
    }

    /// Adds a guest and its trials. It boots only if one of them is asked for.
    pub(crate) fn add_guest<T: Send + Sync + 'static>(&mut self, guest: &Arc<Booted<T>>, trials: Vec<Trial>) {
        if trials.iter().any(|trial| self.is_asked(trial.name(), trial.has_ignored_flag())) {
            self.guests.push(Arc::<Booted<T>>::clone(guest));
        }
        self.trials.extend(trials);
    }

    /// Whether the command line leaves this trial, as `libtest_mimic` reads it: by its filters, and one that runs on
    /// request only with `--ignored` or `--include-ignored`.
    pub(crate) fn is_asked(&self, name: &str, is_on_request: bool) -> bool {
        let Arguments { filter, skip, exact, ignored, include_ignored, .. } = &self.arguments;
        if *ignored != is_on_request && !include_ignored {
            return false;
        }
        let matches = |filter: &String| if *exact { name == filter } else { name.contains(filter.as_str()) };
        filter.as_ref().is_none_or(matches) && !skip.iter().any(matches)
    }

    /// Runs it all.
    pub(crate) fn run(self) -> ExitCode {
        if self.arguments.list {
            return libtest_mimic::run(&self.arguments, self.trials).exit_code();
        }
        let next = Mutex::new(self.guests.iter());
        let processors = thread::available_parallelism().map_or(1, NonZero::get);
        let conclusion = thread::scope(|scope| {
            for _ in 0..processors {
                scope.spawn(|| {
                    while let Some(guest) = next.lock().ok().and_then(|mut guests| guests.next()) {
                        guest.boot();
                    }
                });
            }
            libtest_mimic::run(&self.arguments, self.trials)
        });
        for (name, took) in self.guests.iter().map(|guest| guest.time()) {
            eprintln!("{:>8.1} s  {name}", took.as_secs_f32());
        }
        conclusion.exit_code()
    }
}
