//! `denyd check`: says what can be watched on this machine, or on one whose kernel's types are at hand, and why not.

use std::{
    fmt, fs,
    path::{Path, PathBuf},
};

use clap::Args;
use monitor_common::SourceId;
use tokio::runtime;

use super::{failure::Failure, print};
use crate::{
    config::{Fold, RING_MIN},
    kernel::{self, KernelError, KernelTypes, Report, SourceReport, State},
    source, text,
};

const AFTER_HELP: &str = "\
Examples:
  denyd check                                  for people
  denyd check --json | jq '.sources[].state'   for programs
  denyd check --btf vmlinux.btf                for another machine, before denyd is installed there

Every source is attached for a moment, including those that `denyd run` attaches only on request.

With --btf nothing is attached, and no privilege is needed. The file is a copy of /sys/kernel/btf/vmlinux of the other \
machine, of the same architecture as this one. What it can't tell is assumed: that every module is active there, and that \
the kernel lets programs be attached (it is not locked down, and has what trampolines or kprobes need).

Exit status:
  0  at least one source can be watched
  1  standard output was closed or full
  2  the command line is wrong, or the file cannot be used
  3  denyd lacks the privilege to load eBPF programs
  4  nothing can be watched on this kernel";

/// What a file can't tell.
const ASSUMED: &str = "the file does not tell whether these modules are active on that machine and whether its kernel lets \
    programs be attached: `denyd check` there does";

/// Show which sources can be attached on this machine, and why others cannot.
#[derive(Debug, Args)]
#[command(after_help = AFTER_HELP)]
pub(super) struct Check {
    /// Print one JSON object.
    #[arg(long)]
    json: bool,
    /// Tell what would be watched on the kernel that this BTF file is of.
    #[arg(long, value_name = "FILE")]
    btf: Option<PathBuf>,
}

impl Check {
    /// Reports, of this machine or of the file's kernel.
    pub(super) fn run(&self) -> Result<(), Failure> {
        self.btf.as_deref().map_or_else(|| self.here(), |btf| self.elsewhere(btf))
    }

    /// Says what the kernel of this BTF would let be attached.
    fn elsewhere(&self, btf: &Path) -> Result<(), Failure> {
        let wrong = |error: String| Failure::Btf { file: btf.to_owned(), error };
        let bytes = fs::read(btf).map_err(|error| wrong(error.to_string()))?;
        let types = KernelTypes::from_bytes(&bytes).map_err(|_| wrong("it is no BTF".to_owned()))?;
        let sources = kernel::foreseen(types);
        let kernel = format!("of {}", btf.display());
        let report = Report { kernel, modules: Vec::new(), sources, notes: vec![ASSUMED.to_owned()] };
        self.print(&report)?;
        let any = report.sources.iter().any(|source| matches!(source.state, State::Attached { .. }));
        if any { Ok(()) } else { Err(KernelError::NothingAttached(Box::new(report)).into()) }
    }

    /// Attaches everything, reports, and detaches.
    fn here(&self) -> Result<(), Failure> {
        // Attaching registers the ring buffer with the runtime.
        let runtime =
            runtime::Builder::new_current_thread().enable_all().build().map_err(Failure::Runtime)?;
        let _guard = runtime.enter();
        let options = kernel::Options {
            sources: SourceId::ALL.to_vec(),
            silent: true,
            stack: false,
            ring_size: RING_MIN,
            fold: Fold::default().options(),
            pins: None,
            fault_ring_full: 0,
        };
        match kernel::attach(&options) {
            Ok(attached) => self.print(attached.report()),
            Err(KernelError::NothingAttached(report)) => {
                self.print(&report)?;
                Err(KernelError::NothingAttached(report).into())
            }
            Err(error) => Err(error.into()),
        }
    }

    fn print(&self, report: &Report) -> Result<(), Failure> {
        let text = if self.json {
            serde_json::to_string_pretty(report).map_err(|error| Failure::Stdout(error.into()))? + "\n"
        } else {
            Text(report).to_string()
        };
        print(&text)
    }
}

/// The report for people.
struct Text<'a>(&'a Report);

impl fmt::Display for Text<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self(report) = self;
        write!(f, "kernel {}", printable(&report.kernel))?;
        if !report.modules.is_empty() {
            write!(f, ", security modules: {}", printable(&report.modules.join(", ")))?;
        }
        writeln!(f)?;
        for (source, about) in report.sources.iter().zip(&source::ALL) {
            writeln!(f)?;
            write_source(f, source, about)?;
        }
        if !report.notes.is_empty() {
            writeln!(f)?;
        }
        report.notes.iter().try_for_each(|note| writeln!(f, "note: {}", printable(note)))
    }
}

fn write_source(f: &mut fmt::Formatter<'_>, source: &SourceReport, about: &source::Source) -> fmt::Result {
    let name = source.name;
    match &source.state {
        State::Attached { hooks, .. } => {
            let asked = if about.silent {
                " (watched only with --silent)"
            } else if about.cost.is_some() {
                " (watched only when asked for)"
            } else {
                ""
            };
            writeln!(f, "{name}: can be watched, by {}{asked}", hooks.join(" and "))?;
        }
        State::Inactive => writeln!(f, "{name}: not active on this kernel, so there is nothing to watch")?,
        State::NotSelected { cost: Some(cost), .. } => writeln!(f, "{name}: not asked for; it {cost}")?,
        State::NotSelected { cost: None, .. } => writeln!(f, "{name}: not asked for")?,
        State::Failed { .. } => writeln!(f, "{name}: cannot be watched")?,
    }
    for failed in &source.failed {
        writeln!(f, "  {} failed: {}", failed.hook, printable(&failed.reason))?;
    }
    match &source.state {
        State::Attached { caveat: Some(caveat), .. } => writeln!(f, "  not seen this way: {caveat}")?,
        State::Failed { advice } => writeln!(f, "  what to do: {advice}")?,
        _ => {}
    }
    if !source.missing.is_empty() {
        writeln!(f, "  not in this kernel, so missing in events: {}", source.missing.join(", "))?;
    }
    Ok(())
}

fn printable(text: &str) -> impl fmt::Display {
    text::printable(text)
}
