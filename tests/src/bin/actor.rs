//! `actor` plays the cases inside the guest: see the crate's documentation.

use std::{path::PathBuf, time::Duration};

use anyhow::Context as _;
use clap::{Parser, Subcommand};
use tests::{
    actor::{
        act, allowed, cost, flood, lag, lengths, manager, nested,
        part::Part,
        reuse, run,
        session::{AuditMode, Line, print, session},
        step, storm, tally,
    },
    case::{Case, Module, Version},
    cases, refuser,
};

/// Does what security modules refuse, and says what it did.
#[derive(Parser)]
struct Arguments {
    #[command(subcommand)]
    command: Verb,
}

#[derive(Subcommand)]
enum Verb {
    /// List the cases of this kernel.
    List {
        /// Only those of this module.
        #[arg(long)]
        module: Option<Module>,
    },
    /// Run cases while denyd watches; print a JSON line for each report, event, message and line of the kernel's log.
    Run {
        /// The module whose cases are run.
        #[arg(long)]
        module: Module,
        /// What audit is to do.
        #[arg(long, default_value = "record")]
        audit: AuditMode,
        /// How denyd is started, split at spaces; without it, nobody watches.
        #[arg(long)]
        watch: Option<String>,
        /// Then have this many processes refused once each, all at once.
        #[arg(long)]
        storm: Option<u32>,
        /// Have processes refused that hide what they can by its length.
        #[arg(long)]
        lengths: bool,
        /// Then have this many processes refused one after another, all with one process id.
        #[arg(long)]
        reuse: Option<u32>,
        /// Then have a process refused that is in namespaces of its own.
        #[arg(long)]
        nested: bool,
        /// Then tell audit what an object manager refused.
        #[arg(long)]
        manager: bool,
        /// Then do what is allowed, and count the runs of denyd's programs.
        #[arg(long)]
        allowed: bool,
        /// Only these cases; `none` for none.
        cases: Vec<String>,
    },
    /// Run scripts while denyd watches, and print as `run` does.
    Steps {
        /// How denyd is started, split at spaces.
        #[arg(long)]
        watch: String,
        /// Seconds that each script has.
        #[arg(long)]
        limit: u64,
        /// The scripts, each named as its step.
        #[arg(required = true)]
        scripts: Vec<PathBuf>,
    },
    /// Have many processes refused the same again and again; print how often each user was.
    Flood {
        /// The module that refuses them.
        module: Module,
        #[command(flatten)]
        extent: flood::Extent,
    },
    /// Do one thing again and again; print the processor time that it took.
    Cost {
        /// The module that decides about it.
        module: Module,
        /// What.
        operation: cost::Operation,
        #[command(flatten)]
        rounds: cost::Rounds,
    },
    /// Be refused again and again; print how long it took each time until there was a line of it.
    Lag {
        /// The module that refuses.
        module: Module,
        #[command(flatten)]
        wait: lag::Wait,
    },
    /// Read events, one a line, until the end; print what they add up to.
    Tally {
        /// Before all others that want the processor.
        #[arg(long)]
        first: bool,
    },
    /// Attach a BPF LSM program that refuses a user, until the machine ends.
    Refuse {
        /// The hook: `file_open`.
        hook: String,
        /// The user.
        uid: u32,
    },
    /// Read and write paths under a Landlock domain that allows neither, outside /usr.
    Landlock {
        /// What to try.
        #[arg(required = true)]
        paths: Vec<PathBuf>,
    },
}

fn main() -> anyhow::Result<()> {
    let arguments: Vec<_> = std::env::args().skip(1).collect();
    if let Some(part) = Part::parse(&arguments) {
        return part?.play();
    }
    match Arguments::parse().command {
        Verb::List { module } => list(module),
        Verb::Run { module, audit, watch, storm, lengths, reuse, nested, manager, allowed, cases } => {
            let cases = chosen(module, &cases)?;
            let denyd: Vec<_> = watch.unwrap_or_default().split_whitespace().map(str::to_owned).collect();
            session(
                &denyd,
                audit,
                &mut || cases.iter().try_for_each(|case| print(&Line::Report(Box::new(run::run(case))))),
                &mut || {
                    if let Some(count) = storm {
                        storm::storm(module, count, |drop| print(&Line::Drop(drop)))?;
                    }
                    if lengths {
                        lengths::hide(module, |hidden| print(&Line::Hidden(Box::new(hidden))))?;
                    }
                    if let Some(count) = reuse {
                        reuse::reuse(module, count, |heir| print(&Line::Heir(Box::new(heir))))?;
                    }
                    if nested {
                        print(&Line::Nested(Box::new(nested::nested(module)?)))?;
                    }
                    if manager {
                        print(&Line::Manager(Box::new(manager::tell(module)?)))?;
                    }
                    if allowed { print(&Line::Quiet(allowed::allowed(module)?)) } else { Ok(()) }
                },
            )
        }
        Verb::Steps { watch, limit, scripts } => {
            let limit = Duration::from_secs(limit);
            let denyd: Vec<_> = watch.split_whitespace().map(str::to_owned).collect();
            session(
                &denyd,
                AuditMode::Record,
                &mut || scripts.iter().try_for_each(|script| print(&Line::Step(step::step(script, limit)?))),
                &mut || Ok(()),
            )
        }
        Verb::Flood { module, extent } => {
            println!("{}", serde_json::to_string(&flood::flood(module, extent)?)?);
            Ok(())
        }
        Verb::Cost { module, operation, rounds } => {
            println!("{}", serde_json::to_string(&cost::cost(module, operation, rounds)?)?);
            Ok(())
        }
        Verb::Lag { module, wait } => {
            println!("{}", serde_json::to_string(&lag::lag(module, &wait)?)?);
            Ok(())
        }
        Verb::Tally { first } => {
            if first {
                rustix::process::setpriority_process(None, -15)?;
            }
            println!("{}", serde_json::to_string(&tally::tally(std::io::stdin().lock())?)?);
            Ok(())
        }
        Verb::Refuse { hook, uid } => refuser::refuse(&hook, uid),
        Verb::Landlock { paths } => act::try_under_landlock(&paths),
    }
}

fn this_kernel() -> anyhow::Result<Version> {
    let release = rustix::system::uname().release().to_string_lossy().into_owned();
    Version::of_release(&release).with_context(|| format!("cannot read the kernel's release {release}"))
}

fn chosen(module: Module, names: &[String]) -> anyhow::Result<Vec<Case>> {
    if names == ["none"] {
        return Ok(Vec::new());
    }
    if names.is_empty() {
        let kernel = this_kernel()?;
        return Ok(cases::of(module).into_iter().filter(|case| case.runs_on(kernel)).collect());
    }
    let by_name = |name: &String| cases::by_name(name).with_context(|| format!("there is no case {name}"));
    names.iter().map(by_name).collect()
}

fn list(module: Option<Module>) -> anyhow::Result<()> {
    let kernel = this_kernel()?;
    let wanted = |case: &&Case| module.is_none_or(|module| case.module == module) && case.runs_on(kernel);
    cases::all().iter().filter(wanted).for_each(|case| println!("{}", case.name));
    Ok(())
}
